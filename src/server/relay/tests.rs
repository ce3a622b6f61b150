//! The address with servers made up for each case, over ports, which every system has.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use super::{Relay, Target};
use crate::process::{Board, Entrance, Listener};
use crate::sccache::wire;
use crate::state::Address;

const LIMIT: Duration = Duration::from_secs(10);

/// A compile request with this many bytes behind its variant.
fn request(bytes: usize) -> Vec<u8> {
    let body = [&[4, 0, 0, 0][..], &vec![7; bytes]].concat();
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
}

fn connect(address: &Address) -> TcpStream {
    let Address::Port(port) = address else { panic!("{address} is no port") };
    let stream = TcpStream::connect(("127.0.0.1", *port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// A client that sends this and reads until the end.
fn client(relay: &Relay, request: Vec<u8>) -> JoinHandle<Vec<u8>> {
    let address = relay.address().clone();
    spawn(move || {
        let mut stream = connect(&address);
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    })
}

/// A server that answers the first connections as told: `None` goes away without a word.
fn server(answers: Vec<Option<Vec<u8>>>, request_bytes: usize) -> (Address, JoinHandle<Vec<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::Port(listener.local_addr().unwrap().port());
    let served = spawn(move || {
        let answer = |answer: Option<Vec<u8>>| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; request_bytes];
            stream.read_exact(&mut request).unwrap();
            if let Some(answer) = answer {
                stream.write_all(&answer).unwrap();
            }
            request
        };
        answers.into_iter().map(answer).collect()
    });
    (address, served)
}

fn relay() -> Relay {
    let (listener, address) = Listener::bind(&Address::Port(0)).unwrap();
    Relay::new(Entrance::own(listener), Board::new().unwrap(), address).unwrap()
}

/// Turns the loop until a client has its answer.
fn until<T>(relay: &mut Relay, client: JoinHandle<T>) -> T {
    let began = Instant::now();
    while !client.is_finished() {
        assert!(began.elapsed() < LIMIT, "no answer came");
        relay.turn(Duration::from_millis(5)).unwrap();
    }
    client.join().unwrap()
}

#[test]
fn requests_and_answers_pass_whole_and_unchanged() {
    for bytes in [0, 1, 4096, 300_000, 3 << 20] {
        let mut relay = relay();
        let (request, answer) = (request(bytes), vec![9; bytes * 2 + 5]);
        let (address, served) = server(vec![Some(answer.clone())], request.len());
        relay.aim(Target::Server(address));
        let client = client(&relay, request.clone());
        assert!(until(&mut relay, client) == answer, "an answer to {bytes} bytes");
        assert!(served.join().unwrap() == [request], "a request of {bytes} bytes");
        assert_eq!(relay.begun(), 1);
        assert_eq!(relay.clients(), 0);
    }
}

#[test]
fn a_request_waits_for_the_next_server() {
    let mut relay = relay();
    let client = client(&relay, request(10));
    while relay.clients() == 0 {
        relay.turn(Duration::from_millis(5)).unwrap();
    }
    assert_eq!(relay.unfinished(), 0);
    let (address, served) = server(vec![Some(b"done".to_vec())], request(10).len());
    relay.aim(Target::Server(address));
    assert_eq!(until(&mut relay, client), b"done");
    served.join().unwrap();
}

#[test]
fn a_request_that_a_dead_server_left_unanswered_is_sent_to_the_next() {
    let mut relay = relay();
    let (dying, dead) = server(vec![None], request(10).len());
    relay.aim(Target::Server(dying));
    let client = client(&relay, request(10));
    let began = Instant::now();
    while !dead.is_finished() {
        assert!(began.elapsed() < LIMIT);
        relay.turn(Duration::from_millis(5)).unwrap();
    }
    let (next, served) = server(vec![Some(b"done".to_vec())], request(10).len());
    relay.aim(Target::Server(next));
    assert_eq!(until(&mut relay, client), b"done");
    assert_eq!(served.join().unwrap(), [request(10)], "the whole request, once");
    assert_eq!(relay.begun(), 1, "it is one request all the same");
}

#[test]
fn an_answer_that_is_cut_is_passed_on_as_cut() {
    let mut relay = relay();
    let (address, served) = server(vec![Some(b"half an ans".to_vec())], request(10).len());
    relay.aim(Target::Server(address));
    let client = client(&relay, request(10));
    assert_eq!(until(&mut relay, client), b"half an ans");
    served.join().unwrap();
}

#[test]
fn without_a_server_clients_are_told_to_compile_by_themselves() {
    let mut relay = relay();
    relay.aim(Target::Nobody);
    let compiling = client(&relay, request(10));
    assert_eq!(until(&mut relay, compiling), wire::COMPILE_YOURSELF);
    let asking = client(&relay, wire::GET_STATISTICS.to_vec());
    assert_eq!(until(&mut relay, asking), b"", "for anything else there is no answer");
}

#[test]
fn a_server_that_never_answers_anybody_is_not_tried_for_ever() {
    let mut relay = relay();
    let (address, served) = server(vec![None; super::ATTEMPTS.into()], request(10).len());
    relay.aim(Target::Server(address));
    let client = client(&relay, request(10));
    assert_eq!(until(&mut relay, client), wire::COMPILE_YOURSELF);
    assert_eq!(served.join().unwrap().len(), usize::from(super::ATTEMPTS));
}

#[test]
fn a_request_does_not_wait_for_ever() {
    let mut relay = relay();
    let began = Instant::now();
    let client = client(&relay, request(10));
    assert_eq!(until(&mut relay, client), wire::COMPILE_YOURSELF);
    assert!(began.elapsed() >= super::HOLD_LIMIT);
}

#[test]
fn a_client_that_goes_away_leaves_nothing() {
    let mut relay = relay();
    for sent in [0, 3, 14] {
        let mut stream = connect(relay.address());
        stream.write_all(&request(10)[..sent]).unwrap();
        let began = Instant::now();
        while relay.clients() == 0 {
            assert!(began.elapsed() < LIMIT);
            relay.turn(Duration::from_millis(5)).unwrap();
        }
        drop(stream);
        while relay.clients() > 0 {
            assert!(began.elapsed() < super::HOLD_LIMIT, "{sent} bytes");
            relay.turn(Duration::from_millis(5)).unwrap();
        }
    }
}

#[test]
fn many_clients_are_served_side_by_side() {
    let mut relay = relay();
    let (address, served) = server(vec![Some(vec![1; 100_000]); 40], request(2000).len());
    relay.aim(Target::Server(address));
    let clients: Vec<_> = (0..40).map(|_| client(&relay, request(2000))).collect();
    for client in clients {
        assert!(until(&mut relay, client) == vec![1; 100_000]);
    }
    assert_eq!(served.join().unwrap().len(), 40);
    assert_eq!(relay.begun(), 40);
}
