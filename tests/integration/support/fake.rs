//! Programs that only look like sccache.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::world::World;

/// A script in this world.
pub fn script(path: &Path, body: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// An sccache that answers `--version` with this version, and is `server` when it is to be one.
pub fn sccache(world: &World, version: &str, server: &str) -> PathBuf {
    let path = world.path("fake/sccache");
    let body = format!("if [ \"$1\" = --version ]; then echo sccache {version}; exit 0; fi\n{server}");
    script(&path, &body);
    path
}

/// A server that never becomes ready.
pub const NEVER_READY: &str = "echo \"thinking about it\"\nexec sleep 300";
