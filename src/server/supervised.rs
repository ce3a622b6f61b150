//! Starting a server under a supervisor, from the side of `pre`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

use super::order::{Answer, HAND_OVER, Instead, Order, failure};
use crate::error::Error;
use crate::process;
use crate::state::{Address, ProcessIdentity};

/// A ready server under its supervisor. Dropped without [`Supervised::hand_over`], it is stopped.
#[derive(Debug)]
pub struct Supervised {
    /// The server process.
    pub server: ProcessIdentity,
    /// Its supervisor.
    pub supervisor: ProcessIdentity,
    /// The process that holds the address for the supervisor, where that is another one: our child.
    pub holder: Option<ProcessIdentity>,
    /// Where the job finds it.
    pub address: Address,
    /// The storage that took the place of the one asked for.
    pub instead: Option<Box<Instead>>,
    // Its end tells the supervisor that we are gone.
    leash: ChildStdin,
    // Kept so that the supervisor, where it ends before us, is reaped and not a zombie.
    child: Child,
}

impl Supervised {
    /// Lets the server outlive this process.
    ///
    /// # Errors
    /// [`Error::SupervisorLost`].
    pub fn hand_over(mut self) -> Result<(), Error> {
        let told = writeln!(self.leash, "{HAND_OVER}").and_then(|()| self.leash.flush());
        told.map_err(|error| Error::SupervisorLost { source: error.into() })
    }

    /// The holder and the supervisor.
    #[must_use]
    pub fn keepers(&self) -> Vec<ProcessIdentity> {
        [self.holder, Some(self.supervisor)].into_iter().flatten().collect()
    }

    /// Reaps the supervisor after its end.
    pub fn reap(mut self) {
        // It has ended, or its end is not ours to wait for.
        let _ = self.child.try_wait();
    }
}

/// Starts `program supervise` with this order and waits for its answer.
///
/// # Errors
/// [`Error::ServerStartFailed`], [`Error::ServerStartTimeout`], [`Error::SupervisorLost`] and
/// [`Error::Interrupted`]; nothing of the start is left then.
pub fn start(program: &Path, order: &Order) -> Result<Supervised, Error> {
    let lost = |source: anyhow::Error| Error::SupervisorLost { source };
    let (mut child, mut leash) = spawn(program, order).map_err(lost)?;
    let identity = process::identify(child.id());
    let stdout = child.stdout.take();
    let (sender, answers) = channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = stdout.map(|stdout| BufReader::new(stdout).read_line(&mut line));
        // Nobody waits for it any more when we were told to stop.
        let _ = sender.send(read.map(|_| line).unwrap_or_default());
    });
    let mut sent = serde_json::to_vec(order).map_err(|error| lost(error.into()))?;
    sent.push(b'\n');
    // A supervisor that died before it read its order says so by its missing answer.
    let _ = leash.write_all(&sent).and_then(|()| leash.flush());
    // The supervisor keeps the time limit; this one only covers a supervisor that hangs.
    let tries = if order.fallback.is_some() { 3 } else { 1 };
    let limit = order.startup_timeout() * tries + Duration::from_secs(5);
    let began = Instant::now();
    let line = loop {
        match answers.recv_timeout(Duration::from_millis(20)) {
            Ok(line) => break line,
            Err(RecvTimeoutError::Disconnected) => break String::new(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(signal) = process::cancellation().signal() {
            abandon(leash, &mut child);
            return Err(Error::Interrupted { signal });
        }
        if began.elapsed() > limit {
            abandon(leash, &mut child);
            return Err(lost(anyhow!("it did not answer within {} s", limit.as_secs())));
        }
    };
    let answer = serde_json::from_str::<Answer>(&line);
    match (answer, identity) {
        (Ok(Answer::Ready { server, supervisor, address, instead }), Some(started)) => {
            let holder = (started != supervisor).then_some(started);
            Ok(Supervised { server, supervisor, holder, address, instead, leash, child })
        }
        (Ok(answer), _) => {
            abandon(leash, &mut child);
            Err(failure(&answer, order).unwrap_or_else(|| lost(anyhow!("it ended at once"))))
        }
        (Err(_), _) => {
            abandon(leash, &mut child);
            let log = order.run_dir.join("supervisor.log");
            let words = super::order::last_line(&log).unwrap_or_else(|| "it ended without an answer".into());
            Err(lost(anyhow!(words)))
        }
    }
}

fn spawn(program: &Path, order: &Order) -> anyhow::Result<(Child, ChildStdin)> {
    let log = process::append_private(&order.run_dir.join("supervisor.log"))?;
    let mut command = process::command(program);
    // Its own variables are the server's harmless ones: enough to be found by a host's clean-up, and
    // nothing that a credential could hide in.
    let harmless =
        ["PATH", "HOME", "RUNNER_TRACKING_ID", "SCCACHE_STEP_STATE", "SystemRoot", "TMPDIR", "TEMP"];
    // Windows does not tell names apart by case, calls the first of these `Path`, and has no network without
    // the one that its Unix-like shells call `SYSTEMROOT`.
    let is_harmless = |name: &str| harmless.iter().any(|known| known.eq_ignore_ascii_case(name));
    let variables = order.variables.iter().filter(|(name, _)| is_harmless(name));
    command
        .arg("supervise")
        .env_clear()
        .envs(variables.map(|(name, value)| (name, value)))
        .current_dir(&order.run_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log);
    process::detach(&mut command);
    let mut child = command.spawn().with_context(|| format!("`{}` cannot be executed", program.display()))?;
    let leash = child.stdin.take().context("its standard input is missing")?;
    Ok((child, leash))
}

/// Lets go of the leash, upon which the supervisor stops whatever it had started, and waits for its end.
fn abandon(leash: ChildStdin, child: &mut Child) {
    drop(leash);
    if let Some(supervisor) = process::identify(child.id()) {
        // What is left after SIGKILL cannot be helped from here.
        let _ = super::stop::stop_supervisor(&[supervisor]);
    }
    let _ = child.try_wait();
}
