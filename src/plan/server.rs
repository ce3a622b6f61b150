//! The server as planned: where it listens, and with which variables it starts.

use std::path::PathBuf;
use std::time::Duration;

use crate::backend::{Backend, Choice, fallback_on_disk};
use crate::environment::{Environment, System, Variables};
use crate::inputs::Inputs;
use crate::secret::{Secret, ServerValue};
use crate::state::{Address, ProcessIdentity};
use crate::version::Version;

/// Where the server will listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedAddress {
    /// The address; port 0 means that the server chooses a free one.
    pub address: Address,
    /// Why this kind of address.
    pub reason: &'static str,
}

/// The same server with its cache on local disk.
#[derive(Clone, Debug)]
pub struct PlannedFallback {
    /// The storage in the user's words.
    pub storage: String,
    /// Its directory.
    pub directory: PathBuf,
    /// The server's whole environment.
    pub variables: Vec<(String, ServerValue)>,
}

/// A server to be started.
#[derive(Clone, Debug)]
pub struct PlannedServer {
    /// Where it listens.
    pub address: PlannedAddress,
    /// The storage in the user's words.
    pub storage: String,
    /// The local cache directory, for storages that have one.
    pub cache_dir: Option<PathBuf>,
    /// The server's whole environment.
    pub variables: Vec<(String, ServerValue)>,
    /// What must not be in anything that it says.
    pub secrets: Vec<Secret>,
    /// What takes over while the storage cannot be reached.
    pub fallback: Option<PlannedFallback>,
    /// Its log.
    pub log: PathBuf,
    /// How long it may take until it is ready.
    pub startup_timeout: Duration,
    /// The process whose end means that nobody needs the server any more.
    pub watched: Option<ProcessIdentity>,
}

/// What a server needs of our environment besides its storage: to find programs and its home, to reach the
/// network, and to be found by GitHub's clean-up. Compilers get their variables from the clients.
const PASSED_ON: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "TMP",
    "TEMP",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "RUNNER_TRACKING_ID",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SystemRoot",
    "SystemDrive",
    "windir",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "ProgramData",
    "PATHEXT",
    "ComSpec",
    "NUMBER_OF_PROCESSORS",
    "PROCESSOR_ARCHITECTURE",
];

/// Seconds without a request, the supervisor's own included, after which a server of ours ends itself.
const IDLE_EXIT_SECS: &str = "120";

/// The server of this storage, as `pre` starts it.
#[must_use]
pub fn plan_server(
    inputs: &Inputs,
    environment: &Environment,
    storage: &Choice,
    version: Version,
) -> PlannedServer {
    let mut variables = passed_on(&environment.variables);
    let own = [
        ("SCCACHE_START_SERVER", "1".to_owned()),
        ("SCCACHE_NO_DAEMON", "1".to_owned()),
        // The supervisor asks for the counters more often than that; without it the server goes by itself.
        ("SCCACHE_IDLE_TIMEOUT", IDLE_EXIT_SECS.to_owned()),
        // A file of ours, so that a configuration of the user cannot put another storage in front.
        ("SCCACHE_CONF", environment.run_dir.join("sccache.toml").to_string_lossy().into_owned()),
        ("SCCACHE_STEP_STATE", environment.state_path.to_string_lossy().into_owned()),
    ];
    variables.extend(own.map(|(name, value)| (name.to_owned(), ServerValue::Plain(value))));
    if let Some(home) = &environment.home_substitute {
        variables.push(("HOME".into(), ServerValue::Plain(home.to_string_lossy().into_owned())));
    }
    if inputs.log_level != "off" {
        // Without the directive's target, libraries that sccache uses drown its own lines.
        let mut level = format!("sccache={}", inputs.log_level);
        if inputs.units {
            level.push(',');
            level.push_str(crate::stats::UNITS_DIRECTIVE);
        }
        variables.push(("SCCACHE_LOG".into(), ServerValue::Plain(level)));
        // Time stamps to the millisecond, in sccache 0.11 and newer.
        variables.push(("SCCACHE_LOG_MILLIS".into(), ServerValue::Plain("1".into())));
    }
    let fallback = plan_fallback(inputs, environment, &storage.backend, version, &variables);
    variables.extend(storage.variables(version).into_iter().map(|(name, value)| (name.to_owned(), value)));
    let log = inputs.log_file.clone().unwrap_or_else(|| PathBuf::from("server.log"));
    PlannedServer {
        address: plan_address(environment, version),
        storage: storage.description(),
        cache_dir: storage.backend.config().directory().map(ToOwned::to_owned),
        variables,
        secrets: storage.secrets(),
        fallback,
        log: if inputs.log_file.is_some() {
            environment.workspace.join(log)
        } else {
            environment.run_dir.join(log)
        },
        startup_timeout: inputs.startup_timeout,
        watched: environment.watched,
    }
}

/// Local disk in the place of a storage that cannot be reached; under `fail-fast` nothing takes its place.
fn plan_fallback(
    inputs: &Inputs,
    environment: &Environment,
    backend: &Backend,
    version: Version,
    common: &[(String, ServerValue)],
) -> Option<PlannedFallback> {
    if inputs.fail_fast || matches!(backend, Backend::Disk(_)) {
        return None;
    }
    // Wrong settings of a disk that may never be used are no reason to complain.
    let disk = fallback_on_disk(inputs, environment, version).ok()?;
    let directory = disk.backend.config().directory()?.to_owned();
    let settings = disk.variables(version).into_iter().map(|(name, value)| (name.to_owned(), value));
    let variables = common.iter().cloned().chain(settings).collect();
    Some(PlannedFallback { storage: disk.description(), directory, variables })
}

/// The variables, out of the job's, that a server needs whatever its storage.
#[must_use]
pub fn passed_on(variables: &Variables) -> Vec<(String, ServerValue)> {
    let wanted = variables.iter().filter(|(name, _)| is_passed_on(name));
    wanted.map(|(name, value)| (name.clone(), proxy_hidden(name, value))).collect()
}

/// Whether a variable is one that every server gets.
pub(super) fn is_passed_on(name: &str) -> bool {
    PASSED_ON.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// A proxy's URL may carry a password.
fn proxy_hidden(name: &str, value: &str) -> ServerValue {
    if name.to_ascii_lowercase().ends_with("_proxy") && value.contains('@') {
        ServerValue::Hidden(Secret::new(value))
    } else {
        ServerValue::Plain(value.to_owned())
    }
}

fn plan_address(environment: &Environment, version: Version) -> PlannedAddress {
    if environment.system == System::Windows {
        let reason = "sccache has no Unix sockets on Windows";
        return PlannedAddress { address: Address::Port(0), reason };
    }
    if version < Version::UNIX_SOCKET {
        let reason = "sccache before 0.9.0 has no Unix sockets";
        return PlannedAddress { address: Address::Port(0), reason };
    }
    let socket = environment.socket_dir.join("s");
    if !environment.system.can_bind_in(&environment.socket_dir) {
        let reason = "every private directory's path is too long for a Unix socket";
        return PlannedAddress { address: Address::Port(0), reason };
    }
    PlannedAddress { address: Address::Socket(socket), reason: "nobody else can enter its directory" }
}
