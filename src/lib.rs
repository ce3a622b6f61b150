//! The compiler-cache step for any CI job: a private, supervised sccache server, and a truthful report.
//!
//! ```text
//! arguments ─┐
//! variables ─┴▶ Inputs ──▶ Environment ──▶ Plan ──▶ Outcome ──▶ Report ──▶ the host's log, summary, outputs
//!    cli, inputs       observe         plan     execute     report      host
//! ```
//!
//! One direction; nothing flows back. `--dry-run` stops after the plan and prints it. Nothing below this
//! module knows of dry runs.
//!
//! As a library: [`SccacheManager`] starts and stops a server, [`SccacheTask`] does so for a scope.

pub mod backend;
pub mod bundle;
pub mod cli;
pub mod doctor;
pub mod environment;
pub mod error;
pub mod execute;
pub mod exports;
pub mod host;
pub mod incident;
pub mod inputs;
pub mod installer;
pub mod manager;
pub mod observe;
pub mod outcome;
mod phases;
pub mod plan;
pub mod process;
pub mod report;
pub mod sccache;
pub mod secret;
pub mod server;
pub mod state;
pub mod stats;
mod surfaces;
pub mod version;

pub use manager::{SccacheManager, SccacheTask};
pub use phases::run;
