//! Azure Pipelines: logging commands on standard output, a summary uploaded from a file.
//!
//! Owns their grammar and escapes. Talk goes to standard error as everywhere; commands go to standard output, where
//! the agent looks for them, so what `pre` prints here is no shell code.
//!
//! Source: the agent's documentation of logging commands: `##vso[area.action property=value;…]message`; in messages
//! CR and LF, in properties also `;` and `]` are escaped, and `%` first, as agents since 2.204 take it back.

use std::path::PathBuf;

use crate::environment::Variables;
use crate::error::Lines;
use crate::exports::Exports;
use crate::secret::Secret;

use super::handover::{self, Handover, Refusal};
use super::{After, HostAdapter, Level, Output, Prominence, clean};

/// Below this many characters a mask hides more of the log than of the secret.
const MASK_MINIMUM_CHARS: usize = 4;

/// The adapter.
pub(super) struct AzurePipelines {
    /// Where the summary's file goes; the agent empties it after each job.
    temporary: Option<PathBuf>,
}

impl AzurePipelines {
    pub(super) fn new(variables: &Variables) -> Self {
        let named = variables.get("AGENT_TEMPDIRECTORY").filter(|path| !path.is_empty());
        Self { temporary: named.map(PathBuf::from) }
    }
}

/// One command, on a line of its own.
fn command(action: &str, properties: &[(&str, &str)], message: &str) -> Output {
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", escape_property(value))).collect();
    let blank = if properties.is_empty() { "" } else { " " };
    Output::Stdout(format!("##vso[{action}{blank}{}]{}\n", properties.join(";"), escape(message)))
}

fn escape(text: &str) -> String {
    text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape(text).replace(';', "%3B").replace(']', "%5D")
}

impl HostAdapter for AzurePipelines {
    fn open_section(&self, _name: &str, title: &str, _unix_secs: u64) -> Vec<Output> {
        vec![Output::Stdout(format!("##[group]{}\n", clean::line(title)))]
    }

    fn close_section(&self, _name: &str, _unix_secs: u64) -> Vec<Output> {
        vec![Output::Stdout("##[endgroup]\n".into())]
    }

    fn message(&self, level: Level, lines: &Lines, prominence: Prominence) -> Vec<Output> {
        match (level, prominence) {
            // There are issues of these two levels only.
            (Level::Error | Level::Warning, Prominence::Annotation) => {
                let text = format!("sccache-step: {}", clean::message(lines).join("\n"));
                vec![command("task.logissue", &[("type", level.name())], &text)]
            }
            _ => vec![Output::Stderr(clean::plain_message(level, lines))],
        }
    }

    fn mask(&self, pieces: &[Secret]) -> Vec<Output> {
        let lines = pieces.iter().map(Secret::expose).flat_map(str::lines);
        let long = lines.filter(|line| line.trim().chars().count() >= MASK_MINIMUM_CHARS);
        long.map(|line| command("task.setsecret", &[], line)).collect()
    }

    fn export(&self, exports: &Exports, _after: &After) -> Handover {
        let mut handover = Handover::default();
        for (name, value) in &exports.variables {
            match handover::refusal(name, value) {
                None => handover.outputs.push(command("task.setvariable", &[("variable", name)], value)),
                Some(reason) => handover.refuse(name, reason),
            }
        }
        if let Some(directory) = exports.path.as_deref() {
            let one_line = |text: &&str| !text.contains(['\n', '\r']);
            let entry = handover::path_entry(directory);
            match entry.and_then(|text| Some(text).filter(one_line).ok_or(Refusal::Path)) {
                Ok(text) => handover.outputs.push(command("task.prependpath", &[], text)),
                Err(reason) => handover.refuse(handover::path_name(directory), reason),
            }
        }
        handover
    }

