//! A WebDAV storage that keeps objects in memory, counts requests, and can be told to misbehave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::http::{Request, Server};

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
    server: Server,
    manner: Arc<Mutex<Manner>>,
    objects: Arc<Objects>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Webdav {
    pub fn start() -> Self {
        let manner: Arc<Mutex<Manner>> = Arc::default();
        let objects: Arc<Objects> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let shared = (Arc::clone(&manner), Arc::clone(&objects), Arc::clone(&asked));
        let server = Server::answering(move |request| {
            let of = if request.target.ends_with(CHECK) { "check" } else { "object" };
            shared.2.lock().unwrap().push(format!("{} {of}", request.verb));
            answer(request, &shared.0, &shared.1)
        });
        Self { server, manner, objects, asked }
    }

    /// From now on every connection is closed without a word.
    pub fn leave(&self) {
        self.server.leave();
    }

    /// How many objects it holds, without what sccache checks at its start.
    pub fn objects(&self) -> usize {
        self.objects.lock().unwrap().keys().filter(|path| !path.ends_with(CHECK)).count()
    }

    /// How many requests there were: `PUT object`, `GET check`.
    pub fn requests(&self, of: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == of).count()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port)
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }
}

type Objects = Mutex<HashMap<String, Vec<u8>>>;

/// What sccache reads and writes at its start.
const CHECK: &str = ".sccache_check";

fn answer(request: &Request, manner: &Mutex<Manner>, objects: &Objects) -> (u16, Vec<u8>) {
    let manner = *manner.lock().unwrap();
    let path = &request.target;
    let is_check = path.ends_with(CHECK);
    match request.verb.as_str() {
        "PUT" => match if is_check { manner.put_check } else { manner.put } {
            Some(status) => (status, Vec::new()),
            None => {
                if !is_check {
                    std::thread::sleep(manner.put_delay);
                }
                objects.lock().unwrap().insert(path.clone(), request.body.clone());
                (201, Vec::new())
            }
        },
        "GET" => {
            if !is_check {
                std::thread::sleep(manner.get_delay);
            }
            objects.lock().unwrap().get(path).map_or((404, Vec::new()), |found| (200, found.clone()))
        }
        "PROPFIND" => (207, propfind(path).into_bytes()),
        _ => (201, Vec::new()),
    }
}

/// Every directory that is asked for is there.
fn propfind(path: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>{path}</D:href><D:propstat><D:prop>\
         <D:resourcetype><D:collection/></D:resourcetype><D:getlastmodified>Sun, 22 Nov 2026 10:00:00 GMT\
         </D:getlastmodified></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>"
    )
}
