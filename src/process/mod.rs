//! Operating-system processes: start, watch, signal, end; and what else differs between systems.
//!
//! The contract. `unix.rs` and `windows.rs` have the same items in the same order, so that they can be
//! compared line by line. Nothing here knows what a server is.

mod board;
mod cancel;
mod capture;
#[cfg(unix)]
mod channel;
mod entrance;
mod hold;
#[cfg(unix)]
mod hold_unix;
mod proc;
mod socket;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::state::ProcessIdentity;
pub use board::{Board, Mark};
pub use cancel::{Cancellation, cancellation};
pub use capture::{Captured, capture, command};
pub use entrance::{Entrance, News};
pub use hold::{Inheritance, Predecessor, Terms, hold};
pub use proc::{Usage, ancestor_named, end_session, group_leader, marked, out_of_memory_kills, usage};
pub use socket::{Listener, Socket};
#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

pub use system::{NotifyListener, TERMINATE_SIGNAL};

/// How urgently a process is told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// It may tidy up (SIGTERM). On Windows the same as [`Urgency::Kill`].
    Terminate,
    /// It has no say (SIGKILL, `TerminateProcess`).
    Kill,
}

/// Whether the terminal's keyboard reaches a command that we start, or only us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyboard {
    /// We are in the foreground of a terminal: the command stays in our process group, and the terminal
    /// itself sends it Ctrl-C.
    Shared,
    /// No terminal, or one that another job uses: the command gets its own process group, and we forward.
    Absent,
}

/// Puts the command's processes into a group of their own, so that they can be ended together.
pub fn own_group(command: &mut std::process::Command) {
    system::own_group(command);
}

/// Ends a child made by [`own_group`] and its whole group at once, and reaps it.
pub fn end_group(child: &mut std::process::Child) {
    system::end_group(child);
    // The child is gone or unreachable; there is nothing more to learn from it.
    let _ = child.wait();
}

/// Waits for the end of a child made by [`own_group`], and ends what is left of its group while nobody else can
/// have its number. On Windows it only waits.
///
/// # Errors
/// When it cannot be waited for.
pub fn wait_and_end_group(child: &mut std::process::Child) -> std::io::Result<std::process::ExitStatus> {
    system::end_group_after(child);
    child.wait()
}

/// Sends a signal to a group made by [`own_group`]. Unknown groups are ignored. Does nothing on Windows,
/// where the console reaches them.
pub fn signal_group(leader_pid: u32, signal: i32) {
    system::signal_group(leader_pid, signal);
}

/// Sends a signal to one process of ours. Does nothing on Windows, where the console reaches it.
pub fn signal_process(pid: u32, signal: i32) {
    system::signal_process(pid, signal);
}

/// Prepares a command whose process is to outlive us: detached from our console (Windows). On Unix the
/// process itself calls [`lead_session`].
pub fn detach(command: &mut std::process::Command) {
    system::detach(command);
}

/// Makes this process the leader of a session of its own, out of reach of the terminal and of signals to
/// the group that started it. Without effect where it leads one already, and on Windows.
pub fn lead_session() {
    system::lead_session();
}

/// Closes every descriptor that our starter left open besides the standard three, so that a long-lived
/// process holds no pipe of a job that waits for its end. On Windows, where [`detach`] has kept them from us,
/// it only keeps what we have ourselves from those that we start.
///
/// Only for the very beginning of a process: whatever it opened itself is closed, too.
pub fn close_inherited() {
    system::close_inherited();
}

/// Points our standard output to nowhere, so that whoever reads the old one sees its end.
///
/// # Errors
/// When the null device cannot be opened.
pub fn release_stdout() -> std::io::Result<()> {
    system::release_stdout()
}

/// Who a process is: `None` when there is none with this pid, or only its zombie.
#[must_use]
pub fn identify(pid: u32) -> Option<ProcessIdentity> {
    system::start_time(pid).map(|start_time| ProcessIdentity { pid, start_time })
}

/// Whether this very process is still running.
#[must_use]
pub fn is_alive(identity: ProcessIdentity) -> bool {
    identify(identity.pid) == Some(identity)
}

/// Tells a process to end, if it still is the one that was meant.
pub fn end(identity: ProcessIdentity, urgency: Urgency) {
    if is_alive(identity) {
        system::end(identity.pid, urgency);
    }
}

/// Waits until a process, not necessarily a child, has ended; `false` when `limit` was over first.
#[must_use]
pub fn wait_for_exit(identity: ProcessIdentity, limit: Duration) -> bool {
    let began = Instant::now();
    let mut pause_time = Duration::from_millis(1);
    while is_alive(identity) {
        let left = limit.saturating_sub(began.elapsed());
        if left.is_zero() {
            return false;
        }
        // A pidfd wakes us at once; elsewhere, and on old kernels, we look again and again.
        if !system::wait_on_handle(identity.pid, left) {
            pause(pause_time.min(left));
            pause_time = (pause_time * 2).min(Duration::from_millis(20));
        }
    }
    true
}

