//! What each unit did, as the server's log tells it, condensed to what a reader can act on.

use serde::{Deserialize, Serialize};

/// What `SCCACHE_LOG` needs besides the server's level for a line about each step of each unit.
pub const UNITS_DIRECTIVE: &str = "sccache::compiler::compiler=debug";

/// A unit that missed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Missed {
    /// The crate, or the object file.
    pub name: String,
    /// Its crate and version, or the directory of its source; empty when the log does not tell.
    pub place: String,
    /// How long the compiler took, in seconds.
    pub compile_secs: f64,
    /// When it had compiled, in milliseconds since 1970 (UTC); to the second with sccache before 0.11.
    pub ended_unix_ms: u64,
}

/// The units of one crate or directory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The crate and its version, or the directory.
    pub name: String,
    /// Cache hits.
    pub hits: u64,
    /// Cache misses.
    pub misses: u64,
    /// Compile time of the misses, in seconds.
    pub compile_secs: f64,
}

/// A unit that was compiled more than once although its key was the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repeated {
    /// The crate, or the object file.
    pub name: String,
    /// As [`Missed::place`].
    pub place: String,
    /// How often it was compiled.
    pub times: u64,
}

/// What the server's log tells, unit by unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Units {
    /// Look-ups that hit.
    pub hits: u64,
    /// Look-ups that missed, timed-out ones included.
    pub misses: u64,
    /// Time spent in look-ups that hit, in seconds.
    pub hit_secs: f64,
    /// Compile time of all misses, in seconds.
    pub compile_secs: f64,
    /// Misses that took longest, the slowest first.
    pub slowest: Vec<Missed>,
    /// Crates and directories with the most compile time for misses first.
    pub places: Vec<Place>,
    /// Units that were compiled more than once, the most often first.
    pub repeated: Vec<Repeated>,
    /// Entries that could not be unpacked.
    pub corrupt: u64,
    /// Reads that failed.
    pub read_errors: u64,
    /// Requests that the storage refused as too many.
    pub rate_limits: u64,
    /// The last failed write's reason.
    pub last_write_error: Option<String>,
    /// Whether there were more units or places than are kept, so that lists may be incomplete.
    pub is_cut: bool,
}
