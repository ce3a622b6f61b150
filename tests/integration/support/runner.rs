//! A model of GitHub's runner: it gives a step its variables and files, and the job what the step left in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::action;
use super::project::copy;
use super::step::{Finished, Step};
use super::tools::{ANY, program, repository, sccache};
use super::world::World;

type Pairs = BTreeMap<String, String>;

/// A job on a runner of its own.
pub struct Runner {
    pub world: World,
    /// What steps left in GITHUB_ENV.
    pub job: Pairs,
    /// What steps left in GITHUB_PATH, newest first.
    pub path: Vec<String>,
    /// What the runner gives to actions only, besides what it always does.
    pub given_to_actions: Vec<(&'static str, String)>,
    /// The PATH of the machine.
    pub machine_path: String,
    /// Whether the job's commands have no network, not even a loopback interface.
    pub offline: bool,
    steps: u32,
}

/// What became of one step.
pub struct Done {
    pub finished: Finished,
    pub outputs: Pairs,
    pub state: Pairs,
    pub exported: Pairs,
    pub summary: String,
    /// Every byte in the files of the step.
    pub files: String,
}

const FILES: [&str; 5] =
    ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];

impl Runner {
    /// A runner whose PATH has sccache, and the action as a release has it.
    pub fn new() -> Self {
        let world = World::new();
        for name in ["work", "work/out", "temp", "tools"] {
            std::fs::create_dir_all(world.path(name)).unwrap();
        }
        copy(&repository().join("action"), &world.path("action/action"));
        let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
        let bin = world.path("action/bin").join(target);
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_sccache-step"), bin.join("sccache-step")).unwrap();
        let found = world.path("preinstalled/sccache");
        std::fs::create_dir_all(found.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(sccache(ANY), &found).unwrap();
        let path = vec![found.parent().unwrap().display().to_string()];
        let machine_path = super::tools::outer("PATH").unwrap_or_default();
        let given_to_actions = Vec::new();
        Self { world, job: Pairs::new(), path, given_to_actions, machine_path, offline: false, steps: 0 }
    }

    /// Any command of the job, with what earlier steps left.
    pub fn command(&self, program: impl AsRef<Path>) -> Step {
        let own = self.path.iter().map(String::as_str);
        let path = own.chain([self.machine_path.as_str()]).collect::<Vec<_>>().join(":");
        let step = self.world.command(program);
        let step = if self.offline { super::tools::without_network(step) } else { step };
        let step = step.env("PATH", path).env("CI", "true").env("GITHUB_ACTIONS", "true");
        let step = step
            .env("RUNNER_TEMP", self.world.path("temp"))
            .env("RUNNER_TOOL_CACHE", self.world.path("tools"))
            .env("GITHUB_WORKSPACE", self.world.path("work"))
            .env("GITHUB_RUN_ID", "1234")
            .env("RUNNER_TRACKING_ID", "github_test");
        step.envs(&self.job)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.world.path("temp").join(format!("_{name}_{}", self.steps))
    }

    /// A phase of the action as the runner calls it: `main` or `post`.
    pub fn action(&mut self, phase: &str, inputs: &[(&str, &str)], state: &Pairs) -> Done {
        self.action_with(phase, inputs, state, &|step| step)
    }

    /// The same where the runner offers more to the step.
    pub fn action_with(
        &mut self,
        phase: &str,
        inputs: &[(&str, &str)],
        state: &Pairs,
        offered: &dyn Fn(Step) -> Step,
    ) -> Done {
        self.steps += 1;
        let mut step = self
            .command(program("node", "nodejs"))
            .arg(self.world.path("action/action").join(format!("{phase}.js")))
            .env("ACTIONS_RUNTIME_TOKEN", "planted-runtime-token")
            .env("ACTIONS_RESULTS_URL", "https://results.example");
        for (name, value) in &self.given_to_actions {
            step = step.env(name, value);
        }
        for input in action::section("inputs") {
            step = step.env(format!("INPUT_{}", input.name.to_uppercase()), input.default);
        }
        for (name, value) in inputs {
            step = step.env(format!("INPUT_{}", name.to_uppercase()), value);
        }
        for (name, value) in state {
            step = step.env(format!("STATE_{name}"), value);
        }
        for name in FILES {
            std::fs::write(self.file(name), "").unwrap();
            step = step.env(name, self.file(name));
        }
        let finished = offered(step).run();
        let read = |name: &str| std::fs::read_to_string(self.file(name)).unwrap();
        let (env, path, outputs, state) =
            (read("GITHUB_ENV"), read("GITHUB_PATH"), read("GITHUB_OUTPUT"), read("GITHUB_STATE"));
        let summary = read("GITHUB_STEP_SUMMARY");
        let files = [&*env, &path, &outputs, &state, &summary].concat();
        let exported = pairs(&env);
        self.job.extend(exported.clone());
        path.lines().for_each(|line| self.path.insert(0, line.to_owned()));
        Done { finished, outputs: pairs(&outputs), state: pairs(&state), exported, summary, files }
    }

    /// Compiles one C file and one crate with what earlier steps left.
    pub fn compile(&self, name: &str) -> Finished {
        let source = self.world.path("work").join(format!("{name}.rs"));
        std::fs::write(&source, format!("pub fn {name}() -> u8 {{ 7 }}\n")).unwrap();
        let script = format!(
            "${{RUSTC_WRAPPER:-}} rustc --crate-type lib --crate-name {name} --emit link,metadata,dep-info \
             --out-dir out {name}.rs"
        );
        self.command("sh").args(&["-c", &script]).run()
    }
}

/// The pairs of a command file as the runner reads them.
pub fn pairs(text: &str) -> Pairs {
    let mut found = Pairs::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        if let (Some(equals), true) = (equals, heredoc.is_none_or(|at| equals.is_some_and(|e| e < at))) {
            found.insert(line[..equals].to_owned(), line[equals + 1..].to_owned());
            continue;
        }
        let (name, delimiter) = line.split_once("<<").unwrap_or_else(|| panic!("invalid format `{line}`"));
        let mut value = Vec::new();
        loop {
            match lines.next() {
                Some(line) if line == delimiter => break,
                Some(line) => value.push(line),
                None => panic!("no closing delimiter for `{name}`"),
            }
        }
        found.insert(name.to_owned(), value.join("\n"));
    }
    found
}
