//! Unix. Linux is the reference; macOS lacks procfs and pidfds, so it is asked through `ps` and looked at
//! again and again.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::{Keyboard, Stream, Urgency};

/// The signal that stands for "please end".
pub const TERMINATE_SIGNAL: i32 = signal_hook::consts::SIGTERM;

pub(super) fn own_group(command: &mut Command) {
    command.process_group(0);
}

pub(super) fn end_group(child: &mut Child) {
    if let Some(group) = pid(child.id()) {
        // The group may be gone already, which is what we want.
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
}

pub(super) fn end_group_after(child: &Child) {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let Some(group) = pid(child.id()) else { return };
    // Left as a zombie for the moment, it keeps its number from being anybody else's.
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(group), options) {}
    // Mostly there is nobody left.
    let _ = rustix::process::kill_process_group(group, Signal::KILL);
}

pub(super) fn signal_group(leader_pid: u32, signal: i32) {
    let signal = Signal::from_named_raw(signal);
    if let (Some(group), Some(signal)) = (pid(leader_pid), signal) {
        // The group may be gone already, which is what we want.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

pub(super) fn signal_process(pid_number: u32, signal: i32) {
    if let (Some(pid), Some(signal)) = (pid(pid_number), Signal::from_named_raw(signal)) {
        // It may have ended in this very moment, which is what we want.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

pub(super) fn detach(_command: &mut Command) {}

pub(super) fn lead_session() {
    // Fails only where this process leads a group already; then its starter took care.
    let _ = rustix::process::setsid();
}

pub(super) fn close_inherited() {
    let Ok(entries) = std::fs::read_dir("/dev/fd") else { return };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let numbers: Vec<i32> = names.filter_map(|name| name.parse().ok()).filter(|number| *number > 2).collect();
    // The directory's own one is closed by now, and closing it again would be an error.
    let is_open = |number: &i32| std::fs::symlink_metadata(format!("/dev/fd/{number}")).is_ok();
    for number in numbers.into_iter().filter(is_open) {
        // SAFETY: the caller is at the very beginning of its process, so nothing in it owns a descriptor
        // above the standard three.
        unsafe { rustix::io::close(number) };
    }
}

pub(super) fn release_stdout() -> io::Result<()> {
    let null = File::options().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(null)?)
}

/// Clock ticks since boot at which the process started: field 22 of `/proc/<pid>/stat`. Field 3 is its state.
#[cfg(target_os = "linux")]
pub(super) fn start_time(pid: u32) -> Option<u64> {
    let fields = super::proc::fields(&pid.to_string())?;
    let zombie = matches!(fields.first()?.as_str(), "Z" | "X");
    fields.get(19).filter(|_| !zombie)?.parse().ok()
}

/// A number made of the start date that `ps` tells, which macOS notes once and never changes.
#[cfg(not(target_os = "linux"))]
pub(super) fn start_time(pid: u32) -> Option<u64> {
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
    let mut ps = super::command("ps");
    ps.args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).env("LC_ALL", "C");
    let answer = ps.output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let (status, started) = text.trim().split_once(char::is_whitespace)?;
    (!status.starts_with('Z'))
        .then(|| BuildHasherDefault::<DefaultHasher>::default().hash_one(started.trim()))
}

pub(super) fn end(pid_number: u32, urgency: Urgency) {
    let signal = match urgency {
        Urgency::Terminate => Signal::TERM,
        Urgency::Kill => Signal::KILL,
    };
    if let Some(pid) = pid(pid_number) {
        // It may have ended in this very moment, which is what we want.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Waits on a pidfd; `false` when there is none to be had.
#[cfg(target_os = "linux")]
pub(super) fn wait_on_handle(pid_number: u32, limit: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let Some(pid) = pid(pid_number) else { return false };
    let Ok(handle) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) else {
        return false;
    };
    let timeout = Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    };
    poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&timeout)).is_ok_and(|ready| ready > 0)
}

