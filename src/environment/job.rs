//! Which job this is, for comparing its report with others and joining it with them.

use serde::{Deserialize, Serialize};

/// Which job this is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// The host: `github`, `gitlab` or `local`.
    pub host: String,
    /// The job's name, as the host tells it; elsewhere that of the checkout's directory.
    pub name: String,
    /// The branch; empty when that is not known.
    pub branch: String,
    /// Whether that is the default branch.
    pub is_default_branch: bool,
    /// Where the checkout is.
    pub workspace: String,
    /// When the report was made, in milliseconds since 1970 (UTC).
    pub at_unix_ms: u64,
}
