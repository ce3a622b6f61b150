//! Downloads from servers that behave badly.

use std::time::Instant;

use super::server::{Server, Then, answer, range_start};
use super::*;

/// Downloads with short waits; returns the digest and how often the server was asked.
fn fetch(server: &Server, limit_bytes: u64) -> anyhow::Result<String> {
    let directory = tempfile::tempdir().unwrap();
    let request = download::Request {
        url: format!("{}/file", server.base),
        limit_bytes,
        deadline: Instant::now() + Duration::from_secs(20),
        patience: download::Patience {
            stall: Duration::from_millis(400),
            pauses: [20, 40, 60].map(Duration::from_millis),
        },
        variables: &Variables::new(),
    };
    download::download(&request, &directory.path().join("file"), &Silent)
}

fn body() -> Vec<u8> {
    (0..400_000_u32).flat_map(u32::to_le_bytes).collect()
}

const ETAG: &str = "ETag: \"one\"";

/// The answer of a server that can resume.
fn resumed(head: &str) -> server::Answer {
    let (body, start) = (body(), range_start(head).unwrap());
    let range = format!("Content-Range: bytes {start}-{}/{}", body.len() - 1, body.len());
    answer("206 Partial Content", &[ETAG, &range], &body[start..])
}

#[test]
fn a_cut_transfer_is_resumed_where_it_broke() {
    let server = Server::start(|number, head| match number {
        0 => answer("200 OK", &[ETAG], &body()).cut(1_000_000, Then::Close),
        1 => resumed(head).cut(300_000, Then::Close),
        _ => resumed(head),
    });
    assert_eq!(fetch(&server, u64::MAX).unwrap(), sha256(&body()));
    let starts: Vec<_> = server.requests().iter().map(|head| range_start(head)).collect();
    assert_eq!(starts, [None, Some(600_000), Some(1_300_000)]);
    assert!(server.requests()[1].to_ascii_lowercase().contains("if-range: \"one\"\r\n"));
}

#[test]
fn a_transfer_starts_afresh_when_the_server_cannot_resume() {
    let ignores = Server::start(|number, _| {
        let whole = answer("200 OK", &[ETAG], &body());
        if number == 0 { whole.cut(1_000_000, Then::Close) } else { whole }
    });
    assert_eq!(fetch(&ignores, u64::MAX).unwrap(), sha256(&body()));
    assert!(range_start(&ignores.requests()[1]).is_some());

    let no_validator = Server::start(|number, _| {
        let whole = answer("200 OK", &[], &body());
        if number == 0 { whole.cut(1_000_000, Then::Close) } else { whole }
    });
    assert_eq!(fetch(&no_validator, u64::MAX).unwrap(), sha256(&body()));
    assert_eq!(range_start(&no_validator.requests()[1]), None, "nothing proves that it is the same file");

    let elsewhere = Server::start(|number, head| match number {
        0 => answer("200 OK", &[ETAG], &body()).cut(1_000_000, Then::Close),
        1 => answer("206 Partial Content", &[ETAG, "Content-Range: bytes 5-9/1600000"], b"wrong"),
        _ if range_start(head).is_some() => answer("500 Unexpected", &[], b""),
        _ => answer("200 OK", &[ETAG], &body()),
    });
    assert_eq!(fetch(&elsewhere, u64::MAX).unwrap(), sha256(&body()));
}

#[test]
fn a_stalled_transfer_is_resumed() {
    let server = Server::start(|number, head| match number {
        0 => answer("200 OK", &[ETAG], &body()).cut(1_000_000, Then::Stall),
        _ => resumed(head),
    });
    let began = Instant::now();
    assert_eq!(fetch(&server, u64::MAX).unwrap(), sha256(&body()));
    assert!(began.elapsed() >= Duration::from_millis(400), "it was given its time");
    assert_eq!(range_start(&server.requests()[1]), Some(600_000));
}

#[test]
fn a_busy_server_is_asked_again_and_heard_on_when() {
    let server = Server::start(|number, _| match number {
        0 => answer("503 Busy", &["Retry-After: 1"], b""),
        1 => answer("429 Slow down", &["Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"], b""),
        _ => answer("200 OK", &[], &body()),
    });
    let began = Instant::now();
    assert_eq!(fetch(&server, u64::MAX).unwrap(), sha256(&body()));
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_connection_closed_without_an_answer_is_made_again() {
    let server = Server::start(|number, _| match number {
        0 => server::Answer { bytes: Vec::new(), then: Then::Close },
        1 => server::Answer { bytes: b"HTTP/1.1 20".to_vec(), then: Then::Close },
        2 => server::Answer { bytes: Vec::new(), then: Then::Stall },
        _ => answer("200 OK", &[], &body()),
    });
    assert_eq!(fetch(&server, u64::MAX).unwrap(), sha256(&body()));
}

#[test]
fn a_server_that_stays_busy_is_given_up_after_four_tries() {
    let server = Server::start(|_, _| answer("502 Bad Gateway", &[], b""));
    let error = format!("{:#}", fetch(&server, u64::MAX).unwrap_err());
    assert_eq!(error, format!("`{}/file` was not received: the server answered 502", server.base));
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_refusal_is_not_asked_again() {
    let server = Server::start(|_, _| answer("403 Forbidden", &[], b""));
    let error = format!("{:#}", fetch(&server, u64::MAX).unwrap_err());
    assert!(error.ends_with("the server answered 403"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_file_too_large_is_refused_announced_or_not() {
    let announced = Server::start(|_, _| answer("200 OK", &[], &body()));
    let endless = Server::start(|_, _| {
        let bytes = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", &body()[..]].concat();
        server::Answer { bytes, then: Then::Stall }
    });
    for server in [announced, endless] {
        let error = format!("{:#}", fetch(&server, 1000).unwrap_err());
        assert!(error.ends_with("it is larger than 1000 bytes"), "{error}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn redirects_are_followed_and_keep_the_range() {
    let server = Server::start(|number, head| match number {
        0 | 2 => answer("302 Found", &["Location: /elsewhere"], b""),
        1 => answer("200 OK", &[ETAG], &body()).cut(1_000_000, Then::Close),
        _ => resumed(head),
    });
    assert_eq!(fetch(&server, u64::MAX).unwrap(), sha256(&body()));
    let starts: Vec<_> = server.requests().iter().map(|head| range_start(head)).collect();
    assert_eq!(starts, [None, None, Some(600_000), Some(600_000)]);
}

#[test]
fn an_unreachable_server_is_given_up_within_seconds() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    drop(listener);
    // `.invalid` never resolves (RFC 6761).
    for url in [url, "http://sccache-step.invalid/file".to_owned()] {
        let directory = tempfile::tempdir().unwrap();
        let request = download::Request {
            url,
            limit_bytes: 1000,
            deadline: Instant::now() + Duration::from_secs(60),
            patience: download::Patience::default(),
            variables: &Variables::new(),
        };
        let began = Instant::now();
        download::download(&request, &directory.path().join("file"), &Silent).unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(4), "{}: {:?}", request.url, began.elapsed());
    }
}

#[test]
fn the_deadline_ends_a_transfer() {
    let server = Server::start(|_, _| answer("200 OK", &[], &body()).cut(9, Then::Stall));
    let directory = tempfile::tempdir().unwrap();
    let request = download::Request {
        url: format!("{}/file", server.base),
        limit_bytes: u64::MAX,
        deadline: Instant::now() + Duration::from_millis(600),
        patience: download::Patience::default(),
        variables: &Variables::new(),
    };
    let began = Instant::now();
    download::download(&request, &directory.path().join("file"), &Silent).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
