//! Starting a server as a child of this process, and learning from itself that it is ready.
//!
//! Speaks `SCCACHE_STARTUP_NOTIFY`. Not every failure is notified (bad configuration and panics are not),
//! so the child's exit is watched as well.

use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

use super::order::{Answer, Order, last_line};
use super::veil::Veil;
use crate::process::{self, NotifyListener};
use crate::sccache::{Ready, read_ready};
use crate::state::{Address, ProcessIdentity};

/// A server that this process started.
#[derive(Debug)]
pub struct Launched {
    /// The server process.
    pub identity: ProcessIdentity,
    /// Where it listens.
    pub address: Address,
    /// Tells the exit status once it has ended.
    pub ended: Receiver<ExitStatus>,
}

/// Which process group a server and its compilers are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// One of their own: when the server has ended, so do its compilers.
    Own,
    /// That of this process: a terminal's Ctrl-C reaches them as it reaches us.
    Ours,
}

enum Event {
    Notified(anyhow::Result<Ready>),
    Ended(ExitStatus),
}

/// Starts a server in the foreground and waits until it is ready, has failed, is late, or we are told to
/// stop.
///
/// # Errors
/// The answer that tells why there is no server; whatever was started has been ended then.
pub fn launch(order: &Order, group: Group) -> Result<Launched, Answer> {
    let failed = |error: anyhow::Error| Answer::Failed { reason: format!("{error:#}") };
    let log_start = std::fs::metadata(&order.log).map_or(0, |metadata| metadata.len());
    let listener = NotifyListener::bind(&order.socket_dir)
        .with_context(|| format!("no socket could be made in `{}`", order.socket_dir.display()))
        .map_err(failed)?;
    let notify_name = listener.name();
    let mut child = spawn(order, &notify_name, group).map_err(failed)?;
    let Some(identity) = process::identify(child.id()) else {
        // Only a process that has ended has no identity.
        let status = child.wait().context("it was lost").map_err(failed)?;
        return Err(veiled(ended(status, order, log_start), order, log_start));
    };
    let (events, inbox) = channel();
    let ended = watch(child, group, events.clone());
    thread::spawn(move || {
        let heard = listener.accept().map_err(anyhow::Error::from).and_then(read_ready);
        // Nobody waits for it any more when the start has been decided already.
        let _ = events.send(Event::Notified(heard));
    });
    let verdict = decide(&inbox, order, log_start, &notify_name);
    NotifyListener::release(&notify_name);
    match verdict {
        Ok(address) => Ok(Launched { identity, address, ended }),
        Err(answer) => {
            let answer = veiled(answer, order, log_start);
            process::end(identity, process::Urgency::Kill);
            // It is our child and has been killed; the watching thread reaps it.
            let _ = process::wait_for_exit(identity, Duration::from_secs(2));
            Err(answer)
        }
    }
}

/// The answer without credentials, and the log without them, too: it is named where the answer is told.
fn veiled(answer: Answer, order: &Order, log_start: u64) -> Answer {
    let mut veil = Veil::over(&order.secrets, log_start);
    // A log that cannot be written is complained about by the server itself.
    let _ = veil.file(&order.log);
    match answer {
        Answer::Failed { reason } => Answer::Failed { reason: veil.text(&reason) },
        other => other,
    }
}

fn spawn(order: &Order, notify_name: &str, group: Group) -> anyhow::Result<Child> {
    let log = process::append_private(&order.log);
    let log = log.with_context(|| format!("its log `{}` cannot be written", order.log.display()))?;
    let (address_name, address_value) = order.address.variable();
    let mut command = process::command(&order.sccache);
    command
        .env_clear()
        .envs(order.variables.iter().map(|(name, value)| (name, value)))
        .env(address_name, address_value)
        .env("SCCACHE_STARTUP_NOTIFY", notify_name)
        .current_dir(&order.run_dir)
        .stdout(log.try_clone()?)
        .stderr(log);
    if group == Group::Own {
        process::own_group(&mut command);
    }
    command.spawn().with_context(|| format!("`{}` cannot be executed", order.sccache.display()))
}

