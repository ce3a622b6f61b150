//! Reads a server's log as `post` does and prints what it tells: `cargo run --release --example read_units -- server.log`.

use std::fs::File;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path] = &arguments[..] else {
        println!("usage: read_units <log>");
        return 2.into();
    };
    match File::open(path).and_then(|log| sccache_step::sccache::read_units(log, 0)) {
        Ok(units) => {
            println!("{} hits, {} misses, {:.1} s compiling", units.hits, units.misses, units.compile_secs);
            0.into()
        }
        Err(error) => {
            println!("`{path}` cannot be read: {error}");
            1.into()
        }
    }
}
