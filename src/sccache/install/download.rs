//! One file over HTTP, hashed while it comes: with retries, back-off, resumption and every limit.
//!
//! Surface: HTTP as in RFC 9110: `Range` with `If-Range`, `Content-Range`, `Retry-After` in seconds. A cut
//! transfer is resumed only when the server gave a validator, so that two different files are never joined
//! and then mistaken for a forged one.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use sha2::{Digest as _, Sha256};
use ureq::http::HeaderMap;
use ureq::http::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, LAST_MODIFIED, RANGE, RETRY_AFTER,
};

use super::Progress;
use super::proxy::proxy;
use crate::environment::Variables;
use crate::process;

/// How often a waiting download looks whether it is told to stop.
const TICK: Duration = Duration::from_millis(100);

/// How long to wait for a host name or a connection; the system tries several addresses in it.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The longest wait that a server may ask for.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(30);

/// When nobody can be reached this fast, the machine has no way out, and one more try is enough.
const UNREACHABLE_FAST: Duration = Duration::from_secs(2);

/// What to download.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) url: String,
    /// A longer file is refused.
    pub(super) limit_bytes: u64,
    pub(super) deadline: Instant,
    pub(super) patience: Patience,
    /// For the proxies.
    pub(super) variables: &'a Variables,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// The longest silence of a server.
    pub(super) stall: Duration,
    /// The waits between tries: one more try than waits.
    pub(super) pauses: [Duration; 3],
}

impl Default for Patience {
    fn default() -> Self {
        Self { stall: Duration::from_secs(30), pauses: [1, 2, 4].map(Duration::from_secs) }
    }
}

/// Why a try failed.
struct Trouble {
    reason: anyhow::Error,
    remedy: Remedy,
}

/// What may help against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    /// Nothing: the same would happen again.
    None,
    /// Waiting; at least so long, when the server said how long.
    Wait(Option<Duration>),
    /// One more try, in case a network has just come up.
    OnceMore,
}

fn hopeless(reason: impl Into<anyhow::Error>) -> Trouble {
    Trouble { reason: reason.into(), remedy: Remedy::None }
}

fn passing(reason: impl Into<anyhow::Error>) -> Trouble {
    Trouble { reason: reason.into(), remedy: Remedy::Wait(None) }
}

/// What the transferring thread tells.
enum Event {
    Head { status: u16, headers: HeaderMap },
    Chunk(Vec<u8>),
    End,
    Failed(ureq::Error),
}

/// What has arrived so far.
struct Partial {
    file: File,
    hasher: Sha256,
    received_bytes: u64,
    /// The length of the whole file, when the server said so.
    total_bytes: Option<u64>,
    /// A strong `ETag` or a `Last-Modified`: what the bytes so far are part of.
    validator: Option<String>,
}

impl Partial {
    fn clear(&mut self) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.hasher = Sha256::new();
        (self.received_bytes, self.total_bytes, self.validator) = (0, None, None);
        Ok(())
    }
}

