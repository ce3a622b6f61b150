//! As much of HTTP/1.1 as the stand-ins need: requests with a known length, answers in one piece.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub struct Request {
    pub verb: String,
    /// The path, or whatever else the first line names.
    pub target: String,
    /// The names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// A server on a port of its own. Its thread ends with the test's process; nobody else knows the port.
pub struct Server {
    pub port: u16,
    is_away: Arc<AtomicBool>,
}

impl Server {
    /// Gives every connection to `serve`, in a thread of its own.
    pub fn start(serve: impl Fn(TcpStream, &AtomicBool) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_away, serve) = (Arc::new(AtomicBool::new(false)), Arc::new(serve));
        let shared = Arc::clone(&is_away);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serve, is_away) = (Arc::clone(&serve), Arc::clone(&shared));
                if !is_away.load(Ordering::SeqCst) {
                    std::thread::spawn(move || serve(stream, &is_away));
                }
            }
        });
        Self { port, is_away }
    }

    /// The same for single requests: status and body of each answer.
    pub fn answering(answer: impl Fn(&Request) -> (u16, Vec<u8>) + Send + Sync + 'static) -> Self {
        Self::start(move |stream, is_away| {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while let Some(request) = read(&mut reader) {
                if is_away.load(Ordering::SeqCst) {
                    break;
                }
                let (status, body) = answer(&request);
                if respond(&stream, status, &body).is_err() {
                    return;
                }
            }
            // The other side may be gone already.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        })
    }

    /// From now on every connection is closed without a word, and no request on an open one is answered.
    pub fn leave(&self) {
        self.is_away.store(true, Ordering::SeqCst);
    }
}

/// The next request of a connection; `None` at its end.
pub fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split(' ').map(ToOwned::to_owned);
    let (verb, target) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { verb, target, headers, body: Vec::new() };
    request.body = vec![0; request.header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

/// Answers in one piece, or the second one waits for the other side to confirm the first.
pub fn respond(mut stream: &TcpStream, status: u16, body: &[u8]) -> std::io::Result<()> {
    let kind = if body.starts_with(b"{") { "application/json" } else { "text/xml" };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nContent-Type: {kind}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat())
}
