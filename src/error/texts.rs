//! The texts: what happened, why, what to do. Lower case, no full stop, numbers with units.

use super::Error;

impl Error {
    #[expect(
        clippy::too_many_lines,
        reason = "one text per variant, side by side, so that they can be compared"
    )]
    pub(super) fn texts(&self) -> (String, String, String) {
        match self {
            Self::InputInvalid { input, value, accepted } => (
                format!("input `{input}` does not take `{value}`"),
                format!("it takes {accepted}"),
                format!("correct `{input}`, or leave it out for its default"),
            ),
            Self::VariableInvalid { variable, value, accepted } => (
                format!("the variable `{variable}` does not take `{value}`"),
                format!("it takes {accepted}"),
                format!("correct `{variable}`, or leave it out"),
            ),
            Self::SettingConflict { first, second, why, remedy } => (
                format!("`{first}` and `{second}` do not go together"),
                why.clone(),
                remedy.clone(),
            ),
            Self::SettingUnsupported { setting, since, version } => (
                format!("`{setting}` needs sccache {since} or newer, and this one is {version}"),
                "this version does not know it".into(),
                format!("update sccache, or leave `{setting}` out"),
            ),
            Self::SettingMissing { input, backend } => (
                format!("the storage is `{backend}`, but `{input}` is not given"),
                format!("the storage `{backend}` cannot be reached without it"),
                format!("give `{input}`, or choose another `cache`"),
            ),
            Self::SettingUnused { input, backend, cache } => (
                format!("`{input}` is given, but `cache` is `{cache}`"),
                format!("`{input}` belongs to the storage `{backend}` and would be ignored"),
                format!("set `cache` to `{backend}`, or leave `{input}` out"),
            ),
            Self::SccacheMissing { looked } => (
                "no sccache was found, and none may be installed".into(),
                format!("looked at {}; `install-from` is `none`", looked.join(", ")),
                "install sccache, name it with `sccache`, or allow an installer in `install-from`".into(),
            ),
            Self::SccacheUnusable { path, source } => (
                format!("`{}` cannot be used as sccache", path.display()),
                format!("{source:#}"),
                "name a working sccache with `sccache`, or remove this one from PATH".into(),
            ),
            Self::SccacheTooOld { path, version, minimum } => (
                format!("sccache {version} at `{}` is too old", path.display()),
                format!("the oldest supported version is {minimum}"),
                "update it, or remove it from PATH so that a pinned version is installed".into(),
            ),
            Self::VersionUnpinned { version, pinned } => (
                format!("sccache {version} has no compiled-in digest"),
                format!("digests are known for {}", pinned.join(", ")),
                "choose one of these as `sccache-version`, or set `allow-unpinned` to `true`".into(),
            ),
            Self::DigestMismatch { artefact, expected, actual } => (
                format!("`{artefact}` was refused: its digest is wrong"),
                format!("expected SHA-256 {expected}, got {actual}"),
                "nothing was kept; look at the mirror or proxy that served it before you try again".into(),
            ),
            Self::InstallFailed { version, attempts } => (
                format!("sccache {version} could not be installed"),
                attempts
                    .iter()
                    .map(|a| format!("{}: {}", a.installer, a.reason))
                    .collect::<Vec<_>>()
                    .join("; "),
                "make one of these reachable, or install sccache in an earlier step".into(),
            ),
            Self::DirectoryForeign { path, reason } => (
                format!("the directory `{}` is not ours alone", path.display()),
                reason.clone(),
                "remove it, or point `state` to a directory that only this user can enter".into(),
            ),
            Self::DirectoryUnusable { path, purpose, source } => (
                format!("the {purpose} `{}` cannot be used", path.display()),
                format!("{source:#}"),
                format!("make it writable for this user, or choose another {purpose}"),
            ),
            Self::ServerStartFailed { reason, log } => (
                "the sccache server did not start".into(),
                reason.clone(),
                format!(
                    "see its log `{}`; the build goes on without a cache unless `fail-fast` is on",
                    log.display()
                ),
            ),
            Self::ServerStartTimeout { limit, last_line, log } => (
                format!("the sccache server was not ready within {} s", limit.as_secs_f64()),
                match last_line {
                    Some(line) => format!("its log ends with `{line}`"),
                    None => "its log is empty: the storage may not answer".into(),
                },
                format!("see its log `{}`, or raise `startup-timeout`", log.display()),
            ),
            Self::StorageReplaced { storage, instead, reason } => (
                format!("the storage ({storage}) cannot be used: the server runs on {instead} instead"),
                reason.clone(),
                "the job goes on with a local cache; check the storage's address and credentials".into(),
            ),
            Self::WritesLost { lost, limit } => (
                format!("up to {lost} cache writes are lost"),
                format!("they were still going on in the background after {} s", limit.as_secs_f64()),
                "raise `drain-timeout`; a read-only level of a chain looks the same and loses nothing".into(),
            ),
            Self::ServerRunning { pid } => (
                format!("the sccache server is already running (pid {pid})"),
                "this manager started it before and has not stopped it".into(),
                "use it, or call `stop` first".into(),
            ),
            Self::SupervisorLost { source } => (
                "the supervisor of the sccache server failed".into(),
                format!("{source:#}"),
                "look at the space and the permissions of the temporary directory; report this if it happens again".into(),
            ),
            Self::StopFailed { pid, source } => (
                format!("the sccache server (pid {pid}) could not be stopped"),
                format!("{source:#}"),
                format!("end process {pid} by hand"),
            ),
            Self::ServerLost { how, log } => (
                "the sccache server was lost before the end of the job".into(),
                how.clone(),
                format!(
                    "see its log `{}`; a server that was killed may have needed more memory",
                    log.display()
                ),
            ),
            Self::StatisticsUnreadable { source } => (
                "the server's statistics could not be read".into(),
                format!("{source:#}"),
                "see the server's log; the build itself is not affected".into(),
            ),
            Self::LocationMissing => (
                "the statistics name no cache location".into(),
                "the server answered without one".into(),
                "check the storage settings with `sccache --show-stats`".into(),
            ),
            Self::NoServer { state } => (
                "there is no sccache server of ours to ask".into(),
                format!("no server was started, or it was stopped (`{}`)", state.display()),
                "run `sccache-step pre` first".into(),
            ),
            Self::StateUnreadable { path, source } => (
                format!("the state file `{}` cannot be read", path.display()),
                format!("{source:#}"),
                "nothing was touched; remove the file and run `sccache-step pre` again".into(),
            ),
            Self::StateVersion { path, found, supported } => (
                format!("the state file `{}` has schema version {found}", path.display()),
                format!("this program reads versions up to {supported}"),
                "use the same version of sccache-step for `pre` and `post`".into(),
            ),
            Self::StateForeign { path, reason } => (
                format!("the state file `{}` is not ours", path.display()),
                reason.clone(),
                "nothing was touched; point `state` to a file of this user".into(),
            ),
            Self::FileUnwritable { purpose, path, source } => (
                format!("the {purpose} `{}` cannot be written", path.display()),
                format!("{source:#}"),
                "check free space and permissions".into(),
            ),
            Self::FileUnreadable { purpose, path, source } => (
                format!("the {purpose} `{}` cannot be read", path.display()),
                format!("{source:#}"),
                "check its path and permissions; the report goes without it".into(),
            ),
            Self::HitRateLow { rate_percent, minimum_percent } => (
                format!("the hit rate is {rate_percent:.1} %, below the wanted {minimum_percent} %"),
                "too little came from the cache".into(),
                "see the misses in the report; a first run on an empty cache is always low".into(),
            ),
            Self::CommandNotFound { command } => (
                format!("the command `{command}` was not found"),
                "it is neither a path nor in PATH".into(),
                "check its spelling, and that it is installed".into(),
            ),
            Self::CommandNotExecutable { command, source } => (
                format!("the command `{command}` could not be executed"),
                format!("{source:#}"),
                "check its permissions and format".into(),
            ),
            Self::CacheNotRestored { reason } => (
                "the cache could not be restored, or not all of it".into(),
                reason.clone(),
                "the job goes on and compiles what is missing; if this persists, see docs/bundles.md".into(),
            ),
            Self::CacheNotSaved { reason } => (
                "the cache could not be saved".into(),
                reason.clone(),
                "later jobs compile again what is new in this one; if this persists, see docs/bundles.md".into(),
            ),
            Self::Interrupted { signal } => (
                format!("stopped by signal {signal}"),
                "the phase was cancelled from outside".into(),
                "everything that was started has been stopped".into(),
            ),
        }
    }
}
