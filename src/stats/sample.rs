//! What the counters and the server itself came to at one moment of the job.

use serde::{Deserialize, Serialize};

/// One look at the job's servers. Counters are sums over all servers of the job up to then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When, in milliseconds since 1970 (UTC), by a clock that may be set meanwhile.
    pub at_unix_ms: u64,
    /// When, in milliseconds since the supervisor began, by a clock that nobody sets.
    pub elapsed_ms: u64,
    /// The server's process id.
    pub pid: u32,
    /// Cache hits.
    pub hits: u64,
    /// Cache misses.
    pub misses: u64,
    /// Cache errors.
    pub errors: u64,
    /// Compile requests.
    pub requests: u64,
    /// The server's resident memory in bytes, without that of its compilers; `None` where the system does not
    /// tell.
    pub rss_bytes: Option<u64>,
    /// Processor time of the server itself, in milliseconds; `None` where the system does not tell.
    pub cpu_ms: Option<u64>,
}
