//! One call of a program in a world: a cleared environment, and what came of it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::tools::outer;
use super::world::World;
use super::{leftovers, until};

/// A call that can still be given more.
#[derive(Clone)]
pub struct Step {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: BTreeMap<OsString, OsString>,
    directory: PathBuf,
}

/// What came of a call.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Step {
    pub(super) fn new(world: &World, program: &Path) -> Self {
        let step = Self {
            program: program.to_owned(),
            arguments: Vec::new(),
            variables: BTreeMap::new(),
            directory: world.path("work"),
        };
        let home = outer("HOME").unwrap_or_else(|| "/".into());
        step.env("PATH", outer("PATH").unwrap_or_default())
            .env("HOME", world.path("home"))
            .env("TMPDIR", world.path("tmp"))
            .env("CARGO_HOME", outer("CARGO_HOME").unwrap_or(format!("{home}/.cargo")))
            .env("RUSTUP_HOME", outer("RUSTUP_HOME").unwrap_or(format!("{home}/.rustup")))
            .env("CARGO_NET_OFFLINE", "true")
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub fn args(self, arguments: &[impl AsRef<OsStr>]) -> Self {
        arguments.iter().fold(self, |step, argument| step.arg(argument))
    }

    /// The same call as the command of another program.
    pub fn wrapped(mut self, program: &Path, arguments: &[&str]) -> Self {
        let inner = std::mem::replace(&mut self.program, program.to_owned()).into_os_string();
        let outer = arguments.iter().map(OsString::from).chain([inner]);
        self.arguments = outer.chain(std::mem::take(&mut self.arguments)).collect();
        self
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    pub fn envs(self, variables: &BTreeMap<String, String>) -> Self {
        variables.iter().fold(self, |step, (name, value)| step.env(name, value))
    }

    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(OsStr::new(name));
        self
    }

    pub fn within(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    /// The program and its arguments.
    pub fn words(&self) -> Vec<String> {
        let words = std::iter::once(self.program.as_os_str()).chain(self.arguments.iter().map(AsRef::as_ref));
        words.map(|word| word.to_str().unwrap().to_owned()).collect()
    }

    /// Its whole environment.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let text = |text: &OsString| text.to_str().unwrap().to_owned();
        self.variables.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(&self.variables).current_dir(&self.directory);
        command.stdin(Stdio::null());
        command
    }

    /// Runs to its end. Fails after two minutes, and when something keeps its pipes open.
    pub fn run(&self) -> Finished {
        self.start().finish()
    }

    /// Starts it, with its output on pipes.
    pub fn start(&self) -> Running {
        let mut command = self.command();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Running { child, began: Instant::now() }
    }
}

/// A call that is under way.
pub struct Running {
    child: Child,
    began: Instant,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        leftovers::kill(self.child.id(), signal);
    }

    /// Waits for the end, and reads what was said until its pipes close.
    pub fn finish(mut self) -> Finished {
        let (mut out, mut err) = (self.child.stdout.take().unwrap(), self.child.stderr.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            out.read_to_end(&mut text).unwrap();
            String::from_utf8_lossy(&text).into_owned()
        });
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            err.read_to_end(&mut text).unwrap();
            String::from_utf8_lossy(&text).into_owned()
        });
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if self.began.elapsed() > Duration::from_secs(120) {
                self.child.kill().unwrap();
                panic!("a call did not end within 120 s: {}", errors.join().unwrap());
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let took = self.began.elapsed();
        until("the end of the output: a process that was left holds the pipes", || {
            (reader.is_finished() && errors.is_finished()).then_some(())
        });
        Finished { status, stdout: reader.join().unwrap(), stderr: errors.join().unwrap(), took }
    }
}

impl Finished {
    /// The exit code, or 128 + the signal.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap())
    }

    /// Fails with everything that was said when the code is another one.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{self}");
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Code, standard output and standard error in one text, for a snapshot.
    pub fn told(&self, world: &World) -> String {
        let part = |name: &str, text: &str| match text {
            "" => String::new(),
            text => format!("\n{name}:\n{}", text.trim_end()),
        };
        let told = format!("{}{}", part("stdout", &self.stdout), part("stderr", &self.stderr));
        let told = told.replace('\x1b', "ESC").replace('\r', "CR");
        format!("exit {}{}", self.code(), world.clean(&told))
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}\nstdout:\n{}\nstderr:\n{}", self.status, self.stdout, self.stderr)
    }
}
