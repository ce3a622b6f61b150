//! The processes of a test, found by the private directory that is in their arguments or environment.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A process of a test.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub pid: u32,
    pub arguments: String,
}

/// A file of a process, with its NULs as blanks; empty when the process is gone.
fn read(pid: u32, name: &str) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ").trim_end().to_owned()
}

/// The arguments of a process.
pub fn arguments(pid: u32) -> String {
    read(pid, "cmdline")
}

/// The environment of a process.
pub fn environment(pid: u32) -> String {
    read(pid, "environ")
}

/// The living processes, zombies not counted.
pub fn living() -> BTreeSet<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| sccache_step::process::identify(*pid).is_some()).collect()
}

/// The living processes that have `root` in their arguments or environment.
pub fn of(root: &Path) -> BTreeSet<Found> {
    let root = root.to_str().unwrap();
    let marked = living().into_iter().filter(|pid| *pid != std::process::id()).filter_map(|pid| {
        let arguments = arguments(pid);
        (arguments.contains(root) || environment(pid).contains(root)).then_some(Found { pid, arguments })
    });
    marked.collect()
}

/// The living members of a process group, its leader not counted.
pub fn group(leader: u32) -> BTreeSet<u32> {
    living().into_iter().filter(|pid| *pid != leader && number(*pid, 2) == Some(leader)).collect()
}

/// The session of a process.
pub fn session(pid: u32) -> Option<u32> {
    number(pid, 3)
}

/// A field of `/proc/<pid>/stat`, counted from the one behind the name.
fn number(pid: u32, field: usize) -> Option<u32> {
    let stat = read(pid, "stat");
    stat.rsplit_once(')')?.1.split_whitespace().nth(field)?.parse().ok()
}

/// Waits until no process of `root` is left; those that stay are told.
pub fn gone(root: &Path, limit: Duration) -> BTreeSet<Found> {
    let began = Instant::now();
    loop {
        let left = of(root);
        if left.is_empty() || began.elapsed() > limit {
            return left;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn kill(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}
