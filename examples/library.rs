//! The library in use: a server for a scope, compilations through it, its statistics at the end.
//!
//! `cargo run --example library` needs sccache and a C compiler in PATH. It works in a temporary directory.

#![expect(clippy::disallowed_methods, reason = "an example starts programs as its readers would")]
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::process::Command;

use sccache_step::backend::{Backend, Disk};
use sccache_step::inputs::Bytes;
use sccache_step::{SccacheManager, SccacheTask};

fn main() -> anyhow::Result<()> {
    let work = tempfile::tempdir()?;
    std::fs::write(work.path().join("hello.c"), "int hello(void) { return 42; }\n")?;

    let disk = Disk { directory: work.path().join("cache"), size: Bytes(1 << 30) };
    let manager = SccacheManager::new(Backend::Disk(disk)).log_level("info");
    let task = SccacheTask::begin(manager, true)?;
    println!("cache location: {}", task.status());

    // The second compilation of the same source comes from the cache.
    for object in ["first.o", "second.o"] {
        let mut compile = Command::new("sccache");
        compile.args(["cc", "-c", "hello.c", "-o", object]).current_dir(work.path());
        let status = compile.envs(task.manager().client_variables()).status()?;
        anyhow::ensure!(status.success(), "the compiler failed with {status}");
    }

    let stats = task.end()?;
    let rate = stats.and_then(|stats| stats.hit_rate_percent());
    println!("hit rate: {rate:?} %");
    Ok(())
}
