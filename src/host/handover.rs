//! What was handed over, and what could not be.
//!
//! Owns the rules that hold for variables on every host. It never renders for one of them.

use std::path::Path;

use crate::error::Lines;

use super::{Output, shell};

/// The longest variable that a Linux process can be started with: the bytes of `NAME=value` and a closing NUL.
///
/// Source: `MAX_ARG_STRLEN` in `execve(2)`. With a longer one every later command fails with "argument list too long".
pub const VARIABLE_LIMIT_BYTES: usize = 131_072;

/// What to write for a handover, and what had to be left out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handover {
    /// What to write.
    pub outputs: Vec<Output>,
    /// What was left out, to be told to the user.
    pub refused: Vec<Refused>,
}

impl Handover {
    /// Notes something left out.
    pub(super) fn refuse(&mut self, name: impl Into<String>, reason: Refusal) {
        self.refused.push(Refused { name: name.into(), reason });
    }
}

/// Something that was not handed over, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What it is called: a variable, an output, a directory.
    pub name: String,
    /// Why not.
    pub reason: Refusal,
}

/// Why something was not handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The name is none that this host and every shell can keep.
    Name,
    /// The host ignores this name.
    Reserved,
    /// The value holds a NUL, which no variable can.
    Nul,
    /// The value is longer than [`VARIABLE_LIMIT_BYTES`] allow; its bytes, name included.
    TooLong(usize),
    /// The path is not Unicode, or holds a character that this surface cannot carry.
    Path,
    /// The host names no file for it: the variable that should.
    NoFile(&'static str),
}

impl Refused {
    /// The three lines to tell it with.
    #[must_use]
    pub fn lines(&self) -> Lines {
        let (cause, help) = match &self.reason {
            Refusal::Name => {
                ("its name is not made of letters, digits and `_`".into(), "choose another name")
            }
            Refusal::Reserved => {
                ("the runner ignores this name".into(), "set it in the workflow's `env` instead")
            }
            Refusal::Nul => ("its value holds a NUL, which no variable can".into(), "correct the value"),
            Refusal::TooLong(bytes) => (
                format!(
                    "it has {bytes} bytes; a process cannot be started with one above {VARIABLE_LIMIT_BYTES} bytes"
                ),
                "shorten the value",
            ),
            Refusal::Path => (
                "this path holds a character that PATH or the host cannot carry".into(),
                "use a directory with a plain name",
            ),
            Refusal::NoFile(variable) => (
                format!("the runner did not set `{variable}`"),
                "update the runner, or do not clear its variables on the way here",
            ),
        };
        Lines { what: format!("`{}` was not handed to the job", self.name), cause, help: help.into() }
    }
}

/// Why this variable cannot be handed over on any host.
pub(super) fn refusal(name: &str, value: &str) -> Option<Refusal> {
    let bytes = name.len() + 1 + value.len() + 1;
    if !shell::is_name(name) {
        Some(Refusal::Name)
    } else if value.contains('\0') {
        Some(Refusal::Nul)
    } else if bytes > VARIABLE_LIMIT_BYTES {
        Some(Refusal::TooLong(bytes))
    } else {
        None
    }
}

/// A directory as an entry of PATH, or why it cannot be one.
pub(super) fn path_entry(directory: &Path) -> Result<&str, Refusal> {
    let text = path_text(directory)?;
    // A separator of PATH inside an entry cannot be escaped; `join_paths` knows this system's.
    let joined = std::env::join_paths([directory]).is_ok();
    if joined && !text.is_empty() { Ok(text) } else { Err(Refusal::Path) }
}

/// A path as text, or why it cannot be text.
pub(super) fn path_text(path: &Path) -> Result<&str, Refusal> {
    path.to_str().filter(|text| !text.contains('\0')).ok_or(Refusal::Path)
}

/// A path for a message.
pub(super) fn path_name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
