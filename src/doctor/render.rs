//! The checks for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Check, Verdict};

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// The checks for people: the verdict first, so that the eye finds the bad ones.
#[must_use]
pub fn text(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let Check { name, looked_at, verdict, finding, remedy } = check;
        // Writing to memory does not fail.
        let _ = writeln!(text, "{:<8} {name}: {}", verdict.word(), shown(finding));
        let _ = writeln!(text, "         looked at {}", shown(looked_at));
        if let Some(remedy) = remedy {
            let _ = writeln!(text, "         help: {}", shown(remedy));
        }
    }
    let counted = [Verdict::Fault, Verdict::Warning, Verdict::Skipped, Verdict::Good].map(|verdict| {
        let of_it = || checks.iter().filter(|check| check.verdict == verdict).map(|check| check.name);
        let is_trouble = matches!(verdict, Verdict::Fault | Verdict::Warning);
        let plural = if is_trouble && of_it().count() != 1 { "s" } else { "" };
        // The last line is what is seen first of a long output.
        let names: Vec<&str> = if is_trouble { of_it().collect() } else { Vec::new() };
        let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        format!("{} {}{plural}{names}", of_it().count(), verdict.word())
    });
    let _ = writeln!(text, "{}", counted.join(", "));
    text
}

/// Text of others without what a terminal would obey.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

/// The checks as JSON: `schema`, `verdict` (the worst one) and `checks`.
#[must_use]
pub fn json(checks: &[Check]) -> Value {
    let worst = checks.iter().map(|check| check.verdict).filter(|verdict| *verdict != Verdict::Skipped).max();
    json!({ "schema": 1, "verdict": worst.unwrap_or(Verdict::Good), "checks": checks })
}
