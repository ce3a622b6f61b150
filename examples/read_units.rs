//! Reads a server's log as `post` does, and prints what it tells: `cargo run --release --example read_units -- server.log`.
#![expect(clippy::print_stdout, reason = "an example prints what it has found")]

use std::fs::File;
use std::io::{Error, ErrorKind};

fn main() -> std::io::Result<()> {
    let path = std::env::args_os().nth(1).ok_or(Error::new(ErrorKind::InvalidInput, "name a log"))?;
    let units = sccache_step::sccache::read_units(File::open(path)?, 0)?;
    println!("{} hits, {} misses, {:.1} s compiling", units.hits, units.misses, units.compile_secs);
    Ok(())
}
