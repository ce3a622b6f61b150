//! `doctor`: a list of checks, each with what it looked at, its verdict, and its remedy.
//!
//! Changes nothing that stays: what it starts is stopped, what it writes is removed. A storage in which sccache
//! cannot remove anything gets one small object, always the same one.

mod clock;
mod machine;
mod probe;
mod render;
mod storage;
mod wrapping;

use serde::Serialize;

pub use render::{json, text};

use crate::environment::Environment;
use crate::error::{Error, ExitCode};
use crate::inputs::Inputs;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It could not be looked at, or there was nothing to look at.
    Skipped,
    /// The cache works, and could work better.
    Warning,
    /// The cache does not work like this.
    Fault,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What it looked at.
    pub looked_at: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What was found, in one line.
    pub finding: String,
    /// What to do; only where something is to be done.
    pub remedy: Option<String>,
}

impl Check {
    fn new(
        name: &'static str,
        looked_at: impl Into<String>,
        verdict: Verdict,
        found: impl Into<String>,
    ) -> Self {
        Self { name, looked_at: looked_at.into(), verdict, finding: found.into(), remedy: None }
    }

    fn good(name: &'static str, looked_at: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(name, looked_at, Verdict::Good, found)
    }

    fn warning(name: &'static str, looked_at: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(name, looked_at, Verdict::Warning, found)
    }

    fn fault(name: &'static str, looked_at: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(name, looked_at, Verdict::Fault, found)
    }

    fn skipped(name: &'static str, looked_at: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(name, looked_at, Verdict::Skipped, found)
    }

    fn of_error(name: &'static str, looked_at: impl Into<String>, error: &Error) -> Self {
        let lines = error.lines();
        Self::fault(name, looked_at, format!("{}: {}", lines.what, lines.cause)).remedy(lines.help)
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// Makes all checks.
#[must_use]
pub fn examine(inputs: &Inputs, environment: &Environment) -> Vec<Check> {
    let mut checks = vec![machine::sccache(inputs, environment), machine::address(environment)];
    checks.push(machine::server(environment));
    checks.extend(wrapping::wrappers(inputs, environment));
    checks.push(wrapping::incremental(inputs, environment));
    checks.extend(storage::checks(inputs, environment));
    checks.push(machine::leftovers(environment));
    checks
}

/// The exit code for these checks: a fault is a failure, everything else is not.
#[must_use]
pub fn exit_code(checks: &[Check]) -> ExitCode {
    match checks.iter().map(|check| check.verdict).max() {
        Some(Verdict::Fault) => ExitCode::Failed,
        _ => ExitCode::Fine,
    }
}
