//! A stand-in for the object storages of Alibaba and Tencent, which have no emulator: objects in memory, requests
//! checked by the signature that each of them documents. It is reached as a proxy, so that the hosts of buckets
//! need no name server.
//!
//! Sources: "Add signatures to headers" of OSS, version 1; "Request signature" of COS, XML API.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sha1::{Digest as _, Sha1};

use super::Service;
use crate::support::azurite::{base64, hmac};
use crate::support::http::{Request, Server};

const BUCKET: &str = "ci";
const ID: &str = "planted-key-id";
const SECRET: &str = "planted-key-secret";

/// Whose protocol it speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Oss,
    Cos,
}

/// What is stored at a path, and how often something was.
type Objects = BTreeMap<String, (Vec<u8>, usize)>;

pub struct ObjectServer {
    dialect: Dialect,
    server: Server,
    objects: Arc<Mutex<Objects>>,
}

impl ObjectServer {
    pub fn start(dialect: Dialect) -> Self {
        let objects: Arc<Mutex<Objects>> = Arc::default();
        let shared = Arc::clone(&objects);
        let server = Server::answering(move |request| answer(dialect, request, &mut shared.lock().unwrap()));
        Self { dialect, server, objects }
    }

    const fn host(&self) -> &'static str {
        match self.dialect {
            Dialect::Oss => "oss.test",
            Dialect::Cos => "cos.test",
        }
    }
}

fn answer(dialect: Dialect, request: &Request, objects: &mut Objects) -> (u16, Vec<u8>) {
    let error = |status, code: &str| (status, format!("<Error><Code>{code}</Code></Error>").into_bytes());
    let path = request.target.strip_prefix("http://").and_then(|rest| rest.split_once('/'));
    let Some((host, path)) = path.map(|(host, path)| (host, format!("/{path}"))) else {
        return error(400, "InvalidURI");
    };
    if host.split('.').next() != Some(BUCKET) {
        return error(404, "NoSuchBucket");
    }
    let is_right = match dialect {
        Dialect::Oss => of_oss(request, &path),
        Dialect::Cos => of_cos(request, &path),
    };
    if !is_right {
        return error(403, "SignatureDoesNotMatch");
    }
    match request.verb.as_str() {
        "PUT" => {
            let times = objects.get(&path).map_or(0, |(_, times)| *times);
            objects.insert(path, (request.body.clone(), times + 1));
            (200, Vec::new())
        }
        "GET" => objects.get(&path).map_or_else(|| error(404, "NoSuchKey"), |(body, _)| (200, body.clone())),
        _ => error(405, "MethodNotAllowed"),
    }
}

/// `OSS <id>:<signature>`: SHA-1 over verb, checksum, type, date and resource.
fn of_oss(request: &Request, path: &str) -> bool {
    let text = [
        &request.verb,
        request.header("content-md5"),
        request.header("content-type"),
        request.header("date"),
        &format!("/{BUCKET}{path}"),
    ];
    let signature = base64(&hmac::<Sha1>(SECRET.as_bytes(), text.join("\n").as_bytes()));
    request.header("authorization") == format!("OSS {ID}:{signature}")
}

/// `q-…=…&…`: a key for a span of time signs verb, path, parameters and the headers that it names.
fn of_cos(request: &Request, path: &str) -> bool {
    let said: BTreeMap<&str, &str> =
        request.header("authorization").split('&').filter_map(|pair| pair.split_once('=')).collect();
    let said = |name: &str| said.get(name).copied().unwrap_or_default();
    let named = said("q-header-list").split(';').filter(|name| !name.is_empty());
    let headers: Vec<String> = named.map(|name| format!("{name}={}", request.header(name))).collect();
    let verb = request.verb.to_lowercase();
    let signed = format!("{verb}\n{path}\n{}\n{}\n", said("q-url-param-list"), headers.join("&"));
    let key = hex(&hmac::<Sha1>(SECRET.as_bytes(), said("q-key-time").as_bytes()));
    let text = format!("sha1\n{}\n{}\n", said("q-sign-time"), hex(&Sha1::digest(signed.as_bytes())));
    said("q-ak") == ID && said("q-signature") == hex(&hmac::<Sha1>(key.as_bytes(), text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Service for ObjectServer {
    fn name(&self) -> &'static str {
        if self.dialect == Dialect::Oss { "oss" } else { "cos" }
    }

    fn inputs(&self) -> Vec<(&'static str, String)> {
        let names = match self.dialect {
            Dialect::Oss => {
                ["oss-bucket", "oss-endpoint", "oss-key-prefix", "oss-access-key-id", "oss-access-key-secret"]
            }
            Dialect::Cos => {
                ["cos-bucket", "cos-endpoint", "cos-key-prefix", "cos-secret-id", "cos-secret-key"]
            }
        };
        let endpoint = format!("http://{}", self.host());
        let values = [BUCKET.into(), endpoint, "ci".into(), ID.into(), SECRET.into()];
        names.into_iter().zip(values).collect()
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![("HTTP_PROXY", format!("http://127.0.0.1:{}", self.server.port))]
    }

    fn wrong_credentials(&self) -> Vec<(&'static str, String)> {
        let name = if self.dialect == Dialect::Oss { "oss-access-key-secret" } else { "cos-secret-key" };
        vec![(name, "wrong-planted-secret".into())]
    }

    fn secrets(&self) -> Vec<String> {
        vec![ID.into(), SECRET.into()]
    }

    fn contents(&self) -> Vec<String> {
        let objects = self.objects.lock().unwrap();
        objects.iter().map(|(path, (body, times))| format!("{path} {} {times}", body.len())).collect()
    }

    /// It is a thread of the test.
    fn pids(&self) -> Vec<u32> {
        Vec::new()
    }

    fn stop(&mut self) {
        self.server.leave();
    }
}
