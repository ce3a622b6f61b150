//! The action as GitHub runs it, from the shim to the service: nothing is set, and the next job is warm.

use std::collections::BTreeMap;

use super::service::MAIN;
use crate::support::cache_service::CacheService;
use crate::support::project::Project;
use crate::support::runner::{Done, Runner};
use crate::support::world::World;

/// A job on a runner of its own: `main`, a build by cargo, `post`.
fn job(world: &World, service: &CacheService) -> (Done, Done) {
    let mut runner = Runner::new();
    let offered = |step| service.job(step, MAIN, &[]);
    let main = runner.action_with("main", &[], &BTreeMap::new(), &offered);
    assert_eq!(main.finished.code(), 0, "{}", main.finished);
    // Every runner of GitHub has its checkout at the same place.
    let _ = std::fs::remove_dir_all(world.path("work/rust"));
    let copy = Project::Rust.copy(world);
    let built = runner.command("sh").args(&["-c", Project::Rust.build()]).within(&copy).run().expect(0);
    assert_eq!(built.stdout, Project::Rust.prints());
    let post = runner.action_with("post", &[], &main.state, &offered);
    assert_eq!(post.finished.code(), 0, "{}", post.finished);
    assert!(!post.finished.stderr.contains("::warning"), "{}", post.finished);
    (main, post)
}

#[test]
fn with_nothing_set_the_second_job_on_github_is_warm() {
    let world = World::new();
    let service = CacheService::start(&world);
    let (main, post) = job(&world, &service);
    let told = &main.finished.stderr;
    assert!(told.contains("bundle: nothing is stored yet under"), "{told}");
    assert!(post.summary.contains("bundle saved") && post.summary.contains("1 layer"), "{}", post.summary);
    assert_eq!(service.entries().len(), 1);
    let calls = ["GetCacheEntryDownloadURL", "CreateCacheEntry", "FinalizeCacheEntryUpload"];
    assert_eq!(service.calls(), calls);
    let (main, post) = job(&world, &service);
    assert!(main.finished.stderr.contains("in 1 layer"), "{}", main.finished);
    assert!(post.summary.contains("100 %"), "{}", post.summary);
    assert!(post.finished.stderr.contains("bundle: nothing is new"), "{}", post.finished);
    assert_eq!((service.calls().len(), service.entries().len()), (1, 1));
    service.stop();
}
