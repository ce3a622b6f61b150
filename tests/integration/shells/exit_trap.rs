//! The EXIT trap in real shells, inside what GitLab's runners wrap around a job's script.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use sccache_step::exports::Exports;
use sccache_step::host::Host;

use super::{ASH, BASH, DASH, Program, ZSH, after, code};

/// What runs a GitLab job (bash or sh), and zsh.
const TRAPPING: [Program; 4] = [BASH, DASH, ASH, ZSH];

/// How the runner wraps the user's part of a job. Source: GitLab Runner 19.3 and 18, `shells/bash.go`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrapper {
    /// gitlab-ci-local: none but `errexit`.
    None,
    /// Runner before 19.1.
    Old,
    /// Runner 19.1 and later.
    New,
}

impl Wrapper {
    const ALL: [Self; 3] = [Self::None, Self::Old, Self::New];

    fn around(self, user: &str) -> String {
        let word = format!("'{}'", user.replace('\'', "'\"'\"'"));
        let pipefail = "if set -o | grep pipefail > /dev/null; then set -o pipefail; fi; set -o errexit\n";
        match self {
            Self::None => format!("set -e\n{user}\n"),
            Self::Old => format!("{pipefail}: | eval {word}\nexit 0\n"),
            Self::New => {
                format!(
                    "trap 'exit 1' TERM\n{pipefail}(trap 'exit 1' TERM; eval {word} < /dev/null)\nexit 0\n"
                )
            }
        }
    }
}

/// A directory with a name that needs quoting, a fake `sccache-step` that counts its calls and fails, and the
/// printed code.
struct Job {
    _root: tempfile::TempDir,
    directory: PathBuf,
}

impl Job {
    fn new(failure: Option<u8>) -> Self {
        crate::support::hang_ups_are_heard();
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("it's \"a\" \\job $HOME");
        std::fs::create_dir(&directory).unwrap();
        let after = after(&directory, failure);
        let fake = "#!/bin/sh\nhere=${0%/*}\nprintf '%s\\n' \"$@\" >> \"$here/calls\"\n\
                    if [ -e \"$here/slow\" ]; then sleep 1; fi\nexit 5\n";
        std::fs::write(&after.program, fake).unwrap();
        std::fs::set_permissions(&after.program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let handover = Host::GitLab.adapter(&BTreeMap::new(), None).export(&Exports::default(), &after);
        std::fs::write(directory.join("printed"), code(&handover)).unwrap();
        Self { _root: root, directory }
    }

    /// The job's shell, at work on a wrapped script that evaluates the printed code and goes on with `commands`.
    fn start(&self, program: Program, wrapper: Wrapper, commands: &str) -> Child {
        self.start_without(program, wrapper, &format!("eval \"$(cat printed)\"\n{commands}\n"))
    }

    /// The same shell on a wrapped script that goes without the printed code.
    fn start_without(&self, program: Program, wrapper: Wrapper, commands: &str) -> Child {
        let script = self.directory.join("script");
        std::fs::write(&script, wrapper.around(commands)).unwrap();
        let mut command = program.on(&script);
        command.current_dir(&self.directory).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        command.spawn().unwrap()
    }

    /// The arguments of every call of the fake program, and forgets them.
    fn calls(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.directory.join("calls")).unwrap_or_default();
        let _ = std::fs::remove_file(self.directory.join("calls"));
        calls.lines().map(str::to_owned).collect()
    }

    fn one_call(&self) -> [String; 3] {
        [
            "post".into(),
            "--state".into(),
            self.directory.join("state.json").into_os_string().into_string().unwrap(),
        ]
    }

