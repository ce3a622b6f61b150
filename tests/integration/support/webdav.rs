//! A WebDAV storage that keeps objects in memory and can be told to misbehave.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How the storage answers for objects; what sccache checks at its start works unless it is told not to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// The status of every write, when it is not to work.
    pub put: Option<u16>,
    /// The same for the write with which sccache checks at its start whether it may.
    pub put_check: Option<u16>,
    /// How long a write takes.
    pub put_delay: Duration,
    /// How long a read takes.
    pub get_delay: Duration,
}

/// A running storage. It ends with the test's process; nobody else knows its port.
pub struct Webdav {
    port: u16,
    manner: Arc<Mutex<Manner>>,
    objects: Arc<Objects>,
    is_away: Arc<AtomicBool>,
}

impl Webdav {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let manner = Arc::new(Mutex::new(Manner::default()));
        let objects = Arc::new(Mutex::new(HashMap::new()));
        let is_away = Arc::new(AtomicBool::new(false));
        let shared = (Arc::clone(&manner), Arc::clone(&objects), Arc::clone(&is_away));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (manner, objects, is_away) = shared.clone();
                if !is_away.load(Ordering::SeqCst) {
                    std::thread::spawn(move || serve(stream, &manner, &objects, &is_away));
                }
            }
        });
        Self { port, manner, objects, is_away }
    }

    /// From now on every connection is closed without a word.
    pub fn leave(&self) {
        self.is_away.store(true, Ordering::SeqCst);
    }

    /// How many objects it holds, without what sccache checks at its start.
    pub fn objects(&self) -> usize {
        self.objects.lock().unwrap().keys().filter(|path| !path.ends_with(CHECK)).count()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }
}

type Objects = Mutex<HashMap<String, Vec<u8>>>;

/// What sccache reads and writes at its start.
const CHECK: &str = ".sccache_check";

fn serve(stream: TcpStream, manner: &Mutex<Manner>, objects: &Objects, is_away: &AtomicBool) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some((method, path, body)) = request(&mut reader) {
        if is_away.load(Ordering::SeqCst) {
            break;
        }
        let manner = *manner.lock().unwrap();
        let is_check = path.ends_with(CHECK);
        let (status, answer) = match method.as_str() {
            "PUT" => match if is_check { manner.put_check } else { manner.put } {
                Some(status) => (status, Vec::new()),
                None => {
                    if !is_check {
                        std::thread::sleep(manner.put_delay);
                    }
                    objects.lock().unwrap().insert(path, body);
                    (201, Vec::new())
                }
            },
            "GET" => {
                if !is_check {
                    std::thread::sleep(manner.get_delay);
                }
                objects.lock().unwrap().get(&path).map_or((404, Vec::new()), |found| (200, found.clone()))
            }
            "PROPFIND" => (207, propfind(&path).into_bytes()),
            _ => (201, Vec::new()),
        };
        let head = format!(
            "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nContent-Type: text/xml\r\n\r\n",
            answer.len()
        );
        // In one piece, or the second one waits for the other side to confirm the first.
        let whole = [head.as_bytes(), &answer].concat();
        let mut stream = &stream;
        if stream.write_all(&whole).is_err() {
            return;
        }
    }
    // The other side may be gone already.
    let _ = stream.shutdown(Shutdown::Both);
}

/// Every directory that is asked for is there.
fn propfind(path: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>{path}</D:href><D:propstat><D:prop>\
         <D:resourcetype><D:collection/></D:resourcetype><D:getlastmodified>Sun, 22 Nov 2026 10:00:00 GMT\
         </D:getlastmodified></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>"
    )
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split(' ').map(ToOwned::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((method, path, body))
}
