//! A loopback HTTP server whose every answer a test decides.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The bytes of one answer, and what the server does after them.
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    pub(super) then: Then,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Closes the connection.
    Close,
    /// Says nothing more until the client closes it.
    Stall,
}

/// An answer with the given status, extra header lines and body.
pub(super) fn answer(status: &str, headers: &[&str], body: &[u8]) -> Answer {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    Answer { bytes: [head.as_bytes(), b"\r\n", body].concat(), then: Then::Close }
}

impl Answer {
    /// The answer without its last `bytes` bytes.
    pub(super) fn cut(mut self, bytes: usize, then: Then) -> Self {
        self.bytes.truncate(self.bytes.len() - bytes);
        self.then = then;
        self
    }
}

/// The server. It ends with the test's process.
pub(super) struct Server {
    pub(super) base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves `answer_to(number of the request from 0, its head)`.
    pub(super) fn start(answer_to: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer_to) = (Arc::clone(&requests), Arc::new(answer_to));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer_to) = (Arc::clone(&seen), Arc::clone(&answer_to));
                std::thread::spawn(move || serve(stream, &seen, &*answer_to));
            }
        });
        Self { base, requests }
    }

    /// The heads of the requests so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>, answer_to: &dyn Fn(usize, &str) -> Answer) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(head.clone());
        seen.len() - 1
    };
    let Answer { bytes, then } = answer_to(number, &head);
    // The client may have gone; then it does not want the rest.
    let _ = stream.write_all(&bytes);
    if then == Then::Stall {
        let _ = stream.read(&mut byte);
    }
}

/// The place from which a request with `Range: bytes=N-` wants the body.
pub(super) fn range_start(head: &str) -> Option<usize> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("range:"))?;
    line.split_once("bytes=")?.1.trim_end_matches('-').parse().ok()
}
