//! Jobs that share nothing but what travels.

use serde_json::Value;

use crate::support::step::{Finished, Step};
use crate::support::tools::ANY;
use crate::support::world::World;

/// A job: a fresh cache directory, the sources as they are, one command.
pub struct Jobs {
    pub world: World,
}

impl Jobs {
    pub fn new() -> Self {
        let world = World::new();
        std::fs::create_dir_all(world.path("work/out")).unwrap();
        Self { world }
    }

    /// Source files `a0.c`, `a1.c`, …, of which each has a line of its own.
    pub fn sources(&self, number: usize, generation: usize) {
        for at in 0..number {
            self.source(at, generation);
        }
    }

    pub fn source(&self, at: usize, generation: usize) {
        let text = format!("int f{at}(void) {{ return {generation}; }}\n");
        std::fs::write(self.world.path("work").join(format!("a{at}.c")), text).unwrap();
    }

    /// Builds everything in a new job, and gives its report.
    pub fn job(&self, flags: &[&str]) -> Value {
        self.job_and_log(flags).0
    }

    pub fn job_and_log(&self, flags: &[&str]) -> (Value, String) {
        let flags = [&["--bundle-dir", "../layers"], flags].concat();
        self.end(&self.begun(&flags, "cache").run())
    }

    /// A job with this cache directory that has not run yet.
    pub fn begun(&self, flags: &[&str], cache: &str) -> Step {
        let _ = std::fs::remove_dir_all(self.world.path(cache));
        let _ = std::fs::remove_dir_all(self.world.path("out").join(cache));
        std::fs::create_dir_all(self.world.path("work/out").join(cache)).unwrap();
        let script =
            format!("for f in a*.c; do $SCCACHE_PATH gcc -c $f -o out/{cache}/${{f%.c}}.o || exit 1; done");
        let arguments = [&["run", "--format", "json"], flags, &["--", "sh", "-c", &script]].concat();
        self.world.real(ANY, &arguments).env("SCCACHE_STEP_CACHE_DIR", self.world.path(cache))
    }

    /// The report of a job that has ended well, and what it said before.
    pub fn end(&self, finished: &Finished) -> (Value, String) {
        assert_eq!(finished.code(), 0, "{finished}");
        let start = finished.stderr.find("\n{").expect("there is a report") + 1;
        let mut reader = serde_json::Deserializer::from_str(&finished.stderr[start..]).into_iter::<Value>();
        (reader.next().unwrap().unwrap(), finished.stderr[..start].to_owned())
    }

    pub fn layers(&self) -> usize {
        std::fs::read_dir(self.world.path("layers")).map_or(0, Iterator::count)
    }
}

pub fn hits_and_misses(report: &Value) -> (u64, u64) {
    (report["hits"].as_u64().unwrap(), report["misses"].as_u64().unwrap())
}
