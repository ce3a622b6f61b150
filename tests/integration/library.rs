//! The library against the real sccache: a manager, and a task for a scope.

use std::path::PathBuf;
use std::time::Duration;

use sccache_step::backend::{Backend, Disk};
use sccache_step::error::Error;
use sccache_step::inputs::Bytes;
use sccache_step::{SccacheManager, SccacheTask, process};

use crate::support::tools::{ANY, VERSIONS, sccache};
use crate::support::world::World;
use crate::support::{leftovers, until};

fn manager(world: &World, version: &str) -> SccacheManager {
    let disk = Disk { directory: world.path("cache"), size: Bytes(1 << 20) };
    SccacheManager::new(Backend::Disk(disk))
        .binary(sccache(version))
        .log_level("debug")
        .log_file(world.path("server.log"))
}

fn server(manager: &SccacheManager) -> u32 {
    // The library tells no pid but in the error of a second start.
    let mut found = leftovers::living().into_iter().filter(|pid| {
        let parent = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent =
            parent.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        let address = manager.client_variables()[0].1.clone();
        parent == Some(std::process::id()) && leftovers::environment(*pid).contains(&address)
    });
    found.next().expect("the server is a child of ours")
}

#[test]
fn a_manager_starts_asks_and_stops() {
    for version in VERSIONS {
        let world = World::new();
        let mut manager = manager(&world, version);
        assert!(!manager.is_running());
        assert!(matches!(manager.stats(), Err(Error::NoServer { .. })));
        manager.start().unwrap();
        assert!(manager.is_running());
        let pid = server(&manager);
        assert!(matches!(manager.start(), Err(Error::ServerRunning { pid: told }) if told == pid));
        let stats = manager.stats().unwrap();
        assert_eq!((stats.compile_requests, stats.hits_total()), (0, 0));
        let location = manager.cache_location().unwrap();
        assert!(location.contains(world.path("cache").to_str().unwrap()), "{location}");
        let source = world.path("work/unit.c");
        std::fs::write(&source, "int x;\n").unwrap();
        let compile = world.command(sccache(version)).args(&["cc", "-c", "unit.c"]);
        let compile =
            manager.client_variables().into_iter().fold(compile, |step, (name, value)| step.env(name, value));
        compile.run().expect(0);
        assert_eq!(manager.stats().unwrap().misses_total(), 1);
        assert_eq!(manager.stop(true).unwrap().map(|stats| stats.misses_total()), Some(1));
        assert!(!manager.is_running() && process::identify(pid).is_none());
        assert!(manager.stop(true).unwrap().is_none(), "a second stop has nothing to do");
        manager.start().unwrap();
        manager.stop(false).unwrap();
        assert!(world.path("server.log").is_file());
    }
}

#[test]
fn a_manager_notices_that_its_server_was_lost() {
    let world = World::new();
    let mut manager = manager(&world, ANY);
    manager.start().unwrap();
    leftovers::kill(server(&manager), rustix::process::Signal::KILL);
    until("the loss", || (!manager.is_running()).then_some(()));
    assert!(manager.stats().is_err());
    assert!(manager.stop(true).unwrap().is_none());
}

#[test]
fn a_dropped_manager_leaves_no_server() {
    let world = World::new();
    let mut manager = manager(&world, ANY);
    manager.start().unwrap();
    let pid = server(&manager);
    drop(manager);
    assert!(process::identify(pid).is_none());
}

#[test]
fn a_program_named_by_a_relative_path_is_found_from_here() {
    let world = World::new();
    let here = std::env::current_dir().unwrap();
    let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
    let program = up.join(sccache(ANY).strip_prefix("/").unwrap());
    assert!(program.is_relative() && program.is_file());
    let mut manager = manager(&world, ANY).binary(program);
    manager.start().unwrap();
    let wrapper = manager.client_variables().into_iter().find(|(name, _)| name == "RUSTC_WRAPPER").unwrap().1;
    assert!(PathBuf::from(&wrapper).is_absolute(), "a build in another directory calls it: {wrapper}");
    manager.stop(false).unwrap();
}

#[test]
fn a_task_serves_for_its_scope() {
    let world = World::new();
    let task = SccacheTask::begin(manager(&world, ANY), true).unwrap();
    assert!(task.status().contains(world.path("cache").to_str().unwrap()), "{}", task.status());
    assert!(task.trouble().is_none() && task.manager().is_running());
    let stats = task.end().unwrap().unwrap();
    assert_eq!(stats.compile_requests, 0);
    let task = SccacheTask::begin(manager(&world, ANY), true).unwrap();
    let pid = server(task.manager());
    drop(task);
    assert!(process::identify(pid).is_none());
}

#[test]
fn a_task_goes_on_without_a_cache_unless_fail_fast() {
    let world = World::new();
    std::fs::write(world.path("cache"), "a file").unwrap();
    let task = SccacheTask::begin(manager(&world, ANY), false).unwrap();
    assert!(task.status().starts_with("no cache: the cache directory"), "{}", task.status());
    assert!(matches!(task.trouble(), Some(Error::DirectoryUnusable { .. })));
    assert!(task.end().unwrap().is_none());
    let refused = SccacheTask::begin(manager(&world, ANY), true);
    assert!(matches!(refused, Err(Error::DirectoryUnusable { .. })));
    world.nothing_runs_within(Duration::from_millis(500));
}
