//! One client of the address, and the server that its request was passed on to.

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use mio::Registry;
use mio::event::Source as _;

use crate::process::{Board, Mark, Socket};
use crate::sccache::wire;

/// The longest first request that is kept for sending it once more, in bytes. Compile requests carry the
/// command line and the environment: some ten thousand bytes.
const KEPT_LIMIT_BYTES: usize = 1 << 20;

/// How long a request waits after a server went away without a word, so that the next is not the same one.
const PATIENCE: Duration = Duration::from_millis(30);

/// How much is read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// A client, and how far its request has come.
pub(super) struct Connection {
    pub(super) client: Socket,
    /// How many servers its request was sent to.
    pub(super) attempts: u8,
    /// Whether a server has begun to answer it.
    pub(super) has_begun: bool,
    place: Option<usize>,
    board: Board,
    stage: Stage,
    to_client: Vec<u8>,
}

enum Stage {
    /// Its first frame is being read.
    Asking { frame: Vec<u8> },
    /// Its first frame is here, and no server has it. None is tried before that time.
    Waiting { frame: Vec<u8>, since: Instant, not_before: Instant },
    /// A server has it. The frame is kept until that one answers.
    Served { server: Socket, frame: Option<Vec<u8>>, since: Instant, to_server: Vec<u8> },
    /// There is nothing more to come than what is still to be written to the client.
    Leaving,
}

/// What became of moving bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing can be moved now.
    Blocked,
    /// A server has begun to answer the request.
    Begun,
    /// A request waits for a server.
    Waiting,
    /// Nothing is left to do.
    Over,
}

/// What came of reading what there is.
enum Got {
    Bytes(usize),
    NothingYet,
    End,
}

impl Connection {
    pub(super) fn new(client: Socket, place: Option<usize>, board: Board) -> Self {
        Self {
            client,
            place,
            board,
            attempts: 0,
            has_begun: false,
            stage: Stage::Asking { frame: Vec::new() },
            to_client: Vec::new(),
        }
    }

    /// Lets go of the client, for whoever else holds its connection as well.
    pub(super) fn end(mut self, registry: &Registry) {
        // The connection outlives ours where somebody else holds it, and with it the registration.
        let _ = self.client.deregister(registry);
        self.client.close();
        self.note(Mark::Over);
    }

    fn note(&self, mark: Mark) {
        if let Some(place) = self.place {
            self.board.note(place, mark);
        }
    }

