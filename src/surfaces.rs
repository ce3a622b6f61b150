//! Where a report goes besides the log: files that were asked for, outputs of the step.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::environment::{Environment, Variables};
use crate::error::Error;
use crate::execute::Voice;
use crate::host::{HostAdapter, Output};
use crate::inputs::Inputs;
use crate::report::{Format, Merged, Part, Report, SCHEMA_VERSION};
use crate::stats::{Run, Trend};

/// The longest report that is read, in bytes.
const REPORT_LIMIT_BYTES: u64 = 64 << 20;

/// The files that the inputs name.
pub(crate) fn files(inputs: &Inputs, environment: &Environment, report: &Report) -> Vec<Output> {
    let files = [
        ("report", &inputs.report_file, Format::Json),
        ("summary file", &inputs.summary_file, Format::Markdown),
        ("OpenMetrics file", &inputs.openmetrics_file, Format::OpenMetrics),
        ("metrics report", &inputs.gitlab_metrics_file, Format::GitLabMetrics),
        ("dotenv report", &inputs.dotenv_file, Format::Dotenv),
        ("trace", &inputs.trace_file, Format::Trace),
    ];
    let named = files.into_iter().filter_map(|(purpose, path, format)| {
        let path = environment.workspace.join(path.as_ref()?);
        Some(Output::Replace { purpose, path, bytes: format.renderer().render(report) })
    });
    named.collect()
}

/// Whether the stream that the report goes to is a terminal whose user wants colour.
pub(crate) fn takes_colour(variables: &Variables, is_run: bool) -> bool {
    let is_set = |name: &str| variables.get(name).is_some_and(|value| !value.is_empty());
    let is_dumb = variables.get("TERM").is_none_or(|term| term == "dumb");
    // The report of `run` goes to standard error.
    let is_terminal = if is_run { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
    is_terminal && !is_dumb && !is_set("NO_COLOR")
}

/// Sets the outputs of the step.
pub(crate) fn outputs(adapter: &dyn HostAdapter, voice: Voice<'_>, report: &Report) -> Vec<Error> {
    let outputs: Vec<(String, String)> =
        report.outputs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    voice.hand_over(&adapter.outputs(&outputs))
}

/// The run that a baseline tells of, as one of the default branch.
///
/// # Errors
/// [`Error::FileUnreadable`] when it is not there, or no report.
pub(crate) fn baseline(path: &Path) -> Result<Trend, Error> {
    let report = read("baseline", path)?;
    let run = report.as_run().map(|run| Run { is_default_branch: true, ..run });
    Ok(Trend { same_branch: None, default_branch: run })
}

/// Joins the reports of these files, and tells which could not be read.
pub(crate) fn merge(files: &[PathBuf]) -> (Merged, Vec<Error>) {
    let mut troubles = Vec::new();
    let parts = files.iter().map(|file| {
        let stem = file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        let report = read("report", file).map_err(|error| {
            let why = error.lines().cause;
            troubles.push(error);
            why
        });
        Part::new(stem, report)
    });
    let parts = parts.collect();
    (Merged::of(parts), troubles)
}

fn read(purpose: &'static str, path: &Path) -> Result<Report, Error> {
    let read = || -> anyhow::Result<Report> {
        let size = std::fs::metadata(path)?.len();
        ensure!(size <= REPORT_LIMIT_BYTES, "it has {size} bytes, which no report has");
        let report: Report = serde_json::from_slice(&std::fs::read(path)?).context("it is no report")?;
        ensure!(
            report.schema <= SCHEMA_VERSION,
            "it has schema version {}, and this program reads versions up to {SCHEMA_VERSION}",
            report.schema
        );
        Ok(report)
    };
    read().map_err(|source| Error::FileUnreadable { purpose, path: path.to_owned(), source })
}
