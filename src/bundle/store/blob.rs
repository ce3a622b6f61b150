//! Transfers to and from the signed URLs that the cache service hands out.
//!
//! Surface: Azure's Blob REST: `Put Blob`, `Put Block`, `Put Block List`, `Get Blob` with `Range`. Without an
//! `Authorization` header: the URL is the credential, and is never told. A URL may lack a query, a server may
//! ignore ranges; block ids have the one shape that every known server takes.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use ureq::SendBody;
use ureq::http::HeaderMap;

use super::twirp::without_queries;
use super::{Opened, Traffic};
use crate::bundle::layer::Layer;
use crate::bundle::{Halt, Pieces};

/// How many blocks of a layer are sent at once.
const BLOCKS_AT_ONCE: usize = 8;

const PAUSES: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(4)];
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(20);

/// What transfers need.
#[derive(Clone, Debug)]
pub(super) struct Transfers {
    pub(super) agent: ureq::Agent,
    pub(super) halt: Arc<Halt>,
    pub(super) traffic: Arc<Traffic>,
    pub(super) pieces: Pieces,
}

/// How a request to a signed URL failed.
pub(super) enum Failed {
    /// The URL is no longer good (403), or its blob is gone (404).
    Url(u16),
    /// Everything else, after every try that could help.
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl Transfers {
    /// Sends a layer.
    pub(super) fn upload(&self, url: &str, layer: &Layer) -> anyhow::Result<()> {
        let bytes = layer.bytes();
        if bytes <= self.pieces.single_bytes {
            return self.put(url, Some("BlockBlob"), || (bytes, Box::new(layer.reader(0..bytes))));
        }
        let block_bytes = self.pieces.block_bytes;
        let number = bytes.div_ceil(block_bytes);
        ensure!(number <= 50_000, "the layer is longer than a blob can be");
        let identity: String = layer.digest().iter().take(18).map(|byte| format!("{byte:02x}")).collect();
        let ids: Vec<String> = (0..number).map(|at| block_id(&identity, at)).collect();
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let work = || -> anyhow::Result<()> {
            while let Some((at, id)) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                ids.get(at).map(|id| (at as u64, id)).filter(|_| !failed.load(Ordering::Relaxed))
            } {
                let part = at * block_bytes..((at + 1) * block_bytes).min(bytes);
                let length = part.end - part.start;
                let url = extended(url, &format!("comp=block&blockid={}", escaped(id)));
                let sent = self.put(&url, None, || (length, Box::new(layer.reader(part.clone()))));
                sent.inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..BLOCKS_AT_ONCE.min(ids.len())).map(|_| scope.spawn(work)).collect();
            let ended = workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|_| bail!("a transfer panicked")));
            ended.collect::<Vec<_>>().into_iter().collect::<anyhow::Result<()>>()
        })?;
        let latest: String = ids.iter().map(|id| format!("<Latest>{id}</Latest>")).collect();
        let list = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{latest}</BlockList>");
        let url = extended(url, "comp=blocklist");
        self.put(&url, None, || (list.len() as u64, Box::new(list.as_bytes())))
    }

    /// Sends bytes that can be made again for another try.
    fn put<'a>(
        &self,
        url: &str,
        blob_type: Option<&str>,
        body: impl Fn() -> (u64, Box<dyn Read + 'a>),
    ) -> anyhow::Result<()> {
        self.with_retries(|| {
            let (length, mut reader) = body();
            let mut request = self.agent.put(url).config().timeout_global(Some(self.halt.left())).build();
            request =
                request.header("Content-Length", length).header("Content-Type", "application/octet-stream");
            if let Some(blob_type) = blob_type {
                request = request.header("x-ms-blob-type", blob_type);
            }
            let mut reader =
                Watched { stream: &mut *reader, halt: &self.halt, count: |bytes| self.traffic.sent(bytes) };
            let response = request.send(SendBody::from_reader(&mut reader))?;
            Ok((response.status().as_u16(), retry_after(response.headers()), ()))
        })
        .map_err(|failed| match failed {
            Failed::Url(status) => anyhow!("the storage answered {status}"),
            Failed::Other(error) => error,
        })
    }

    /// Opens a part of a blob.
    pub(super) fn get(&self, url: &str, from: u64, length: u64) -> Result<Opened, Failed> {
        let response = self.with_retries(|| {
            let request = self.agent.get(url).config().timeout_global(Some(self.halt.left())).build();
            let last = from.saturating_add(length).saturating_sub(1);
            let request =
                request.header("Range", format!("bytes={from}-{last}")).header("Accept-Encoding", "identity");
            let response = request.call()?;
            Ok((response.status().as_u16(), retry_after(response.headers()), response))
        })?;
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let is_part = response.status().as_u16() == 206;
        let total_bytes = if is_part {
            let (first, total) =
                text("content-range").and_then(content_range).context("a part came without its place")?;
            if first != from {
                return Err(anyhow!("the storage sent another part than it was asked for").into());
            }
            total
        } else {
            text("content-length").and_then(|length| length.trim().parse().ok())
        };
        let (halt, traffic) = (Arc::clone(&self.halt), Arc::clone(&self.traffic));
        let stream = OwnedWatch { stream: response.into_body().into_reader(), halt, traffic };
        Ok(Opened { stream: Box::new(stream), is_part, total_bytes })
    }

    fn with_retries<T>(
        &self,
        attempt: impl Fn() -> Result<(u16, Option<Duration>, T), ureq::Error>,
    ) -> Result<T, Failed> {
        let mut pauses = PAUSES.into_iter();
        loop {
            self.halt.check()?;
            self.traffic.request();
            let (reason, wanted) = match attempt() {
                Ok((200..=299, _, done)) => return Ok(done),
                Ok((status @ (408 | 429 | 500..=599), wanted, _)) => {
                    (anyhow!("the storage answered {status}"), wanted)
                }
                Ok((status @ (403 | 404), ..)) => return Err(Failed::Url(status)),
                Ok((status, ..)) => return Err(anyhow!("the storage answered {status}").into()),
                Err(error) => {
                    self.halt.check()?;
                    (anyhow!("the storage cannot be reached: {}", passing_text(&error)), None)
                }
            };
            let pause = pauses.next().map(|pause| pause.max(wanted.unwrap_or_default()));
            match pause.filter(|pause| *pause < self.halt.left() && *pause <= RETRY_AFTER_LIMIT) {
                Some(pause) => self.halt.rest(pause)?,
                None => return Err(reason.into()),
            }
        }
    }
}

