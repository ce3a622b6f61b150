//! The ways of installing sccache, by name.

/// A way of installing sccache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installer {
    /// The release archive.
    Archive,
    /// The wheel, through the user's pip configuration.
    Pip,
    /// `cargo install`, through the user's cargo configuration.
    Cargo,
}

impl Installer {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Archive, Self::Pip, Self::Cargo];

    /// Its name, as `install-from` spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Pip => "pip",
            Self::Cargo => "cargo",
        }
    }
}
