//! Distributed compilation, live: a scheduler and a build server of sccache-dist on this machine.

use crate::findings::{has, is_clean};
use crate::support::dist::{Dist, TOKEN};
use crate::support::project::Project;
use crate::support::step::Step;
use crate::support::tools::{ANY, sccache};
use crate::support::world::World;

fn distributed(step: Step, dist: &Dist, world: &World) -> Step {
    step.env("SCCACHE_STEP_SCCACHE", sccache(ANY))
        .env("SCCACHE_STEP_CACHE_DIR", world.path("cache"))
        .env("SCCACHE_STEP_DIST_SCHEDULER_URL", dist.url())
        .env("SCCACHE_STEP_DIST_AUTH_TOKEN", TOKEN)
        .env("SCCACHE_STEP_DIST_TOOLCHAIN_CACHE_DIR", world.path("toolchains"))
}

#[test]
fn what_misses_is_compiled_by_the_scheduler_and_what_hits_is_not() {
    let world = World::new();
    let mut dist = Dist::start(&world);
    let copy = Project::Make.copy(&world);
    let units = Project::Make.units(&world, &copy);
    let run = ["run", "--wrap", "cc", "--format", "json", "--", "bash", "-c", Project::Make.build()];
    let step = distributed(world.step(&run), &dist, &world).within(&copy);
    for expected in [units, 0] {
        let finished = step.run().expect(0);
        assert_eq!(finished.stdout, Project::Make.prints(), "{finished}");
        let report = crate::real::report_of_run(&finished);
        let stats = &report["statistics"]["stats"];
        let compiled: u64 =
            stats["dist_compiles"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!((compiled, stats["dist_errors"].as_u64()), (expected, Some(0)), "{report:#}");
        assert!(!finished.to_string().contains(TOKEN), "{finished}");
        is_clean(&report, "distribution-failed");
        Project::clean(&copy);
    }
    // Without the server that its scheduler counts on, each unit is compiled here after the attempt.
    dist.stop_server();
    std::fs::remove_dir_all(world.path("cache")).unwrap();
    let failed = crate::real::report_of_run(&step.run().expect(0));
    has(&failed, "distribution-failed");
    assert_eq!(failed["misses"].as_u64(), Some(units), "{failed:#}");
    Project::clean(&copy);
    // Without its scheduler the machine compiles itself.
    dist.stop();
    std::fs::remove_dir_all(world.path("cache")).unwrap();
    let report = crate::real::report_of_run(&step.run().expect(0));
    assert_eq!(report["misses"].as_u64(), Some(units), "{report:#}");
}

#[test]
fn the_token_is_in_a_private_file_while_the_server_lives_and_nowhere_after() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let mut dist = Dist::start(&world);
    let state = |step: Step| step.env("SCCACHE_STEP_STATE", world.state_path());
    let pre = state(distributed(world.step(&["pre", "--shell", "sh"]), &dist, &world)).run().expect(0);
    assert!(!pre.to_string().contains(TOKEN), "{pre}");
    let holders = || -> Vec<String> {
        let found = crate::azure::contents(world.root(), &world.path("dist"));
        found.into_iter().filter(|(_, text)| text.contains(TOKEN)).map(|(path, _)| path).collect()
    };
    let files = holders();
    assert!(files.len() == 1 && files[0].ends_with("sccache.toml"), "{files:?}");
    assert_eq!(std::fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    state(world.step(&["post"])).run().expect(0);
    assert_eq!(holders(), Vec::<String>::new());
    dist.stop();
}

#[test]
fn doctor_tells_a_scheduler_that_works_from_one_that_does_not() {
    let world = World::new();
    let mut dist = Dist::start(&world);
    let step = distributed(world.step(&["doctor"]), &dist, &world);
    let finished = step.run().expect(0);
    assert!(
        finished.stdout.contains("good     distribution: a probe was compiled by one of 1 servers"),
        "{finished}"
    );
    // sccache lets the compilation fail then, which is the one trouble of a cache that breaks a build.
    let finished = step.clone().env("SCCACHE_STEP_DIST_AUTH_TOKEN", "wrong-planted-token").run().expect(1);
    assert!(finished.stdout.contains("fault    storage: ") && finished.stdout.contains("401"), "{finished}");
    assert!(!finished.to_string().contains("planted"), "{finished}");
    dist.stop();
    let finished = step.run().expect(0);
    assert!(finished.stdout.contains("warning  distribution: not connected"), "{finished}");
}
