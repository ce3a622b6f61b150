//! The job's private sccache server: start it, ask it, stop it.
//!
//! The server's parent is `sccache-step supervise` ([`supervise`]), or, for the library's manager, the
//! program itself. We stop only a server whose pid and start time match what we wrote down.

mod ask;
mod connection;
pub mod history;
mod launch;
pub mod order;
mod stop;
pub mod supervise;
mod supervised;

pub use ask::statistics;
pub use launch::{Launched, launch};
pub use stop::{Manner, Stopped, mark_requested, stop, stop_supervisor};
pub use supervised::{Supervised, start};
