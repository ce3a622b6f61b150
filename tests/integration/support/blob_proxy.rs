//! Stands between a client and the storage of blobs: slow, or late where the order matters.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How bytes pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The later a request comes, of the first eight, the sooner it is passed on: they end in another order.
    Backwards,
    /// A byte a second, up and down, after so many bytes.
    ByteASecondAfter(usize),
}

/// A running proxy; it ends with the test's process.
pub struct BlobProxy {
    pub port: u16,
    /// The first lines of the requests, in the order in which they ended.
    pub ended: Arc<Mutex<Vec<String>>>,
    /// How many have begun.
    pub begun: Arc<AtomicUsize>,
}

impl BlobProxy {
    /// In front of the storage at this port.
    pub fn start(storage: u16, pace: Pace) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (ended, begun): (Arc<Mutex<Vec<String>>>, Arc<AtomicUsize>) = Default::default();
        let shared = (Arc::clone(&ended), Arc::clone(&begun));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (ended, begun) = (Arc::clone(&shared.0), Arc::clone(&shared.1));
                std::thread::spawn(move || {
                    let order = begun.fetch_add(1, Ordering::SeqCst);
                    // A client that hangs up is what some tests are about.
                    if let Ok(line) = pass(stream, storage, pace, order) {
                        ended.lock().unwrap().push(line);
                    }
                });
            }
        });
        Self { port, ended, begun }
    }
}

fn pass(client: TcpStream, storage: u16, pace: Pace, order: usize) -> std::io::Result<String> {
    let mut reader = BufReader::new(client.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        if !lower.starts_with("connection:") {
            head += &line;
        }
    }
    let mut body = Vec::new();
    copy(&mut reader.take(length), &mut body, pace)?;
    if pace == Pace::Backwards {
        std::thread::sleep(Duration::from_millis(60) * u32::try_from(8_usize.saturating_sub(order)).unwrap());
    }
    let mut server = TcpStream::connect(("127.0.0.1", storage))?;
    write!(server, "{head}Connection: close\r\n\r\n")?;
    server.write_all(&body)?;
    let mut client = client;
    copy(&mut server, &mut client, pace)?;
    Ok(head.lines().next().unwrap_or_default().to_owned())
}

fn copy(from: &mut dyn Read, to: &mut dyn Write, pace: Pace) -> std::io::Result<()> {
    let mut free = match pace {
        Pace::Backwards => usize::MAX,
        Pace::ByteASecondAfter(bytes) => bytes,
    };
    let mut buffer = [0; 4096];
    loop {
        let length = buffer.len().min(free.max(1));
        let length = from.read(&mut buffer[..length])?;
        if length == 0 {
            return Ok(());
        }
        if free == 0 {
            std::thread::sleep(Duration::from_secs(1));
        }
        free = free.saturating_sub(length);
        to.write_all(&buffer[..length])?;
    }
}
