//! The job's counters at one moment.

use serde::{Deserialize, Serialize};

/// The job's counters at one moment, summed over all servers so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When, in milliseconds since 1970 (UTC).
    pub at_unix_ms: u64,
    /// When, in milliseconds since the supervisor's start; never goes back.
    pub elapsed_ms: u64,
    /// The server at that moment.
    pub pid: u32,
    /// Cache hits.
    pub hits: u64,
    /// Cache misses.
    pub misses: u64,
    /// Cache errors.
    pub errors: u64,
    /// Compile requests.
    pub requests: u64,
    /// Resident memory of the server, in bytes.
    pub rss_bytes: Option<u64>,
    /// Processor time of the server, in milliseconds.
    pub cpu_ms: Option<u64>,
}
