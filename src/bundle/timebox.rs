//! Work that must not hold the job, whatever the network does.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::Halt;

/// How long work that was told to stop may take to hand over what it has.
const GRACE: Duration = Duration::from_secs(2);

/// Does `work` in a thread of its own, and leaves it behind when it does not stop although it should. `None` then.
///
/// Work that is left behind writes no more than the object that it has begun: it looks at `halt` before each.
pub fn within<T: Send + 'static>(halt: &Halt, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, done) = channel();
    std::thread::spawn(move || {
        // Nobody listens any more when it was left behind.
        let _ = sender.send(work());
    });
    let mut told_at: Option<Instant> = None;
    loop {
        match done.recv_timeout(Duration::from_millis(20)) {
            Ok(result) => return Some(result),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if halt.check().is_err() && told_at.get_or_insert_with(Instant::now).elapsed() > GRACE {
            halt.ask();
            return None;
        }
    }
}