    /// Waits until the job has written `name`, and removes it.
    fn wait_for(&self, name: &str) -> String {
        let (path, began) = (self.directory.join(name), Instant::now());
        loop {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if text.ends_with('\n') {
                std::fs::remove_file(&path).unwrap();
                return text.trim().to_owned();
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{name} was never written");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn each_case(check: impl Fn(Program, Wrapper)) {
    for program in TRAPPING {
        for wrapper in Wrapper::ALL {
            check(program, wrapper);
        }
    }
}

fn group(child: &Child) -> Pid {
    Pid::from_child(child)
}

#[test]
fn the_trap_runs_once_and_keeps_the_exit_code() {
    let job = Job::new(None);
    let cases = [
        ("true", 0),
        ("(true); x=$(true); true & wait", 0),
        ("sh -c 'exit 3'\ntouch unreachable", 3),
        ("exit 7", 7),
        ("f() { sh -c 'exit 4'; }\nf", 4),
        ("(exit 6)\ntouch unreachable", 6),
        ("set +e\nfalse\ntrue", 0),
        ("set -u\nset -f\nIFS=x\nexit 8", 8),
    ];
    each_case(|program, wrapper| {
        for (commands, code) in cases {
            let case = format!("{program:?} {wrapper:?} {commands:?}");
            let without = job.start_without(program, wrapper, commands).wait().unwrap().code();
            // In bash the old wrapper itself turns a failing command's code into 1.
            let is_blurred = program.command == BASH.command && wrapper == Wrapper::Old && without == Some(1);
            assert!(without == Some(code) || is_blurred, "{case} without a trap: {without:?}");
            let status = job.start(program, wrapper, commands).wait().unwrap();
            assert_eq!(status.code(), without, "{case}");
            // zsh 5.9 fires no EXIT trap when `errexit` ends it inside a function; no runner starts zsh.
            if program.command != ZSH.command || !commands.starts_with("f()") {
                assert_eq!(job.calls(), job.one_call(), "{case}");
            }
            assert!(!job.directory.join("unreachable").exists(), "{case}");
        }
    });
}

#[test]
fn a_missing_program_does_not_change_the_exit_code() {
    let job = Job::new(None);
    std::fs::remove_file(job.directory.join("sccache-step")).unwrap();
    each_case(|program, wrapper| {
        for (commands, code) in [("true", 0), ("exit 7", 7)] {
            let status = job.start(program, wrapper, commands).wait().unwrap();
            assert_eq!(status.code(), Some(code), "{program:?} {wrapper:?}");
        }
    });
}

#[test]
fn a_failure_ends_the_job_and_still_runs_the_trap() {
    let job = Job::new(Some(9));
    each_case(|program, wrapper| {
        let status = job.start(program, wrapper, "touch unreachable").wait().unwrap();
        assert_eq!(status.code(), Some(9), "{program:?} {wrapper:?}");
        assert_eq!(job.calls(), job.one_call(), "{program:?} {wrapper:?}");
        assert!(!job.directory.join("unreachable").exists(), "{program:?} {wrapper:?}");
    });
}

/// The user's part tells the pid of the shell that it runs in, and works until it is stopped.
const WORKING: &str = "sh -c 'echo $PPID > ready'\nwhile :; do sleep 0.05; done";

#[test]
fn signals_to_the_shell_of_the_script_run_the_trap_and_give_their_code() {
    let job = Job::new(None);
    each_case(|program, wrapper| {
        for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
            let mut child = job.start(program, wrapper, WORKING);
            let shell = Pid::from_raw(job.wait_for("ready").parse().unwrap()).unwrap();
            kill_process(shell, signal).unwrap();
            let case = format!("{program:?} {wrapper:?} {signal:?}");
            assert_eq!(child.wait().unwrap().code(), Some(code), "{case}");
            assert_eq!(job.calls(), job.one_call(), "{case}");
        }
    });
}

#[test]
fn a_signal_to_the_whole_group_runs_the_trap_once() {
    let job = Job::new(None);
    each_case(|program, wrapper| {
        let mut child = job.start(program, wrapper, WORKING);
        job.wait_for("ready");
        kill_process_group(group(&child), Signal::TERM).unwrap();
        let status = child.wait().unwrap();
        let case = format!("{program:?} {wrapper:?} {status}");
        assert!(ended_by_term(status), "{case}");
        // The outer shell of the old wrapper dies at once, while its subshell still runs the trap.
        let began = Instant::now();
        while !job.directory.join("calls").exists() && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(job.calls(), job.one_call(), "{case}");
    });
}

/// 143 from our trap, 1 from the outer trap of the new wrapper, or the signal itself.
fn ended_by_term(status: ExitStatus) -> bool {
    status.signal() == Some(15) || matches!(status.code(), Some(143 | 1))
}

#[test]
fn a_signal_during_the_trap_does_not_change_the_exit_code() {
    let job = Job::new(None);
    std::fs::write(job.directory.join("slow"), "").unwrap();
    for program in TRAPPING {
        let mut child = job.start(program, Wrapper::None, "exit 7");
        let began = Instant::now();
        while !job.directory.join("calls").exists() && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        kill_process(group(&child), Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7), "{program:?}");
        assert_eq!(job.calls(), job.one_call(), "{program:?}");
    }
}
