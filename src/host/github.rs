//! GitHub Actions, Gitea and Forgejo: workflow commands, environment files, the job summary.
//!
//! Owns which of them carries what. It never reads a file of the runner and never writes one.
//!
//! Commands go to standard error, which the runner reads like standard output.

use std::path::PathBuf;

use crate::environment::Variables;
use crate::error::Lines;
use crate::exports::Exports;
use crate::secret::Secret;

use super::handover::{self, Handover, Refusal};
use super::token::{self, Draw};
use super::{After, HostAdapter, Level, Output, Prominence, clean, pairs, workflow_command};

/// Below this many characters a mask hides more of the log than of the secret.
const MASK_MINIMUM_CHARS: usize = 4;

/// A file that the runner reads when the phase has ended.
struct CommandFile {
    purpose: &'static str,
    variable: &'static str,
    path: Option<PathBuf>,
}

impl CommandFile {
    fn new(variables: &Variables, variable: &'static str, purpose: &'static str) -> Self {
        let path = variables.get(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
        Self { purpose, variable, path }
    }

    /// What appends to this file; `None` when the runner named none.
    fn append(&self, bytes: String) -> Option<Output> {
        let path = self.path.clone()?;
        Some(Output::Append { purpose: self.purpose, path, bytes })
    }
}

/// The adapter.
pub(super) struct GitHub {
    environment: CommandFile,
    search_path: CommandFile,
    outputs: CommandFile,
    state: CommandFile,
    summary: CommandFile,
    draw: Draw,
}

impl GitHub {
    pub(super) fn new(variables: &Variables) -> Self {
        Self {
            environment: CommandFile::new(variables, "GITHUB_ENV", "environment file"),
            search_path: CommandFile::new(variables, "GITHUB_PATH", "PATH file"),
            outputs: CommandFile::new(variables, "GITHUB_OUTPUT", "outputs file"),
            state: CommandFile::new(variables, "GITHUB_STATE", "state file of the step"),
            summary: CommandFile::new(variables, "GITHUB_STEP_SUMMARY", "job summary"),
            draw: token::random,
        }
    }

    /// Appends the pairs that `refusal` lets through; without a file all of them are refused.
    fn pairs(
        &self,
        file: &CommandFile,
        pairs: &[(String, String)],
        refusal: impl Fn(&str, &str) -> Option<Refusal>,
    ) -> Handover {
        let (mut handover, mut bytes) = (Handover::default(), String::new());
        for (name, value) in pairs {
            let missing = file.path.is_none().then_some(Refusal::NoFile(file.variable));
            match refusal(name, value).or(missing) {
                None => bytes.push_str(&pairs::block(name, value, self.draw)),
                Some(reason) => handover.refuse(name, reason),
            }
        }
        if !bytes.is_empty() {
            handover.outputs.extend(file.append(bytes));
        }
        handover
    }
}

impl HostAdapter for GitHub {
    fn open_section(&self, _name: &str, title: &str, _unix_secs: u64) -> Vec<Output> {
        vec![Output::Stderr(workflow_command::plain("group", &clean::line(title)))]
    }

    fn close_section(&self, _name: &str, _unix_secs: u64) -> Vec<Output> {
        vec![Output::Stderr(workflow_command::plain("endgroup", ""))]
    }

    fn message(&self, level: Level, lines: &Lines, prominence: Prominence) -> Vec<Output> {
        let text = match prominence {
            Prominence::Log => clean::plain_message(level, lines),
            Prominence::Annotation => {
                workflow_command::annotation(level.name(), "sccache-step", &clean::message(lines).join("\n"))
            }
        };
        vec![Output::Stderr(text)]
    }

    fn foreign(&self, text: &str) -> Vec<Output> {
        let text = clean::lines(text).join("\n");
        // A second fence: runners differ in what they take for a command.
        let token = token::absent_from(&text, "", self.draw);
        vec![Output::Stderr(format!("::stop-commands::{token}\n{text}\n::{token}::\n"))]
    }

    fn mask(&self, pieces: &[Secret]) -> Vec<Output> {
        let is_long = |text: &&str| text.trim().chars().count() >= MASK_MINIMUM_CHARS;
        let mut outputs = Vec::new();
        for piece in pieces.iter().map(Secret::expose).filter(|piece| is_long(piece)) {
            // The runner masks each line of a value too, however short: a lone `{` would ruin the log.
            let whole = piece.lines().all(|line| is_long(&line));
            let masked: Vec<&str> = if whole { vec![piece] } else { piece.lines().filter(is_long).collect() };
            outputs.extend(
                masked.into_iter().map(|text| Output::Stderr(workflow_command::plain("add-mask", text))),
            );
        }
        outputs
    }

    fn export(&self, exports: &Exports, _after: &After) -> Handover {
        let mut handover = self.pairs(&self.environment, &exports.variables, |name, value| {
            // The only name that the runner refuses, whatever its case.
            let reserved = name.eq_ignore_ascii_case("NODE_OPTIONS").then_some(Refusal::Reserved);
            handover::refusal(name, value).or(reserved)
        });
        if let Some(directory) = exports.path.as_deref() {
            let one_line = |text: &&str| !text.contains(['\n', '\r']);
            let entry = handover::path_entry(directory);
            let entry = entry.and_then(|text| Some(text).filter(one_line).ok_or(Refusal::Path));
            let output = entry.and_then(|text| {
                let output = self.search_path.append(format!("{text}\n"));
                output.ok_or(Refusal::NoFile(self.search_path.variable))
            });
            match output {
                Ok(output) => handover.outputs.push(output),
                Err(reason) => handover.refuse(handover::path_name(directory), reason),
            }
        }
        handover
    }

    fn outputs(&self, pairs: &[(String, String)]) -> Handover {
        self.pairs(&self.outputs, pairs, |name, _| (!pairs::is_name(name)).then_some(Refusal::Name))
    }

    fn save_state(&self, pairs: &[(String, String)]) -> Handover {
        self.pairs(&self.state, pairs, |name, _| (!pairs::is_name(name)).then_some(Refusal::Name))
    }

    fn summary(&self, markdown: &str) -> Vec<Output> {
        let end = if markdown.ends_with('\n') { "" } else { "\n" };
        self.summary.append(format!("{markdown}{end}")).into_iter().collect()
    }
}

/// What an earlier phase of this step saved under `key`; `None` when it saved nothing or we are on another host.
///
/// Keys compare without regard to case, as the runner compares them.
#[must_use]
pub fn saved_state(variables: &Variables, key: &str) -> Option<String> {
    let wanted = format!("STATE_{key}");
    let mut found = variables.iter().filter(|(name, _)| name.eq_ignore_ascii_case(&wanted));
    found.next().map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests;
