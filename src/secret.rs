//! Credentials on their way to the server, and only there.
//!
//! Owns the one type that carries a credential. It never prints, serialises or compares one.

use std::fmt;

/// A credential. `Debug` shows `***`, and there is no `Display` and no serialisation, so that it cannot
/// slip into a plan, a state file, a log or a report.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Hands out the credential, for the server's environment and for the host's masks.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// The value of a variable of the server's environment: shown in a plan, or hidden there.
#[derive(Clone, Debug)]
pub enum ServerValue {
    /// May be shown.
    Plain(String),
    /// May not.
    Hidden(Secret),
}

impl ServerValue {
    /// The value as the server gets it.
    #[must_use]
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(value) => value,
            Self::Hidden(secret) => secret.expose(),
        }
    }

    /// The value as a person may see it.
    #[must_use]
    pub fn shown(&self) -> &str {
        match self {
            Self::Plain(value) => value,
            Self::Hidden(_) => "***",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        let secret = Secret::new("AccountKey=abc");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(format!("{:?}", ServerValue::Hidden(secret.clone())), "Hidden(***)");
        assert_eq!(ServerValue::Hidden(secret).shown(), "***");
    }
}
