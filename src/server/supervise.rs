//! The server's parent: starts it, tells when it is ready, notes how it ended.
//!
//! Runs as the hidden command `sccache-step supervise`, in a session of its own. It holds no connection to
//! the server open, because sccache waits for open ones at its shutdown. It ends when its server has ended,
//! when its starter goes away before [`HAND_OVER`], when it is told to, when the process it watches has
//! ended, and at its time limit.

use std::io::Write as _;
use std::process::ExitStatus;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;

use super::history::{self, Event};
use super::launch::{Launched, launch};
use super::order::{Answer, HAND_OVER, Order};
use super::stop;
use crate::process;

/// The longest life of a server; no job runs longer.
const TIME_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the supervisor looks whether it is still needed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a server that nobody needs any more may take to finish its requests.
const FAREWELL: Duration = Duration::from_secs(5);

/// The body of `sccache-step supervise`.
///
/// # Errors
/// When its order cannot be read or its answer cannot be told.
pub fn supervise() -> anyhow::Result<()> {
    process::close_inherited();
    process::lead_session();
    process::cancellation().listen().context("signals cannot be heard")?;
    let mut order = String::new();
    std::io::stdin().read_line(&mut order).context("no order came")?;
    let order: Order = serde_json::from_str(&order).context("the order cannot be read")?;
    thread::spawn(move || {
        // The end of the pipe without the word means that the starter is gone, and nobody needs a server,
        // not even one that is about to be ready.
        let mut word = String::new();
        let heard = std::io::stdin().read_line(&mut word);
        if heard.is_err() || word.trim_end() != HAND_OVER {
            process::cancellation().cancel();
        }
    });
    let launched = match launch(&order) {
        Ok(launched) => launched,
        Err(answer) => return tell(&answer),
    };
    note(&order, &Event::Started { at_unix_ms: unix_ms(), pid: launched.identity.pid });
    let ready = Answer::Ready { server: launched.identity, address: launched.address.clone() };
    if tell(&ready).is_err() {
        dismiss(&order, &launched);
    }
    process::release_stdout()?;
    let status = attend(&order, &launched);
    let requested = stop::is_requested(&order.run_dir);
    let (code, signal) = (status.and_then(|s| s.code()), status.and_then(process::ending_signal));
    note(
        &order,
        &Event::Ended { at_unix_ms: unix_ms(), pid: launched.identity.pid, code, signal, requested },
    );
    Ok(())
}

/// Stays until the server has ended, and ends it when nobody needs it any more.
fn attend(order: &Order, launched: &Launched) -> Option<ExitStatus> {
    let began = Instant::now();
    let mut dismissed = false;
    loop {
        match launched.ended.recv_timeout(LOOK_EVERY) {
            Ok(status) => return Some(status),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let abandoned = order.watched.is_some_and(|watched| !process::is_alive(watched));
        // By a signal, or by the end of our starter.
        let told = process::cancellation().signal().is_some();
        if !dismissed && (abandoned || told || began.elapsed() >= TIME_LIMIT) {
            dismissed = true;
            dismiss(order, launched);
        }
    }
}

fn dismiss(order: &Order, launched: &Launched) {
    // Without the mark the history calls the end unexpected; that is no reason to leave the server alive.
    let _ = stop::mark_requested(&order.run_dir);
    // Its end is noticed by who waits for it; a server that survives SIGKILL cannot be helped.
    let _ = stop::stop(launched.identity, &launched.address, FAREWELL);
}

fn tell(answer: &Answer) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    serde_json::to_writer(&mut stdout, answer)?;
    stdout.write_all(b"\n")?;
    stdout.flush()?;
    Ok(())
}

fn note(order: &Order, event: &Event) {
    // The directory may have been removed under us; the server is attended to all the same.
    let _ = history::append(&order.run_dir, event);
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
