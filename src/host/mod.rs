//! The surfaces of the program that runs the job: GitHub Actions, GitLab CI, Azure Pipelines, a shell.
//!
//! Owns the exact bytes each of them takes. An adapter only renders; [`perform`] is the one function that
//! writes. No adapter decides what is said.

mod azure_pipelines;
mod clean;
mod exit_trap;
mod github;
mod gitlab;
mod handover;
mod local;
mod pairs;
mod perform;
#[cfg(test)]
mod runner_model;
mod shell;
mod token;
mod workflow_command;

use std::path::PathBuf;

use crate::environment::Variables;
use crate::error::Lines;
use crate::exports::Exports;
use crate::secret::Secret;

pub use github::saved_state;
pub use handover::{Handover, Refusal, Refused, VARIABLE_LIMIT_BYTES};
pub use perform::{deliver, perform};
pub use shell::Shell;

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The job fails because of it.
    Error,
    /// The job goes on.
    Warning,
    /// Worth knowing.
    Notice,
}

impl Level {
    /// The word in front of a message, which is also the name of GitHub's workflow command.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// Where a message is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prominence {
    /// On the page of the run, where the host has annotations; elsewhere in the log.
    ///
    /// GitHub keeps the first 10 of each level per phase.
    Annotation,
    /// In the log only.
    Log,
}

/// Something to write, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout(String),
    /// Standard error.
    Stderr(String),
    /// The end of a file of the host.
    Append {
        /// What the file is for, for the error message: `environment file`, `job summary`, …
        purpose: &'static str,
        /// The file.
        path: PathBuf,
        /// What is appended.
        bytes: String,
    },
    /// A file of ours, whole.
    Replace {
        /// What the file is for, for the error message: `report`, `metrics`, …
        purpose: &'static str,
        /// The file.
        path: PathBuf,
        /// What is in it afterwards.
        bytes: String,
    },
}

/// What follows an export: how the job gets to `post`, and whether it goes on at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// Our own program, for the EXIT trap; empty when nothing was begun and `post` has nothing to do.
    pub program: PathBuf,
    /// The state file, for the EXIT trap.
    pub state: PathBuf,
    /// The exit code, 1..=255, that an evaluating shell ends with; `None`: the job goes on.
    ///
    /// `eval "$(..)"` swallows the program's own code, so the printed code has to say it again.
    pub failure: Option<u8>,
}

/// Which host runs the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// GitHub Actions, and the runners that speak its dialect.
    GitHub,
    /// GitLab CI, gitlab-ci-local included.
    GitLab,
    /// Azure Pipelines.
    AzurePipelines,
    /// A shell: a person, a script, any other CI.
    Local,
}

impl Host {
    /// Recognises the host by the job's variables.
    ///
    /// Source: GitHub, Gitea and Forgejo runners set `GITHUB_ACTIONS=true`; GitLab sets `GITLAB_CI=true`;
    /// gitlab-ci-local 4.75 sets `GITLAB_CI=false` and `CI=true`; agents of Azure Pipelines set `TF_BUILD=True`.
    #[must_use]
    pub fn detect(variables: &Variables) -> Self {
        let is = |name: &str, value: &str| variables.get(name).is_some_and(|found| found == value);
        if is("GITHUB_ACTIONS", "true") {
            Self::GitHub
        } else if is("GITLAB_CI", "true") || is("GITLAB_CI", "false") && is("CI", "true") {
            Self::GitLab
        } else if is("TF_BUILD", "True") {
            Self::AzurePipelines
        } else {
            Self::Local
        }
    }

