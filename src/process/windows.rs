//! Windows. There are no signals, sockets in the file system, owners or modes to speak of; a job's
//! temporary directory is its user's own.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle, RawHandle};
use std::os::windows::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::Mutex;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    FILETIME, GetHandleInformation, HANDLE, HANDLE_FLAG_INHERIT, INVALID_HANDLE_VALUE, STATUS_CONTROL_C_EXIT,
    SetHandleInformation, WAIT_OBJECT_0,
};
use windows_sys::Win32::Storage::FileSystem::{GetDiskFreeSpaceExW, PIPE_ACCESS_DUPLEX};
use windows_sys::Win32::System::Console::{GetStdHandle, STD_OUTPUT_HANDLE, SetStdHandle};
use windows_sys::Win32::System::Pipes::{
    ConnectNamedPipe, CreateNamedPipeW, PIPE_READMODE_BYTE, PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE,
    PIPE_WAIT,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, DETACHED_PROCESS, GetCurrentProcess, GetExitCodeProcess, GetProcessHandleCount,
    GetProcessTimes, INFINITE, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
    PROCESS_TERMINATE, TerminateProcess, WaitForSingleObject,
};

use super::{Keyboard, Stream, Urgency};

/// The number that stands for "please end"; Windows has no signals, only this number in exit codes.
pub const TERMINATE_SIGNAL: i32 = 15;

/// The number that stands for Ctrl-C and Ctrl-Break, as it does elsewhere.
const INTERRUPT_SIGNAL: u8 = 2;

/// `GetExitCodeProcess` says this of a running process.
const STILL_ACTIVE: u32 = 259;

/// Where the search for inheritable handles ends, should their number be wrong. We have some dozens.
const LAST_HANDLE: usize = 1 << 16;

pub(super) fn own_group(command: &mut Command) {
    command.creation_flags(CREATE_NEW_PROCESS_GROUP);
}

pub(super) fn end_group(child: &mut Child) {
    // It may have ended in this very moment, which is what we want.
    let _ = child.kill();
}

pub(super) fn end_group_after(_child: &Child) {}

pub(super) fn signal_group(_leader_pid: u32, _signal: i32) {}

pub(super) fn signal_process(_pid: u32, _signal: i32) {}

pub(super) fn detach(command: &mut Command) {
    close_inherited();
    command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
}

pub(super) fn lead_session() {}

/// `CreateProcess` hands every inheritable handle to the child, our standard ones among them and those that
/// we ourselves inherited; a pipe that a server holds keeps the step of a runner waiting. What is handed on
/// no further cannot be held: closing what may be the system's own would be worse.
pub(super) fn close_inherited() {
    let mut left = 0;
    // SAFETY: the handle is that of this process, and the number goes to a live local.
    if unsafe { GetProcessHandleCount(GetCurrentProcess(), &raw mut left) } == 0 || left == 0 {
        // Wine 8 says 0.
        left = u32::MAX;
    }
    // Handles are multiples of four, and a process has as many as it says, with gaps between them.
    for number in (4..=LAST_HANDLE).step_by(4) {
        let handle = std::ptr::without_provenance_mut(number);
        let mut flags = 0;
        // SAFETY: both calls take any value, and fail for what is no handle.
        unsafe {
            if GetHandleInformation(handle, &raw mut flags) == 0 {
                continue;
            }
            if flags & HANDLE_FLAG_INHERIT != 0 {
                SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0);
            }
        }
        left = left.saturating_sub(1);
        if left == 0 {
            break;
        }
    }
}

pub(super) fn release_stdout() -> io::Result<()> {
    let null = OwnedHandle::from(File::options().write(true).open("NUL")?);
    // SAFETY: the old handle was made for us by our starter, is closed exactly once, and standard output is
    // pointed to the null device before anything can use it again.
    unsafe {
        let old = GetStdHandle(STD_OUTPUT_HANDLE);
        SetStdHandle(STD_OUTPUT_HANDLE, null.as_raw_handle());
        if !old.is_null() && old != INVALID_HANDLE_VALUE {
            drop(OwnedHandle::from_raw_handle(old as RawHandle));
        }
    }
    std::mem::forget(null);
    Ok(())
}

