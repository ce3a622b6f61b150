//! GitHub's cache service v2 as it behaves: scopes, prefixes, newest first, immutable entries, a quota. Blobs live in
//! a real Azurite, behind real signed URLs.
//!
//! What it answers in which case follows the public client `@actions/cache` 6 and GitHub's documentation.

mod protobuf;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::azurite::{Azurite, CONTAINER, signed_path};
use super::step::Step;
use super::world::World;

/// A fault that the service shows, for as often as it says.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The method: `CreateCacheEntry`, …, or `GET` for a blob.
    pub on: &'static str,
    pub times: usize,
    pub effect: Effect,
}

#[derive(Clone, Debug)]
pub enum Effect {
    /// This status, these header lines, this body.
    Answer(u16, &'static str, &'static str),
    /// No answer at all.
    HangUp,
    /// An answer after this long.
    Late(Duration),
    /// The URL that is handed out has expired.
    Expired,
    /// Downloads ignore ranges and tell no length.
    Plain,
    /// Downloads end after so many bytes.
    Cut(usize),
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub scope: String,
    pub key: String,
    pub version: String,
    pub bytes: Option<u64>,
    blob: String,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    faults: Vec<Fault>,
    /// The methods that were called.
    calls: Vec<String>,
    uploads_left: Option<usize>,
    /// Where blobs are said to be, instead of at Azurite itself.
    blobs_at: Option<u16>,
    made: usize,
    is_away: bool,
}

/// The running service; it ends with the test's process.
pub struct CacheService {
    state: Arc<Mutex<State>>,
    port: u16,
    azurite: Azurite,
}

impl CacheService {
    pub fn start(world: &World) -> Self {
        let azurite = Azurite::start(world, CONTAINER);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state: Arc<Mutex<State>> = Arc::default();
        let (shared, blobs) = (Arc::clone(&state), azurite.port());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                if shared.lock().unwrap().is_away {
                    continue;
                }
                // A client that hangs up is what some tests are about.
                std::thread::spawn(move || drop(Connection { state: &shared, blobs, port }.serve(stream)));
            }
        });
        Self { state, port, azurite }
    }

    /// Ends it: connections are closed without a word from now on.
    pub fn stop(self) {
        self.state.lock().unwrap().is_away = true;
        self.azurite.stop();
    }

    /// Its address, as the runner gives it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// The process that has the blobs.
    pub fn pid(&self) -> u32 {
        self.azurite.pid()
    }

    /// How many requests for blobs were answered: `PUT` or `GET`.
    pub fn blob_requests(&self, verb: &str) -> usize {
        self.azurite.requests(verb)
    }

    /// The variables of a job on this branch; `read` are the scopes that it also reads, the nearer first.
    pub fn job(&self, step: Step, scope: &str, read: &[&str]) -> Step {
        step.env("GITHUB_ACTIONS", "true")
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_WORKFLOW", "CI")
            .env("GITHUB_JOB", "build")
            .env("ACTIONS_CACHE_SERVICE_V2", "True")
            .env("ACTIONS_RESULTS_URL", self.url())
            .env("ACTIONS_RUNTIME_TOKEN", token(scope, read, 3))
    }

    pub fn fault(&self, on: &'static str, times: usize, effect: Effect) {
        self.state.lock().unwrap().faults.push(Fault { on, times, effect });
    }

    pub fn heal(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    /// From now on only so many uploads are let through, as when the quota of a minute is used up.
    pub fn allow_uploads(&self, number: usize) {
        self.state.lock().unwrap().uploads_left = Some(number);
    }

    /// From now on signed URLs lead there, or again to the storage itself.
    pub fn blobs_at(&self, port: Option<u16>) {
        self.state.lock().unwrap().blobs_at = port;
    }

    /// Where the storage listens.
    pub const fn storage_port(&self) -> u16 {
        self.azurite.port()
    }

    /// The calls since the last time.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.state.lock().unwrap().entries.clone()
    }

    /// Removes the entry at this place.
    pub fn evict(&self, at: usize) {
        self.state.lock().unwrap().entries.remove(at);
    }

    /// Replaces the blob of an entry.
    pub fn damage(&self, at: usize, change: impl FnOnce(&mut Vec<u8>)) {
        let entry = self.entries()[at].clone();
        let url = |permissions| {
            format!("http://127.0.0.1:{}{}", self.azurite.port(), signed_path(&entry.blob, permissions, 60))
        };
        let mut bytes = Vec::new();
        ureq::get(url("r")).call().unwrap().into_body().into_reader().read_to_end(&mut bytes).unwrap();
        change(&mut bytes);
        ureq::put(url("cw")).header("x-ms-blob-type", "BlockBlob").send(&bytes[..]).unwrap();
    }
}

