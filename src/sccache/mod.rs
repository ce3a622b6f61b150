//! The program we drive: finding it, asking its version, installing it, reading its message of readiness.
//!
//! Owns everything that is true of sccache as a program and as published files. Never starts a server and
//! never reads the process environment: variables are handed in.

mod digests;
mod directory;
mod install;
mod locate;
mod log;
mod memory;
mod probe;
mod startup;
pub mod wire;

pub use digests::Digests;
pub use directory::try_cache_directory;
pub use install::{Installed, Order, Progress, Silent, Terminal, install, proxy};
pub use locate::{in_tool_cache, on_path, tool_cache_program};
pub use log::read_units;
pub use memory::{recall, remember};
pub use probe::{ask, probe_environment};
pub use startup::{Ready, parse as parse_ready, read as read_ready};
