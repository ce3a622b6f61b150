//! A job on GitLab: the template's scripts as the runner calls them, around a real build.

use std::path::PathBuf;

use crate::support::project::Project;
use crate::support::step::{Finished, Step};
use crate::support::tools::{ANY, repository, sccache};
use crate::support::world::World;

/// A script of the template: the block below `name:`, without its indentation.
pub fn script(name: &str) -> String {
    let text = std::fs::read_to_string(repository().join("gitlab/sccache-step.yml")).unwrap();
    let section = text.lines().skip_while(|line| *line != format!("  {name}:")).skip(1);
    let block = section.skip_while(|line| line.trim() != "- |").skip(1);
    let block = block.take_while(|line| line.is_empty() || line.starts_with("      "));
    let lines: Vec<&str> = block.map(|line| line.strip_prefix("      ").unwrap_or(line)).collect();
    assert!(!lines.is_empty(), "the template has no `{name}`");
    lines.join("\n")
}

/// The job's variables: those of the runner, and what the image brings.
pub fn job(world: &World, shell: &str, text: &str) -> Step {
    let bin = world.path("image");
    std::fs::create_dir_all(&bin).unwrap();
    for (name, program) in
        [("sccache-step", PathBuf::from(env!("CARGO_BIN_EXE_sccache-step"))), ("sccache", sccache(ANY))]
    {
        if !bin.join(name).exists() {
            std::os::unix::fs::symlink(program, bin.join(name)).unwrap();
        }
    }
    let path = format!("{}:{}", bin.display(), crate::support::tools::outer("PATH").unwrap_or_default());
    let step = world.command(shell).args(&["-c", text]).env("PATH", path);
    step.env("CI", "true")
        .env("GITLAB_CI", "true")
        .env("CI_JOB_ID", "42")
        .env("CI_PROJECT_DIR", world.path("work"))
        .env("RUNNER_TEMP_PROJECT_DIR", world.path("tmp"))
}

/// before_script and script in one shell, as the runner joins them.
fn main_part(world: &World, shell: &str, user: &str) -> Finished {
    let options = if shell == "bash" { "set -eo pipefail" } else { "set -e" };
    job(world, shell, &format!("{options}\n{}\n{user}\n", script("before_script"))).run()
}

fn after(world: &World, shell: &str) -> Finished {
    job(world, shell, &script("after_script")).run()
}

#[test]
fn a_build_is_cached_reported_and_its_server_ended_in_one_shell() {
    for shell in ["bash", "dash"] {
        let world = World::new();
        let copy = Project::Rust.copy(&world);
        let units = Project::Rust.units(&world, &copy);
        let build = format!("cd '{}'\n{}", copy.display(), Project::Rust.build());
        for hits in [0, units] {
            let finished = main_part(&world, shell, &build).expect(0);
            assert!(finished.stdout.starts_with(Project::Rust.prints()), "{shell}: {finished}");
            assert!(
                finished.stdout.contains(&format!("{hits} of {units} from cache")),
                "{shell}: {finished}"
            );
            assert!(world.path("work/.sccache").is_dir(), "the cache is where GitLab can save it");
            world.nothing_runs_within(std::time::Duration::from_millis(500));
            let after = after(&world, shell).expect(0);
            assert!(after.stderr.contains("stopped and reported before"), "{shell}: {after}");
            assert!(!after.stdout.contains("hit rate"), "{shell}: {after}");
            Project::clean(&copy);
        }
    }
}

#[test]
fn a_failing_script_keeps_its_code() {
    for shell in ["bash", "dash"] {
        for (user, code) in
            [("exit 7", 7), ("sh -c 'exit 9'", 9), ("false", 1), ("kill -TERM $$; sleep 5", 143)]
        {
            let world = World::new();
            let finished = main_part(&world, shell, user);
            assert_eq!(finished.code(), code, "{shell} {user}: {finished}");
            assert!(finished.stdout.contains("nothing compiled"), "{shell} {user}: {finished}");
            world.nothing_runs_within(std::time::Duration::from_millis(500));
        }
    }
}

#[test]
fn after_script_stops_what_a_replaced_trap_left() {
    for shell in ["bash", "dash"] {
        let world = World::new();
        main_part(&world, shell, "trap - EXIT").expect(0);
        let finished = after(&world, shell).expect(0);
        assert!(finished.stdout.contains("nothing compiled"), "{shell}: {finished}");
        world.nothing_runs_within(std::time::Duration::from_millis(500));
    }
}

#[test]
fn a_job_without_a_cache_goes_on_unless_fail_fast() {
    for shell in ["bash", "dash"] {
        let world = World::new();
        std::fs::write(world.path("work/.sccache"), "a file").unwrap();
        let finished = main_part(&world, shell, "echo built").expect(0);
        assert!(finished.stdout.starts_with("built\n"), "{shell}: {finished}");
        assert!(finished.stderr.contains("warning: the cache directory"), "{shell}: {finished}");
        let strict = job(&world, shell, &format!("set -e\n{}\necho built", script("before_script")));
        let finished = strict.env("SCCACHE_STEP_FAIL_FAST", "true").env("CI_JOB_ID", "43").run();
        assert_eq!(finished.code(), 1, "{shell}: {finished}");
        assert!(!finished.stdout.contains("built"), "{shell}: {finished}");
        let wrong = job(&world, shell, &format!("set -e\n{}\necho built", script("before_script")));
        let finished = wrong.env("SCCACHE_STEP_CACHE", "tape").env("CI_JOB_ID", "44").run();
        assert_eq!(finished.code(), 2, "{shell}: {finished}");
    }
}

#[test]
fn a_missing_program_is_a_warning() {
    for shell in ["bash", "dash"] {
        let world = World::new();
        let text = format!("set -e\n{}\necho built", script("before_script"));
        let step = job(&world, shell, &text).env("PATH", "/usr/bin:/bin");
        let finished = step.run().expect(0);
        assert_eq!(finished.stdout, "built\n", "{shell}: {finished}");
        assert!(finished.stderr.contains("this job has no compiler cache"), "{shell}: {finished}");
        step.env("SCCACHE_STEP_FAIL_FAST", "true").run().expect(1);
    }
}
