//! A WebDAV storage that keeps objects in memory and can be told to misbehave.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How the storage answers for objects; what sccache checks at its start always works.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// The status of every write, when it is not to work.
    pub put: Option<u16>,
    /// How long a read takes.
    pub get_delay: Duration,
}

/// A running storage. It ends with the test's process; nobody else knows its port.
pub struct Webdav {
    port: u16,
    manner: Arc<Mutex<Manner>>,
}

impl Webdav {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let manner = Arc::new(Mutex::new(Manner::default()));
        let objects = Arc::new(Mutex::new(HashMap::new()));
        let shared = Arc::clone(&manner);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (manner, objects) = (Arc::clone(&shared), Arc::clone(&objects));
                std::thread::spawn(move || serve(stream, &manner, &objects));
            }
        });
        Self { port, manner }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }
}

type Objects = Mutex<HashMap<String, Vec<u8>>>;

fn serve(stream: TcpStream, manner: &Mutex<Manner>, objects: &Objects) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some((method, path, body)) = request(&mut reader) {
        let manner = *manner.lock().unwrap();
        let is_check = path.ends_with(".sccache_check");
        let (status, answer) = match method.as_str() {
            "PUT" => match manner.put.filter(|_| !is_check) {
                Some(status) => (status, Vec::new()),
                None => {
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
