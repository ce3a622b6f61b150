//! What sccache's own `gha` storage asks of GitHub's cache service, counted.

use super::{UNITS, build, built, hits_and_misses, write_units};
use crate::support::service::{Gha, Service, led_to};
use crate::support::tools::VERSIONS;
use crate::support::world::World;

/// The requests since the last time: of the service, by method, and of the blobs.
struct Counted {
    lookups: usize,
    reservations: usize,
    ends: usize,
    uploads: usize,
    downloads: usize,
}

fn counted(gha: &Gha, before: (usize, usize)) -> Counted {
    let calls = gha.service().calls();
    let of = |method: &str| calls.iter().filter(|call| *call == method).count();
    Counted {
        lookups: of("GetCacheEntryDownloadURL"),
        reservations: of("CreateCacheEntry"),
        ends: of("FinalizeCacheEntryUpload"),
        uploads: gha.service().blob_requests("PUT") - before.0,
        downloads: gha.service().blob_requests("GET") - before.1,
    }
}

#[test]
fn each_object_is_four_requests_when_stored_and_two_when_found() {
    let objects = usize::try_from(UNITS).unwrap();
    for version in VERSIONS {
        let world = World::new();
        let mut gha = Gha::start(&world);
        write_units(&world, &[]);
        let step = led_to(build(&world, version), &gha);
        for (expected, is_cold) in [((0, UNITS), true), ((UNITS, 0), false)] {
            let blobs = || (gha.service().blob_requests("PUT"), gha.service().blob_requests("GET"));
            let before = blobs();
            gha.service().calls();
            let (report, _) = built(&step);
            assert_eq!(hits_and_misses(&report), expected, "{version}: {report:#}");
            let told = counted(&gha, before);
            // The check at the start is one object more: looked up, and stored; when it is there already, it is
            // read as well, and its reservation is refused.
            let stored = if is_cold { objects + 1 } else { 0 };
            assert_eq!(told.lookups, objects + 1, "{version}");
            assert_eq!(told.reservations, if is_cold { stored } else { 1 }, "{version}");
            assert_eq!((told.ends, told.uploads), (stored, stored), "{version}");
            assert_eq!(told.downloads, if is_cold { 0 } else { objects + 1 }, "{version}");
        }
        gha.stop();
    }
}
