//! A channel between a process and its child over which numbers and connections pass. Unix only: on Windows
//! there is no holder.

pub use system::Channel;

/// What comes over a channel.
#[derive(Debug)]
pub enum Word<T> {
    /// A number.
    Number(u32),
    /// A number, and an open file.
    File(u32, T),
    /// The other side is gone.
    End,
}

mod system {
    use std::io::{self, IoSlice, IoSliceMut};
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use mio::event::Source;
    use mio::net::UnixStream;
    use mio::{Interest, Registry, Token};
    use rustix::io::Errno;
    use rustix::net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    };

    use super::Word;

    /// One end.
    #[derive(Debug)]
    pub struct Channel(UnixStream);

    impl Channel {
        /// Both ends.
        ///
        /// # Errors
        /// When the system has no more of these.
        pub fn pair() -> io::Result<(Self, Self)> {
            let (one, other) = UnixStream::pair()?;
            Ok((Self(one), Self(other)))
        }

        /// Says a number, and passes an open file on.
        ///
        /// # Errors
        /// [`io::ErrorKind::WouldBlock`] when the other side has much to read; else when it is gone.
        pub fn say(&self, number: u32, file: Option<BorrowedFd<'_>>) -> io::Result<()> {
            let bytes = number.to_le_bytes();
            let files: Vec<BorrowedFd<'_>> = file.into_iter().collect();
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !files.is_empty() {
                control.push(SendAncillaryMessage::ScmRights(&files));
            }
            // Four bytes are taken whole or not at all.
            sendmsg(self.0.as_fd(), &[IoSlice::new(&bytes)], &mut control, SEND_FLAGS)?;
            Ok(())
        }

        /// What was said.
        ///
        /// # Errors
        /// [`io::ErrorKind::WouldBlock`] when there is nothing.
        pub fn hear(&self) -> io::Result<Word<OwnedFd>> {
            let mut bytes = [0; 4];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut into = [IoSliceMut::new(&mut bytes)];
            let got = match recvmsg(self.0.as_fd(), &mut into, &mut control, FLAGS) {
                Err(Errno::CONNRESET) => return Ok(Word::End),
                other => other?,
            };
            let files = control.drain().filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut files) => files.next(),
                _ => None,
            });
            let file = files.last();
            if got.bytes < bytes.len() {
                return Ok(Word::End);
            }
            let number = u32::from_le_bytes(bytes);
            if let Some(file) = &file {
                rustix::io::fcntl_setfd(file, rustix::io::FdFlags::CLOEXEC)?;
            }
            Ok(file.map_or(Word::Number(number), |file| Word::File(number, file)))
        }
    }

    #[cfg(target_os = "linux")]
    const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL;
    /// macOS has no such flag; it is Rust's start of the program that ignores SIGPIPE.
    #[cfg(not(target_os = "linux"))]
    const SEND_FLAGS: SendFlags = SendFlags::empty();

    #[cfg(target_os = "linux")]
    const FLAGS: RecvFlags = RecvFlags::CMSG_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    const FLAGS: RecvFlags = RecvFlags::empty();

    impl AsFd for Channel {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    impl Source for Channel {
        fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
            self.0.register(registry, token, interests)
        }

        fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
            self.0.reregister(registry, token, interests)
        }

        fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
            self.0.deregister(registry)
        }
    }
}
