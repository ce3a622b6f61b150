//! Whole installations against a loopback server, the real pip and a recorded cargo.
//!
//! The program installed is a shell script, so these tests have nothing to run where there is no `/bin/sh`.

mod archives;
mod downloads;
mod server;
mod sources;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::*;

const VERSION: Version = Version { major: 0, minor: 16, patch: 0 };
const TARGET: &str = "x86_64-unknown-linux-musl";
const STEM: &str = "sccache-v0.16.0-x86_64-unknown-linux-musl";
const ZEROES: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A script that answers like sccache 0.16.0, large enough to be cut in the middle.
fn script() -> Vec<u8> {
    let mut script = b"#!/bin/sh\necho sccache 0.16.0\nexit 0\n".to_vec();
    script.resize(300_000, b'x');
    script
}

/// Packs members by name without compression, so that their bytes are spread over the archive.
fn pack(members: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    let mut archive = tar::Builder::new(gzip);
    for (name, kind, content) in members {
        let mut header = tar::Header::new_gnu();
        // Written as they are: `set_path` would refuse the names that an attacker would use.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        if *kind == tar::EntryType::Symlink {
            header.set_link_name("/bin/sh").unwrap();
        }
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn good_archive() -> Vec<u8> {
    let program = format!("{STEM}/sccache");
    pack(&[
        (&format!("{STEM}/README.md"), tar::EntryType::Regular, b"hi"),
        (&program, tar::EntryType::Regular, &script()),
    ])
}

fn sha256(bytes: &[u8]) -> String {
    download::hexadecimal(&Sha256::digest(bytes))
}

/// A machine with an empty tool cache and nothing in PATH but what a test puts there.
struct Machine {
    home: TempDir,
    tool_cache: PathBuf,
    variables: Variables,
}

impl Machine {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let bin = home.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let variables = [("PATH", &bin), ("HOME", &home.path().to_owned())];
        let variables =
            variables.map(|(name, path)| (name.to_owned(), path.to_str().unwrap().to_owned())).into();
        Self { tool_cache: home.path().join("tools"), home, variables }
    }

    fn order<'a>(&'a self, sources: &'a [Installer], base: &'a str, digests: &'a Digests) -> Order<'a> {
        Order {
            version: &VERSION,
            sources,
            tool_cache: &self.tool_cache,
            target: Some(TARGET),
            archive_base: Some(base),
            digests,
            allow_unpinned: false,
            timeout: Duration::from_secs(60),
            variables: &self.variables,
        }
    }

    /// Puts an executable script into PATH.
    fn add_program(&self, name: &str, text: &str) {
        let path = self.home.path().join("bin").join(name);
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        process::make_executable(&path).unwrap();
    }

    /// Every file and directory in the tool cache, relative to it.
    fn tree(&self) -> Vec<String> {
        fn walk(directory: &Path, root: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                found.push(entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                if entry.path().is_dir() {
                    walk(&entry.path(), root, found);
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.tool_cache, &self.tool_cache, &mut found);
        found.sort();
        found
    }

    fn assert_installed(&self, installed: &Installed) {
        assert_eq!(installed.path, locate::tool_cache_program(&self.tool_cache, &VERSION));
        assert_eq!(locate::in_tool_cache(&self.tool_cache, &VERSION).as_deref(), Some(&*installed.path));
        let arch = locate::tool_cache_arch();
        let complete = ["", "/ARCH", "/ARCH.complete", "/ARCH.lock", "/ARCH/sccache"];
        let mut expected =
            complete.map(|end| format!("sccache/0.16.0{}", end.replace("ARCH", arch))).to_vec();
        expected.insert(0, "sccache".to_owned());
        assert_eq!(self.tree(), expected);
    }
}

fn digests_of(archive: &[u8]) -> Digests {
    Digests::parse(&format!("archive\t0.16.0\t{TARGET}\t{}", sha256(archive))).unwrap()
}

/// Whether the scripts of these tests can be run here.
fn has_shell() -> bool {
    Path::new("/bin/sh").exists()
}
