//! What the job is handed: variables and a PATH entry. A value; the hosts know how to hand it over.

use std::path::PathBuf;

/// Variables and a PATH entry for the rest of the job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    /// Variables in the order they are written, each once. Never a credential.
    pub variables: Vec<(String, String)>,
    /// A directory to put in front of PATH.
    pub path: Option<PathBuf>,
}
