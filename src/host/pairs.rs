//! GitHub's file commands: the pairs of `GITHUB_ENV`, `GITHUB_OUTPUT` and `GITHUB_STATE`.
//!
//! Owns the block form, the only one in which every value comes back: `name<<delimiter`, the value, the
//! delimiter, each ended by LF, with no empty line between blocks (act takes one for an error).
//! It never writes a file.
//!
//! Source: actions/runner 2.336 `FileCommandManager.cs`, toolkit `core` 3.0 `file-command.ts`. On Windows the
//! runner takes a CR at the end of a line for part of the line break, so a value loses it there.

use super::token::{self, Draw};

/// One pair as a block. `name` must not be empty, and hold neither `=` nor `<<` nor a line break.
pub(super) fn block(name: &str, value: &str, draw: Draw) -> String {
    let delimiter = token::absent_from(&format!("{name}\n{value}"), "ghadelimiter_", draw);
    format!("{name}<<{delimiter}\n{value}\n{delimiter}\n")
}

/// A name that a file command keeps: `[A-Za-z_][A-Za-z0-9_-]*`.
pub(super) fn is_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