/// A body on its way out, which stops when it is told to.
struct Watched<'a, C: Fn(u64)> {
    stream: &'a mut dyn Read,
    halt: &'a Halt,
    count: C,
}

impl<C: Fn(u64)> Read for Watched<'_, C> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.halt.check().map_err(std::io::Error::other)?;
        let length = self.stream.read(buffer)?;
        (self.count)(length as u64);
        Ok(length)
    }
}

/// A body on its way in, which stops when it is told to.
struct OwnedWatch<R> {
    stream: R,
    halt: Arc<Halt>,
    traffic: Arc<Traffic>,
}

impl<R: Read> Read for OwnedWatch<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.halt.check().map_err(std::io::Error::other)?;
        let length = self.stream.read(buffer)?;
        self.traffic.received(length as u64);
        Ok(length)
    }
}

/// How long the server asks us to wait.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let secs = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(secs))
}

/// An error of the transport, without what could be a signed URL's credentials.
pub(super) fn passing_text(error: &ureq::Error) -> String {
    without_queries(&error.to_string())
}

fn extended(url: &str, query: &str) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{query}")
}

/// 36 characters that name the layer and 12 digits that count, in Base64: 48 bytes, all ids of one length.
fn block_id(identity: &str, number: u64) -> String {
    base64(format!("{identity:.36}{number:012}").as_bytes())
}

/// For lengths that are multiples of three, which need no padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let quads = bytes.chunks_exact(3).flat_map(|three| {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))
    });
    quads.collect()
}

/// Base64 within a query.
fn escaped(text: &str) -> String {
    text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

/// The first byte's place and the total length in `bytes 10-99/100`.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let first = range.split_once('-')?.0.trim().parse().ok()?;
    Some((first, total.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_ids_are_48_bytes_in_base64_and_count() {
        let identity = "0123456789abcdef0123456789abcdef0123";
        assert_eq!(identity.len(), 36);
        let id = block_id(identity, 7);
        // `printf 0123456789abcdef0123456789abcdef0123000000000007 | base64`
        assert_eq!(id, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzMDAwMDAwMDAwMDA3");
        assert_eq!(escaped("a+/="), "a%2B%2F%3D");
    }

    #[test]
    fn a_query_is_begun_or_continued() {
        assert_eq!(extended("http://b/x", "comp=block"), "http://b/x?comp=block");
        assert_eq!(extended("http://b/x?sig=1", "comp=block"), "http://b/x?sig=1&comp=block");
    }

    #[test]
    fn a_part_says_where_it_is() {
        assert_eq!(content_range("bytes 10-99/100"), Some((10, Some(100))));
        assert_eq!(content_range("bytes 0-9/*"), Some((0, None)));
        assert_eq!(content_range("items 0-9/10"), None);
    }
}
