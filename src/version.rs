//! sccache's version as a value that can be compared.

use std::fmt;

/// A release of sccache. Ordered as releases are; a pre-release counts as its release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub patch: u32,
}

impl Version {
    /// The oldest supported version. Older servers speak no `SCCACHE_STARTUP_NOTIFY` frame that is known here.
    pub const MINIMUM: Self = Self::new(0, 8, 0);

    /// Newer than every release: whatever any of them knows.
    pub const NEWEST: Self = Self { major: u32::MAX, minor: 0, patch: 0 };

    /// The first version that can listen on a Unix socket.
    pub const UNIX_SOCKET: Self = Self::new(0, 9, 0);

    /// The version with these numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Parses `0.16.0`, with or without a suffix such as `-alpha+x`. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.trim().split(['-', '+']).next()?;
        let mut numbers = numbers.split('.').map(number);
        let version = Self { major: numbers.next()??, minor: numbers.next()??, patch: numbers.next()?? };
        numbers.next().is_none().then_some(version)
    }
}

fn number(digits: &str) -> Option<u32> {
    // `u32::from_str` would take a plus sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(major: u32, minor: u32, patch: u32) -> Version {
        Version { major, minor, patch }
    }

    #[test]
    fn versions_are_parsed_with_and_without_a_suffix() {
        assert_eq!(Version::parse("0.16.0"), Some(version(0, 16, 0)));
        assert_eq!(Version::parse(" 1.2.34-alpha+x\n"), Some(version(1, 2, 34)));
        for text in ["", "0.16", "0.16.0.1", "v0.16.0", "0.+16.0", "0..0", "a.b.c", "0.16.99999999999"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn versions_are_ordered_by_number_and_not_by_text() {
        assert!(version(0, 10, 0) > version(0, 9, 1));
        assert!(version(0, 8, 0) >= Version::MINIMUM && version(0, 7, 7) < Version::MINIMUM);
        assert_eq!(version(0, 10, 2).to_string(), "0.10.2");
    }
}
