//! The job's private sccache server: start it, ask it, stop it.
//!
//! The server's parent is `sccache-step supervise` ([`supervise`]), or, for the library's manager, the
//! program itself. We stop only a server whose pid and start time match what we wrote down.

mod account;
mod ask;
mod chronicle;
mod connection;
pub mod history;
mod keeper;
mod launch;
pub mod order;
mod relay;
mod restarts;
mod sampler;
mod stop;
pub mod supervise;
mod supervised;
mod veil;

pub use account::{Account, Record, is_kept};
pub use ask::{Told, ask, drain, statistics};
pub use connection::statistics_at;
pub use launch::{Group, Launched, launch};
pub use stop::{
    AllStopped, Manner, Severity, Stopped, mark_requested, remove_sockets, stop, stop_all, stop_supervisor,
};
pub use supervised::{Supervised, start};
