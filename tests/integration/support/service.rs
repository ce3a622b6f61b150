//! Storages to test against: real servers, each its own process, port and data in a test's world.

mod memcached;
mod moto;
mod nginx;
mod redis;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use memcached::Memcached;
pub use moto::Moto;
pub use nginx::{Login, Nginx};
pub use redis::Redis;
use rustix::process::Signal;

use super::step::{Running, Step};
use super::tools;
use super::world::World;

/// A storage under test.
pub trait Service {
    /// Its name for `cache`.
    fn name(&self) -> &'static str;

    /// The inputs that lead to it.
    fn inputs(&self) -> Vec<(&'static str, String)>;

    /// Those of the inputs that are wrong credentials for it; empty where it asks for none.
    fn wrong_credentials(&self) -> Vec<(&'static str, String)>;

    /// What must appear nowhere.
    fn secrets(&self) -> Vec<String>;

    /// Everything in it that a write would change, in an order of its own.
    fn contents(&self) -> Vec<String>;

    /// Its process.
    fn pid(&self) -> u32;

    /// Ends it, as a crash would.
    fn stop(&mut self);
}

/// A server's process, ended with its test.
pub struct Process {
    running: Option<Running>,
    pid: u32,
}

impl Process {
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.signal(Signal::KILL);
            running.finish();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        } else if self.running.is_some() {
            super::leftovers::kill(self.pid, Signal::KILL);
        }
    }
}

/// Starts a server on a port that is free. Between the look for one and the start another program may take it,
/// so a server that ends at once is started again.
pub fn on_free_port(name: &str, start: impl Fn(u16) -> Step) -> (Process, u16) {
    let mut last = String::new();
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let running = start(port).start();
        let pid = running.pid();
        let began = Instant::now();
        loop {
            // Its own socket and not that of whoever was quicker.
            if super::azurite::listening_port(pid) == Some(port) {
                return (Process { running: Some(running), pid }, port);
            }
            if sccache_step::process::identify(pid).is_none() {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{name} did not listen within 30 s");
            std::thread::sleep(Duration::from_millis(10));
        }
        last = running.finish().to_string();
    }
    panic!("{name} does not start: {last}");
}

/// Sends bytes to a server of this machine, and reads until it has said nothing for a moment or `end` has come.
fn talk(port: u16, words: &str, end: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(words.as_bytes()).unwrap();
    let (mut told, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut part).unwrap();
        told.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&told).into_owned();
        if count == 0 || (!end.is_empty() && text.ends_with(end)) {
            return text;
        }
    }
}

/// Every service, freshly started in this world.
pub fn all(world: &World) -> Vec<Box<dyn Service>> {
    vec![
        Box::new(Redis::start(world)),
        Box::new(Memcached::start(world)),
        Box::new(Moto::start(world)),
        Box::new(Nginx::start(world, Login::Basic)),
        Box::new(Nginx::start(world, Login::Bearer)),
    ]
}

/// A program that Debian puts where an ordinary user's PATH may not look.
fn system_program(name: &str, package: &str) -> PathBuf {
    let path = PathBuf::from("/usr/sbin").join(name);
    if path.is_file() { path } else { tools::program(name, package) }
}

/// The step with inputs as variables.
pub fn given(step: Step, inputs: &[(&'static str, String)]) -> Step {
    inputs.iter().fold(step, |step, (name, value)| {
        step.env(format!("SCCACHE_STEP_{}", name.to_uppercase().replace('-', "_")), value)
    })
}
