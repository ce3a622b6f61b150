//! Redis, from the system's package, with a password.

use super::{Process, Service, on_free_port, system_program, talk};
use crate::support::world::World;

const PASSWORD: &str = "planted-redis-password";

pub struct Redis {
    process: Process,
    port: u16,
}

impl Redis {
    pub fn start(world: &World) -> Self {
        let data = world.path("redis");
        std::fs::create_dir_all(&data).unwrap();
        // A password in the arguments would be found by the very tests that look for leaks.
        let (process, port) = on_free_port("redis-server", |port| {
            let settings = format!(
                "bind 127.0.0.1\nport {port}\nrequirepass {PASSWORD}\nsave \"\"\nappendonly no\ndir {}\n",
                data.display()
            );
            std::fs::write(data.join("redis.conf"), settings).unwrap();
            let step = world.command(system_program("redis-server", "redis-server"));
            step.arg(data.join("redis.conf")).within(&data)
        });
        Self { process, port }
    }

    /// Its URL with the password in it.
    pub fn url_with_password(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}/0", self.port)
    }
}

impl Service for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn inputs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("redis-endpoint", format!("redis://127.0.0.1:{}", self.port)),
            ("redis-password", PASSWORD.into()),
            ("redis-key-prefix", "ci".into()),
        ]
    }

    fn wrong_credentials(&self) -> Vec<(&'static str, String)> {
        vec![("redis-password", "wrong-planted-password".into())]
    }

    fn secrets(&self) -> Vec<String> {
        vec![PASSWORD.into()]
    }

    fn contents(&self) -> Vec<String> {
        let told = talk(self.port, &format!("AUTH {PASSWORD}\r\nKEYS *\r\nQUIT\r\n"), "");
        let mut keys: Vec<String> = told
            .lines()
            .filter(|line| line.contains("ci/") || line.contains("sccache"))
            .map(str::to_owned)
            .collect();
        keys.sort();
        keys
    }

    fn pid(&self) -> u32 {
        self.process.pid
    }

    fn stop(&mut self) {
        self.process.stop();
    }
}