pub(super) fn start_time(pid: u32) -> Option<u64> {
    let process = open(pid, PROCESS_QUERY_LIMITED_INFORMATION)?;
    let mut code = 0;
    let mut created = FILETIME::default();
    let (mut exited, mut kernel, mut user) = (FILETIME::default(), FILETIME::default(), FILETIME::default());
    // SAFETY: the handle is open, and every pointer is to a live local of the right type.
    let told = unsafe {
        GetExitCodeProcess(process.as_raw_handle(), &raw mut code) != 0
            && GetProcessTimes(
                process.as_raw_handle(),
                &raw mut created,
                &raw mut exited,
                &raw mut kernel,
                &raw mut user,
            ) != 0
    };
    let time = u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime);
    (told && code == STILL_ACTIVE).then_some(time)
}

pub(super) fn end(pid: u32, _urgency: Urgency) {
    if let Some(process) = open(pid, PROCESS_TERMINATE) {
        // SAFETY: the handle is open with the right to terminate.
        unsafe { TerminateProcess(process.as_raw_handle(), 1) };
    }
}

pub(super) fn wait_on_handle(pid: u32, limit: Duration) -> bool {
    let Some(process) = open(pid, PROCESS_SYNCHRONIZE) else { return false };
    let milliseconds = u32::try_from(limit.as_millis()).unwrap_or(INFINITE - 1);
    // SAFETY: the handle is open with the right to be waited on.
    unsafe { WaitForSingleObject(process.as_raw_handle(), milliseconds) == WAIT_OBJECT_0 }
}

pub(super) fn exit_code(status: ExitStatus) -> u8 {
    match status.code().unwrap_or(1) {
        STATUS_CONTROL_C_EXIT => 128 + INTERRUPT_SIGNAL,
        // Longer codes do not fit; what matters is that they stay a failure.
        code => u8::try_from(code).unwrap_or(u8::MAX),
    }
}

pub(super) fn ending_signal(_status: ExitStatus) -> Option<i32> {
    None
}

pub(super) fn keyboard() -> Keyboard {
    Keyboard::Shared
}

pub(super) fn session_leader_pid() -> Option<u32> {
    None
}

pub(super) fn user_id() -> u32 {
    0
}

pub(super) fn create_private_directory(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

pub(super) fn foreign(_metadata: &Metadata, _forbidden_mode: u32) -> Option<String> {
    None
}

pub(super) fn make_executable(_path: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn has_executable_bit(_metadata: &Metadata) -> bool {
    true
}

pub(super) fn free_bytes(path: &Path) -> Option<u64> {
    let wide: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    let mut free = 0_u64;
    // SAFETY: `wide` ends with NUL and outlives the call, as does `free`; the other two results are not asked for.
    let found = unsafe {
        GetDiskFreeSpaceExW(wide.as_ptr(), &raw mut free, std::ptr::null_mut(), std::ptr::null_mut())
    };
    (found != 0).then_some(free)
}

/// A number of files is not to be had from the standard library; sockets, which it is for, do not exist.
pub(super) fn file_number(_metadata: &Metadata) -> u64 {
    0
}

/// There is none: a path that is in use cannot be taken away here.
#[derive(Debug)]
pub(super) struct Anchor(std::convert::Infallible);

impl Anchor {
    pub(super) fn hold(_path: &Path) -> Option<Self> {
        None
    }

    pub(super) fn path(&self) -> std::path::PathBuf {
        match self.0 {}
    }
}

pub(super) fn return_unused_memory() {}

pub(super) fn connect_socket(_path: &Path, _limit: Duration) -> io::Result<(Box<dyn Stream>, Option<u32>)> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "sccache has no Unix sockets on Windows"))
}

