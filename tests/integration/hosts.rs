//! The recipes of `docs/hosts.md`, run as they stand, in the shells of those hosts.
//!
//! The hosts' own software is not run: its grammar for what it reads from a step is applied here, by the facts that
//! its documentation gives.

use std::path::PathBuf;

use yaml_rust2::{Yaml, YamlLoader};

use crate::support::project::Project;
use crate::support::step::{Finished, Step};
use crate::support::tools::{ANY, repository, sccache};
use crate::support::world::World;

/// The block of code behind the marker of this name.
fn recipe(name: &str) -> String {
    let page = std::fs::read_to_string(repository().join("docs/hosts.md")).unwrap();
    let marker = format!("<!-- run by tests/integration/hosts.rs: {name} -->\n```");
    let block = page.split_once(&marker).unwrap_or_else(|| panic!("no recipe `{name}`")).1;
    let (_, block) = block.split_once('\n').unwrap();
    block.split_once("\n```").unwrap().0.to_owned() + "\n"
}

/// The steps of a recipe in YAML, each as what its `key` says.
fn steps(name: &str, key: &str) -> Vec<String> {
    let documents = YamlLoader::load_from_str(&recipe(name)).unwrap();
    let steps = documents[0]["steps"].as_vec().unwrap();
    let text = |step: &Yaml| match &step[key] {
        Yaml::String(command) => command.clone(),
        long => long["command"].as_str().unwrap().to_owned(),
    };
    steps.iter().map(text).collect()
}

/// A job on a machine with sccache and our program in PATH, and with the sample project to build.
struct Job {
    world: World,
    units: u64,
}

impl Job {
    fn new() -> Self {
        let world = World::new();
        let image = world.path("image");
        std::fs::create_dir_all(&image).unwrap();
        for (name, program) in
            [("sccache", sccache(ANY)), ("sccache-step", PathBuf::from(env!("CARGO_BIN_EXE_sccache-step")))]
        {
            std::os::unix::fs::symlink(program, image.join(name)).unwrap();
        }
        let project = Project::Rust.copy(&world);
        let units = Project::Rust.units(&world, &project);
        Self { world, units }
    }

    /// A process of the job that runs this script in this shell.
    fn shell(&self, shell: &[&str], script: &str) -> Step {
        let path = crate::support::tools::outer("PATH").unwrap_or_default();
        self.world
            .command(shell[0])
            .args(&shell[1..])
            .args(&["-c", script])
            .within(self.world.path("work/rust"))
            .env("PATH", format!("{}:{path}", self.world.path("image").display()))
            .env("CI", "true")
            .env("SCCACHE_STEP_CACHE_DIR", self.world.path("cache"))
    }

    fn reported(&self, finished: &Finished) {
        let verdict = format!("0 of {} from cache", self.units);
        assert!(finished.stdout.contains(&verdict), "no `{verdict}`: {finished}");
    }

    fn ended(&self) {
        self.world.nothing_runs_within(std::time::Duration::from_secs(2));
    }
}

const BASH: [&str; 3] = ["bash", "-eo", "pipefail"];

/// What the agent takes from a step's standard output: variables and PATH for the next steps, and uploads.
#[derive(Default)]
struct Agent {
    variables: Vec<(String, String)>,
    path: Vec<String>,
    issues: Vec<String>,
    summaries: Vec<String>,
}

impl Agent {
    fn read(&mut self, finished: &Finished) {
        let back = |text: &str| {
            let text = text.replace("%3B", ";").replace("%5D", "]").replace("%0D", "\r").replace("%0A", "\n");
            text.replace("%AZP25", "%")
        };
        for line in finished.stdout.lines() {
            let Some(command) = line.strip_prefix("##vso[") else { continue };
            let (head, message) = command.split_once(']').expect("the properties end");
            let (action, properties) = head.split_once(' ').unwrap_or((head, ""));
            match action {
                "task.setvariable" => {
                    let name = properties.strip_prefix("variable=").expect("one property");
                    self.variables.push((back(name), back(message)));
                }
                "task.prependpath" => self.path.insert(0, back(message)),
                "task.uploadsummary" => self.summaries.push(std::fs::read_to_string(back(message)).unwrap()),
                "task.logissue" => self.issues.push(back(message)),
                other => panic!("the agent knows no {other}: {line}"),
            }
        }
    }
}

