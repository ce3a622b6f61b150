//! The emulator of Google Cloud Storage from PyPI, where sccache looks for the real one: its host is compiled into
//! sccache, but a proxy leads there, and a certificate of our own authority is trusted.
//!
//! `gcp-storage-emulator` asks nobody for a token and names no type for an object that came without one, which
//! sccache 0.16 and newer cannot read; nginx, which speaks TLS in front of it, does both.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

use super::moto::virtual_environment;
use super::{Process, Service, on_free_port, system_program, talk};
use crate::support::certificates::Authority;
use crate::support::http::{self, Server};
use crate::support::tools::program;
use crate::support::world::World;

const HOST: &str = "storage.googleapis.com";
const BUCKET: &str = "ci";
const TOKEN: &str = "planted-gcs-token";

pub struct Gcs {
    emulator: (Process, u16),
    front: Process,
    /// The proxy, and where sccache fetches its token.
    way: Server,
    authority: Authority,
}

/// Where `.ci/prepare` puts it; installed there when it is missing.
fn installed() -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED
        .get_or_init(|| virtual_environment("gcs", "gcp-storage-emulator", "gcp-storage-emulator==2026.*"))
        .clone()
}

impl Gcs {
    pub fn start(world: &World) -> Self {
        let bin = installed();
        let quiet = |step: crate::support::step::Step| {
            step.wrapped(&program("sh", "dash"), &["-c", "exec \"$0\" \"$@\" > /dev/null 2>&1"])
        };
        let emulator = on_free_port("gcp-storage-emulator", |port| {
            let words = ["start", "--host", "127.0.0.1", "--in-memory", "--default-bucket", BUCKET, "--port"];
            quiet(world.command(bin.join("gcp-storage-emulator")).args(&words).arg(port.to_string()))
        });
        let authority = Authority::new(world, "gcs-authority");
        let (certificate, key) = authority.sign(world, HOST);
        let data = world.path("storage/gcs");
        std::fs::create_dir_all(data.join("temp")).unwrap();
        let (front, front_port) = on_free_port("nginx", |port| {
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|name| format!("{name}_temp_path {}/temp;", data.display()))
                .join(" ");
            let settings = format!(
                "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;\nevents {{}}\n\
                 http {{ access_log off; {temporary} client_max_body_size 0;\n\
                 server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
                 location / {{ if ($http_authorization != \"Bearer {TOKEN}\") {{ return 401; }}\n\
                 proxy_set_header Content-Type application/octet-stream;\n\
                 proxy_pass http://127.0.0.1:{}; }} }} }}\n",
                certificate.display(),
                key.display(),
                emulator.1,
                here = data.display(),
            );
            std::fs::write(data.join("nginx.conf"), settings).unwrap();
            world.command(system_program("nginx", "nginx-light")).arg("-c").arg(data.join("nginx.conf"))
        });
        let way = Server::start(move |stream, _| lead(stream, front_port));
        Self { emulator, front, way, authority }
    }
}

/// Leads a connection for Google's host to `front`, one for any other nowhere, and hands out a token.
fn lead(stream: TcpStream, front: u16) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let Some(request) = http::read(&mut reader) else { return };
    match (request.verb.as_str(), request.target.as_str()) {
        ("CONNECT", target) if target == format!("{HOST}:443") => {
            let there = TcpStream::connect(("127.0.0.1", front));
            let (Ok(there), Ok(())) = (there, (&stream).write_all(b"HTTP/1.1 200 x\r\n\r\n")) else { return };
            let (back, to) = (there.try_clone().unwrap(), stream.try_clone().unwrap());
            std::thread::spawn(move || copy(back, to));
            copy(stream, there);
        }
        // The form in which TaskCluster hands out tokens, for which sccache's setting was made.
        ("GET", "/token" | "/wrong-token") => {
            let token = if request.target == "/token" { TOKEN } else { "wrong-planted-token" };
            let body = format!("{{\"accessToken\":\"{token}\",\"expireTime\":\"2100-01-01T00:00:00Z\"}}");
            // The other side may be gone already.
            let _ = http::respond(&stream, 200, body.as_bytes());
        }
        _ => drop(http::respond(&stream, 502, b"")),
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut part = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut part) {
        if to.write_all(&part[..count]).is_err() {
            break;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown(std::net::Shutdown::Both);
}

impl Service for Gcs {
    fn name(&self) -> &'static str {
        "gcs"
    }

    fn inputs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("gcs-bucket", BUCKET.into()),
            ("gcs-key-prefix", "ci".into()),
            ("gcs-credentials-url", format!("http://127.0.0.1:{}/token", self.way.port)),
        ]
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let way = format!("http://127.0.0.1:{}", self.way.port);
        vec![("HTTPS_PROXY", way), ("SSL_CERT_FILE", self.authority.file())]
    }

    fn wrong_credentials(&self) -> Vec<(&'static str, String)> {
        vec![("gcs-credentials-url", format!("http://127.0.0.1:{}/wrong-token", self.way.port))]
    }

    fn secrets(&self) -> Vec<String> {
        vec![TOKEN.into()]
    }

    fn contents(&self) -> Vec<String> {
        let ask = format!("GET /storage/v1/b/{BUCKET}/o HTTP/1.0\r\nHost: localhost\r\n\r\n");
        let told = talk(self.emulator.1, &ask, "");
        let listed: Value = serde_json::from_str(told.split_once("\r\n\r\n").unwrap().1).unwrap();
        let objects = listed["items"].as_array().into_iter().flatten();
        let mut objects: Vec<String> = objects
            .map(|object| format!("{} {} {}", object["name"], object["etag"], object["updated"]))
            .collect();
        objects.sort();
        objects
    }

    fn pids(&self) -> Vec<u32> {
        vec![self.emulator.0.pid, self.front.pid]
    }

    fn stop(&mut self) {
        self.way.leave();
        self.front.stop();
        self.emulator.0.stop();
    }
}