/// There are no pidfds.
#[cfg(not(target_os = "linux"))]
pub(super) fn wait_on_handle(_pid: u32, _limit: Duration) -> bool {
    false
}

pub(super) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code & 0xff).unwrap_or(u8::MAX)
}

pub(super) fn ending_signal(status: ExitStatus) -> Option<i32> {
    status.signal()
}

pub(super) fn keyboard() -> Keyboard {
    let foreground = File::open("/dev/tty").ok().and_then(|tty| rustix::termios::tcgetpgrp(tty).ok());
    if foreground.is_some() && foreground == own_group_id() { Keyboard::Shared } else { Keyboard::Absent }
}

/// Fields 5 and 6 of `/proc/self/stat` tell our group and session, and 0 for one whose leader lives in
/// another pid namespace, as in many containers. rustix cannot express that 0 and panics.
#[cfg(target_os = "linux")]
pub(super) fn session_leader_pid() -> Option<u32> {
    super::proc::fields("self")?.get(3)?.parse().ok().filter(|session| *session != 0)
}

#[cfg(target_os = "linux")]
fn own_group_id() -> Option<Pid> {
    pid(super::proc::fields("self")?.get(2)?.parse().ok()?)
}

/// There are no pid namespaces.
#[cfg(not(target_os = "linux"))]
pub(super) fn session_leader_pid() -> Option<u32> {
    let session = rustix::process::getsid(None).ok()?;
    u32::try_from(session.as_raw_nonzero().get()).ok()
}

#[cfg(not(target_os = "linux"))]
fn own_group_id() -> Option<Pid> {
    Some(rustix::process::getpgrp())
}

pub(super) fn user_id() -> u32 {
    rustix::process::geteuid().as_raw()
}