/// Downloads into the new file `into`; returns its SHA-256 in hexadecimal.
///
/// # Errors
/// When the tries are used up or cannot help, the deadline is over, the file is too long, or we are told to
/// stop. What has arrived is left in `into`, unverified.
pub(super) fn download(
    request: &Request<'_>,
    into: &Path,
    progress: &dyn Progress,
) -> anyhow::Result<String> {
    let agent = agent(request)?;
    let file = File::create_new(into).context("the tool cache cannot be written")?;
    let mut partial =
        Partial { file, hasher: Sha256::new(), received_bytes: 0, total_bytes: None, validator: None };
    let mut pauses = request.patience.pauses.into_iter();
    let mut once_more = true;
    loop {
        let tried = transfer(&agent, request, &mut partial, progress);
        progress.finish();
        let Err(Trouble { reason, remedy }) = tried else {
            return Ok(hexadecimal(&partial.hasher.finalize()));
        };
        let pause = match remedy {
            Remedy::None => None,
            Remedy::Wait(wanted) => pauses.next().map(|pause| pause.max(wanted.unwrap_or_default())),
            Remedy::OnceMore => std::mem::take(&mut once_more).then_some(request.patience.pauses[0] / 2),
        };
        let reason = reason.context(format!("`{}` was not received", request.url));
        let Some(pause) = pause.filter(|pause| Instant::now() + *pause < request.deadline) else {
            return Err(reason);
        };
        rest(pause)?;
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn agent(request: &Request<'_>) -> anyhow::Result<ureq::Agent> {
    let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
    let stall = Some(request.patience.stall);
    let secure = request.url.starts_with("https:");
    let config = ureq::Agent::config_builder()
        .tls_config(tls)
        .proxy(proxy(request.variables, secure)?)
        .user_agent(concat!("sccache-step/", env!("CARGO_PKG_VERSION")))
        .https_only(secure)
        .http_status_as_error(false)
        .timeout_resolve(Some(CONNECT_LIMIT))
        .timeout_connect(Some(CONNECT_LIMIT))
        .timeout_recv_response(stall)
        .timeout_per_read(stall)
        .timeout_global(Some(request.deadline.saturating_duration_since(Instant::now())));
    Ok(config.build().into())
}

/// One try. Network calls block, so they are made by a thread: this one can stop at any time, and the other
/// then ends with its next event or time-out. It holds no file.
fn transfer(
    agent: &ureq::Agent,
    request: &Request<'_>,
    partial: &mut Partial,
    progress: &dyn Progress,
) -> Result<(), Trouble> {
    if partial.validator.is_none() {
        partial.clear().map_err(hopeless)?;
    }
    let mut get = agent.get(&request.url).header(ACCEPT_ENCODING, "identity");
    if let Some(validator) = partial.validator.as_ref().filter(|_| partial.received_bytes > 0) {
        get = get.header(RANGE, format!("bytes={}-", partial.received_bytes)).header("If-Range", validator);
    }
    let began = Instant::now();
    let (sender, events) = sync_channel(4);
    std::thread::spawn(move || carry(get, &sender));
    loop {
        match next(&events, request.deadline)? {
            Event::Head { status, headers } => {
                accept(status, &headers, request, partial)?;
                progress.start(&request.url, partial.total_bytes);
                progress.advance(partial.received_bytes);
            }
            Event::Chunk(bytes) => {
                keep(&bytes, request, partial).map_err(hopeless)?;
                progress.advance(bytes.len() as u64);
            }
            Event::End => break,
            Event::Failed(error) => return Err(classify(error, began.elapsed())),
        }
    }
    match partial.total_bytes {
        Some(total) if total != partial.received_bytes => {
            Err(passing(anyhow!("the transfer was cut after {} of {total} bytes", partial.received_bytes)))
        }
        _ => Ok(()),
    }
}

/// Makes the request and passes on what comes, until nobody listens any more.
fn carry(get: ureq::RequestBuilder<ureq::typestate::WithoutBody>, sender: &SyncSender<Event>) {
    let outcome = get.call().and_then(|mut response| {
        let head = Event::Head { status: response.status().as_u16(), headers: response.headers().clone() };
        let mut heard = sender.send(head).is_ok();
        let mut body = response.body_mut().as_reader();
        let mut buffer = vec![0; 64 << 10];
        while heard {
            match body.read(&mut buffer)? {
                0 => break,
                length => heard = sender.send(Event::Chunk(buffer[..length].to_vec())).is_ok(),
            }
        }
        Ok(())
    });
    // When nobody listens any more, nobody misses this either.
    let _ = sender.send(outcome.map_or_else(Event::Failed, |()| Event::End));
}

fn next(events: &Receiver<Event>, deadline: Instant) -> Result<Event, Trouble> {
    loop {
        watch().map_err(hopeless)?;
        match events.recv_timeout(TICK) {
            Ok(event) => return Ok(event),
            Err(RecvTimeoutError::Disconnected) => return Err(passing(anyhow!("the transfer broke off"))),
            Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                return Err(hopeless(anyhow!("it took longer than `install-timeout` allows")));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Decides by status and headers whether the body is wanted, and where it begins.
fn accept(
    status: u16,
    headers: &HeaderMap,
    request: &Request<'_>,
    partial: &mut Partial,
) -> Result<(), Trouble> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match status {
        200 => {
            partial.clear().map_err(hopeless)?;
            partial.total_bytes = text(CONTENT_LENGTH).and_then(|length| length.trim().parse().ok());
            let strong = text(ETAG).filter(|tag| !tag.starts_with("W/"));
            partial.validator = strong.or_else(|| text(LAST_MODIFIED)).map(str::to_owned);
        }
        206 => {
            let range = text(CONTENT_RANGE).and_then(content_range);
            let fits = range.is_some_and(|(first, total)| {
                first == partial.received_bytes
                    && total.is_none_or(|total| Some(total) == partial.total_bytes)
            });
            if !fits {
                partial.clear().map_err(hopeless)?;
                return Err(passing(anyhow!("the server resumed at another place than it was asked to")));
            }
        }
        408 | 429 | 500..=599 => {
            let secs = text(RETRY_AFTER).and_then(|secs| secs.trim().parse().ok());
            let wanted = secs.map(|secs| Duration::from_secs(secs).min(RETRY_AFTER_LIMIT));
            let reason = anyhow!("the server answered {status}");
            return Err(Trouble { reason, remedy: Remedy::Wait(wanted) });
        }
        416 => {
            partial.clear().map_err(hopeless)?;
            return Err(passing(anyhow!("the server answered 416")));
        }
        _ => return Err(hopeless(anyhow!("the server answered {status}"))),
    }
    within_limit(partial.total_bytes.unwrap_or(0), request).map_err(hopeless)
}

fn keep(bytes: &[u8], request: &Request<'_>, partial: &mut Partial) -> anyhow::Result<()> {
    partial.received_bytes += bytes.len() as u64;
    within_limit(partial.received_bytes, request)?;
    partial.file.write_all(bytes).context("the tool cache cannot be written")?;
    partial.hasher.update(bytes);
    Ok(())
}

fn within_limit(bytes: u64, request: &Request<'_>) -> anyhow::Result<()> {
    ensure!(bytes <= request.limit_bytes, "it is larger than {} bytes", request.limit_bytes);
    Ok(())
}

/// The first byte's place and the total length in `bytes 10-99/100`.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let first = range.split_once('-')?.0.trim().parse().ok()?;
    Some((first, total.trim().parse().ok()))
}

fn classify(error: ureq::Error, after: Duration) -> Trouble {
    use std::io::ErrorKind;
    let once_more = if after < UNREACHABLE_FAST { Remedy::OnceMore } else { Remedy::None };
    let remedy = match &error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => once_more,
        // ureq has tried every address for all of its time: a firewall swallows the packets.
        ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect | ureq::Timeout::Global) => {
            Remedy::None
        }
        ureq::Error::Timeout(_) | ureq::Error::Protocol(_) => Remedy::Wait(None),
        ureq::Error::Io(io) => match io.kind() {
            // A transfer was cut.
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::TimedOut
            | ErrorKind::WouldBlock => Remedy::Wait(None),
            // Certificates that are not trusted come as invalid data.
            ErrorKind::InvalidData => Remedy::None,
            // Refused, no route, no such host: the resolver's errors have no kind that could be named.
            _ => once_more,
        },
        _ => Remedy::None,
    };
    Trouble { reason: error.into(), remedy }
}

/// Waits, unless we are told to stop.
fn rest(pause: Duration) -> anyhow::Result<()> {
    let until = Instant::now() + pause;
    while Instant::now() < until {
        watch()?;
        process::pause(TICK.min(until.saturating_duration_since(Instant::now())));
    }
    Ok(())
}

fn watch() -> anyhow::Result<()> {
    match process::cancellation().signal() {
        Some(signal) => bail!("stopped by signal {signal}"),
        None => Ok(()),
    }
}
