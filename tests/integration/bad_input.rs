//! What a user reads when something is wrong: each text whole, in a shell and on GitHub.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::fake;
use crate::support::step::Step;
use crate::support::tools::{ANY, sccache};
use crate::support::world::World;

/// What is told, in a shell and on GitHub; both end with the same code.
fn both(world: &World, step: &Step) -> String {
    let local = step.run();
    let github = step.clone().env("GITHUB_ACTIONS", "true").run();
    assert_eq!(local.code(), github.code(), "{local}\n{github}");
    format!("{}\n--- github\n{}", local.told(world), github.told(world))
}

fn local(world: &World, step: &Step) -> String {
    step.run().told(world)
}

/// `pre` with a fake sccache as its server.
fn pre_with(world: &World, version: &str, server: &str) -> Step {
    let program = fake::sccache(world, version, server);
    world
        .step(&["pre", "--shell", "sh"])
        .env("SCCACHE_STEP_SCCACHE", program)
        .env("SCCACHE_STEP_STATE", world.state_path())
}

#[test]
fn wrong_values_name_input_value_and_what_it_takes() {
    let world = World::new();
    let with = |flag: &str, value: &str| world.step(&["pre", flag, value]);
    insta::assert_snapshot!(both(&world, &with("--cache", "tape")), @r"
    exit 2
    stdout:
    (exit 2)
    stderr:
    error: input `cache` does not take `tape`
    cause: it takes `auto`, `bundle`, one of `s3`, `redis`, `memcached`, `gcs`, `gha`, `azure`, `webdav`, `oss`, `cos`, `disk`, or several of these joined by commas
    help:  correct `cache`, or leave it out for its default
    --- github
    exit 2
    stderr:
    ::error title=sccache-step::input `cache` does not take `tape`%0Acause: it takes `auto`, `bundle`, one of `s3`, `redis`, `memcached`, `gcs`, `gha`, `azure`, `webdav`, `oss`, `cos`, `disk`, or several of these joined by commas%0Ahelp:  correct `cache`, or leave it out for its default
    ");
    insta::assert_snapshot!(local(&world, &with("--cache-size", "10 bananas")), @r"
    exit 2
    stdout:
    (exit 2)
    stderr:
    error: input `cache-size` does not take `10 bananas`
    cause: it takes a size such as `500M`, `10G` or `2T` (base 1024), or a number of bytes, above 0
    help:  correct `cache-size`, or leave it out for its default
    ");
    insta::assert_snapshot!(local(&world, &world.step(&["pre", "--summary=maybe"])), @r"
    exit 2
    stdout:
    (exit 2)
    stderr:
    error: input `summary` does not take `maybe`
    cause: it takes `true` or `false`
    help:  correct `summary`, or leave it out for its default
    ");
    insta::assert_snapshot!(local(&world, &with("--stop-timeout", "soon")), @r"
    exit 2
    stdout:
    (exit 2)
    stderr:
    error: input `stop-timeout` does not take `soon`
    cause: it takes a time such as `90s`, `5m` or `1h`, above 0
    help:  correct `stop-timeout`, or leave it out for its default
    ");
    insta::assert_snapshot!(local(&world, &with("--min-hit-rate", "101")), @r"
    exit 2
    stdout:
    (exit 2)
    stderr:
    error: input `min-hit-rate` does not take `101`
    cause: it takes a number from 0 to 100
    help:  correct `min-hit-rate`, or leave it out for its default
    ");
    insta::assert_snapshot!(local(&world, &with("--wrap", "rust,perl")), @r"
    exit 2
    stdout:
    (exit 2)
    stderr:
    error: input `wrap` does not take `rust,perl`
    cause: it takes a comma-separated list of `rust`, `cmake`, `cc`, or `none`
    help:  correct `wrap`, or leave it out for its default
    ");
    insta::assert_snapshot!(local(&world, &with("--sccache-version", "latest")), @r"
    exit 2
    stdout:
    (exit 2)
    stderr:
    error: input `sccache-version` does not take `latest`
    cause: it takes a version of three numbers, such as `0.16.0`
    help:  correct `sccache-version`, or leave it out for its default
    ");
    insta::assert_snapshot!(local(&world, &world.step(&["pre"]).env("SCCACHE_STEP_LOG_LEVEL", "loud")), @r"
    exit 2
    stdout:
    (exit 2)
    stderr:
    error: input `log-level` does not take `loud`
    cause: it takes `off`, `error`, `warn`, `info`, `debug`, `trace`
    help:  correct `log-level`, or leave it out for its default
    ");
}

#[test]
fn wrong_values_stop_every_phase_with_its_usage_code() {
    let world = World::new();
    for (phase, code) in [("pre", 2), ("post", 2), ("stats", 2)] {
        world.step(&[phase, "--cache-size", "0"]).run().expect(code);
        world.step(&[phase, "--no-such-flag"]).run().expect(code);
    }
    world.step(&["run", "--cache-size", "0", "--", "true"]).run().expect(125);
    world.step(&["run", "--no-such-flag", "--", "true"]).run().expect(125);
    world.step(&["run"]).run().expect(125);
    world.step(&[]).run().expect(2);
    let finished = world.step(&["pre", "--cache", "tape", "--shell", "sh"]).run().expect(2);
    assert_eq!(finished.stdout, "(exit 2)\n", "an evaluating shell learns the code");
}

#[test]
fn settings_of_storages_are_checked_before_anything_is_done() {
    let world = World::new();
    let pre = || world.step(&["pre", "--cache", "azure"]);
    let key = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0";
    insta::assert_snapshot!(local(&world, &pre()), @r"
    exit 2
    stdout:
    (exit 2)
    stderr:
    error: the storage is `azure`, but `azure-connection-string` is not given
    cause: the storage `azure` cannot be reached without it
    help:  give `azure-connection-string`, or choose another `cache`
    ");
    insta::assert_snapshot!(local(&world, &pre().env("SCCACHE_STEP_AZURE_CONNECTION_STRING", key)), @r"
    exit 2
    stdout:
    (exit 2)
    stderr:
    error: the storage is `azure`, but `azure-container` is not given
    cause: the storage `azure` cannot be reached without it
    help:  give `azure-container`, or choose another `cache`
    ");
    insta::assert_snapshot!(local(&world, &pre().env("SCCACHE_STEP_AZURE_CONNECTION_STRING", "nonsense")), @r"
    exit 2
    stdout:
    (exit 2)
    stderr:
    error: input `azure-connection-string` does not take `***`
    cause: it takes `Name=value` pairs joined by `;`, among them `AccountKey` or `SharedAccessSignature`
    help:  correct `azure-connection-string`, or leave it out for its default
    ");
    insta::assert_snapshot!(local(&world, &pre().args(&["--cache-dir", "x"])), @r"
    exit 2
    stdout:
    (exit 2)
    stderr:
    error: `cache-dir` is given, but `cache` is `azure`
    cause: `cache-dir` belongs to the storage `disk` and would be ignored
    help:  set `cache` to `disk`, or leave `cache-dir` out
    ");
    insta::assert_snapshot!(local(&world, &world.step(&["pre", "--azure-container", "c"])), @r"
    exit 2
    stdout:
    (exit 2)
    stderr:
    error: the storage is `azure`, but `azure-connection-string` is not given
    cause: the storage `azure` cannot be reached without it
    help:  give `azure-connection-string`, or choose another `cache`
    ");
    let finished = world.step(&["pre"]).env("SCCACHE_STEP_AZURE_CONNECTION_STRING", key).run().expect(2);
    assert!(!finished.stderr.contains("c2VjcmV0"), "{finished}");
}

#[test]
fn a_missing_sccache_says_where_it_was_looked_for() {
    let world = World::new();
    let step = world.step(&["pre", "--install-from", "none"]).env("PATH", "/nowhere");
    insta::assert_snapshot!(both(&world, &step), @r"
    exit 0
    stderr:
    sccache-step pre
    warning: no sccache was found, and none may be installed
    cause: looked at PATH, the tool cache `[root]/home/.cache/sccache-step/tools`; `install-from` is `none`
    help:  install sccache, name it with `sccache`, or allow an installer in `install-from`
    --- github
    exit 0
    stderr:
    ::group::sccache-step pre
    ::warning title=sccache-step::no sccache was found, and none may be installed%0Acause: looked at PATH, the tool cache `[root]/home/.cache/sccache-step/tools`; `install-from` is `none`%0Ahelp:  install sccache, name it with `sccache`, or allow an installer in `install-from`
    ::endgroup::
    ::warning title=sccache-step::`state` was not handed to the job%0Acause: the runner did not set `GITHUB_OUTPUT`%0Ahelp:  update the runner, or do not clear its variables on the way here
    ::warning title=sccache-step::`role` was not handed to the job%0Acause: the runner did not set `GITHUB_STATE`%0Ahelp:  update the runner, or do not clear its variables on the way here
    ");
    insta::assert_snapshot!(local(&world, &step.arg("--fail-fast")), @r"
    exit 1
    stdout:
    (exit 1)
    stderr:
    sccache-step pre
    error: no sccache was found, and none may be installed
    cause: looked at PATH, the tool cache `[root]/home/.cache/sccache-step/tools`; `install-from` is `none`
    help:  install sccache, name it with `sccache`, or allow an installer in `install-from`
    ");
    insta::assert_snapshot!(local(&world, &world.step(&["pre", "--sccache", "no/sccache"])), @r"
    exit 0
    stderr:
    sccache-step pre
    warning: `[root]/work/no/sccache` cannot be used as sccache
    cause: `[root]/work/no/sccache` could not be started: No such file or directory (os error 2)
    help:  name a working sccache with `sccache`, or remove this one from PATH
    ");
}

#[test]
fn a_program_that_is_no_usable_sccache_is_refused() {
    let world = World::new();
    let program = world.path("fake/sccache");
    let pre = || world.step(&["pre", "--shell", "sh"]).env("SCCACHE_STEP_SCCACHE", &program);
    fake::script(&program, "echo ripgrep 14.1.1");
    insta::assert_snapshot!(local(&world, &pre()), @r"
    exit 0
    stderr:
    sccache-step pre
    warning: `[root]/fake/sccache` cannot be used as sccache
    cause: `--version` says `ripgrep 14.1.1`
    help:  name a working sccache with `sccache`, or remove this one from PATH
    ");
    fake::script(&program, "echo cannot open libssl.so.1.1 >&2; exit 127");
    insta::assert_snapshot!(local(&world, &pre()), @r"
    exit 0
    stderr:
    sccache-step pre
    warning: `[root]/fake/sccache` cannot be used as sccache
    cause: `--version` failed with exit status: 127: cannot open libssl.so.1.1
    help:  name a working sccache with `sccache`, or remove this one from PATH
    ");
    fake::sccache(&world, "0.7.7", "");
    insta::assert_snapshot!(local(&world, &pre()), @r"
    exit 0
    stderr:
    sccache-step pre
    warning: sccache 0.7.7 at `[root]/fake/sccache` is too old
    cause: the oldest supported version is 0.8.0
    help:  update it, or remove it from PATH so that a pinned version is installed
    ");
    let other = world.step(&["pre", "--sccache", "/bin/true"]);
    insta::assert_snapshot!(local(&world, &other), @r"
    exit 0
    stderr:
    sccache-step pre
    warning: `/bin/true` cannot be used as sccache
    cause: sccache works under its own name only, and this file is called otherwise
    help:  name a working sccache with `sccache`, or remove this one from PATH
    ");
}

#[test]
fn a_server_that_does_not_start_tells_its_reason() {
    let world = World::new();
    let late = pre_with(&world, "0.16.0", fake::NEVER_READY).env("SCCACHE_STEP_STARTUP_TIMEOUT", "1s");
    insta::assert_snapshot!(local(&world, &late), @r"
    exit 0
    stderr:
    sccache-step pre
    sccache 0.16.0 at `[root]/fake/sccache` (sccache)
    warning: the sccache server was not ready within 1 s
    cause: its log ends with `thinking about it`
    help:  see its log `[root]/tmp/sccache-step-[run]/server.log`, or raise `startup-timeout`
    ");
    world.nothing_runs_within(std::time::Duration::from_secs(1));
    let mute = pre_with(&world, "0.16.0", "exec sleep 300").env("SCCACHE_STEP_STARTUP_TIMEOUT", "1s");
    let mute = mute.env("SCCACHE_STEP_LOG_FILE", world.path("tmp/mute.log"));
    insta::assert_snapshot!(local(&world, &mute.arg("--fail-fast")), @r"
    exit 1
    stdout:
    (exit 1)
    stderr:
    sccache-step pre
    sccache 0.16.0 at `[root]/fake/sccache` (sccache)
    error: the sccache server was not ready within 1 s
    cause: its log is empty: the storage may not answer
    help:  see its log `[root]/tmp/mute.log`, or raise `startup-timeout`
    ");
    let dead = pre_with(&world, "0.16.0", "echo 'error: the moon is in the wrong place' >&2; exit 3");
    insta::assert_snapshot!(both(&world, &dead), @r"
    exit 0
    stderr:
    sccache-step pre
    sccache 0.16.0 at `[root]/fake/sccache` (sccache)
    warning: the sccache server did not start
    cause: it ended with exit status: 3: error: the moon is in the wrong place
    help:  see its log `[root]/tmp/sccache-step-[run]/server.log`; the build goes on without a cache unless `fail-fast` is on
    --- github
    exit 0
    stderr:
    ::group::sccache-step pre
    sccache 0.16.0 at `[root]/fake/sccache` (sccache)
    ::warning title=sccache-step::the sccache server did not start%0Acause: it ended with exit status: 3: error: the moon is in the wrong place%0Ahelp:  see its log `[root]/tmp/sccache-step-[run]/server.log`; the build goes on without a cache unless `fail-fast` is on
    ::endgroup::
    ::warning title=sccache-step::`sccache` was not handed to the job%0Acause: the runner did not set `GITHUB_OUTPUT`%0Ahelp:  update the runner, or do not clear its variables on the way here
    ::warning title=sccache-step::`role` was not handed to the job%0Acause: the runner did not set `GITHUB_STATE`%0Ahelp:  update the runner, or do not clear its variables on the way here
    ");
    let mute =
        pre_with(&world, "0.16.0", "kill -9 $$").env("SCCACHE_STEP_LOG_FILE", world.path("tmp/killed.log"));
    insta::assert_snapshot!(local(&world, &mute), @r"
    exit 0
    stderr:
    sccache-step pre
    sccache 0.16.0 at `[root]/fake/sccache` (sccache)
    warning: the sccache server did not start
    cause: it ended with signal: 9 (SIGKILL): without a word
    help:  see its log `[root]/tmp/killed.log`; the build goes on without a cache unless `fail-fast` is on
    ");
    // `post` knows why there is nothing to report.
    insta::assert_snapshot!(local(&world, &world.real(ANY, &["post"])), @r"
    exit 0
    stdout:
    sccache: no cache · the sccache server could not be started, so nothing was cached · not used
    warning: no server could be started [no-server]
             the reason: the sccache server did not start
      help:  read what `pre` said in this job's log; `fail-fast` makes this an error

    sccache version  0.16.0
    overhead         [time] before the build, [time] after it
    ");
}

#[test]
fn a_server_reports_its_storages_error_in_its_own_words() {
    for version in ["0.10.0", "0.19.0"] {
        let world = World::new();
        let key = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=c2VjcmV0;\
                   BlobEndpoint=http://127.0.0.1:1/a;";
        let step = world.step(&["pre", "--cache", "azure", "--azure-container", "c"]);
        let step =
            step.env("SCCACHE_STEP_SCCACHE", sccache(version)).env("SCCACHE_STEP_STARTUP_TIMEOUT", "2s");
        let finished = step.env("SCCACHE_STEP_AZURE_CONNECTION_STRING", key).run().expect(0);
        let words = "cannot be used: the server runs on local disk instead\ncause: ";
        assert!(finished.stderr.contains(words), "{finished}");
        assert!(finished.stderr.contains("127.0.0.1:1"), "its own words: {finished}");
        assert!(!finished.to_string().contains("c2VjcmV0"), "{finished}");
        let state = finished.stdout.split("SCCACHE_STEP_STATE='").nth(1).unwrap().split('\'').next().unwrap();
        world.step(&["post"]).env("SCCACHE_STEP_STATE", state).run().expect(0);
    }
}

#[test]
fn a_directory_or_log_that_cannot_be_written_is_named() {
    let world = World::new();
    std::fs::write(world.path("work/file"), "").unwrap();
    let below = world.path("work/file/below");
    let cache = world.real(ANY, &["pre", "--shell", "sh"]).env("SCCACHE_STEP_CACHE_DIR", &below);
    insta::assert_snapshot!(both(&world, &cache), @r"
    exit 0
    stderr:
    sccache-step pre
    sccache 0.16.0 at `[sccache]` (sccache)
    warning: the cache directory `[root]/work/file/below` cannot be used
    cause: it cannot be created: Not a directory (os error 20)
    help:  make it writable for this user, or choose another cache directory
    --- github
    exit 0
    stderr:
    ::group::sccache-step pre
    sccache 0.16.0 at `[sccache]` (sccache)
    ::warning title=sccache-step::the cache directory `[root]/work/file/below` cannot be used%0Acause: it cannot be created: Not a directory (os error 20)%0Ahelp:  make it writable for this user, or choose another cache directory
    ::endgroup::
    ::warning title=sccache-step::`sccache` was not handed to the job%0Acause: the runner did not set `GITHUB_OUTPUT`%0Ahelp:  update the runner, or do not clear its variables on the way here
    ::warning title=sccache-step::`role` was not handed to the job%0Acause: the runner did not set `GITHUB_STATE`%0Ahelp:  update the runner, or do not clear its variables on the way here
    ");
    let log = world.real(ANY, &["pre", "--shell", "sh"]).env("SCCACHE_STEP_LOG_FILE", &below);
    insta::assert_snapshot!(local(&world, &log), @r"
    exit 0
    stderr:
    sccache-step pre
    sccache 0.16.0 at `[sccache]` (sccache)
    warning: the sccache server did not start
    cause: its log `[root]/work/file/below` cannot be written: Not a directory (os error 20)
    help:  see its log `[root]/work/file/below`; the build goes on without a cache unless `fail-fast` is on
    ");
    let state =
        world.real(ANY, &["pre", "--shell", "sh"]).env("SCCACHE_STEP_STATE", below.join("state.json"));
    insta::assert_snapshot!(local(&world, &state), @r"
    exit 0
    stderr:
    sccache-step pre
    warning: the state file `[root]/work/file/below/state.json` cannot be read
    cause: Not a directory (os error 20)
    help:  nothing was touched; remove the file and run `sccache-step pre` again
    ");
}

#[test]
fn a_state_file_in_a_new_directory_brings_the_directory() {
    let world = World::new();
    let state = world.path("work/new/state.json");
    world.real(ANY, &["pre"]).env("SCCACHE_STEP_STATE", &state).run().expect(0);
    assert!(state.is_file(), "the state file is where it was asked for");
    assert_eq!(std::fs::metadata(state.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    world.real(ANY, &["post"]).env("SCCACHE_STEP_STATE", &state).run().expect(0);
}

#[test]
fn run_ends_with_the_codes_of_env_when_its_command_does_not_start() {
    let world = World::new();
    let finished = world.real(ANY, &["run", "--", "no-such-command"]).run().expect(127);
    assert!(finished.stderr.contains("error: the command `no-such-command` was not found\n"), "{finished}");
    std::fs::write(world.path("work/plain"), "not a program").unwrap();
    let finished = world.real(ANY, &["run", "--", "./plain"]).run().expect(126);
    assert!(finished.stderr.contains("error: the command `./plain` could not be executed\n"), "{finished}");
    let finished = world.real(ANY, &["run", "--", "."]).run().expect(126);
    assert!(finished.stderr.contains("error: the command `.` could not be executed\n"), "{finished}");
}