#[test]
fn azure_pipelines_hands_variables_on_and_shows_the_summary() {
    let job = Job::new();
    let mut agent = Agent::default();
    std::fs::create_dir_all(job.world.path("agent")).unwrap();
    let mut outputs = Vec::new();
    for script in steps("azure", "bash") {
        let step = job.shell(&["bash", "--noprofile", "--norc"], &script);
        let step = step.env("TF_BUILD", "True").env("AGENT_TEMPDIRECTORY", job.world.path("agent"));
        let step = agent.variables.iter().fold(step, |step, (name, value)| step.env(name, value));
        let finished = step.run().expect(0);
        agent.read(&finished);
        outputs.push(finished);
    }
    let names: Vec<_> = agent.variables.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"RUSTC_WRAPPER") && names.contains(&"SCCACHE_SERVER_UDS"), "{names:?}");
    assert!(outputs[0].stdout.starts_with("##[group]"), "{}", outputs[0]);
    assert_eq!(agent.issues, [] as [String; 0]);
    assert_eq!(agent.summaries.len(), 1);
    assert!(agent.summaries[0].contains(&format!("0 of {} from cache", job.units)), "{}", agent.summaries[0]);
    job.ended();
}

#[test]
fn azure_pipelines_shows_a_trouble_as_an_issue() {
    let job = Job::new();
    std::fs::write(job.world.path("cache"), "a file").unwrap();
    std::fs::create_dir_all(job.world.path("agent")).unwrap();
    let step = job.shell(&["bash"], "sccache-step pre").env("TF_BUILD", "True");
    let finished = step.env("AGENT_TEMPDIRECTORY", job.world.path("agent")).run().expect(0);
    let mut agent = Agent::default();
    agent.read(&finished);
    assert!(agent.issues.len() == 1 && agent.issues[0].contains("cannot be used"), "{finished}");
    assert_eq!(agent.variables, []);
}

#[test]
fn circleci_hands_variables_on_through_bash_env() {
    let job = Job::new();
    let (environment, steps) = (job.world.path("bash_env"), steps("circleci", "run"));
    let mut last = None;
    for script in &steps {
        let step = job.shell(&BASH, script).env("CIRCLECI", "true").env("BASH_ENV", &environment);
        last = Some(step.run().expect(0));
    }
    assert_eq!(steps.len(), 3);
    job.reported(&last.unwrap());
    job.ended();
}

#[test]
fn buildkite_has_the_report_as_an_annotation() {
    let job = Job::new();
    let agent = job.world.path("image/buildkite-agent");
    std::fs::write(
        &agent,
        "#!/bin/sh\nprintf '%s\\n' \"$*\" > \"$HOME/arguments\"\ncat > \"$HOME/annotation\"\n",
    )
    .unwrap();
    std::fs::set_permissions(&agent, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // The agent sources the hooks and the command one after the other, and goes by the command's code.
    let script = format!(
        "{}\ncargo build --release\ncode=$?\n{}\nexit $code",
        recipe("buildkite pre-command"),
        recipe("buildkite post-command")
    );
    let finished = job.shell(&["bash"], &script).env("BUILDKITE", "true").run().expect(0);
    job.reported(&finished);
    let read = |name: &str| std::fs::read_to_string(job.world.path("home").join(name)).unwrap();
    assert_eq!(read("arguments").trim(), "annotate --style info --context sccache");
    let annotation = read("annotation");
    assert!(annotation.contains("| Rust |") && annotation.len() <= 1 << 20, "{annotation}");
    job.ended();
}

#[test]
fn jenkins_builds_in_one_shell() {
    for name in ["jenkins", "jenkins run"] {
        let job = Job::new();
        let step = job.shell(&["sh", "-xe"], &recipe(name)).env("JENKINS_URL", "http://127.0.0.1/");
        let finished = step.run().expect(0);
        let verdict = format!("0 of {} from cache", job.units);
        assert!(format!("{}{}", finished.stdout, finished.stderr).contains(&verdict), "{name}: {finished}");
        job.ended();
    }
}
