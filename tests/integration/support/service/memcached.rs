//! memcached, from the system's package. It asks nobody for credentials.

use super::{Process, Service, on_free_port, system_program, talk};
use crate::support::world::World;

pub struct Memcached {
    process: Process,
    port: u16,
}

impl Memcached {
    pub fn start(world: &World) -> Self {
        let (process, port) = on_free_port("memcached", |port| {
            let step = world.command(system_program("memcached", "memcached"));
            // Under root it insists on being told whose rights to take.
            step.args(&["-l", "127.0.0.1", "-U", "0", "-I", "8m", "-u", "root", "-p", &port.to_string()])
        });
        Self { process, port }
    }
}

impl Service for Memcached {
    fn name(&self) -> &'static str {
        "memcached"
    }

    fn inputs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("memcached-endpoint", format!("tcp://127.0.0.1:{}", self.port)),
            ("memcached-key-prefix", "ci".into()),
            ("memcached-expiration", "1h".into()),
        ]
    }

    fn wrong_credentials(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    fn contents(&self) -> Vec<String> {
        let told = talk(self.port, "stats\r\n", "END\r\n");
        let counts = |line: &&str| line.contains(" curr_items ") || line.contains(" cmd_set ");
        told.lines().filter(counts).map(str::to_owned).collect()
    }

    fn pids(&self) -> Vec<u32> {
        vec![self.process.pid]
    }

    fn stop(&mut self) {
        self.process.stop();
    }
}
