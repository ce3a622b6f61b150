//! Storages to test against: real servers, each its own process, port and data in a test's world.

mod azure;
mod gcs;
mod gha;
mod memcached;
mod moto;
mod nginx;
mod object_server;
mod redis;
mod redis_cluster;

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use azure::Azure;
pub use gcs::Gcs;
pub use gha::Gha;
pub use memcached::Memcached;
pub use moto::Moto;
pub use nginx::{Login, Nginx};
pub use object_server::{Dialect, ObjectServer};
pub use redis::{Redis, Transport};
pub use redis_cluster::RedisCluster;
use rustix::process::Signal;

use super::step::{Running, Step};
use super::tools;

/// A storage under test.
pub trait Service {
    /// Its name for `cache`.
    fn name(&self) -> &'static str;

    /// The inputs that lead to it.
    fn inputs(&self) -> Vec<(&'static str, String)>;

    /// The variables by which the machine or the runner leads to it.
    fn environment(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Those of the inputs, or of the variables, that are wrong credentials for it; empty where it asks for none.
    fn wrong_credentials(&self) -> Vec<(&'static str, String)>;

    /// What must appear nowhere.
    fn secrets(&self) -> Vec<String>;

    /// Everything in it that a write would change, in an order of its own.
    fn contents(&self) -> Vec<String>;

    /// Its processes.
    fn pids(&self) -> Vec<u32>;

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
            if super::azurite::listening_ports(pid).contains(&port) {
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

/// Sends bytes to a server of this machine, and reads until it closes or `end` has come.
fn talk(port: u16, words: &str, end: &str) -> String {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    talk_over(stream, words, end)
}

fn talk_over(mut stream: impl std::io::Read + std::io::Write, words: &str, end: &str) -> String {
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

/// A program that Debian puts where an ordinary user's PATH may not look.
fn system_program(name: &str, package: &str) -> PathBuf {
    let path = PathBuf::from("/usr/sbin").join(name);
    if path.is_file() { path } else { tools::program(name, package) }
}

/// The step with inputs as variables; names in capitals are variables as they are.
pub fn given(step: Step, inputs: &[(&'static str, String)]) -> Step {
    inputs.iter().fold(step, |step, (name, value)| match name.chars().next() {
        Some('A'..='Z') => step.env(name, value),
        _ => step.env(format!("SCCACHE_STEP_{}", name.to_uppercase().replace('-', "_")), value),
    })
}

/// The step with everything that leads to a service.
pub fn led_to(step: Step, service: &dyn Service) -> Step {
    given(given(step, &service.inputs()), &service.environment())
}