/// An unsigned token as the runner hands it out: the scopes are text within JSON.
pub fn token(scope: &str, read: &[&str], permission: u64) -> String {
    let mut scopes = vec![json!({ "Scope": scope, "Permission": permission })];
    scopes.extend(read.iter().map(|scope| json!({ "Scope": scope, "Permission": 1 })));
    let claims = json!({ "ac": Value::Array(scopes).to_string(), "exp": 4_000_000_000_u64 }).to_string();
    format!("e30.{}.c2lnbmF0dXJl", base64url(claims.as_bytes()))
}

pub(super) fn base64url(bytes: &[u8]) -> String {
    super::azurite::base64(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

fn scopes(token: &str) -> Option<Vec<(String, u64)>> {
    let claims = super::azurite::from_base64(&token.split('.').nth(1)?.replace('-', "+").replace('_', "/"));
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let scopes: Vec<Value> = serde_json::from_str(claims["ac"].as_str()?).ok()?;
    Some(
        scopes
            .iter()
            .map(|one| (one["Scope"].as_str().unwrap().to_owned(), one["Permission"].as_u64().unwrap()))
            .collect(),
    )
}

struct Connection<'a> {
    state: &'a Mutex<State>,
    blobs: u16,
    port: u16,
}

impl Connection<'_> {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split(' ');
        let (verb, path) =
            (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let (mut length, mut token, mut is_binary) = (0, String::new(), false);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "content-type" => is_binary = value.trim() == "application/protobuf",
                "authorization" => token = value.trim().trim_start_matches("Bearer ").to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if verb == "GET" {
            return self.plain_blob(&path, stream);
        }
        let method = path.rsplit('/').next().unwrap_or_default().to_owned();
        let fault = {
            let mut state = self.state.lock().unwrap();
            state.calls.push(method.clone());
            take(&mut state.faults, &method)
        };
        match fault {
            Some(Effect::HangUp) => return Ok(()),
            Some(Effect::Answer(status, headers, body)) => return answer(stream, status, headers, body),
            Some(Effect::Late(time)) => std::thread::sleep(time),
            _ => {}
        }
        let request = match is_binary {
            true => protobuf::decode(&method, &body),
            false => serde_json::from_slice(&body).unwrap_or(Value::Null),
        };
        let (status, headers, body) = match scopes(&token) {
            None => (401, "", json!({ "code": "unauthenticated", "msg": "invalid token" })),
            Some(scopes) => self.call(&method, &request, &scopes),
        };
        // Errors are JSON whatever was spoken.
        if is_binary && status == 200 {
            return answer_with(stream, status, "application/protobuf", headers, &protobuf::encode(&body));
        }
        answer(stream, status, headers, &body.to_string())
    }

    fn call(&self, method: &str, request: &Value, scopes: &[(String, u64)]) -> (u16, &'static str, Value) {
        let mut state = self.state.lock().unwrap();
        let (key, version) = (request["key"].as_str().unwrap(), request["version"].as_str().unwrap());
        assert!(key.len() <= 512 && !key.contains(',') && version.len() == 64, "{request}");
        match method {
            "CreateCacheEntry" => {
                let Some((scope, _)) = scopes.iter().find(|(_, permission)| permission & 2 != 0) else {
                    let message = "cache write denied: token has no writable scopes";
                    return (200, "", json!({ "ok": false, "message": message }));
                };
                if let Some(left) = &mut state.uploads_left {
                    let Some(less) = left.checked_sub(1) else {
                        return (
                            429,
                            "Retry-After: 40\r\n",
                            json!({ "code": "resource_exhausted", "msg": "rate limit exceeded" }),
                        );
                    };
                    *left = less;
                }
                if state
                    .entries
                    .iter()
                    .any(|entry| entry.key == key && entry.version == version && entry.scope == *scope)
                {
                    let msg = "cache entry with the same key, version, and scope already exists";
                    return (409, "", json!({ "code": "already_exists", "msg": msg }));
                }
                state.made += 1;
                let blob = format!("entry{}", state.made);
                let (scope, key, version) = (scope.clone(), key.to_owned(), version.to_owned());
                state.entries.push(Entry { scope, key, version, bytes: None, blob: blob.clone() });
                (
                    200,
                    "",
                    json!({ "ok": true, "signed_upload_url": self.signed_at(state.blobs_at, &blob, "cw", 3600) }),
                )
            }
            "FinalizeCacheEntryUpload" => {
                let bytes = request["size_bytes"].as_str().unwrap().parse().unwrap();
                let entry = state
                    .entries
                    .iter_mut()
                    .find(|entry| entry.key == key && entry.version == version)
                    .unwrap();
                let url = format!("http://127.0.0.1:{}{}", self.blobs, signed_path(&entry.blob, "r", 60));
                let there = ureq::head(url).call().ok().and_then(|response| {
                    response.headers()["content-length"].to_str().unwrap().parse::<u64>().ok()
                });
                if there != Some(bytes) {
                    return (
                        404,
                        "",
                        json!({ "code": "not_found", "msg": format!("no blob of {bytes} bytes: {there:?}") }),
                    );
                }
                entry.bytes = Some(bytes);
                (200, "", json!({ "ok": true, "entry_id": "7" }))
            }
            "GetCacheEntryDownloadURL" => {
                let more =
                    request["restore_keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
                let keys: Vec<&str> = std::iter::once(key).chain(more).collect();
                assert!(keys.len() <= 10, "{keys:?}");
                let found = scopes.iter().find_map(|(scope, _)| {
                    keys.iter().find_map(|key| {
                        let ready = || {
                            state.entries.iter().filter(|entry| {
                                entry.scope == *scope && entry.version == version && entry.bytes.is_some()
                            })
                        };
                        let exact = ready().find(|entry| entry.key == *key);
                        exact.or_else(|| ready().rfind(|entry| entry.key.starts_with(key))).cloned()
                    })
                });
                let Some(entry) = found else { return (200, "", json!({ "ok": false })) };
                let url = match take(&mut state.faults, "GET") {
                    Some(Effect::Expired) => self.signed(&entry.blob, "r", -60),
                    Some(Effect::Plain) => {
                        format!("http://127.0.0.1:{}/{}/{}", self.port, usize::MAX, entry.blob)
                    }
                    Some(Effect::Cut(bytes)) => {
                        format!("http://127.0.0.1:{}/{bytes}/{}", self.port, entry.blob)
                    }
                    _ => self.signed_at(state.blobs_at, &entry.blob, "r", 600),
                };
                (200, "", json!({ "ok": true, "signed_download_url": url, "matched_key": entry.key }))
            }
            _ => (404, "", json!({ "code": "bad_route", "msg": "no handler for path" })),
        }
    }

    fn signed(&self, blob: &str, permissions: &str, secs: i64) -> String {
        self.signed_at(None, blob, permissions, secs)
    }

    fn signed_at(&self, port: Option<u16>, blob: &str, permissions: &str, secs: i64) -> String {
        format!("http://127.0.0.1:{}{}", port.unwrap_or(self.blobs), signed_path(blob, permissions, secs))
    }

    /// `/<how many bytes at most>/<blob>`: as a server that knows no ranges, and whose transfers may be cut.
    fn plain_blob(&self, path: &str, mut stream: TcpStream) -> std::io::Result<()> {
        let mut parts = path.split('/').skip(1);
        let limit: usize = parts.next().unwrap().parse().unwrap();
        let url = self.signed(parts.next().unwrap(), "r", 60);
        let mut bytes = Vec::new();
        ureq::get(url).call().unwrap().into_body().into_reader().read_to_end(&mut bytes)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        for chunk in bytes[..limit.min(bytes.len())].chunks(4096) {
            write!(stream, "{:x}\r\n", chunk.len())?;
            stream.write_all(chunk)?;
            stream.write_all(b"\r\n")?;
        }
        if limit < bytes.len() { Ok(()) } else { stream.write_all(b"0\r\n\r\n") }
    }
}

/// The next fault of this method, if one is left.
fn take(faults: &mut Vec<Fault>, on: &str) -> Option<Effect> {
    let at = faults.iter().position(|fault| fault.on == on)?;
    faults[at].times -= 1;
    let effect = faults[at].effect.clone();
    if faults[at].times == 0 {
        faults.remove(at);
    }
    Some(effect)
}

fn answer(stream: TcpStream, status: u16, headers: &str, body: &str) -> std::io::Result<()> {
    answer_with(stream, status, "application/json", headers, body.as_bytes())
}

fn answer_with(
    mut stream: TcpStream,
    status: u16,
    kind: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat())
}

/// Now and so many seconds, as signed URLs want it: `2026-11-22T21:00:00Z`.
pub fn timestamp(plus_secs: i64) -> String {
    let now =
        i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap() + plus_secs;
    let (days, secs) = (now.div_euclid(86_400), now.rem_euclid(86_400));
    // Days since March of the year 0, in eras of 400 years: leap days come last.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", secs / 3600, secs / 60 % 60, secs % 60)
}
