//! How far an installation is, for a person who waits. The record of what was done is the host's.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Is told how far an installation is.
pub trait Progress {
    /// Begins `what`; `total_bytes` is `None` when it is not known how much there is to do.
    fn start(&self, what: &str, total_bytes: Option<u64>);
    /// So many more bytes are done.
    fn advance(&self, bytes: u64);
    /// What was begun has ended, well or badly.
    fn finish(&self);
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _what: &str, _total_bytes: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
    fn finish(&self) {}
}

/// Draws on standard error, when that is a terminal; otherwise it is as good as [`Silent`].
#[derive(Debug)]
pub struct Terminal {
    bar: Mutex<ProgressBar>,
}

impl Default for Terminal {
    fn default() -> Self {
        Self { bar: Mutex::new(ProgressBar::hidden()) }
    }
}

impl Terminal {
    fn bar(&self) -> MutexGuard<'_, ProgressBar> {
        // A bar that a panic left half drawn is still a bar.
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Terminal {
    fn start(&self, what: &str, total_bytes: Option<u64>) {
        let template = match total_bytes {
            Some(_) => "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}",
            None => "{msg} {spinner} {elapsed}",
        };
        // indicatif itself leaves everything out when standard error is not a terminal.
        let bar = ProgressBar::with_draw_target(total_bytes, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        let before = std::mem::replace(&mut *self.bar(), bar);
        before.finish_and_clear();
    }

    fn advance(&self, bytes: u64) {
        self.bar().inc(bytes);
    }

    fn finish(&self) {
        self.bar().finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_templates_are_valid_and_bytes_add_up() {
        let terminal = Terminal::default();
        terminal.start("a transfer", Some(10));
        terminal.advance(4);
        terminal.advance(6);
        assert_eq!(terminal.bar().position(), 10);
        terminal.finish();
        terminal.start("a build", None);
        assert_eq!(terminal.bar().message(), "a build");
        for template in
            ["{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}", "{msg} {spinner} {elapsed}"]
        {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
