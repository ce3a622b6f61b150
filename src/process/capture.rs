//! Running a short program to its end, with its output kept and a time limit.

use std::ffi::OsStr;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::cancellation;

/// How long a program may take when signals no longer interrupt, but the host has told us to hurry.
const CANCELLED_LIMIT: Duration = Duration::from_secs(1);

/// How long a pipe may stay open after its program has ended.
const HELD_PIPE_LIMIT: Duration = Duration::from_millis(500);

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
    Ok(Captured { status, stdout: stdout.collect(), stderr: stderr.collect() })
}

/// What comes out of a pipe, while it comes.
struct Drain {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Drain {
    /// All of it; or, where a descendant of the program that has ended still holds the pipe, what came so far.
    fn collect(self) -> Vec<u8> {
        // Both the end and the time limit mean that what is there is what there is.
        let _ = self.ended.recv_timeout(HELD_PIPE_LIMIT);
        self.bytes.lock().map(|mut bytes| std::mem::take(&mut *bytes)).unwrap_or_default()
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> Drain {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let (sender, ended) = channel();
    let shared = Arc::clone(&bytes);
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        let mut pipe = pipe;
        // A read error ends the output; the exit status still tells how the program fared.
        while let Some(length) = pipe.as_mut().and_then(|pipe| pipe.read(&mut buffer).ok()).filter(|n| *n > 0)
        {
            if let Ok(mut bytes) = shared.lock() {
                bytes.extend_from_slice(&buffer[..length]);
            }
        }
        // Nobody waits for it any more when the time limit was over.
        let _ = sender.send(());
    });
    Drain { bytes, ended }
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