pub(super) fn listen_for_signals(note: fn(i32)) -> io::Result<()> {
    // Ctrl-C is the only event ctrlc tells apart by nothing; all of them ask us to end.
    ctrlc::set_handler(move || note(INTERRUPT_SIGNAL.into())).map_err(io::Error::other)
}

/// Where a starting server tells that it is ready: a named pipe.
#[derive(Debug)]
pub struct NotifyListener {
    pipe: Mutex<Option<File>>,
    name: String,
}

impl NotifyListener {
    /// Makes a pipe whose name nobody else uses.
    ///
    /// # Errors
    /// When the pipe cannot be made.
    pub fn bind(_directory: &Path) -> io::Result<Self> {
        let unique = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let name = format!(r"\\.\pipe\sccache-step-{}-{}", std::process::id(), unique.as_nanos());
        let wide: Vec<u16> = std::ffi::OsStr::new(&name).encode_wide().chain([0]).collect();
        let mode = PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS;
        // SAFETY: the name is NUL-terminated and lives through the call; no security attributes are given.
        let handle: HANDLE = unsafe {
            CreateNamedPipeW(wide.as_ptr(), PIPE_ACCESS_DUPLEX, mode, 1, 4096, 4096, 0, std::ptr::null())
        };
        if handle == INVALID_HANDLE_VALUE {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle is valid, and nobody else owns it.
        let pipe = unsafe { File::from_raw_handle(handle as RawHandle) };
        Ok(Self { pipe: Mutex::new(Some(pipe)), name })
    }

    /// The value of `SCCACHE_STARTUP_NOTIFY`.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// Waits for the server's call. Comes to an end only through one, or through [`NotifyListener::release`].
    ///
    /// # Errors
    /// When the pipe breaks, or was called before.
    pub fn accept(&self) -> io::Result<Box<dyn Read>> {
        let taken = self.pipe.lock().ok().and_then(|mut pipe| pipe.take());
        let pipe = taken.ok_or_else(|| io::Error::other("the pipe was used before"))?;
        // SAFETY: the handle is open, and the call does not overlap.
        // The result is not looked at: a caller that was faster than us is no error, and any real one
        // shows at the first read.
        unsafe { ConnectNamedPipe(pipe.as_raw_handle(), std::ptr::null_mut()) };
        Ok(Box::new(pipe))
    }

    /// Ends a waiting [`NotifyListener::accept`] with an empty call to the listener of this name.
    pub fn release(name: &str) {
        // Nobody waits any more when nobody can be called.
        let _ = File::options().read(true).write(true).open(name);
    }
}

fn open(pid: u32, access: u32) -> Option<OwnedHandle> {
    // SAFETY: a process id is a plain number; a bad one gives a null handle.
    let handle = unsafe { OpenProcess(access, 0, pid) };
    // SAFETY: the handle is valid, and nobody else owns it.
    (!handle.is_null()).then(|| unsafe { OwnedHandle::from_raw_handle(handle as RawHandle) })
}

#[cfg(test)]
mod tests {
    use std::os::windows::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn exit_codes_are_the_commands_own_where_they_fit() {
        let told = |code| exit_code(ExitStatus::from_raw(code));
        assert_eq!([0, 1, 42, 255, 256, 0xc000_0005].map(told), [0, 1, 42, 255, 255, 255]);
        assert_eq!(told(0xc000_013a), 130, "Ctrl-C");
    }

    #[test]
    fn no_handle_is_handed_on() {
        let (reading, writing) = io::pipe().unwrap();
        let flags = |pipe: &dyn std::os::windows::io::AsRawHandle| {
            let mut flags = 0;
            // SAFETY: the handle is open, and the number goes to a live local.
            assert_ne!(unsafe { GetHandleInformation(pipe.as_raw_handle(), &raw mut flags) }, 0);
            flags
        };
        // SAFETY: the handle is open.
        unsafe { SetHandleInformation(writing.as_raw_handle(), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) };
        assert_eq!(flags(&writing) & HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
        close_inherited();
        assert_eq!((flags(&reading), flags(&writing)), (0, 0));
    }
}
