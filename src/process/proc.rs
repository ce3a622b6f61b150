//! What Linux tells of processes in `/proc`. Elsewhere nothing is known: every answer is empty.

use crate::state::ProcessIdentity;

/// What a process uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
    /// Its own processor time, in milliseconds.
    pub cpu_ms: u64,
    /// Whether it was stopped by a signal, and goes on only after another.
    pub is_stopped: bool,
}

/// What a process uses now; `None` when it has ended or the system does not tell.
#[must_use]
pub fn usage(process: ProcessIdentity) -> Option<Usage> {
    system::usage(process)
}

/// The living processes that have this variable with this value in the environment they were started with,
/// and a program of this name.
#[must_use]
pub fn marked(name: &str, value: &str, program: &str) -> Vec<ProcessIdentity> {
    system::marked(name, value, program)
}

/// The nearest living ancestor of ours with a program of this name.
#[must_use]
pub fn ancestor_named(name: &str) -> Option<ProcessIdentity> {
    system::ancestor_named(name)
}

/// The leader of our process group, where that is another, living process: the shell of a script.
#[must_use]
pub fn group_leader() -> Option<ProcessIdentity> {
    system::group_leader()
}

/// Ends all other processes of our session, save our parent, until there are none. Does nothing in a session that
/// neither of us leads.
pub fn end_session() {
    system::end_session();
}

/// How many processes the kernel has killed for want of memory in our control group, or 0.
#[must_use]
pub fn out_of_memory_kills() -> u64 {
    system::out_of_memory_kills()
}

#[cfg(target_os = "linux")]
pub(super) use system::fields;

#[cfg(target_os = "linux")]
mod system {
    use super::Usage;
    use crate::process::{Urgency, identify, is_alive};
    use crate::state::ProcessIdentity;

    /// The fields of `/proc/<process>/stat` from the third on, counted behind the closing parenthesis of the
    /// name, which may itself hold blanks and parentheses.
    pub(in crate::process) fn fields(process: &str) -> Option<Vec<String>> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        Some(stat.rsplit_once(')')?.1.split_ascii_whitespace().map(str::to_owned).collect())
    }

    pub(super) fn usage(process: ProcessIdentity) -> Option<Usage> {
        let fields = fields(&process.pid.to_string())?;
        if !is_alive(process) {
            return None;
        }
        let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
        let ticks = number(11)?.saturating_add(number(12)?);
        let page_bytes = u64::try_from(rustix::param::page_size()).ok()?;
        Some(Usage {
            rss_bytes: number(21)?.saturating_mul(page_bytes),
            cpu_ms: ticks.saturating_mul(1000) / rustix::param::clock_ticks_per_second().max(1),
            is_stopped: matches!(fields.first()?.as_str(), "T" | "t"),
        })
    }

    pub(super) fn marked(name: &str, value: &str, program: &str) -> Vec<ProcessIdentity> {
        let wanted = format!("{name}={value}");
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let is_marked = |pid: &u32| {
            // Another user's is not ours to read.
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let has = environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes());
            has && name_of(*pid).as_deref() == Some(program)
        };
        pids.filter(is_marked).filter_map(identify).collect()
    }

    fn name_of(pid: u32) -> Option<String> {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(name.trim_end_matches('\n').to_owned())
    }

    pub(super) fn ancestor_named(name: &str) -> Option<ProcessIdentity> {
        let mut pid = std::process::id();
        // No tree of processes is that deep; a broken `/proc` could be a ring.
        for _ in 0..64 {
            pid = fields(&pid.to_string())?.get(1)?.parse().ok().filter(|parent| *parent != 0)?;
            if name_of(pid).as_deref() == Some(name) {
                return identify(pid);
            }
        }
        None
    }

    pub(super) fn group_leader() -> Option<ProcessIdentity> {
        let leader = fields("self")?.get(2)?.parse().ok()?;
        (leader != 0 && leader != std::process::id()).then(|| identify(leader)).flatten()
    }

    pub(super) fn end_session() {
        let Some(session) = session_of("self") else { return };
        let ours = [std::process::id(), std::os::unix::process::parent_id()];
        if !ours.iter().any(|pid| pid.to_string() == session) {
            return;
        }
        // Those that one of them started in the meantime are found the next time.
        for _ in 0..100 {
            let others = others_of(&session);
            if others.is_empty() {
                return;
            }
            others.into_iter().for_each(|other| crate::process::end(other, Urgency::Kill));
            crate::process::pause(std::time::Duration::from_millis(2));
        }
    }

    fn session_of(process: &str) -> Option<String> {
        fields(process)?.into_iter().nth(3).filter(|session| session != "0")
    }

    fn others_of(session: &str) -> Vec<ProcessIdentity> {
        let ours = [std::process::id(), std::os::unix::process::parent_id()];
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let others = pids.filter(|pid| !ours.contains(pid));
        let others = others.filter(|pid| session_of(&pid.to_string()).as_deref() == Some(session));
        others.filter_map(identify).collect()
    }

    pub(super) fn out_of_memory_kills() -> u64 {
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let path = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
        let events = std::fs::read_to_string(format!("/sys/fs/cgroup{path}/memory.events"));
        let events = events.unwrap_or_default();
        let kills = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        kills.and_then(|kills| kills.trim().parse().ok()).unwrap_or(0)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::Usage;
    use crate::state::ProcessIdentity;

    pub(super) fn usage(_process: ProcessIdentity) -> Option<Usage> {
        None
    }

    pub(super) fn marked(_name: &str, _value: &str, _program: &str) -> Vec<ProcessIdentity> {
        Vec::new()
    }

    pub(super) fn ancestor_named(_name: &str) -> Option<ProcessIdentity> {
        None
    }

    pub(super) fn group_leader() -> Option<ProcessIdentity> {
        None
    }

    pub(super) fn end_session() {}

    pub(super) fn out_of_memory_kills() -> u64 {
        0
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::process::identify;

    #[test]
    fn this_process_uses_memory_and_is_not_stopped() {
        let usage = usage(identify(std::process::id()).unwrap()).unwrap();
        assert!(usage.rss_bytes > 100_000 && !usage.is_stopped, "{usage:?}");
        assert_eq!(super::usage(ProcessIdentity { pid: std::process::id(), start_time: 1 }), None);
    }

    #[test]
    fn a_process_is_found_by_its_mark_and_its_program() {
        let mark = format!("mark-of-{}", std::process::id());
        let mut child = crate::process::command("sleep").arg("60").env("STEP_MARK", &mark).spawn().unwrap();
        let found = || marked("STEP_MARK", &mark, "sleep");
        // Until it has become `sleep` it still has our name.
        while found().is_empty() {
            crate::process::pause(std::time::Duration::from_millis(1));
        }
        assert_eq!(found(), [identify(child.id()).unwrap()]);
        assert_eq!(marked("STEP_MARK", &mark, "sleeper"), []);
        assert_eq!(marked("STEP_MARK", "another", "sleep"), []);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found(), []);
    }

    #[test]
    fn an_ancestor_that_is_not_there_is_not_found() {
        assert_eq!(ancestor_named("no such program"), None);
    }
}