/// Reaps the child when it ends and tells both receivers.
fn watch(mut child: Child, group: Group, events: Sender<Event>) -> Receiver<ExitStatus> {
    let (sender, ended) = channel();
    thread::spawn(move || {
        let waited = match group {
            // Its compilers write to files that the clients' own compilers are about to write.
            Group::Own => process::wait_and_end_group(&mut child),
            Group::Ours => child.wait(),
        };
        if let Ok(status) = waited {
            // Either may have lost interest; the other still hears it.
            let _ = events.send(Event::Ended(status));
            let _ = sender.send(status);
        }
    });
    ended
}

fn decide(
    inbox: &Receiver<Event>,
    order: &Order,
    log_start: u64,
    notify_name: &str,
) -> Result<Address, Answer> {
    let began = Instant::now();
    let mut has_ended = None;
    let failed = |reason: String| Err(Answer::Failed { reason });
    loop {
        if let Some(signal) = process::cancellation().signal() {
            return failed(format!("we were stopped by signal {signal}"));
        }
        let left = order.startup_timeout().saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err(Answer::TimedOut);
        }
        // After its end both threads come to theirs, however long that takes on a busy machine.
        let look = Duration::from_millis(if has_ended.is_some() { 2000 } else { 50 });
        return match inbox.recv_timeout(left.min(look)) {
            Ok(Event::Notified(Ok(Ready::Listening(place)))) => {
                parse_address(&order.address, &place).or_else(|error| failed(format!("{error:#}")))
            }
            Ok(Event::Notified(Ok(Ready::AddressInUse))) => {
                failed(format!("its address {} is in use", order.address))
            }
            Ok(Event::Notified(Ok(Ready::TimedOut))) => Err(Answer::TimedOut),
            Ok(Event::Notified(Ok(Ready::Failed(reason)))) => failed(one_line(&reason)),
            // What it said is better than how it ended, and may still be on its way.
            Ok(Event::Ended(status)) => {
                has_ended = Some(status);
                NotifyListener::release(notify_name);
                continue;
            }
            // An unreadable message decides nothing: the child's exit or the time limit will.
            Ok(Event::Notified(Err(_))) | Err(RecvTimeoutError::Timeout) if has_ended.is_none() => continue,
            Ok(Event::Notified(Err(_))) | Err(_) => match has_ended {
                Some(status) => Err(ended(status, order, log_start)),
                None => failed("it was lost".into()),
            },
        };
    }
}

fn ended(status: ExitStatus, order: &Order, log_start: u64) -> Answer {
    let words = log_since(order, log_start).unwrap_or_else(|| "without a word".into());
    Answer::Failed { reason: format!("it ended with {status}: {words}") }
}

/// Where the server says that it listens. sccache tells a path, `127.0.0.1:PORT`, or (0.8) a bare port.
fn parse_address(planned: &Address, place: &str) -> anyhow::Result<Address> {
    match planned {
        Address::Socket(_) => Ok(planned.clone()),
        Address::Port(_) => {
            let port = place.rsplit(':').next().and_then(|port| port.parse().ok()).filter(|port| *port != 0);
            port.map(Address::Port).ok_or_else(|| anyhow!("it told no port, but `{place}`"))
        }
    }
}

/// What the server itself said last, if anything since `start`.
fn log_since(order: &Order, start: u64) -> Option<String> {
    let grown = std::fs::metadata(&order.log).is_ok_and(|metadata| metadata.len() > start);
    grown.then(|| last_line(&order.log)).flatten()
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_read_from_both_wire_forms() {
        let any = Address::Port(0);
        assert_eq!(parse_address(&any, "127.0.0.1:40213").unwrap(), Address::Port(40213));
        assert_eq!(parse_address(&any, "40213").unwrap(), Address::Port(40213));
        assert!(parse_address(&any, "0").is_err());
        assert!(parse_address(&any, "somewhere").is_err());
    }
}
