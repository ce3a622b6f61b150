//! Real builds with a directory as the store: cold, warm, changed, over the cap.

use std::path::PathBuf;

use serde_json::Value;

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

    fn cache(&self) -> PathBuf {
        self.world.path("cache")
    }

    /// Builds everything in a new job, and gives its report.
    pub fn job(&self, flags: &[&str]) -> Value {
        self.job_and_log(flags).0
    }

    pub fn job_and_log(&self, flags: &[&str]) -> (Value, String) {
        let _ = std::fs::remove_dir_all(self.cache());
        let script = "for f in a*.c; do sccache_client gcc -c $f -o out/${f%.c}.o || exit 1; done";
        let script = script.replace("sccache_client", "$SCCACHE_PATH");
        let arguments =
            [&["run", "--format", "json", "--bundle-dir", "../layers"], flags, &["--", "sh", "-c", &script]]
                .concat();
        let finished = self.world.real(ANY, &arguments).run().expect(0);
        let start = finished.stderr.find("\n{").expect("there is a report") + 1;
        let mut reader = serde_json::Deserializer::from_str(&finished.stderr[start..]).into_iter::<Value>();
        (reader.next().unwrap().unwrap(), finished.stderr[..start].to_owned())
    }

    pub fn layers(&self) -> usize {
        std::fs::read_dir(self.world.path("layers")).map_or(0, Iterator::count)
    }
}

fn hits_and_misses(report: &Value) -> (u64, u64) {
    (report["hits"].as_u64().unwrap(), report["misses"].as_u64().unwrap())
}

#[test]
fn what_one_job_compiled_the_next_one_has() {
    let jobs = Jobs::new();
    jobs.sources(20, 1);
    let (cold, log) = jobs.job_and_log(&[]);
    assert_eq!(hits_and_misses(&cold), (0, 20));
    assert!(log.contains("bundle: nothing is stored yet under"), "{log}");
    // Compile results and preprocessor entries.
    assert_eq!((cold["bundle"]["saved"]["new"].as_u64(), jobs.layers()), (Some(40), 1), "{cold:#}");
    let (warm, log) = jobs.job_and_log(&[]);
    assert_eq!(hits_and_misses(&warm), (20, 0));
    assert!(
        log.contains("bundle: nothing is new among 40 objects, 40 of them used; nothing is saved"),
        "{log}"
    );
    assert_eq!(jobs.layers(), 1);
    jobs.source(7, 2);
    let changed = jobs.job(&[]);
    assert_eq!(hits_and_misses(&changed), (19, 1));
    assert_eq!((changed["bundle"]["saved"]["new"].as_u64(), jobs.layers()), (Some(2), 2), "{changed:#}");
    // Both branches are in the cache now.
    jobs.source(7, 1);
    assert_eq!(hits_and_misses(&jobs.job(&[])), (20, 0));
    jobs.source(7, 2);
    let both = jobs.job(&[]);
    assert_eq!((hits_and_misses(&both), jobs.layers()), ((20, 0), 2));
    assert_eq!(both["bundle"]["restored"]["layers"].as_u64(), Some(2));
}

#[test]
fn a_job_that_may_not_save_only_reads() {
    let jobs = Jobs::new();
    jobs.sources(3, 1);
    let (report, log) = jobs.job_and_log(&["--save", "false"]);
    assert_eq!((hits_and_misses(&report), jobs.layers()), ((0, 3), 0));
    assert!(log.contains("bundle: nothing is saved, because `save` is given by flag `--save`"), "{log}");
    jobs.job(&[]);
    jobs.source(0, 2);
    let report = jobs.job(&["--read-only", "true"]);
    assert_eq!((hits_and_misses(&report), jobs.layers()), ((2, 1), 1));
}

#[test]
fn the_average_compile_time_travels_with_the_cache() {
    let jobs = Jobs::new();
    jobs.sources(3, 1);
    jobs.job(&[]);
    let warm = jobs.job(&[]);
    assert_eq!(warm["saved"]["from_earlier_jobs"], Value::Bool(true), "{warm:#}");
}

#[test]
fn over_its_cap_a_cache_keeps_what_was_used_last() {
    let jobs = Jobs::new();
    jobs.sources(20, 1);
    let whole = jobs.job(&[]);
    let bytes = whole["bundle"]["saved"]["sent_bytes"].as_u64().unwrap();
    let cap = (bytes * 3 / 4).to_string();
    let flags = ["--cache-size", cap.as_str()];
    for generation in 2..5 {
        jobs.source(0, generation);
        jobs.job(&flags);
        let restored = jobs.job(&flags);
        let restored = &restored["bundle"]["restored"]["object_bytes"];
        assert!(restored.as_u64().unwrap() <= bytes * 3 / 4, "{restored}");
    }
}

#[test]
fn a_damaged_bundle_costs_hits_and_heals() {
    let jobs = Jobs::new();
    jobs.sources(5, 1);
    jobs.job(&[]);
    for entry in std::fs::read_dir(jobs.world.path("layers")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..].fill(0);
        std::fs::write(path, bytes).unwrap();
    }
    let damaged = jobs.job(&[]);
    let (hits, misses) = hits_and_misses(&damaged);
    assert!(hits < 5 && hits + misses == 5, "{damaged:#}");
    assert_eq!(hits_and_misses(&jobs.job(&[])), (5, 0));
}
