//! act, the workflow engine, without containers: real workflows with our action as a release has it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::project::copy;
use super::step::{Finished, Step};
use super::tools::{ANY, installed, repository, sccache};
use super::world::World;

/// The name by which the examples use the action.
const ACTION: &str = "org/sccache-step@v1";

/// A repository with a workflow, and an engine that runs it.
pub struct Act {
    pub world: World,
}

/// What became of a run.
pub struct Run {
    pub finished: Finished,
    records: Vec<Value>,
}

impl Act {
    /// A repository with the files of this directory, and the action as a release lays it out.
    pub fn new(project: &Path) -> Self {
        let world = World::new();
        for name in ["act", "home/.cache", "preinstalled"] {
            std::fs::create_dir_all(world.path(name)).unwrap();
        }
        assemble(&world, &world.path("release"));
        copy(project, &world.path("work"));
        std::os::unix::fs::symlink(sccache(ANY), world.path("preinstalled/sccache")).unwrap();
        let act = Self { world };
        act.world.command("git").args(&["init", "--quiet", "--initial-branch", "main"]).run().expect(0);
        act.commit("begin");
        act
    }

    /// The sample of this name.
    pub fn sample(name: &str) -> Self {
        Self::new(&repository().join("tests/fixtures/projects").join(name))
    }

    /// A repository that is the action itself, with its program in place.
    pub fn of_the_action() -> Self {
        let empty = tempfile::tempdir().unwrap();
        let act = Self::new(empty.path());
        copy(&act.world.path("release"), &act.world.path("work"));
        std::fs::remove_dir_all(act.world.path("work/.github")).unwrap();
        act.commit("the action");
        act
    }

    fn commit(&self, message: &str) {
        let git = self.world.command("git");
        git.clone().args(&["add", "--all"]).run().expect(0);
        let author =
            ["-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--message"];
        git.args(&author).arg(message).arg("--allow-empty").run().expect(0);
    }

    /// The engine with this workflow, a path in our repository.
    pub fn workflow(&self, path: &str) -> Step {
        let workflows = self.world.path("work/.github/workflows");
        let _ = std::fs::remove_dir_all(&workflows);
        std::fs::create_dir_all(&workflows).unwrap();
        std::fs::copy(repository().join(path), workflows.join("ci.yml")).unwrap();
        self.commit(path);
        let program = installed().join("go/bin/act");
        assert!(program.is_file(), "there is no `{}`: run `.ci/prepare`", program.display());
        let local = format!("{ACTION}={}", self.world.path("release").display());
        let path = format!(
            "{}:{}",
            self.world.path("preinstalled").display(),
            super::tools::outer("PATH").unwrap_or_default()
        );
        self.world
            .command(program)
            .args(&["push", "--json", "--no-cache-server", "--action-offline-mode", "--rm"])
            .args(&["-P", "ubuntu-latest=-self-hosted", "--local-repository", &local])
            .arg("--action-cache-path")
            .arg(self.world.path("act"))
            .env("PATH", path)
            .env("XDG_CACHE_HOME", self.world.path("home/.cache"))
            .env("SCCACHE_STEP_CACHE_DIR", self.world.path("cache"))
    }

    /// Runs it to its end.
    pub fn run(&self, path: &str) -> Run {
        Run::of(self.workflow(path).run())
    }
}

/// The action as the tag of a release has it, with the program that is under test.
fn assemble(world: &World, to: &Path) {
    let script = repository().join("scripts/release/assemble.sh");
    let program = PathBuf::from(env!("CARGO_BIN_EXE_sccache-step"));
    world.command(script).arg("--local").arg(program).arg(to).run().expect(0);
}

impl Run {
    pub fn of(finished: Finished) -> Self {
        let lines = finished.stdout.lines().chain(finished.stderr.lines());
        let records = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
        Self { finished, records }
    }

    /// Fails with all that the engine said when the job did not end so: `success` or `failure`.
    pub fn expect(self, result: &str) -> Self {
        let ended: Vec<_> = self.records.iter().filter_map(|record| record["jobResult"].as_str()).collect();
        assert!(!ended.is_empty() && ended.iter().all(|one| *one == result), "{ended:?}: {}", self.finished);
        assert_eq!(self.finished.code(), i32::from(result != "success"), "{}", self.finished);
        self
    }

    /// The job summaries, in order.
    pub fn summaries(&self) -> Vec<&str> {
        self.commands("summary").filter_map(|record| record["content"].as_str()).collect()
    }

    /// What the steps wrote to their log.
    pub fn log(&self) -> String {
        let written = self.records.iter().filter(|record| record["raw_output"] == true);
        written.filter_map(|record| record["msg"].as_str()).collect()
    }

    /// The text of each annotation of a kind: `notice`, `warning` or `error`.
    pub fn annotations(&self, kind: &str) -> Vec<&str> {
        self.commands(kind).filter_map(|record| record["arg"].as_str()).collect()
    }

    /// Names and values that a step put into the environment of the later ones, or among its outputs.
    pub fn pairs(&self, command: &str) -> Vec<(&str, &str)> {
        self.commands(command)
            .map(|record| (record["name"].as_str().unwrap(), record["arg"].as_str().unwrap()))
            .collect()
    }

    /// What became of each step and phase: `Main cargo build`, `success`.
    pub fn step_results(&self) -> Vec<(String, &str)> {
        let ended = self.records.iter().filter_map(|record| {
            let result = record["stepResult"].as_str()?;
            let stage = record["stage"].as_str().unwrap_or_default();
            Some((format!("{stage} {}", record["step"].as_str().unwrap_or_default()), result))
        });
        ended.collect()
    }

    fn commands(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.records.iter().filter(move |record| record["command"] == name)
    }
}