pub(super) fn create_private_directory(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

pub(super) fn foreign(metadata: &Metadata, forbidden_mode: u32) -> Option<String> {
    let (owner, us, mode) = (metadata.uid(), user_id(), metadata.mode() & 0o777);
    if owner != us {
        return Some(format!("it belongs to user {owner}, and we are user {us}"));
    }
    (mode & forbidden_mode != 0).then(|| format!("its mode {mode:o} lets others in"))
}

pub(super) fn make_executable(path: &Path) -> io::Result<()> {
    let mode = std::fs::metadata(path)?.mode();
    std::fs::set_permissions(path, Permissions::from_mode(mode | (mode & 0o444) >> 2))
}

pub(super) fn has_executable_bit(metadata: &Metadata) -> bool {
    metadata.mode() & 0o111 != 0
}

pub(super) fn free_bytes(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

pub(super) fn file_number(metadata: &Metadata) -> u64 {
    metadata.ino()
}

#[derive(Debug)]
pub(super) struct Anchor(std::os::fd::OwnedFd);

impl Anchor {
    #[cfg(target_os = "linux")]
    pub(super) fn hold(path: &Path) -> Option<Self> {
        use rustix::fs::{Mode, OFlags, open};
        open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok().map(Self)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn hold(_path: &Path) -> Option<Self> {
        None
    }

    pub(super) fn path(&self) -> std::path::PathBuf {
        use std::os::fd::AsRawFd as _;
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }
}

/// Drops the pages of our program's code that are mapped: those still needed come back from the page cache
/// at once, and those of the start never do.
#[cfg(target_os = "linux")]
pub(super) fn return_unused_memory() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let code = maps.lines().filter(|line| line.split(' ').nth(1) == Some("r-xp") && line.contains('/'));
    for line in code {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let Some((start, end)) = range else { continue };
        let parsed = (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16));
        let (Ok(start), Ok(end)) = parsed else { continue };
        // SAFETY: this is a private mapping of a file that is executable and was never writable, so every
        // page of it is what is in the file, and is read from there again when it is needed.
        unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn return_unused_memory() {}

pub(super) fn connect_socket(path: &Path, limit: Duration) -> io::Result<(Box<dyn Stream>, Option<u32>)> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    let peer = peer_pid(&stream);
    Ok((Box::new(stream), peer))
}

/// `SO_PEERCRED`. Its pid is 0 for a process of another pid namespace, which rustix cannot express.
#[cfg(target_os = "linux")]
fn peer_pid(stream: &UnixStream) -> Option<u32> {
    let nobody = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let credentials = socket_option(stream, libc::SOL_SOCKET, libc::SO_PEERCRED, nobody)?;
    u32::try_from(credentials.pid).ok().filter(|pid| *pid != 0)
}

/// `LOCAL_PEERPID`.
#[cfg(target_os = "macos")]
fn peer_pid(stream: &UnixStream) -> Option<u32> {
    let pid = socket_option(stream, libc::SOL_LOCAL, libc::LOCAL_PEERPID, 0)?;
    u32::try_from(pid).ok().filter(|pid| *pid != 0)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn peer_pid(_stream: &UnixStream) -> Option<u32> {
    None
}

/// A socket option that is a plain C value.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn socket_option<T: Copy>(stream: &UnixStream, level: i32, name: i32, initial: T) -> Option<T> {
    use std::os::fd::AsRawFd as _;
    let mut value = initial;
    let mut length = libc::socklen_t::try_from(size_of::<T>()).ok()?;
    let target = std::ptr::from_mut(&mut value).cast();
    // SAFETY: `target` and `length` describe `value`, and the callers name options whose type is `T`, a
    // plain C value of which every byte pattern is one.
    let code = unsafe { libc::getsockopt(stream.as_raw_fd(), level, name, target, &raw mut length) };
    (code == 0).then_some(value)
}

pub(super) fn listen_for_signals(note: fn(i32)) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    // `nohup` asks for just that: to outlive the terminal.
    if !is_ignored(SIGHUP) {
        signals.add_signal(SIGHUP)?;
    }
    std::thread::spawn(move || signals.forever().for_each(note));
    Ok(())
}

fn is_ignored(signal: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action the call only writes the present one, which is zeroed before.
    let present = unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    present.sa_sigaction == libc::SIG_IGN
}

/// Where a starting server tells that it is ready: a Unix socket.
#[derive(Debug)]
pub struct NotifyListener {
    listener: UnixListener,
    path: PathBuf,
}

impl NotifyListener {
    /// Listens on a socket in `directory`, by a name that this process uses once: the file of a listener whose
    /// thread has not quite ended goes when that thread does. An old one of the same name is ours and is replaced.
    ///
    /// # Errors
    /// When the socket cannot be bound.
    pub fn bind(directory: &Path) -> io::Result<Self> {
        static BOUND: AtomicU32 = AtomicU32::new(0);
        let path = directory.join(format!("n{}", BOUND.fetch_add(1, Ordering::Relaxed)));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Self { listener: UnixListener::bind(&path)?, path })
    }

    /// The value of `SCCACHE_STARTUP_NOTIFY`.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// Waits for the server's call. Comes to an end only through one, or through [`NotifyListener::release`].
    ///
    /// # Errors
    /// When the socket breaks.
    pub fn accept(&self) -> io::Result<Box<dyn Read>> {
        let (stream, _) = self.listener.accept()?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(Box::new(stream))
    }

    /// Ends a waiting [`NotifyListener::accept`] with an empty call to the listener of this name.
    pub fn release(name: &str) {
        // Nobody waits any more when nobody can be called.
        let _ = UnixStream::connect(name);
    }
}

impl Drop for NotifyListener {
    fn drop(&mut self) {
        // A socket file left behind is replaced by the next one, or goes with its directory.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_goes_late_leaves_the_next_one_alone() {
        let directory = tempfile::tempdir().unwrap();
        let late = NotifyListener::bind(directory.path()).unwrap();
        let next = NotifyListener::bind(directory.path()).unwrap();
        drop(late);
        assert!(UnixStream::connect(next.name()).is_ok());
    }
}
