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
    log: PathBuf,
}

/// The file of its own log, beside its data.
const REQUESTS: &str = "requests.log";

/// Where `.ci/prepare` puts Azurite; installed there when it is missing.
pub(super) fn installed() -> PathBuf {
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
        let data = world.path("storage/azurite");
        std::fs::create_dir_all(&data).unwrap();
        let node = || -> Step { world.command(program("node", "nodejs")).within(repository()) };
        let step = node().arg(installed()).args(&["--blobHost", "127.0.0.1", "--blobPort", "0"]);
        let step =
            step.args(&["--skipApiVersionCheck", "--loose", "--disableTelemetry", "--location"]).arg(&data);
        // Its log of requests is counted by some, and would fill a pipe that nobody reads.
        let script = format!("exec \"$0\" \"$@\" > '{}' 2>&1", data.join(REQUESTS).display());
        let step = step.wrapped(&program("sh", "dash"), &["-c", &script]);
        let process = step.within(&data).start();
        let port = until("Azurite's port", || listening_port(process.pid()));
        let created = || {
            let step = node().args(&["-e", CREATE, &port.to_string(), ACCOUNT, KEY, container]);
            step.run().status.success().then_some(())
        };
        until("the container", created);
        Self { process, port, log: data.join(REQUESTS) }
    }

    /// How many requests with this verb it has answered.
    pub fn requests(&self, verb: &str) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap();
        log.lines().filter(|line| line.contains(&format!("\"{verb} /"))).count()
    }

    /// The blobs of a container, each with its length and the time of its last change.
    pub fn blobs(&self, container: &str) -> Vec<String> {
        let listed = signed(&format!("/{ACCOUNT}/{container}"), "c", "l", 60);
        let url = format!("http://127.0.0.1:{}{listed}&restype=container&comp=list", self.port);
        let text = ureq::get(url).call().unwrap().into_body().read_to_string().unwrap();
        let part = |blob: &str, tag: &str| {
            let text = blob.split_once(&format!("<{tag}>")).map_or("", |(_, rest)| rest);
            text.split('<').next().unwrap_or_default().to_owned()
        };
        let blobs = text.split("<Blob>").skip(1);
        let mut blobs: Vec<String> = blobs
            .map(|blob| ["Name", "Content-Length", "Etag"].map(|tag| part(blob, tag)).join(" "))
            .collect();
        blobs.sort();
        blobs
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
    listening_ports(pid).first().copied()
}

/// All of them.
pub fn listening_ports(pid: u32) -> Vec<u16> {
    let (Ok(files), Ok(table)) =
        (std::fs::read_dir(format!("/proc/{pid}/fd")), std::fs::read_to_string("/proc/net/tcp"))
    else {
        return Vec::new();
    };
    let own = files.filter_map(|entry| {
        let target = std::fs::read_link(entry.ok()?.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned)
    });
    let own: Vec<String> = own.collect();
    let ports = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = fields.get(1)?.strip_prefix("0100007F:")?;
        let ours =
            *fields.get(3)? == "0A" && own.iter().any(|inode| Some(inode.as_str()) == fields.get(9).copied());
        if ours { u16::from_str_radix(port, 16).ok() } else { None }
    });
    ports.collect()
}

/// The container for signed URLs.
pub const CONTAINER: &str = "entries";

impl Azurite {
    /// Its port.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// Path and query of a blob with a signature that permits so much for so many seconds.
///
/// Source: "Create a service SAS", for version 2018-11-09.
pub fn signed_path(blob: &str, permissions: &str, secs: i64) -> String {
    signed(&format!("/{ACCOUNT}/{CONTAINER}/{blob}"), "b", permissions, secs)
}

/// The same for a path that is a blob's (`b`) or a container's (`c`).
fn signed(path: &str, kind: &str, permissions: &str, secs: i64) -> String {
    let expiry = super::cache_service::timestamp(secs);
    let resource = format!("/blob{path}");
    let version = "2018-11-09";
    let text =
        [permissions, "", &expiry, &resource, "", "", "", version, kind, "", "", "", "", "", ""].join("\n");
    let signature = base64(&hmac::<sha2::Sha256>(&from_base64(KEY), text.as_bytes()));
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let expiry = expiry.replace(':', "%3A");
    format!("{path}?sv={version}&se={expiry}&sr={kind}&sp={permissions}&sig={signature}")
}

/// RFC 2104; keys are no longer than a block here.
pub fn hmac<D: sha2::Digest>(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |byte: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).unwrap_or(&0) ^ byte).collect() };
    let inner = D::digest([&pad(0x36), text].concat());
    D::digest([&pad(0x5c)[..], &inner].concat()).to_vec()
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn base64(bytes: &[u8]) -> String {
    let quads = bytes.chunks(3).flat_map(|three| {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(*three.get(at).unwrap_or(&0)));
        (0..4).map(
            move |at| if at <= three.len() { char::from(DIGITS[bits >> (18 - 6 * at) & 63]) } else { '=' },
        )
    });
    quads.collect()
}

pub fn from_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::try_from(DIGITS.iter().position(|digit| *digit == letter).unwrap()).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 255) as u8);
        }
    }
    bytes
}
