//! The address that the job knows, held by the supervisor: passes what clients say on to whichever server
//! there is.
//!
//! sccache's clients start servers of their own as soon as nobody listens, several at once, each stealing
//! the socket from the last; they fail the build when a server is gone before it said that it begins, and
//! wait for ever for one that hangs. So the address never goes away: a request waits here while there is no
//! server, is sent once more when its server died without a word, and when no server comes it is answered
//! with the word upon which the client runs the compiler itself.
//!
//! The first frame of a connection is kept until the first byte of its answer; everything else is passed on
//! as it is, whatever the version. Nothing here waits: one loop serves all connections.

mod connection;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use mio::event::Source as _;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::process::{Board, Entrance, Listener, Mark, News, Socket};
use crate::state::Address;
use connection::{Connection, Progress};

/// How long a request waits for a server before its client is told to compile by itself.
const HOLD_LIMIT: Duration = Duration::from_secs(3);

/// How often a request is sent once more.
const ATTEMPTS: u8 = 5;

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST_CONNECTION: usize = 2;

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To this server.
    Server(Address),
    /// Nowhere yet: they wait.
    Soon,
    /// Nowhere: clients compile by themselves.
    Nobody,
}

/// The address, and the connections to it.
pub struct Relay {
    poll: Poll,
    events: Events,
    entrance: Entrance,
    address: Address,
    board: Board,
    news: Vec<News>,
    target: Target,
    connections: BTreeMap<usize, Connection>,
    next_token: usize,
    begun: u64,
    shutdowns: u64,
}

impl Relay {
    /// Takes over the address from who holds it.
    ///
    /// # Errors
    /// When the system has no more of what a loop needs.
    pub fn new(mut entrance: Entrance, board: Board, address: Address) -> io::Result<Self> {
        let poll = Poll::new()?;
        entrance.register(poll.registry(), LISTENER)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(64),
            entrance,
            address,
            board,
            news: Vec::new(),
            target: Target::Soon,
            connections: BTreeMap::new(),
            next_token: FIRST_CONNECTION,
            begun: 0,
            shutdowns: 0,
        })
    }

    /// What the holder of the address had to say since the last call.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Where we listen; a port that was left open is known now.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Ends a waiting [`Relay::turn`] from another thread.
    ///
    /// # Errors
    /// When the system has no more of these.
    pub fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), WAKER)
    }

    /// How many requests a server has begun to answer so far: as long as this stays the same, so do the
    /// statistics, save for those that are unfinished.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// How often a server was asked to shut down since the last call.
    pub fn take_shutdowns(&mut self) -> u64 {
        std::mem::take(&mut self.shutdowns)
    }

    /// How many of them are not at their end.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.connections.values().filter(|connection| connection.has_begun).count()
    }

    /// How many clients are there, also those that wait.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.connections.len()
    }

    /// Whether some of them wait for a server.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.connections.values().any(|connection| connection.waiting_since().is_some())
    }

    /// Sends requests there from now on, those that wait included.
    pub fn aim(&mut self, target: Target) {
        self.target = target;
        let tokens: Vec<usize> = self.connections.keys().copied().collect();
        for token in tokens {
            if let Some(connection) = self.connections.get_mut(&token) {
                connection.hurry();
            }
            self.pump(token);
        }
    }

    /// Listens anew where the socket's file was taken away or replaced.
    ///
    /// # Errors
    /// When it cannot be bound; connections that exist go on.
    pub fn rebind(&mut self) -> io::Result<()> {
        let (listener, _) = Listener::bind(&self.address)?;
        // What had connected to the old one is still in its queue.
        self.accept();
        self.entrance.replace(listener, self.poll.registry(), LISTENER)
    }

    /// The socket's file, if the address is one.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.address.socket()
    }

    /// Notes where a successor finds it how many requests are in no counter that is written down.
    pub fn note_uncounted(&self, requests: u64) {
        self.board.note_uncounted(requests);
    }

    /// Notes that our starter was told of a server: from now on a successor is wanted.
    pub fn serving(&self) {
        self.board.serving();
    }

    /// Serves whoever has something to say, and returns after `limit` at the latest.
    ///
    /// # Errors
    /// When the system cannot tell who that is.
    pub fn turn(&mut self, limit: Duration) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        let tokens: Vec<Token> = self.events.iter().map(mio::event::Event::token).collect();
        for token in tokens {
            match token {
                LISTENER => self.accept(),
                WAKER => {}
                Token(number) => self.pump(number / 2 * 2),
            }
        }
        self.expire();
        Ok(())
    }

    fn accept(&mut self) {
        while let Some((mut client, place)) =
            self.entrance.next(self.poll.registry(), LISTENER, &mut self.news)
        {
            let token = self.next_token;
            self.next_token += 2;
            let both = Interest::READABLE | Interest::WRITABLE;
            if client.register(self.poll.registry(), Token(token), both).is_ok() {
                self.connections.insert(token, Connection::new(client, place, self.board));
                self.pump(token);
            } else {
                client.close();
                place.into_iter().for_each(|place| self.board.note(place, Mark::Over));
            }
        }
    }

    /// Moves what can be moved on one connection. Its client has an even token, its server the odd one after.
    fn pump(&mut self, token: usize) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        loop {
            let over = match connection.pump() {
                Progress::Blocked => return,
                Progress::Over => true,
                Progress::Begun => {
                    self.begun += 1;
                    false
                }
                Progress::Waiting => match &self.target {
                    Target::Server(address) if connection.attempts < ATTEMPTS => {
                        let server = Socket::connect(address).and_then(|mut server| {
                            let both = Interest::READABLE | Interest::WRITABLE;
                            server.register(self.poll.registry(), Token(token + 1), both)?;
                            Ok(server)
                        });
                        match server {
                            Ok(server) => {
                                self.shutdowns += u64::from(connection.asks_to_shut_down());
                                connection.give_server(server);
                            }
                            // It has just died. The next one is told to us, or the hold limit comes.
                            Err(_) => return,
                        }
                        false
                    }
                    Target::Soon => return,
                    Target::Server(_) | Target::Nobody => {
                        connection.send_away();
                        false
                    }
                },
            };
            if over {
                if let Some(connection) = self.connections.remove(&token) {
                    connection.end(self.poll.registry());
                }
                return;
            }
        }
    }

    /// Lets clients go that have waited long enough, and looks again at those whose server refused them.
    fn expire(&mut self) {
        let now = Instant::now();
        let waiting = self.connections.iter_mut().filter_map(|(token, connection)| {
            let since = connection.waiting_since()?;
            if now.duration_since(since) >= HOLD_LIMIT {
                connection.send_away();
            }
            Some(*token)
        });
        let tokens: Vec<usize> = waiting.collect();
        tokens.into_iter().for_each(|token| self.pump(token));
    }
}

#[cfg(test)]
mod tests;
