//! A real probe of the storage through sccache itself: a server as `pre` would start it, one tiny compilation
//! that is written, the same one again, which must be found.
//!
//! sccache cannot remove anything from a storage. So the disk is tried in a directory of its own, which is removed;
//! Redis and memcached are told to forget the object after a minute; in the others the same few bytes are
//! overwritten each time, but for GitHub's cache service, which overwrites nothing: it gets a few new ones.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;

use super::storage::Absent;
use super::{Check, Verdict};
use crate::backend::{Choice, Dist};
use crate::environment::Environment;
use crate::inputs::{Inputs, Storage};
use crate::plan::plan_server;
use crate::process;
use crate::sccache;
use crate::server::order::{Answer, Order, failure};
use crate::server::{self, Launched};
use crate::state::{Address, ServerState};
use crate::stats::Stats;
use crate::version::Version;

/// How long one compilation may take: sccache waits a minute for a storage that does not answer.
const COMPILE_LIMIT: Duration = Duration::from_secs(90);
/// How long the server may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Until the object is forgotten, where the storage can do that.
const FORGOTTEN_AFTER_SECS: &str = "60";

pub(super) fn probe(
    inputs: &Inputs,
    environment: &Environment,
    choice: &Choice,
    sccache: &Path,
    version: Version,
) -> Vec<Check> {
    let looked_at = format!("{}, through a server of its own", choice.description());
    let Some((compiler, source)) = compiler(environment) else {
        let missing = "there is neither a C compiler nor rustc in PATH to try it with";
        return vec![Check::skipped("storage", looked_at, missing)];
    };
    let began = Instant::now();
    match attempt(inputs, environment, choice, (sccache, version), (&compiler, source)) {
        Ok((stats, status)) => {
            let (verdict, found, remedy) = judge(&stats, choice);
            let found = format!("{found} (in {} ms)", began.elapsed().as_millis());
            let mut check = Check::new("storage", looked_at, verdict, found);
            check.remedy = remedy;
            let dist = choice.dist.as_ref().zip(status);
            std::iter::once(check)
                .chain(dist.map(|(dist, status)| distribution(dist, &stats, &status)))
                .collect()
        }
        Err(error) => {
            let token = if choice.dist.is_some() { ", and `dist-auth-token`" } else { "" };
            let remedy = format!(
                "check address, credentials and network{token}; `pre` would go on without this storage"
            );
            vec![Check::fault("storage", looked_at, format!("{error:#}")).remedy(remedy)]
        }
    }
}

/// What sccache says of its scheduler, and whether the probe was compiled by a machine of it.
fn distribution(dist: &Dist, stats: &Stats, status: &Value) -> Check {
    let looked_at = format!("the scheduler at `{}`", dist.scheduler_url);
    let name = "distribution";
    let servers = status["SchedulerStatus"][1]["num_servers"].as_u64();
    let distributed: u64 = stats.dist_compiles.values().sum();
    match (servers, distributed) {
        (Some(servers), 1..) => {
            Check::good(name, looked_at, format!("a probe was compiled by one of {servers} servers"))
        }
        (Some(0), _) => Check::warning(name, looked_at, "it has no server, so this machine compiles")
            .remedy("start `sccache-dist server` where there are processors to spare"),
        (Some(_), _) => Check::warning(name, looked_at, "it has servers, but none compiled the probe")
            .remedy(
                "see the server's log with `log-level` `debug`; versions of sccache do not mix well here",
            ),
        (None, _) => {
            let said = status["NotConnected"][1].as_str().unwrap_or("it is not reached");
            Check::warning(name, looked_at, format!("not connected, so this machine compiles: {said}"))
                .remedy("check `dist-scheduler-url` and the network")
        }
    }
}

/// What sccache itself knows of its scheduler.
fn scheduler_status(program: &Path, state: &ServerState, environment: &Environment) -> anyhow::Result<Value> {
    let (name, value) = state.address.variable();
    let mut command = process::command(program);
    command.arg("--dist-status").env_clear();
    command.envs(sccache::probe_environment(&environment.variables)).env(name, value);
    let captured = process::capture(&mut command, STOP_LIMIT)?;
    serde_json::from_slice(&captured.stdout).context("sccache told no status of its scheduler")
}

