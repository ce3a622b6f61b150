//! gitlab-ci-local, which runs GitLab's job files with the shell of this machine.

use std::path::PathBuf;

use super::project::copy;
use super::step::{Finished, Step};
use super::tools::{ANY, installed, repository, sccache};
use super::world::World;

/// A project of which a job is run.
pub struct GitlabCiLocal {
    pub world: World,
}

/// How people include the template, and how it is included here: the engine would fetch the former.
const BY_PROJECT: &str =
    "  - project: org/sccache-step\n    ref: v1.0.0\n    file: /gitlab/sccache-step.yml\n";
const LOCALLY: &str = "  - local: /gitlab/sccache-step.yml\n";

impl GitlabCiLocal {
    /// A project with the files of the sample of this name, and the template.
    pub fn sample(name: &str) -> Self {
        let world = World::new();
        let work = world.path("work");
        copy(&repository().join("tests/fixtures/projects").join(name), &work);
        copy(&repository().join("gitlab"), &work.join("gitlab"));
        copy(&repository().join("examples/gitlab"), &work.join("examples/gitlab"));
        for file in std::fs::read_dir(work.join("examples/gitlab")).unwrap().flatten() {
            let text = std::fs::read_to_string(file.path()).unwrap();
            assert!(text.contains(BY_PROJECT), "{} includes the template otherwise", file.path().display());
            std::fs::write(file.path(), text.replace(BY_PROJECT, LOCALLY)).unwrap();
        }
        std::fs::write(work.join(".gitignore"), "target/\nbuild/\n.sccache/\n.gitlab-ci-local/\n").unwrap();
        for (place, program) in
            [("sccache", sccache(ANY)), ("sccache-step", PathBuf::from(env!("CARGO_BIN_EXE_sccache-step")))]
        {
            std::fs::create_dir_all(world.path("image")).unwrap();
            std::os::unix::fs::symlink(program, world.path("image").join(place)).unwrap();
        }
        let made = Self { world };
        let git = |arguments: &[&str]| made.world.command("git").args(arguments).run().expect(0);
        git(&["init", "--quiet", "--initial-branch", "main"]);
        git(&["config", "user.name", "A"]);
        git(&["config", "user.email", "a@example.org"]);
        git(&["remote", "add", "origin", "https://gitlab.example/group/project.git"]);
        made
    }

    /// The engine with this job file, a path in our repository.
    pub fn job(&self, file: &str, arguments: &[&str]) -> Step {
        let work = self.world.path("work");
        match file.strip_prefix("examples/") {
            Some(_) => std::fs::copy(work.join(file), work.join(".gitlab-ci.yml")).unwrap(),
            None => std::fs::copy(repository().join(file), work.join(".gitlab-ci.yml")).unwrap(),
        };
        let git = self.world.command("git");
        git.clone().args(&["add", "--all"]).run().expect(0);
        git.args(&["commit", "--quiet", "--allow-empty", "--message", file]).run().expect(0);
        let modules = installed().join("gitlab-ci-local/node_modules");
        let engine = modules.join("gitlab-ci-local/bin/gitlab-ci-local");
        let engine = if engine.exists() { engine } else { modules.join(".bin/gitlab-ci-local") };
        assert!(engine.exists(), "there is no `{}`: run `.ci/prepare`", engine.display());
        let path = format!(
            "{}:{}:{}",
            modules.join("node/bin").display(),
            self.world.path("image").display(),
            super::tools::outer("PATH").unwrap_or_default()
        );
        self.world
            .command(modules.join("node/bin/node"))
            .arg(engine)
            .args(&["--no-color", "--json-schema-validation=false"])
            .args(arguments)
            .env("PATH", path)
    }

    /// Runs these jobs to their end.
    pub fn run(&self, file: &str, arguments: &[&str]) -> Finished {
        self.job(file, arguments).run()
    }

    /// A file in the work tree.
    pub fn file(&self, name: &str) -> PathBuf {
        self.world.path("work").join(name)
    }
}
