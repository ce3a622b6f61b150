//! Being told to stop: SIGINT, SIGTERM and SIGHUP, or the console's events on Windows.
//!
//! A signal only leaves a note here. Whoever waits for something looks at it, tidies up and ends.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Mutex, OnceLock};

/// The signals that told us to stop.
#[derive(Debug, Default)]
pub struct Cancellation {
    first: AtomicI32,
    deferred: AtomicBool,
    unforwarded: Mutex<Vec<i32>>,
}

static CANCELLATION: OnceLock<Cancellation> = OnceLock::new();

/// The process's one note of signals. Until [`Cancellation::listen`] is called signals keep their usual
/// effect.
pub fn cancellation() -> &'static Cancellation {
    CANCELLATION.get_or_init(Cancellation::default)
}

impl Cancellation {
    /// Takes SIGINT, SIGTERM and SIGHUP from now on. Harmless when called twice.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn listen(&'static self) -> std::io::Result<()> {
        static LISTENING: OnceLock<()> = OnceLock::new();
        if LISTENING.set(()).is_ok() {
            super::system::listen_for_signals(|signal| cancellation().note(signal))?;
        }
        Ok(())
    }

    /// Stops what is being done as SIGTERM would.
    pub fn cancel(&self) {
        self.note(super::TERMINATE_SIGNAL);
    }

    /// From now on signals interrupt nothing: what is left to do is the tidying up itself.
    pub fn defer(&self) {
        self.deferred.store(true, Ordering::Release);
    }

    /// The first signal that came, if one did and it may interrupt what is being done.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.deferred_signal().filter(|_| !self.deferred.load(Ordering::Acquire))
    }

    /// The first signal that came, if one did, whether it interrupts or not.
    #[must_use]
    pub fn deferred_signal(&self) -> Option<i32> {
        Some(self.first.load(Ordering::Acquire)).filter(|signal| *signal != 0)
    }

    /// The signals that came since the last call, for forwarding.
    #[must_use]
    pub fn take_unforwarded(&self) -> Vec<i32> {
        self.unforwarded.lock().map(|mut signals| std::mem::take(&mut *signals)).unwrap_or_default()
    }

    fn note(&self, signal: i32) {
        // Only the first one counts for the exit code, so a failed exchange is as it should be.
        let _ = self.first.compare_exchange(0, signal, Ordering::AcqRel, Ordering::Acquire);
        if let Ok(mut signals) = self.unforwarded.lock() {
            signals.push(signal);
        }
    }
}
