//! One file of sccache's disk cache: its name, and the walk that finds them all.
//!
//! Surface: sccache's layout, the same from 0.8 to 0.19: `<k0>/<k1>/<64 hex digits>` for compile results and
//! `preprocessor/<k0>/<k1>/<k2>/<64 hex digits>` for preprocessor entries, where `k0` is the name's first digit,
//! and so on. Whatever has another name is none of ours: nothing else is packed, and nothing else is unpacked.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The length of a name's binary form: a byte for the kind, 32 for the digits.
pub(super) const NAME_BYTES: usize = 33;

/// What an object is to sccache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What a compiler made.
    Result,
    /// Which headers a compilation reads, so that the preprocessor need not run.
    Preprocessor,
}

/// The name of an object. Only names of the cache's shape can be expressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    kind: Kind,
    digits: [u8; 32],
}

/// An object as it was found in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: Name,
    /// Its length in bytes.
    pub bytes: u64,
    /// When sccache used it last, in milliseconds since 1970 (UTC): its modification time.
    pub used_ms: u64,
    /// When the file came into being, in milliseconds since 1970 (UTC), where the file system knows.
    ///
    /// A hit changes the modification time of a file, an overwritten object is a new file.
    pub created_ms: Option<u64>,
}

impl Name {
    /// The name of a compile result or preprocessor entry with these digits.
    #[must_use]
    pub const fn new(kind: Kind, digits: [u8; 32]) -> Self {
        Self { kind, digits }
    }

    /// What it is to sccache.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Where the object is, relative to the cache directory.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let hex = hexadecimal(&self.digits);
        match self.kind {
            Kind::Result => [&hex[..1], &hex[1..2], &hex].iter().collect(),
            Kind::Preprocessor => ["preprocessor", &hex[..1], &hex[1..2], &hex[2..3], &hex].iter().collect(),
        }
    }

    pub(super) fn to_bytes(self) -> [u8; NAME_BYTES] {
        let mut bytes = [0; NAME_BYTES];
        bytes[0] = match self.kind {
            Kind::Result => 0,
            Kind::Preprocessor => 1,
        };
        bytes[1..].copy_from_slice(&self.digits);
        bytes
    }

    pub(super) fn from_bytes(bytes: [u8; NAME_BYTES]) -> Option<Self> {
        let kind = match bytes[0] {
            0 => Kind::Result,
            1 => Kind::Preprocessor,
            _ => return None,
        };
        let mut digits = [0; 32];
        digits.copy_from_slice(&bytes[1..]);
        Some(Self { kind, digits })
    }
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The 32 bytes that 64 lower-case hexadecimal digits stand for.
#[must_use]
pub fn from_hexadecimal(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
    {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Finds every object of a cache directory. What cannot be read, and what has another shape, is passed over.
#[must_use]
pub fn scan(directory: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    walk(directory, Kind::Result, "", 2, &mut found);
    walk(&directory.join("preprocessor"), Kind::Preprocessor, "", 3, &mut found);
    found
}

/// Looks at one object.
#[must_use]
pub fn look(directory: &Path, name: Name) -> Option<Found> {
    let metadata = std::fs::symlink_metadata(directory.join(name.path())).ok()?;
    metadata.is_file().then(|| describe(name, &metadata))
}

/// `digits` are those that the directories so far stand for; `depth` is how many more directories follow.
fn walk(directory: &Path, kind: Kind, digits: &str, depth: usize, found: &mut Vec<Found>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str() else { continue };
        // The type of the entry itself: links are followed nowhere.
        let Ok(file_type) = entry.file_type() else { continue };
        if depth > 0 {
            let is_digit = name.len() == 1 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
            if file_type.is_dir() && is_digit {
                walk(&entry.path(), kind, &format!("{digits}{name}"), depth - 1, found);
            }
        } else if file_type.is_file() && name.starts_with(digits) {
            let object = from_hexadecimal(name).map(|digits| Name { kind, digits });
            let metadata = entry.metadata().ok();
            found.extend(object.zip(metadata).map(|(name, metadata)| describe(name, &metadata)));
        }
    }
}

fn describe(name: Name, metadata: &Metadata) -> Found {
    Found {
        name,
        bytes: metadata.len(),
        used_ms: metadata.modified().map_or(0, unix_ms),
        created_ms: metadata.created().ok().map(unix_ms),
    }
}

pub(super) fn unix_ms(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// The time so many milliseconds after 1970 (UTC); one that no file could have becomes 1970.
pub(super) fn time_of(unix_ms: u64) -> SystemTime {
    // The year 9999: beyond it file systems wrap around or refuse.
    const LATEST_MS: u64 = 253_402_300_799_000;
    if unix_ms > LATEST_MS { UNIX_EPOCH } else { UNIX_EPOCH + Duration::from_millis(unix_ms) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }

    #[test]
    fn a_name_has_one_place_and_comes_back_from_it() {
        let digits = [0xa1; 32];
        let hex = "a1".repeat(32);
        let result = Name::new(Kind::Result, digits);
        let preprocessor = Name::new(Kind::Preprocessor, digits);
        assert_eq!(result.path(), PathBuf::from(format!("a/1/{hex}")));
        assert_eq!(preprocessor.path(), PathBuf::from(format!("preprocessor/a/1/a/{hex}")));
        for name in [result, preprocessor] {
            assert_eq!(Name::from_bytes(name.to_bytes()), Some(name));
        }
        let mut unknown = result.to_bytes();
        unknown[0] = 2;
        assert_eq!(Name::from_bytes(unknown), None);
    }

    #[test]
    fn only_what_has_the_shape_of_an_object_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let hex = |start: &str| format!("{start}{}", "0".repeat(64 - start.len()));
        write(root, &format!("a/b/{}", hex("ab")));
        write(root, &format!("preprocessor/a/b/c/{}", hex("abc")));
        for other in [
            format!("a/b/{}", hex("ba")),
            format!("a/b/{}", hex("AB")),
            format!("a/b/{}0", hex("ab")),
            format!("a/{}", hex("ab")),
            format!("a/bb/{}", hex("ab")),
            format!("preprocessor/a/b/{}", hex("abc")),
            ".sccachetmpXYZ".into(),
            "sccache-step.json".into(),
        ] {
            write(root, &other);
        }
        std::fs::create_dir_all(root.join(format!("c/d/{}", hex("cd")))).unwrap();
        let mut names: Vec<PathBuf> = scan(root).iter().map(|found| found.name.path()).collect();
        names.sort();
        let expected = [format!("a/b/{}", hex("ab")), format!("preprocessor/a/b/c/{}", hex("abc"))];
        assert_eq!(names, expected.map(PathBuf::from));
        assert!(scan(&root.join("missing")).is_empty());
    }

    #[test]
    fn digits_are_read_exactly_as_they_are_written() {
        let text = "00ff".repeat(16);
        assert_eq!(from_hexadecimal(&text).map(|bytes| hexadecimal(&bytes)), Some(text.clone()));
        for wrong in [&text[1..], &text.to_uppercase(), &format!("{}+1", &text[2..]), ""] {
            assert_eq!(from_hexadecimal(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_time_is_beyond_what_a_file_can_have() {
        assert_eq!(unix_ms(time_of(1_700_000_000_123)), 1_700_000_000_123);
        assert_eq!(unix_ms(time_of(u64::MAX)), 0);
    }
}
