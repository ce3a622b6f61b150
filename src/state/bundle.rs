//! What `pre` decided about the bundle, and what its restore did, for `post`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where layers are kept. No credential is in it: a cache service is named by variables of the phase itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorePlace {
    /// The cache service v2 of the job's host.
    Actions,
    /// A directory.
    Directory(PathBuf),
}

/// The bundle of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleState {
    /// Where its layers are kept.
    pub place: StorePlace,
    /// The cache directory.
    pub directory: PathBuf,
    /// What the keys of its layers begin with.
    pub prefix: String,
    /// What is looked for when there is none under `prefix`, in this order.
    pub restore_prefixes: Vec<String>,
    /// What the prefix is made of.
    pub ingredients: Vec<(String, String)>,
    /// The most bytes of objects that are kept.
    pub cap_bytes: u64,
    /// How long a restore, and a save, may take, in milliseconds.
    pub timeout_ms: u64,
    /// Why nothing will be saved; `None` when it will.
    pub no_save: Option<String>,
    /// What the restore has seen, for the save.
    pub view: PathBuf,
    /// What the restore did.
    #[serde(default)]
    pub restored: Option<Restored>,
}

/// What a restore did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The key of the head; `None` when there was none.
    pub key: Option<String>,
    /// How many layers are in force.
    pub layers: u64,
    /// Objects that are in force.
    pub objects: u64,
    /// Their bytes.
    pub object_bytes: u64,
    /// Requests made.
    pub requests: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What went wrong, one line each.
    pub troubles: Vec<String>,
}

/// What a save did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The key of the new layer; `None` when none was stored.
    pub key: Option<String>,
    /// Why none was stored.
    pub reason: Option<String>,
    /// How many layers are in force now.
    pub layers: u64,
    /// Objects in the cache directory.
    pub objects: u64,
    /// Those that the restore brought and the job used.
    pub used: u64,
    /// Those that were new.
    pub new: u64,
    /// Those that are no longer in force.
    pub dropped: u64,
    /// Requests made.
    pub requests: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// What travelled in a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleTraffic {
    /// Before the build.
    pub restored: Option<Restored>,
    /// After it.
    pub saved: Option<Saved>,
}
