//! Where a report goes besides the log: files that were asked for, outputs of the step.

use std::path::Path;

use crate::environment::Environment;
use crate::error::Error;
use crate::execute::Voice;
use crate::host::{HostAdapter, Output};
use crate::inputs::Inputs;
use crate::report::{Format, Report};
use crate::stats::{Run, Trend};

/// The files that the inputs name.
pub(crate) fn files(inputs: &Inputs, environment: &Environment, report: &Report) -> Vec<Output> {
    let files = [
        ("report", &inputs.report_file, Format::Json),
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
    let read = || -> anyhow::Result<Report> { Ok(serde_json::from_slice(&std::fs::read(path)?)?) };
    let report =
        read().map_err(|source| Error::FileUnreadable { purpose: "baseline", path: path.into(), source })?;
    let run = report.as_run().map(|run| Run { is_default_branch: true, ..run });
    Ok(Trend { same_branch: None, default_branch: run })
}