/// Sleeps. Only for loops that look for a condition and have a deadline.
#[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Creates a file if it is not there and holds others off while it is open. `None` where the file system has no
/// locks, when the holder keeps it for longer than `limit`, or when we are told to stop.
#[must_use]
pub fn lock(path: &Path, limit: Duration) -> Option<std::fs::File> {
    let file = std::fs::File::create(path).ok()?;
    let began = Instant::now();
    while began.elapsed() < limit && cancellation().signal().is_none() {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(std::fs::TryLockError::WouldBlock) => pause(Duration::from_millis(20)),
            Err(std::fs::TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// The exit code of an ended process, or 128 + the signal that ended it.
#[must_use]
pub fn exit_code(status: std::process::ExitStatus) -> u8 {
    system::exit_code(status)
}

/// The signal that ended a process, if one did.
#[must_use]
pub fn ending_signal(status: std::process::ExitStatus) -> Option<i32> {
    system::ending_signal(status)
}

/// Whether the keyboard of a terminal reaches the commands we start.
#[must_use]
pub fn keyboard() -> Keyboard {
    system::keyboard()
}

/// The leader of our session, where that is another, living process: for a person the shell or terminal
/// whose end means that nobody is waiting for us any more.
#[must_use]
pub fn session_leader() -> Option<ProcessIdentity> {
    system::session_leader_pid().filter(|pid| *pid != std::process::id()).and_then(identify)
}

/// A number that tells this user from others on the machine, for names in shared directories; 0 on Windows.
#[must_use]
pub fn user_id() -> u32 {
    system::user_id()
}

/// Creates a directory that only this user can enter, or accepts an existing one that is just that.
///
/// # Errors
/// When it cannot be created. `Ok(Some(reason))`: it exists, and why it is not ours alone.
pub fn create_private_directory(path: &Path) -> std::io::Result<Option<String>> {
    system::create_private_directory(path)?;
    foreign_directory(path)
}

/// Opens a file at its end; when there is none, one that only this user can read and write. The mode of one that exists
/// is its owner's affair.
///
/// # Errors
/// When it cannot be opened or created.
pub fn append_private(path: &Path) -> std::io::Result<std::fs::File> {
    system::private(std::fs::File::options().append(true).create(true)).open(path)
}

/// Why an existing directory is not ours alone; `None` when it is.
///
/// # Errors
/// When it cannot be looked at.
pub fn foreign_directory(path: &Path) -> std::io::Result<Option<String>> {
    let metadata = std::fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Ok(Some("it is not a directory".into()));
    }
    Ok(system::foreign(&metadata, 0o077))
}

/// Why an existing file must not be trusted as ours; `None` when it may.
///
/// # Errors
/// When it cannot be looked at.
pub fn foreign_file(path: &Path) -> std::io::Result<Option<String>> {
    let metadata = std::fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Ok(Some("it is not a regular file".into()));
    }
    Ok(system::foreign(&metadata, 0o022))
}

/// Makes a file executable for everybody who may read it. Nothing to do on Windows.
///
/// # Errors
/// When its permissions cannot be changed.
pub fn make_executable(path: &Path) -> std::io::Result<()> {
    system::make_executable(path)
}

/// The free bytes of the file system that holds this path, for this user; `None` where it cannot tell.
#[must_use]
pub fn free_bytes(path: &Path) -> Option<u64> {
    system::free_bytes(path)
}

/// Whether a file may be executed; on Windows whether it exists.
#[must_use]
pub fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && system::has_executable_bit(&metadata))
}

/// A connection to a server, with `limit` as the time limit of each read and write; and the process at its
/// other end, where the system tells (Unix sockets on Linux).
///
/// # Errors
/// When nobody listens there.
pub fn connect(
    address: &crate::state::Address,
    limit: Duration,
) -> std::io::Result<(Box<dyn Stream>, Option<u32>)> {
    match address {
        crate::state::Address::Socket(path) => system::connect_socket(path, limit),
        crate::state::Address::Port(port) => {
            let address = std::net::SocketAddr::from(([127, 0, 0, 1], *port));
            let stream = std::net::TcpStream::connect_timeout(&address, limit)?;
            stream.set_read_timeout(Some(limit))?;
            stream.set_write_timeout(Some(limit))?;
            Ok((Box::new(stream), None))
        }
    }
}

/// The process that listens at an address, where somebody does and the system tells.
#[must_use]
pub fn peer_at(address: &crate::state::Address) -> Option<u32> {
    connect(address, Duration::from_secs(1)).ok()?.1
}

/// A number that tells a file from every other one that is there at the same time; `None` without a file.
#[must_use]
pub fn file_number(path: &Path) -> Option<u64> {
    std::fs::symlink_metadata(path).ok().map(|metadata| system::file_number(&metadata))
}

/// A socket's file, held so that its listener can be reached when the path is taken away.
#[derive(Debug)]
pub struct Anchor(system::Anchor);

impl Anchor {
    /// Holds the file at this path. `None` without one, and where the system has nothing of the kind: it is
    /// Linux that leads from a process's descriptor to the file.
    #[must_use]
    pub fn hold(path: &Path) -> Option<Self> {
        system::Anchor::hold(path).map(Self)
    }

    /// Another path to the same file, for as long as this is held.
    #[must_use]
    pub fn path(&self) -> std::path::PathBuf {
        self.0.path()
    }
}

/// Gives memory back that only the start of this process needed. Does nothing but on Linux.
pub fn return_unused_memory() {
    system::return_unused_memory();
}

/// A stream of bytes in both directions.
pub trait Stream: std::io::Read + std::io::Write + Send {}

impl<T: std::io::Read + std::io::Write + Send> Stream for T {}
