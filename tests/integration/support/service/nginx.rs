//! nginx as a WebDAV server, from the system's package, with a password or a bearer token.

use std::path::{Path, PathBuf};

use super::{Process, Service, on_free_port, system_program};
use crate::support::world::World;

const MODULE: &str = "/usr/lib/nginx/modules/ngx_http_dav_ext_module.so";
const SECRET: &str = "planted-webdav-secret";

/// What it asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Login {
    Basic,
    Bearer,
}

pub struct Nginx {
    process: Process,
    port: u16,
    login: Login,
    files: PathBuf,
}

impl Nginx {
    pub fn start(world: &World, login: Login) -> Self {
        assert!(
            Path::new(MODULE).is_file(),
            "nginx knows no WebDAV: install package `libnginx-mod-http-dav-ext`"
        );
        let data = world.path(if login == Login::Basic { "storage/dav-basic" } else { "storage/dav-bearer" });
        let files = data.join("files");
        std::fs::create_dir_all(files.join("cache")).unwrap();
        std::fs::create_dir_all(data.join("temp")).unwrap();
        std::fs::write(data.join("users"), format!("ci:{{PLAIN}}{SECRET}\n")).unwrap();
        let asks = match login {
            Login::Basic => format!("auth_basic cache; auth_basic_user_file {}/users;", data.display()),
            Login::Bearer => format!("if ($http_authorization != \"Bearer {SECRET}\") {{ return 401; }}"),
        };
        let (process, port) = on_free_port("nginx", |port| {
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|name| format!("{name}_temp_path {}/temp;", data.display()))
                .join(" ");
            let settings = format!(
                "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;\n\
                 load_module {MODULE};\nevents {{}}\nhttp {{ access_log off; {temporary} client_max_body_size 0;\n\
                 server {{ listen 127.0.0.1:{port}; root {here}/files; create_full_put_path on;\n\
                 dav_methods PUT DELETE MKCOL; dav_ext_methods PROPFIND OPTIONS;\n\
                 location / {{ {asks} }} }} }}\n",
                here = data.display(),
            );
            std::fs::write(data.join("nginx.conf"), settings).unwrap();
            world.command(system_program("nginx", "nginx-light")).arg("-c").arg(data.join("nginx.conf"))
        });
        Self { process, port, login, files }
    }
}

/// Every file below a directory with its content's length and time of change.
fn files(directory: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            files(&entry.path(), found);
        } else {
            let changed = metadata.modified().unwrap();
            found.push(format!("{} {} {changed:?}", entry.path().display(), metadata.len()));
        }
    }
}

impl Service for Nginx {
    fn name(&self) -> &'static str {
        "webdav"
    }

    fn inputs(&self) -> Vec<(&'static str, String)> {
        let url = format!("http://127.0.0.1:{}/cache", self.port);
        let mut inputs = vec![("webdav-endpoint", url), ("webdav-key-prefix", "ci".into())];
        inputs.extend(match self.login {
            Login::Basic => vec![("webdav-username", "ci".into()), ("webdav-password", SECRET.into())],
            Login::Bearer => vec![("webdav-token", SECRET.to_owned())],
        });
        inputs
    }

    fn wrong_credentials(&self) -> Vec<(&'static str, String)> {
        let name = if self.login == Login::Basic { "webdav-password" } else { "webdav-token" };
        vec![(name, "wrong-planted-secret".into())]
    }

    fn secrets(&self) -> Vec<String> {
        vec![SECRET.into()]
    }

    fn contents(&self) -> Vec<String> {
        let mut found = Vec::new();
        files(&self.files, &mut found);
        found.sort();
        found
    }

    fn pids(&self) -> Vec<u32> {
        vec![self.process.pid]
    }

    fn stop(&mut self) {
        self.process.stop();
    }
}
