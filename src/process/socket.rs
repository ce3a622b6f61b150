//! Listeners and streams that do not block, on a Unix socket or a loopback port, for one loop over many of
//! them.

use std::io::{self, Read, Write};
use std::net::Shutdown;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use mio::event::Source;
use mio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};

use crate::state::Address;

/// Where others connect to us.
#[derive(Debug)]
pub enum Listener {
    /// On a Unix socket.
    #[cfg(unix)]
    Unix(UnixListener),
    /// On a port of 127.0.0.1.
    Tcp(TcpListener),
}

/// One connection.
#[derive(Debug)]
pub enum Socket {
    /// Over a Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
    /// Over a port of 127.0.0.1.
    Tcp(TcpStream),
}

impl Listener {
    /// Listens at an address; the port 0 becomes a free one, which is returned. Whatever is at a socket's
    /// path is replaced without a moment in which nothing is there.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(address: &Address) -> io::Result<(Self, Address)> {
        match address {
            Address::Socket(path) => bind_path(path),
            Address::Port(port) => {
                let listener = TcpListener::bind(([127, 0, 0, 1], *port).into())?;
                let port = listener.local_addr()?.port();
                Ok((Self::Tcp(listener), Address::Port(port)))
            }
        }
    }

    /// The next connection.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when there is none, or what the system says.
    pub fn accept(&self) -> io::Result<Socket> {
        match self {
            #[cfg(unix)]
            Self::Unix(listener) => listener.accept().map(|(stream, _)| Socket::Unix(stream)),
            Self::Tcp(listener) => listener.accept().map(|(stream, _)| Socket::Tcp(stream)),
        }
    }
}

#[cfg(unix)]
fn bind_path(path: &Path) -> io::Result<(Listener, Address)> {
    // The name is one character longer than the final one, which is short enough for it.
    let beside = path.with_extension("n");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&beside)?;
    std::fs::rename(&beside, path)?;
    Ok((Listener::Unix(listener), Address::Socket(path.to_owned())))
}

#[cfg(windows)]
fn bind_path(path: &Path) -> io::Result<(Listener, Address)> {
    Err(no_socket(path))
}

#[cfg(windows)]
fn no_socket(path: &Path) -> io::Error {
    let text = format!("`{}`: sccache has no Unix sockets on Windows", path.display());
    io::Error::new(io::ErrorKind::Unsupported, text)
}

#[cfg(unix)]
impl Listener {
    /// A listener of the same kind, from a descriptor of one.
    #[must_use]
    pub fn like(&self, file: OwnedFd) -> Self {
        match self {
            Self::Unix(_) => Self::Unix(UnixListener::from_std(file.into())),
            Self::Tcp(_) => Self::Tcp(TcpListener::from_std(file.into())),
        }
    }

    /// A connection of the kind that comes here, from a descriptor of one.
    #[must_use]
    pub fn connection(&self, file: OwnedFd) -> Socket {
        match self {
            Self::Unix(_) => Socket::Unix(UnixStream::from_std(file.into())),
            Self::Tcp(_) => Socket::Tcp(TcpStream::from_std(file.into())),
        }
    }
}

#[cfg(unix)]
impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(listener) => listener.as_fd(),
            Self::Tcp(listener) => listener.as_fd(),
        }
    }
}

#[cfg(unix)]
impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }
}

impl Socket {
    /// Ends both directions for everybody who holds this connection.
    pub fn close(&self) {
        self.shut(Shutdown::Both);
    }

    /// Ends ours.
    pub fn close_writing(&self) {
        self.shut(Shutdown::Write);
    }

    fn shut(&self, how: Shutdown) {
        // One that has ended already is as it should be.
        let _ = match self {
            #[cfg(unix)]
            Self::Unix(stream) => stream.shutdown(how),
            Self::Tcp(stream) => stream.shutdown(how),
        };
    }

    /// Connects; on a port the connection may still be under way when this returns.
    ///
    /// # Errors
    /// When nobody listens there, as far as that is known at once.
    pub fn connect(address: &Address) -> io::Result<Self> {
        match address {
            #[cfg(unix)]
            Address::Socket(path) => UnixStream::connect(path).map(Self::Unix),
            #[cfg(windows)]
            Address::Socket(path) => Err(no_socket(path)),
            Address::Port(port) => TcpStream::connect(([127, 0, 0, 1], *port).into()).map(Self::Tcp),
        }
    }

    fn stream(&mut self) -> &mut dyn Stream {
        match self {
            #[cfg(unix)]
            Self::Unix(stream) => stream,
            Self::Tcp(stream) => stream,
        }
    }
}

trait Stream: Read + Write + Source {}

impl<T: Read + Write + Source> Stream for T {}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream().read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream().write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream().flush()
    }
}

impl Source for Socket {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.stream().register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.stream().reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.stream().deregister(registry)
    }
}

impl Source for Listener {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::Unix(listener) => listener.register(registry, token, interests),
            Self::Tcp(listener) => listener.register(registry, token, interests),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::Unix(listener) => listener.reregister(registry, token, interests),
            Self::Tcp(listener) => listener.reregister(registry, token, interests),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::Unix(listener) => listener.deregister(registry),
            Self::Tcp(listener) => listener.deregister(registry),
        }
    }
}