    /// Since when the request has been waiting for a server.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Waiting { since, .. } => Some(*since),
            _ => None,
        }
    }

    /// Lets a waiting request be passed on at once: there is another server.
    pub(super) fn hurry(&mut self) {
        if let Stage::Waiting { since, not_before, .. } = &mut self.stage {
            *not_before = *since;
        }
    }

    /// Whether the waiting request is for the server's end.
    pub(super) fn asks_to_shut_down(&self) -> bool {
        matches!(&self.stage, Stage::Waiting { frame, .. } if frame.starts_with(&wire::SHUT_DOWN))
    }

    /// Passes the waiting request on to a server.
    pub(super) fn give_server(&mut self, server: Socket) {
        if let Stage::Waiting { frame, since, .. } = &mut self.stage {
            let frame = std::mem::take(frame);
            self.attempts += 1;
            self.stage =
                Stage::Served { server, to_server: frame.clone(), frame: Some(frame), since: *since };
        }
    }

    /// Tells the client of a waiting request to compile by itself, and closes on any other.
    pub(super) fn send_away(&mut self) {
        if let Stage::Waiting { frame, .. } = &self.stage {
            if wire::is_compile(frame.get(4..).unwrap_or_default()) {
                self.to_client.extend_from_slice(&wire::COMPILE_YOURSELF);
            }
            self.stage = Stage::Leaving;
        }
    }

    /// Moves bytes as far as possible.
    pub(super) fn pump(&mut self) -> Progress {
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            if !self.to_client.is_empty() {
                // Before the first byte of it, so that whoever comes after us adds no second answer.
                self.note(Mark::Answered);
            }
            if write(&mut self.client, &mut self.to_client).is_err() {
                return Progress::Over;
            }
            if matches!(&self.stage, Stage::Asking { frame } if frame.is_empty()) {
                self.note(Mark::Asked);
            }
            let moved = match &mut self.stage {
                Stage::Leaving if self.to_client.is_empty() => return Progress::Over,
                Stage::Leaving => return Progress::Blocked,
                Stage::Waiting { .. } => return self.wait(&mut chunk),
                Stage::Asking { frame } => match read(&mut self.client, &mut chunk) {
                    Got::End => return Progress::Over,
                    Got::NothingYet => return Progress::Blocked,
                    Got::Bytes(count) => {
                        frame.extend_from_slice(&chunk[..count]);
                        if is_whole(frame) {
                            let frame = std::mem::take(frame);
                            if !wire::is_compile(frame.get(4..).unwrap_or_default()) {
                                // There is no answer with which its client could help itself.
                                self.place
                                    .into_iter()
                                    .for_each(|place| self.board.note(place, Mark::Answered));
                            }
                            let now = Instant::now();
                            self.stage = Stage::Waiting { frame, since: now, not_before: now };
                        }
                        true
                    }
                },
                Stage::Served { frame, .. } => {
                    let was_kept = frame.is_some();
                    let Some(moved) = self.serve(&mut chunk) else { return Progress::Over };
                    let is_answered =
                        !matches!(&self.stage, Stage::Served { frame: Some(_), .. } | Stage::Waiting { .. });
                    if was_kept && is_answered && !self.has_begun {
                        self.has_begun = true;
                        return Progress::Begun;
                    }
                    moved
                }
            };
            if !moved {
                return Progress::Blocked;
            }
        }
    }

    /// A client that gives up while it waits is let go; what it says meanwhile belongs to its request.
    fn wait(&mut self, chunk: &mut [u8]) -> Progress {
        loop {
            match read(&mut self.client, chunk) {
                Got::End => return Progress::Over,
                Got::NothingYet => break,
                Got::Bytes(count) => {
                    if let Stage::Waiting { frame, .. } = &mut self.stage {
                        frame.extend_from_slice(&chunk[..count]);
                    }
                }
            }
        }
        match &self.stage {
            Stage::Waiting { not_before, .. } if *not_before <= Instant::now() => Progress::Waiting,
            _ => Progress::Blocked,
        }
    }

    /// Moves bytes in both directions; `None` when the client has gone.
    fn serve(&mut self, chunk: &mut [u8]) -> Option<bool> {
        let Stage::Served { server, frame, since, to_server } = &mut self.stage else { return Some(false) };
        let mut moved = false;
        let written = write(server, to_server);
        let mut has_server = written.is_ok();
        moved |= written.unwrap_or(false);
        if has_server && to_server.is_empty() {
            match read(&mut self.client, chunk) {
                Got::End => return None,
                Got::NothingYet => {}
                Got::Bytes(count) => {
                    to_server.extend_from_slice(&chunk[..count]);
                    if let Some(kept) = frame {
                        kept.extend_from_slice(&chunk[..count]);
                    }
                    moved = true;
                }
            }
            if frame.as_ref().is_some_and(|kept| kept.len() > KEPT_LIMIT_BYTES) {
                *frame = None;
            }
        }
        if has_server && self.to_client.is_empty() {
            match read(server, chunk) {
                Got::End => has_server = false,
                Got::NothingYet => {}
                Got::Bytes(count) => {
                    *frame = None;
                    self.to_client.extend_from_slice(&chunk[..count]);
                    moved = true;
                }
            }
        }
        if has_server {
            return Some(moved);
        }
        // A server that went away in the middle of its answer leaves a client that then compiles by itself; one
        // that never answered leaves a request for the next.
        self.stage = match frame.take() {
            Some(frame) => Stage::Waiting { frame, since: *since, not_before: Instant::now() + PATIENCE },
            None => Stage::Leaving,
        };
        Some(true)
    }
}

/// Whether a frame is complete, or longer than what is kept.
fn is_whole(frame: &[u8]) -> bool {
    let length = frame.first_chunk().map(|length| u32::from_be_bytes(*length) as usize);
    length.is_some_and(|length| frame.len() >= 4 + length) || frame.len() > KEPT_LIMIT_BYTES
}

fn read(from: &mut Socket, chunk: &mut [u8]) -> Got {
    loop {
        match from.read(chunk) {
            Ok(0) => return Got::End,
            Ok(count) => return Got::Bytes(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Got::NothingYet,
            // A port's connection may still be under way.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Got::NothingYet,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Got::End,
        }
    }
}

/// Writes what can be written, and tells whether that was anything.
fn write(to: &mut Socket, pending: &mut Vec<u8>) -> io::Result<bool> {
    let mut done = 0;
    while done < pending.len() {
        match to.write(&pending[done..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::NotConnected => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    pending.drain(..done);
    if pending.is_empty() {
        // What a large answer needed is given back.
        *pending = Vec::new();
    }
    Ok(done > 0)
}
