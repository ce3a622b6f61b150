//! What a user reads when a state file or a private directory cannot be trusted: each text whole.

use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use crate::support::step::Step;
use crate::support::tools::ANY;
use crate::support::world::World;

fn local(world: &World, step: &Step) -> String {
    step.run().told(world)
}

fn state_cases(world: &World, make: impl Fn()) -> String {
    let mut told = String::new();
    for phase in ["post", "stats", "pre"] {
        make();
        let finished = world.real(ANY, &[phase]).run();
        told += &format!("--- {phase}: exit {}\n{}", finished.code(), world.clean(&finished.stderr));
    }
    world.real(ANY, &["post"]).run();
    told
}

#[test]
fn a_state_file_that_is_none_is_refused() {
    let world = World::new();
    insta::assert_snapshot!(state_cases(&world, || std::fs::write(world.state_path(), "garbage").unwrap()), @r"
    --- post: exit 0
    warning: the state file `[root]/tmp/state/state.json` cannot be read
    cause: it is not JSON: expected value at line 1 column 1
    help:  nothing was touched; remove the file and run `sccache-step pre` again
    --- stats: exit 1
    error: the state file `[root]/tmp/state/state.json` cannot be read
    cause: it is not JSON: expected value at line 1 column 1
    help:  nothing was touched; remove the file and run `sccache-step pre` again
    --- pre: exit 0
    sccache-step pre
    warning: the state file `[root]/tmp/state/state.json` cannot be read
    cause: it is not JSON: expected value at line 1 column 1
    help:  nothing was touched; remove the file and run `sccache-step pre` again
    ");
}

#[test]
fn a_state_file_of_a_newer_version_is_refused() {
    let world = World::new();
    let newer = || std::fs::write(world.state_path(), r#"{"schema": 99, "server": {}}"#).unwrap();
    insta::assert_snapshot!(state_cases(&world, newer), @r"
    --- post: exit 0
    warning: the state file `[root]/tmp/state/state.json` has schema version 99
    cause: this program reads versions up to 1
    help:  use the same version of sccache-step for `pre` and `post`
    --- stats: exit 1
    error: the state file `[root]/tmp/state/state.json` has schema version 99
    cause: this program reads versions up to 1
    help:  use the same version of sccache-step for `pre` and `post`
    --- pre: exit 0
    sccache-step pre
    warning: the state file `[root]/tmp/state/state.json` has schema version 99
    cause: this program reads versions up to 1
    help:  use the same version of sccache-step for `pre` and `post`
    ");
}

#[test]
fn a_state_file_that_could_be_anothers_is_not_touched() {
    let world = World::new();
    let path = world.state_path();
    let target = world.path("work/precious");
    std::fs::write(&target, "precious").unwrap();
    symlink(&target, &path).unwrap();
    insta::assert_snapshot!(state_cases(&world, || ()), @r"
    --- post: exit 0
    warning: the state file `[root]/tmp/state/state.json` is not ours
    cause: it is not a regular file
    help:  nothing was touched; point `state` to a file of this user
    --- stats: exit 1
    error: the state file `[root]/tmp/state/state.json` is not ours
    cause: it is not a regular file
    help:  nothing was touched; point `state` to a file of this user
    --- pre: exit 0
    sccache-step pre
    warning: the state file `[root]/tmp/state/state.json` is not ours
    cause: it is not a regular file
    help:  nothing was touched; point `state` to a file of this user
    ");
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
    assert!(path.is_symlink());
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    insta::assert_snapshot!(state_cases(&world, || ()), @r"
    --- post: exit 0
    warning: the state file `[root]/tmp/state/state.json` is not ours
    cause: it is not a regular file
    help:  nothing was touched; point `state` to a file of this user
    --- stats: exit 1
    error: the state file `[root]/tmp/state/state.json` is not ours
    cause: it is not a regular file
    help:  nothing was touched; point `state` to a file of this user
    --- pre: exit 0
    sccache-step pre
    warning: the state file `[root]/tmp/state/state.json` is not ours
    cause: it is not a regular file
    help:  nothing was touched; point `state` to a file of this user
    ");
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, "{}").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    assert!(state_cases(&world, || ()).contains("its mode 666 lets others in"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}");
}

/// Whether we may give files away: only root may.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn another_users_files_are_refused_even_by_root() {
    let world = World::new();
    if !is_root() {
        // Who cannot give a file away has files of root in reach.
        let post = world.real(ANY, &["post"]).env("SCCACHE_STEP_STATE", "/etc/passwd").run().expect(0);
        assert!(post.stderr.contains("it belongs to user 0, and we are user "), "{post}");
        return;
    }
    std::fs::write(world.state_path(), "{}").unwrap();
    chown(world.state_path(), Some(12345), None).unwrap();
    insta::assert_snapshot!(state_cases(&world, || ()), @r"
    --- post: exit 0
    warning: the state file `[root]/tmp/state/state.json` is not ours
    cause: it belongs to user 12345, and we are user [us]
    help:  nothing was touched; point `state` to a file of this user
    --- stats: exit 1
    error: the state file `[root]/tmp/state/state.json` is not ours
    cause: it belongs to user 12345, and we are user [us]
    help:  nothing was touched; point `state` to a file of this user
    --- pre: exit 0
    sccache-step pre
    warning: the state file `[root]/tmp/state/state.json` is not ours
    cause: it belongs to user 12345, and we are user [us]
    help:  nothing was touched; point `state` to a file of this user
    ");
    let directory = world.path("tmp/sccache-step-0-77");
    std::fs::create_dir(&directory).unwrap();
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700)).unwrap();
    chown(&directory, Some(12345), None).unwrap();
    let gitlab = |phase: &str| {
        let step = world.real(ANY, &[phase]).without("SCCACHE_STEP_STATE");
        step.env("GITLAB_CI", "true").env("CI_JOB_ID", "77").env("RUNNER_TEMP_PROJECT_DIR", world.path("tmp"))
    };
    insta::assert_snapshot!(local(&world, &gitlab("pre")), @r"
    exit 0
    stderr:
    ESC[0Ksection_start:[time]:sccache_step_preCRESC[0Ksccache-step pre
    ESC[33mwarning: the directory `[root]/tmp/sccache-step-0-77` is not ours aloneESC[0m
    cause: it belongs to user 12345, and we are user [us]
    help:  remove it, or point `state` to a directory that only this user can enter
    ESC[0Ksection_end:[time]:sccache_step_preCRESC[0K
    ");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0, "nothing is put into it");
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    let world = World::new();
    let temp = world.path("tmp");
    let directory = temp.join("sccache-step");
    std::fs::create_dir(&directory).unwrap();
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).unwrap();
    let step = world.real(ANY, &["pre"]).without("SCCACHE_STEP_STATE").env("RUNNER_TEMP", &temp);
    let finished = step.env("GITHUB_ACTIONS", "true").run();
    insta::assert_snapshot!(finished.told(&world), @r"
    exit 0
    stderr:
    ::group::sccache-step pre
    ::warning title=sccache-step::the directory `[root]/tmp/sccache-step` is not ours alone%0Acause: its mode 755 lets others in%0Ahelp:  remove it, or point `state` to a directory that only this user can enter
    ::endgroup::
    ::warning title=sccache-step::`state` was not handed to the job%0Acause: the runner did not set `GITHUB_OUTPUT`%0Ahelp:  update the runner, or do not clear its variables on the way here
    ::warning title=sccache-step::`role` was not handed to the job%0Acause: the runner did not set `GITHUB_STATE`%0Ahelp:  update the runner, or do not clear its variables on the way here
    ");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0, "nothing is put into it");
}