/// What the counters say of a write and a read.
fn judge(stats: &Stats, choice: &Choice) -> (Verdict, String, Option<String>) {
    let is_found = stats.hits_total() > 0;
    if choice.read_only_reason.is_some() {
        return (Verdict::Good, "it answers, and is only read".into(), None);
    }
    if stats.write_errors > 0 || stats.writes == 0 {
        let remedy =
            "let this job write, or set `read-only` to `true`; a passing refusal is over when you try again";
        return (Verdict::Fault, "it can be read, but not written".into(), Some(remedy.into()));
    }
    if !is_found {
        let remedy = "see whether it evicts at once: its size or memory limit, or an expiration";
        return (Verdict::Fault, "what was written was not found again".into(), Some(remedy.into()));
    }
    (Verdict::Good, "an object was written and found again".into(), None)
}

/// A compiler, and the name of the file that it is given.
fn compiler(environment: &Environment) -> Option<(PathBuf, &'static str)> {
    let find = |name: &str| sccache::on_path(&environment.variables, name);
    let of_c = ["cc", "gcc", "clang"].into_iter().find_map(find).map(|program| (program, "probe.c"));
    of_c.or_else(|| Some((find("rustc")?, "probe.rs")))
}

fn attempt(
    inputs: &Inputs,
    environment: &Environment,
    choice: &Choice,
    (program, version): (&Path, Version),
    (compiler, source): (&Path, &str),
) -> anyhow::Result<(Stats, Option<Value>)> {
    let place = environment.socket_dir.parent().unwrap_or_else(|| Path::new("/"));
    let directory = tempfile::Builder::new().prefix("sccache-step-doctor-").tempdir_in(place)?;
    let is_overwritten = choice.backend.levels().iter().all(|level| level.storage() != Storage::Gha);
    let mark = if is_overwritten { 0 } else { environment.now_unix_ms };
    let name = format!("sccache_step_probe_{mark}");
    let text =
        if source.ends_with(".c") { format!("int {name};\n") } else { format!("pub fn {name}() {{}}\n") };
    std::fs::write(directory.path().join(source), text)?;
    let configuration = choice.dist.as_ref().map(Dist::configuration).unwrap_or_default();
    std::fs::write(directory.path().join("sccache.toml"), configuration.expose())?;
    let beside = choice.backend.config().directory();
    let cache = match beside {
        Some(cache) => {
            let absent = Absent::below(cache);
            std::fs::create_dir_all(cache)?;
            Some((tempfile::Builder::new().prefix(".sccachetmp-doctor-").tempdir_in(cache)?, absent))
        }
        None => None,
    };
    let order = order(
        inputs,
        environment,
        choice,
        (program, version),
        directory.path(),
        cache.as_ref().map(|(inner, ..)| inner.path()),
    );
    let launched = server::launch(&order, server::Group::Own).map_err(|answer| reason(&answer, &order))?;
    let result = compile_twice(environment, choice, program, (compiler, source), (&launched, &order));
    let stopped = server::stop(launched.identity, &launched.address, STOP_LIMIT);
    if let Some((inner, absent)) = cache {
        inner.close().context("the probe's directory cannot be removed")?;
        absent.restore();
    }
    stopped.map_err(|error| anyhow!("{}", error.lines().what))?;
    result
}

fn reason(answer: &Answer, order: &Order) -> anyhow::Error {
    let lines = failure(answer, order).map(|error| error.lines());
    lines.map_or_else(|| anyhow!("it did not start"), |lines| anyhow!("{}: {}", lines.what, lines.cause))
}

