//! Where the connections of a child come from: its holder accepts them, or the child itself where there is none.

use std::io;

use mio::event::Source as _;
use mio::{Interest, Registry, Token};

#[cfg(unix)]
use super::channel::{Channel, Word};
#[cfg(unix)]
use super::hold_unix::{LISTENER, RELEASED};
use super::{Listener, Socket};

/// What a holder tells besides connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Our starter lets us go on alone.
    Released,
    /// The holder is gone, and we accept ourselves.
    HolderLost,
}

/// The way in.
#[derive(Debug)]
pub struct Entrance {
    listener: Listener,
    #[cfg(unix)]
    channel: Option<Channel>,
}

impl Entrance {
    /// One without a holder.
    #[must_use]
    pub fn own(listener: Listener) -> Self {
        Self {
            listener,
            #[cfg(unix)]
            channel: None,
        }
    }

    /// One whose connections a holder passes on.
    #[cfg(unix)]
    #[must_use]
    pub(super) fn held(listener: Listener, channel: Channel) -> Self {
        Self { listener, channel: Some(channel) }
    }

    /// Whether somebody else accepts.
    #[must_use]
    pub fn is_held(&self) -> bool {
        #[cfg(unix)]
        let is_held = self.channel.is_some();
        #[cfg(windows)]
        let is_held = false;
        is_held
    }

    /// Lets a loop hear of connections.
    ///
    /// # Errors
    /// When the system has no more of what a loop needs.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        #[cfg(unix)]
        if let Some(channel) = &mut self.channel {
            return channel.register(registry, token, Interest::READABLE);
        }
        self.listener.register(registry, token, Interest::READABLE)
    }

    /// The next connection, and its place on the board if it has one.
    pub fn next(
        &mut self,
        registry: &Registry,
        token: Token,
        news: &mut Vec<News>,
    ) -> Option<(Socket, Option<usize>)> {
        #[cfg(unix)]
        while let Some(channel) = &mut self.channel {
            match channel.hear() {
                Ok(Word::File(place, file)) => {
                    let place = usize::try_from(place).ok();
                    return Some((self.listener.connection(file), place));
                }
                Ok(Word::Number(RELEASED)) => news.push(News::Released),
                Ok(Word::Number(_)) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Ok(Word::End) | Err(_) => {
                    // It is closed right away, which ends its registration in any case.
                    let _ = channel.deregister(registry);
                    self.channel = None;
                    news.push(News::HolderLost);
                    // Without it nobody can be let in; they wait until somebody ends us.
                    let _ = self.listener.register(registry, token, Interest::READABLE);
                }
            }
        }
        // Anything but a connection means that nobody is waiting any more; the next event tries again.
        #[cfg(windows)]
        let _ = (registry, token, news);
        self.listener.accept().ok().map(|client| (client, None))
    }

    /// Lets them in by this listener from now on.
    ///
    /// # Errors
    /// When the loop or the holder cannot be told.
    pub fn replace(&mut self, mut listener: Listener, registry: &Registry, token: Token) -> io::Result<()> {
        #[cfg(unix)]
        if let Some(channel) = &self.channel {
            use std::os::fd::AsFd as _;
            channel.say(LISTENER, Some(listener.as_fd()))?;
            self.listener = listener;
            return Ok(());
        }
        listener.register(registry, token, Interest::READABLE)?;
        let mut old = std::mem::replace(&mut self.listener, listener);
        // It is closed right away, which ends its registration in any case.
        let _ = old.deregister(registry);
        Ok(())
    }
}
