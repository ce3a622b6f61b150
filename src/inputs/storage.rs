//! The storages by name, and what `cache` asks for.

/// A storage that sccache can use. The order is sccache's own when several are set up and none is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Storage {
    /// Amazon S3, or a service that speaks its protocol.
    S3,
    /// Redis, or a server that speaks its protocol.
    Redis,
    /// memcached.
    Memcached,
    /// Google Cloud Storage.
    Gcs,
    /// GitHub's cache service, object by object.
    Gha,
    /// Azure Blob Storage.
    Azure,
    /// A WebDAV server.
    WebDav,
    /// Alibaba Cloud OSS.
    Oss,
    /// Tencent Cloud COS.
    Cos,
    /// A local directory.
    Disk,
}

impl Storage {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::S3,
        Self::Redis,
        Self::Memcached,
        Self::Gcs,
        Self::Gha,
        Self::Azure,
        Self::WebDav,
        Self::Oss,
        Self::Cos,
        Self::Disk,
    ];

    /// Its name, in `cache`, in its inputs, and in sccache's own `SCCACHE_MULTILEVEL_CHAIN`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Redis => "redis",
            Self::Memcached => "memcached",
            Self::Gcs => "gcs",
            Self::Gha => "gha",
            Self::Azure => "azure",
            Self::WebDav => "webdav",
            Self::Oss => "oss",
            Self::Cos => "cos",
            Self::Disk => "disk",
        }
    }

    /// The member of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|storage| storage.name() == name)
    }

    /// The levels of a list such as `disk,redis`: at least one, none of them twice.
    #[must_use]
    pub fn parse_levels(text: &str) -> Option<Vec<Self>> {
        let levels = text.split(',').map(|name| Self::parse(name.trim())).collect::<Option<Vec<_>>>()?;
        let repeated = levels.iter().enumerate().any(|(at, level)| levels[..at].contains(level));
        (!repeated).then_some(levels)
    }

    /// Whether this input is a setting of the storage, and of no other.
    #[must_use]
    pub fn owns(self, input: &str) -> bool {
        match self {
            Self::Disk => matches!(input, "cache-dir" | "cache-size"),
            _ => input.strip_prefix(self.name()).is_some_and(|rest| rest.starts_with('-')),
        }
    }
}

/// Which storage the server uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cache {
    /// The one whose settings are given.
    Auto,
    /// A local directory that travels as a bundle.
    Bundle,
    /// These, as levels when they are several.
    Levels(Vec<Storage>),
}

/// Whether a bundle is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Save {
    /// Unless the job is not to be trusted.
    Auto,
    /// Whenever the store takes it.
    Always,
    /// It is not.
    Never,
}

/// What becomes of writes to the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOnly {
    /// Nothing is written to a shared storage by a job that is not to be trusted.
    Auto,
    /// Nothing is written.
    Always,
    /// Whatever the storage takes is written.
    Never,
}

/// The directories whose names do not count when C and C++ sources are compared with the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basedirs {
    /// The workspace.
    Auto,
    /// None.
    None,
    /// These.
    These(Vec<String>),
}

/// Which levels of a chain a write must reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WritePolicy {
    /// All of them.
    All,
    /// The first one.
    L0,
    /// None.
    Ignore,
}

impl WritePolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::All, Self::L0, Self::Ignore];

    /// Its name, here and in sccache.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::L0 => "l0",
            Self::Ignore => "ignore",
        }
    }
}
