//! Azurite, the emulator of Azure Blob Storage: its own process, port and data in a test's world.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use super::step::{Running, Step};
use super::tools::{self, outer, program, repository};
use super::until;
use super::world::World;

/// Azurite's own well-known account, which is no secret.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running Azurite; [`Azurite::stop`] ends it.
pub struct Azurite {
    process: Running,
    port: u16,
}

/// Where `.ci/prepare` puts Azurite; installed there when it is missing.
fn installed() -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    let install = || {
        let named = outer("SCCACHE_STEP_TEST_AZURITE").map(PathBuf::from);
        let directory = named.unwrap_or_else(|| tools::installed().join("azurite"));
        let main = directory.join("node_modules/azurite/dist/src/blob/main.js");
        if !main.is_file() {
            std::fs::create_dir_all(&directory).unwrap();
            let mut npm = Command::new(program("npm", "npm"));
            npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&directory);
            let installed = npm.arg("azurite@3").current_dir(&directory).output().unwrap();
            assert!(
                installed.status.success() && main.is_file(),
                "azurite cannot be installed (`npm install azurite@3`): {}",
                String::from_utf8_lossy(&installed.stderr)
            );
        }
        main
    };
    INSTALLED.get_or_init(install).clone()
}

/// Creates a container with the shared key, as node's own crypto signs it.
const CREATE: &str = r#"
const crypto = require("crypto"), http = require("http");
const [port, account, key, container] = process.argv.slice(1);
const date = new Date().toUTCString(), version = "2021-08-06";
const text = ["PUT", "", "", "", "", "", "", "", "", "", "", "",
  `x-ms-date:${date}`, `x-ms-version:${version}`,
  `/${account}/${account}/${container}`, "restype:container"].join("\n");
const mac = crypto.createHmac("sha256", Buffer.from(key, "base64")).update(text).digest("base64");
const headers = { "x-ms-date": date, "x-ms-version": version, "Content-Length": 0,
  Authorization: `SharedKey ${account}:${mac}` };
const path = `/${account}/${container}?restype=container`;
http.request({ port, host: "127.0.0.1", method: "PUT", path, headers }, (response) => {
  response.on("data", (data) => process.stderr.write(data));
  response.on("end", () => process.exit(response.statusCode === 201 ? 0 : 1));
}).end();
"#;

impl Azurite {
    /// Starts it on a free port and creates `container`.
    pub fn start(world: &World, container: &str) -> Self {
        let data = world.path("azurite");
        std::fs::create_dir_all(&data).unwrap();
        let node = || -> Step { world.command(program("node", "nodejs")).within(repository()) };
        let step = node().arg(installed()).args(&["--blobHost", "127.0.0.1", "--blobPort", "0", "--silent"]);
        let step =
            step.args(&["--skipApiVersionCheck", "--loose", "--disableTelemetry", "--location"]).arg(&data);
        let process = step.within(&data).start();
        let port = until("Azurite's port", || listening_port(process.pid()));
        let created = || {
            let step = node().args(&["-e", CREATE, &port.to_string(), ACCOUNT, KEY, container]);
            step.run().status.success().then_some(())
        };
        until("the container", created);
        Self { process, port }
    }

    /// A connection string with this key instead of the right one.
    pub fn connection_string_with(&self, key: &str) -> String {
        format!(
            "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};\
             BlobEndpoint=http://127.0.0.1:{}/{ACCOUNT};",
            self.port
        )
    }

    pub fn connection_string(&self) -> String {
        self.connection_string_with(KEY)
    }

    /// The key, which must appear nowhere.
    pub const fn key() -> &'static str {
        KEY
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn stop(self) {
        self.process.signal(rustix::process::Signal::KILL);
        self.process.finish();
    }
}

/// The port of 127.0.0.1 on which this process listens.
pub fn listening_port(pid: u32) -> Option<u16> {
    let own = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.filter_map(|entry| {
        let target = std::fs::read_link(entry.ok()?.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned)
    });
    let own: Vec<String> = own.collect();
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = fields.get(1)?.strip_prefix("0100007F:")?;
        let ours =
            *fields.get(3)? == "0A" && own.iter().any(|inode| Some(inode.as_str()) == fields.get(9).copied());
        if ours { u16::from_str_radix(port, 16).ok() } else { None }
    })
}