    /// The host's name, as the report and the plan spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::AzurePipelines => "azure-pipelines",
            Self::Local => "local",
        }
    }

    /// The adapter for this host, with the files and the shell that these variables name.
    ///
    /// `shell` is the one asked for; `None` takes the one detected. GitHub and Azure Pipelines have no use
    /// for it.
    #[must_use]
    pub fn adapter(self, variables: &Variables, shell: Option<Shell>) -> Box<dyn HostAdapter> {
        match self {
            Self::GitHub => Box::new(github::GitHub::new(variables)),
            Self::GitLab => Box::new(gitlab::GitLab::new(variables, shell)),
            Self::AzurePipelines => Box::new(azure_pipelines::AzurePipelines::new(variables)),
            Self::Local => Box::new(local::Local::new(variables, shell)),
        }
    }
}

/// What every host can be told. Every member only renders: nothing is written before [`perform`].
///
/// All talk goes to standard error, since standard output may be evaluated by a shell; where the host obeys commands
/// on standard output, these alone go there.
pub trait HostAdapter: Send + Sync {
    /// Opens a part of the log. `name` identifies it until it is closed; `unix_secs` is now, in seconds since 1970.
    fn open_section(&self, name: &str, title: &str, unix_secs: u64) -> Vec<Output>;

    /// Closes the part of the log that was opened under `name`; `unix_secs` is now, in seconds since 1970.
    fn close_section(&self, name: &str, unix_secs: u64) -> Vec<Output>;

    /// Tells a trouble or a finding, in its three lines; a line without text is left out.
    fn message(&self, level: Level, lines: &Lines, prominence: Prominence) -> Vec<Output>;

    /// Writes one line to the log. Line breaks become blanks, and nothing in it can command the host.
    fn talk(&self, line: &str) -> Vec<Output> {
        vec![Output::Stderr(format!("{}\n", clean::line(line)))]
    }

    /// Writes text of others, of any number of lines, to the log, where nothing in it can command the host.
    fn foreign(&self, text: &str) -> Vec<Output> {
        clean::lines(text).into_iter().map(|line| Output::Stderr(format!("{line}\n"))).collect()
    }

    /// Hides secrets in everything the job prints from now on, where the host can do that.
    ///
    /// Give a credential and the pieces of it that may be seen alone, such as the `AccountKey` of an Azure
    /// connection string. Pieces below 4 characters are not masked: that would ruin the log.
    fn mask(&self, pieces: &[Secret]) -> Vec<Output> {
        let _ = pieces;
        Vec::new()
    }

    /// Hands variables and a PATH entry to the rest of the job.
    fn export(&self, exports: &Exports, after: &After) -> Handover;

    /// Sets outputs of the step, where the host has them. Names are `[A-Za-z_][A-Za-z0-9_-]*`.
    fn outputs(&self, pairs: &[(String, String)]) -> Handover {
        let _ = pairs;
        Handover::default()
    }

    /// Saves pairs for [`saved_state`] in the next phase, where the host can do that. Names as for outputs.
    fn save_state(&self, pairs: &[(String, String)]) -> Handover {
        let _ = pairs;
        Handover::default()
    }

    /// Adds Markdown to the job's summary, where the host has one. GitHub drops a file above 1 048 576 bytes whole.
    fn summary(&self, markdown: &str) -> Vec<Output> {
        let _ = markdown;
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(variables: &[(&str, &str)]) -> &'static str {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Host::detect(&variables).name()
    }

    #[test]
    fn each_host_is_recognised_by_its_own_variables() {
        assert_eq!(detect(&[("GITHUB_ACTIONS", "true"), ("CI", "true")]), "github");
        assert_eq!(detect(&[("GITHUB_ACTIONS", "true"), ("FORGEJO_ACTIONS", "true")]), "github");
        assert_eq!(detect(&[("GITLAB_CI", "true"), ("CI", "true")]), "gitlab");
        assert_eq!(detect(&[("GITLAB_CI", "false"), ("CI", "true")]), "gitlab");
        assert_eq!(detect(&[("TF_BUILD", "True")]), "azure-pipelines");
        assert_eq!(detect(&[("GITLAB_CI", "false")]), "local");
        assert_eq!(detect(&[("CI", "true")]), "local");
        assert_eq!(detect(&[]), "local");
    }
}
