//! The messages that we send a server ourselves: the question for its statistics, and the request to shut
//! down. They work with any server version, and without its program file.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::process;
use crate::sccache::wire;
use crate::state::{Address, ProcessIdentity};
use crate::stats::Stats;

/// How often a silent server makes us look at the clock, and whether we were told to stop.
const SLICE: Duration = Duration::from_millis(100);

/// How long a server may take to answer when the job is being cancelled. Source: GitHub's runner ends a
/// cancelled step after 7.5 s.
pub(super) const CANCELLED_LIMIT: Duration = Duration::from_secs(1);

/// Asks the server to finish its requests and exit. Returns when it has agreed, not when it has ended.
///
/// Another server that took over the address, as sccache's clients start one after a crash, is not asked.
pub(super) fn request_shutdown(
    server: ProcessIdentity,
    address: &Address,
    limit: Duration,
) -> anyhow::Result<()> {
    let (mut stream, peer) = process::connect(address, SLICE)?;
    if let Some(other) = peer.filter(|peer| *peer != server.pid) {
        bail!("process {other} answers at its address");
    }
    let body = exchange(&mut *stream, &wire::SHUT_DOWN, limit)?;
    ensure!(
        wire::is_shutting_down(&body),
        "it answered the request to shut down with {:02x?}",
        body.get(..4).unwrap_or(&body)
    );
    Ok(())
}

/// The counters of whichever server listens at the address, and its pid where the system tells.
///
/// # Errors
/// When nobody answers within `limit`, or with something else.
pub fn statistics_at(address: &Address, limit: Duration) -> anyhow::Result<(Stats, Option<u32>)> {
    let (mut stream, peer) = process::connect(address, SLICE)?;
    let body = exchange(&mut *stream, &wire::GET_STATISTICS, limit)?;
    Ok((wire::statistics(&body)?, peer))
}

fn exchange(stream: &mut dyn process::Stream, request: &[u8], limit: Duration) -> anyhow::Result<Vec<u8>> {
    let deadline = Deadline::after(limit);
    stream.write_all(request)?;
    let mut length = [0; 4];
    read_exact(stream, &mut length, &deadline).context("no answer came")?;
    let length = u32::from_be_bytes(length);
    ensure!(length <= wire::ANSWER_LIMIT_BYTES, "it announces an answer of {length} bytes");
    let mut body = vec![0; length as usize];
    read_exact(stream, &mut body, &deadline).context("the answer was cut")?;
    Ok(body)
}

/// A time limit that gets shorter once we are told to stop, because a host that cancels a job ends us soon
/// after.
struct Deadline {
    began: Instant,
    limit: Duration,
    was_cancelled: bool,
}

impl Deadline {
    fn after(limit: Duration) -> Self {
        let was_cancelled = process::cancellation().deferred_signal().is_some();
        let limit = if was_cancelled { limit.min(CANCELLED_LIMIT) } else { limit };
        Self { began: Instant::now(), limit, was_cancelled }
    }

    fn is_over(&self) -> bool {
        let cancelled = !self.was_cancelled && process::cancellation().deferred_signal().is_some();
        self.began.elapsed() >= if cancelled { self.limit.min(CANCELLED_LIMIT) } else { self.limit }
    }
}

fn read_exact(
    stream: &mut dyn process::Stream,
    buffer: &mut [u8],
    deadline: &Deadline,
) -> std::io::Result<()> {
    let mut read = 0;
    while read < buffer.len() {
        match stream.read(&mut buffer[read..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => read += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if deadline.is_over() {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
