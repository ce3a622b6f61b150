//! Redis, from the system's package, with a password: in the clear, or over TLS.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Process, Service, on_free_port, system_program, talk_over};
use crate::support::certificates::Authority;
use crate::support::world::World;

pub(super) const PASSWORD: &str = "planted-redis-password";

/// How clients speak to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Clear,
    Tls,
}

pub struct Redis {
    process: Process,
    port: u16,
    socket: PathBuf,
    authority: Option<Authority>,
}

/// Starts one in `data` with these settings more. A password in the arguments would be found by the very tests
/// that look for leaks, so there is a file.
pub(super) fn started(world: &World, data: &Path, more: &dyn Fn(u16) -> String) -> (Process, u16) {
    std::fs::create_dir_all(data).unwrap();
    on_free_port("redis-server", |port| {
        let settings = format!(
            "bind 127.0.0.1\nrequirepass {PASSWORD}\nsave \"\"\nappendonly no\ndir {here}\n\
             unixsocket {here}/admin\nlogfile {here}/log\n{}",
            more(port),
            here = data.display()
        );
        std::fs::write(data.join("redis.conf"), settings).unwrap();
        let step = world.command(system_program("redis-server", "redis-server"));
        step.arg(data.join("redis.conf")).within(data)
    })
}

/// The keys, as asked for by the administrator's socket.
pub(super) fn keys(socket: &Path) -> Vec<String> {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let told = talk_over(stream, &format!("AUTH {PASSWORD}\r\nKEYS *\r\nQUIT\r\n"), "");
    let is_key = |line: &&str| line.contains("ci/") || line.contains("sccache");
    let mut keys: Vec<String> = told.lines().filter(is_key).map(str::to_owned).collect();
    keys.sort();
    keys
}

impl Redis {
    pub fn start(world: &World) -> Self {
        Self::speaking(world, Transport::Clear)
    }

    pub fn speaking(world: &World, transport: Transport) -> Self {
        let data =
            world.path(if transport == Transport::Tls { "storage/redis-tls" } else { "storage/redis" });
        let authority = (transport == Transport::Tls).then(|| Authority::new(world, "redis-authority"));
        let signed = authority.as_ref().map(|authority| authority.sign(world, "localhost"));
        let (process, port) = started(world, &data, &|port| match &signed {
            None => format!("port {port}\n"),
            Some((certificate, key)) => format!(
                "port 0\ntls-port {port}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\n\
                 tls-auth-clients no\n",
                certificate.display(),
                key.display(),
                authority.as_ref().map(Authority::file).unwrap_or_default()
            ),
        });
        Self { process, port, socket: data.join("admin"), authority }
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
        let scheme = if self.authority.is_some() { "rediss" } else { "redis" };
        vec![
            ("redis-endpoint", format!("{scheme}://127.0.0.1:{}", self.port)),
            ("redis-password", PASSWORD.into()),
            ("redis-key-prefix", "ci".into()),
        ]
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        self.authority.iter().map(|authority| ("SSL_CERT_FILE", authority.file())).collect()
    }

    fn wrong_credentials(&self) -> Vec<(&'static str, String)> {
        vec![("redis-password", "wrong-planted-password".into())]
    }

    fn secrets(&self) -> Vec<String> {
        vec![PASSWORD.into()]
    }

    fn contents(&self) -> Vec<String> {
        keys(&self.socket)
    }

    fn pids(&self) -> Vec<u32> {
        vec![self.process.pid]
    }

    fn stop(&mut self) {
        self.process.stop();
    }
}