    fn summary(&self, markdown: &str) -> Vec<Output> {
        let Some(path) = self.temporary.as_ref().map(|directory| directory.join("sccache-step.md")) else {
            return Vec::new();
        };
        let upload = command("task.uploadsummary", &[], &path.to_string_lossy());
        vec![Output::Replace { purpose: "job summary", path, bytes: markdown.to_owned() }, upload]
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;
    use crate::host::Host;

    fn adapter() -> Box<dyn HostAdapter> {
        let variables = [("AGENT_TEMPDIRECTORY".into(), "/agent/temp".into())].into_iter().collect();
        Host::AzurePipelines.adapter(&variables, None)
    }

    fn text(outputs: &[Output]) -> String {
        let shown = outputs.iter().map(|output| match output {
            Output::Stdout(text) => format!("stdout: {text:?}"),
            Output::Stderr(text) => format!("stderr: {text:?}"),
            Output::Replace { path, bytes, .. } => format!("{}: {bytes:?}", path.display()),
            Output::Append { .. } => panic!("there is no file to append to: {output:?}"),
        });
        shown.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_call_is_a_command_of_the_agent() {
        let lines = Lines { what: "100 %\n##vso[x]".into(), cause: "c".into(), help: "h".into() };
        let exports = Exports {
            variables: vec![("A".into(), "x;]%\ny".into()), ("bad-name".into(), "x".into())],
            path: Some("/opt/s".into()),
        };
        let after = After { program: "/p".into(), state: "/s".into(), failure: None };
        let adapter = adapter();
        let handover = adapter.export(&exports, &after);
        let outputs = [
            adapter.open_section("n", "a title", 1),
            adapter.message(Level::Warning, &lines, Prominence::Annotation),
            adapter.message(Level::Notice, &lines, Prominence::Annotation),
            adapter.mask(&[Secret::new("long enough\nabc")]),
            handover.outputs,
            adapter.summary("# x"),
            adapter.close_section("n", 2),
        ];
        assert_snapshot!(text(&outputs.concat()), @r####"
        stdout: "##[group]a title\n"
        stdout: "##vso[task.logissue type=warning]sccache-step: 100 %AZP25 ## vso[x]%0Acause: c%0Ahelp:  h\n"
        stderr: "notice: 100 % ## vso[x]\ncause: c\nhelp:  h\n"
        stdout: "##vso[task.setsecret]long enough\n"
        stdout: "##vso[task.setvariable variable=A]x;]%AZP25%0Ay\n"
        stdout: "##vso[task.prependpath]/opt/s\n"
        /agent/temp/sccache-step.md: "# x"
        stdout: "##vso[task.uploadsummary]/agent/temp/sccache-step.md\n"
        stdout: "##[endgroup]\n"
        "####);
        assert_eq!(handover.refused.len(), 1);
    }

    /// As the agent reads a line: the first `]` ends the properties, which `;` separates.
    fn read(line: &str) -> (String, Vec<(String, String)>, String) {
        let back = |text: &str| {
            let text = text.replace("%3B", ";").replace("%5D", "]");
            text.replace("%0A", "\n").replace("%0D", "\r").replace("%AZP25", "%")
        };
        let rest = line.strip_prefix("##vso[").unwrap().strip_suffix('\n').unwrap();
        assert!(!rest.contains('\n'), "one line: {line:?}");
        let (head, message) = rest.split_once(']').unwrap();
        let (action, properties) = head.split_once(' ').unwrap_or((head, ""));
        let properties = properties.split(';').filter_map(|pair| pair.split_once('='));
        let properties = properties.map(|(name, value)| (name.to_owned(), back(value))).collect();
        (action.to_owned(), properties, back(message))
    }

    proptest! {
        #[test]
        fn what_the_agent_reads_is_what_was_meant(name in "[^=]{1,20}", message in ".{0,40}", broken in "[\r\n;%\\]]{0,6}") {
            let message = format!("{message}{broken}");
            let Output::Stdout(line) = command("task.x", &[("p", &name), ("q", &broken)], &message) else {
                panic!("commands go to standard output");
            };
            let (action, properties, found) = read(&line);
            prop_assert_eq!(action, "task.x");
            prop_assert_eq!(properties, vec![("p".to_owned(), name), ("q".to_owned(), broken)]);
            prop_assert_eq!(found, message);
        }
    }
}
