//! Running a short program to its end, with its output kept and a time limit.

use std::ffi::OsStr;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::cancellation;

/// How long a program may take when signals no longer interrupt, but the host has told us to hurry.
const CANCELLED_LIMIT: Duration = Duration::from_secs(1);

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Captured {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Captured {
    /// The last lines of what it said on standard error, else on standard output, joined to one line.
    #[must_use]
    pub fn last_words(&self) -> String {
        let said = if self.stderr.trim_ascii().is_empty() { &self.stdout } else { &self.stderr };
        let said = String::from_utf8_lossy(said);
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(4)..].join(" / ")
    }
}

/// A command that inherits nothing unexpected: no standard input.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where commands are made")]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// Runs `command` to its end and keeps what it said. Its whole process group is ended when `limit` is over
/// or this process is told to stop.
///
/// # Errors
/// When it cannot be started, does not end within `limit`, or we are told to stop.
pub fn capture(command: &mut Command, limit: Duration) -> anyhow::Result<Captured> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    super::own_group(command);
    let mut child = command.spawn().with_context(|| format!("`{name}` could not be started"))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = wait(&mut child, &name, limit)?;
    let collect = |reader: std::thread::JoinHandle<Vec<u8>>| reader.join().unwrap_or_default();
    Ok(Captured { status, stdout: collect(stdout), stderr: collect(stderr) })
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A read error ends the output; the exit status still tells how the program fared.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn wait(child: &mut Child, name: &str, limit: Duration) -> anyhow::Result<ExitStatus> {
    let began = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let note = cancellation();
        let limit = if note.deferred_signal().is_some() { limit.min(CANCELLED_LIMIT) } else { limit };
        if note.signal().is_some() || began.elapsed() >= limit {
            super::end_group(child);
            match note.signal() {
                Some(signal) => bail!("`{name}` was ended by signal {signal}"),
                None => bail!("`{name}` did not end within {} s", limit.as_secs_f64()),
            }
        }
        let left = limit.saturating_sub(began.elapsed());
        let (tick, asked) = (left.min(Duration::from_millis(20)), Instant::now());
        // A pidfd wakes us at once; elsewhere, and on old kernels, we look again and again.
        if !super::system::wait_on_handle(child.id(), tick) && asked.elapsed() < tick {
            super::pause(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
}
