//! The command of `run`: started, signalled, waited for.

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Work;
use crate::backend::known_settings;
use crate::error::Error;
use crate::inputs::{Kind, Storage, TABLE, variable_names};
use crate::outcome::CommandEnd;
use crate::process::{self, Keyboard};

impl Work<'_> {
    /// Runs the command with the exported variables, forwards SIGINT, SIGTERM and SIGHUP, and notes its end.
    pub(super) fn run_command(&mut self, words: &[OsString]) -> Result<(), Error> {
        let Some((program, arguments)) = words.split_first() else { return Ok(()) };
        let began = Instant::now();
        let mut command = process::command(program);
        command.args(arguments).stdin(Stdio::inherit());
        command.envs(self.outcome.exports.variables.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.outcome.exports.path {
            let old = self.environment.search_path.iter().flat_map(std::env::split_paths);
            if let Ok(path) = std::env::join_paths(std::iter::once(directory.clone()).chain(old)) {
                command.env("PATH", path);
            }
        }
        for name in of_the_server() {
            command.env_remove(name);
        }
        let keyboard = process::keyboard();
        if keyboard == Keyboard::Absent {
            process::own_group(&mut command);
        }
        let name = program.to_string_lossy().into_owned();
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::CommandNotFound { command: name.clone() },
            _ => Error::CommandNotExecutable { command: name.clone(), source: error.into() },
        })?;
        let pid = child.id();
        let (sender, ended) = channel();
        thread::spawn(move || {
            // The receiver waits until this comes.
            let _ = sender.send(child.wait());
        });
        let status: ExitStatus = loop {
            match ended.recv_timeout(Duration::from_millis(20)) {
                Ok(status) => {
                    break status.map_err(|error| Error::SupervisorLost { source: error.into() })?;
                }
                Err(RecvTimeoutError::Timeout) => forward(pid, keyboard),
                Err(RecvTimeoutError::Disconnected) => break ExitStatus::default(),
            }
        };
        // What follows tells what the cancelled command left; it must not be cancelled itself.
        process::cancellation().defer();
        if keyboard == Keyboard::Absent && process::cancellation().deferred_signal().is_some() {
            // What the cancelled command started and left behind is cancelled with it.
            process::signal_group(pid, process::TERMINATE_SIGNAL);
        }
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        self.outcome.command = Some(CommandEnd {
            command: words.join(" "),
            code: process::exit_code(status),
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        Ok(())
    }
}

/// Credentials are the server's alone; whoever wants them in the build gives them another name. What sccache
/// itself would read goes with them: a client that starts a server of its own shall get a harmless local one.
/// The variables of the clouds' own tools stay, because the command may use these tools.
fn of_the_server() -> impl Iterator<Item = String> {
    let credentials = TABLE.iter().filter(|input| matches!(input.kind, Kind::Secret | Kind::Url));
    let settings = Storage::ALL.into_iter().flat_map(known_settings).flat_map(|known| known.variables);
    let settings = settings.filter(|name| name.starts_with("SCCACHE_")).map(|name| (*name).to_owned());
    let switches = ["SCCACHE_MULTILEVEL_CHAIN", "SCCACHE_GHA_ENABLED"].map(str::to_owned);
    credentials.flat_map(|input| variable_names(input.name)).chain(settings).chain(switches)
}

/// Passes on what came since the last time. In the foreground of a terminal, Ctrl-C has reached the command
/// already, and a second one would make many tools drop their own tidying up.
fn forward(pid: u32, keyboard: Keyboard) {
    for signal in process::cancellation().take_unforwarded() {
        match keyboard {
            Keyboard::Absent => process::signal_group(pid, signal),
            Keyboard::Shared if signal != 2 => process::signal_process(pid, signal),
            Keyboard::Shared => {}
        }
    }
}