/// The server as `pre` would start it, in a directory of the probe.
fn order(
    inputs: &Inputs,
    environment: &Environment,
    choice: &Choice,
    (program, version): (&Path, Version),
    directory: &Path,
    cache: Option<&Path>,
) -> Order {
    let planned = plan_server(inputs, environment, choice, version);
    let mut variables: Vec<(String, String)> =
        planned.variables.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect();
    let mut set = |name: &str, value: String| {
        variables.retain(|(known, _)| known != name);
        variables.push((name.to_owned(), value));
    };
    set("SCCACHE_CONF", directory.join("sccache.toml").to_string_lossy().into_owned());
    if let Some(cache) = cache {
        set("SCCACHE_DIR", cache.to_string_lossy().into_owned());
    }
    for level in choice.backend.levels() {
        match level.storage() {
            Storage::Redis => set("SCCACHE_REDIS_EXPIRATION", FORGOTTEN_AFTER_SECS.into()),
            Storage::Memcached => set("SCCACHE_MEMCACHED_EXPIRATION", FORGOTTEN_AFTER_SECS.into()),
            _ => {}
        }
    }
    let socket = directory.join("s");
    let fits = socket.as_os_str().len() <= environment.system.socket_path_limit_bytes();
    let address =
        if fits && version >= Version::UNIX_SOCKET { Address::Socket(socket) } else { Address::Port(0) };
    Order {
        sccache: program.to_owned(),
        variables,
        secrets: planned.secrets.iter().map(|secret| secret.expose().to_owned()).collect(),
        storage: planned.storage,
        fallback: None,
        address,
        state: directory.join("state.json"),
        log: directory.join("server.log"),
        run_dir: directory.to_owned(),
        socket_dir: directory.to_owned(),
        startup_timeout_ms: u64::try_from(planned.startup_timeout.as_millis()).unwrap_or(u64::MAX),
        watched: None,
    }
}

fn compile_twice(
    environment: &Environment,
    choice: &Choice,
    program: &Path,
    (compiler, source): (&Path, &str),
    (launched, order): (&Launched, &Order),
) -> anyhow::Result<(Stats, Option<Value>)> {
    let state = ServerState {
        server: launched.identity,
        supervisor: launched.identity,
        holder: None,
        address: launched.address.clone(),
        log: order.log.clone(),
        run_dir: order.run_dir.clone(),
        socket_dir: order.socket_dir.clone(),
        storage: choice.description(),
        cache_dir: None,
    };
    // What an earlier doctor left would be found, and nothing written.
    compile(
        environment,
        program,
        (compiler, source),
        order,
        &launched.address,
        choice.read_only_reason.is_none(),
    )?;
    let began = Instant::now();
    // sccache 0.8 answers before it has written.
    while choice.read_only_reason.is_none() && began.elapsed() < STOP_LIMIT {
        let stats = counters(program, &state, environment)?;
        if stats.writes + stats.write_errors > 0 {
            break;
        }
        process::pause(Duration::from_millis(50));
    }
    compile(environment, program, (compiler, source), order, &launched.address, false)?;
    let stats = counters(program, &state, environment)?;
    let status = choice.dist.as_ref().map(|_| scheduler_status(program, &state, environment)).transpose()?;
    Ok((stats, status))
}

fn counters(program: &Path, state: &ServerState, environment: &Environment) -> anyhow::Result<Stats> {
    server::statistics(program, state, &environment.variables)
        .map_err(|error| anyhow!("{}: {}", error.lines().what, error.lines().cause))
}

fn compile(
    environment: &Environment,
    program: &Path,
    (compiler, source): (&Path, &str),
    order: &Order,
    address: &Address,
    is_written_anew: bool,
) -> anyhow::Result<()> {
    let (name, value) = address.variable();
    let mut command = process::command(program);
    command.arg(compiler).current_dir(&order.run_dir);
    if source.ends_with(".c") {
        command.args(["-c", source, "-o", "probe.o"]);
    } else {
        command.args(["--crate-type", "lib", "--crate-name", "probe", "--emit", "link,metadata,dep-info"]);
        command.args(["--out-dir", ".", source]);
    }
    command.env_clear().envs(sccache::probe_environment(&environment.variables)).env(name, value);
    if let Some(path) = environment.variable("PATH") {
        command.env("PATH", path);
    }
    if is_written_anew {
        command.env("SCCACHE_RECACHE", "1");
    }
    let captured = process::capture(&mut command, COMPILE_LIMIT)?;
    if !captured.status.success() {
        bail!(
            "`{}` through sccache ended with {}: {}",
            compiler.display(),
            captured.status,
            captured.last_words()
        );
    }
    Ok(())
}
