//! A private directory for one test, and the promise that no process of it is left at its end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::Regex;
use rustix::process::Signal;
use serde_json::Value;

use super::leftovers;
use super::step::Step;
use super::tools::sccache;

/// One test's world. Dropping it fails the test when a process is left, and ends that process.
pub struct World {
    directory: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        super::hang_ups_are_heard();
        let directory = tempfile::Builder::new().prefix("step-test-").tempdir().unwrap();
        for name in ["home", "tmp", "work", "tmp/state"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        Self { directory }
    }

    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// The program in this world, with a cleared environment.
    pub fn step(&self, arguments: &[&str]) -> Step {
        Step::new(self, env!("CARGO_BIN_EXE_sccache-step").as_ref()).args(arguments)
    }

    /// Another program in this world, with the same cleared environment.
    pub fn command(&self, program: impl AsRef<Path>) -> Step {
        Step::new(self, program.as_ref())
    }

    /// The program with its state in this world and a real sccache of this version on a private cache.
    pub fn real(&self, version: &str, arguments: &[&str]) -> Step {
        self.step(arguments)
            .env("SCCACHE_STEP_SCCACHE", sccache(version))
            .env("SCCACHE_STEP_CACHE_DIR", self.path("cache"))
            .env("SCCACHE_STEP_STATE", self.state_path())
    }

    pub fn state_path(&self) -> PathBuf {
        self.path("tmp/state/state.json")
    }

    pub fn state(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.state_path()).unwrap()).unwrap()
    }

    pub fn server_pid(&self) -> u32 {
        u32::try_from(self.state()["server"]["server"]["pid"].as_u64().unwrap()).unwrap()
    }

    pub fn supervisor_pid(&self) -> u32 {
        u32::try_from(self.state()["server"]["supervisor"]["pid"].as_u64().unwrap()).unwrap()
    }

    /// The holder of the address and the supervisor, as the history tells: the order in which both can be killed.
    pub fn keepers(&self) -> Vec<u32> {
        let (supervisor, holder) = self.account().keepers.expect("there is a supervisor");
        holder.into_iter().chain([supervisor]).map(|keeper| keeper.pid).collect()
    }

    /// Kills both, so that nobody takes their place.
    pub fn kill_keepers(&self) {
        use rustix::process::Signal;
        let keepers = self.keepers();
        // Stopped before, neither of them sees the other one's end.
        for signal in [Signal::STOP, Signal::KILL] {
            keepers.iter().for_each(|pid| leftovers::kill(*pid, signal));
        }
        for pid in keepers {
            super::until("its end", || sccache_step::process::identify(pid).is_none().then_some(()));
        }
    }

    /// The server that gets the requests now, as the history tells.
    pub fn current_server(&self) -> Option<u32> {
        self.account().current().map(|record| record.server.pid)
    }

    /// What the history tells.
    pub fn account(&self) -> sccache_step::server::Account {
        let run_dir = self.state()["server"]["run_dir"].as_str().unwrap().to_owned();
        sccache_step::server::Account::read(Path::new(&run_dir))
    }

    /// Fails when a process of this world is still there after `limit`.
    pub fn nothing_runs_within(&self, limit: Duration) {
        let left = leftovers::gone(self.root(), limit);
        assert!(left.is_empty(), "left running after {limit:?}: {left:#?}");
    }

    /// `text` with what differs from run to run made the same.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.replace(self.root().to_str().unwrap(), "[root]");
        text = text.replace(env!("CARGO_BIN_EXE_sccache-step"), "[program]");
        for version in ["0.8.2", "0.10.0", "0.16.0", "0.19.0"] {
            if text.contains(&format!("/{version}/bin/sccache")) {
                text = text.replace(sccache(version).to_str().unwrap(), "[sccache]");
            }
        }
        let rules = [
            (r"pid [0-9]+", "pid [pid]"),
            (r"sccache-step-[0-9]+-[0-9]+-[0-9]+", "sccache-step-[run]"),
            (r"section_(start|end):[0-9]+:", "section_$1:[time]:"),
            (r"/\.tmp[A-Za-z0-9]+", "/.tmp[random]"),
            (r"127\.0\.0\.1:[0-9]+", "127.0.0.1:[port]"),
            (r"[0-9]+ ms (before|after) ", "[time] $1 "),
            (r"user 0", "user [us]"),
            (r"[0-9]{2}:[0-9]{2}:[0-9]{2} UTC", "[clock] UTC"),
            (r"[0-9]+ m?s compiling, [0-9]+ m?s writing", "[time] compiling, [time] writing"),
            (r"[0-9.]+ (K|M|G)?i?B of ", "[size] of "),
        ];
        rules.iter().fold(text, |text, (pattern, with)| {
            Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let left = leftovers::gone(self.root(), Duration::from_secs(5));
        for process in &left {
            leftovers::kill(process.pid, Signal::KILL);
        }
        assert!(left.is_empty() || std::thread::panicking(), "left running: {left:#?}");
    }
}
