//! GitLab CI: collapsible sections, coloured messages, shell code for `eval "$(sccache-step pre)"`.
//!
//! Owns what GitLab's log and the runner's shells take. It never writes to `GITLAB_ENV`, where one bad
//! line stops every later stage of the job.
//!
//! Source: GitLab Runner 19.3, GitLab's job log documentation; gitlab-ci-local 4.75 needs the first `ESC[0K`
//! of a section.

use crate::environment::Variables;
use crate::error::Lines;
use crate::exports::Exports;

use super::handover::{self, Handover};
use super::{After, HostAdapter, Level, Output, Prominence, Shell, clean, exit_trap};

/// The adapter.
pub(super) struct GitLab {
    shell: Shell,
    colours: bool,
}

impl GitLab {
    /// The runner starts bash or sh, whatever `SHELL` says, or PowerShell on Windows.
    pub(super) fn new(variables: &Variables, shell: Option<Shell>) -> Self {
        let detected = match Shell::detect(variables) {
            Shell::PowerShell => Shell::PowerShell,
            Shell::Posix | Shell::Fish => Shell::Posix,
        };
        let colours = variables.get("NO_COLOR").is_none_or(String::is_empty);
        Self { shell: shell.unwrap_or(detected), colours }
    }

    fn trap(&self, after: &After, code: &mut String, handover: &mut Handover) {
        match exit_trap::render(after) {
            Ok(trap) => code.push_str(&trap),
            Err(reason) => {
                let path = if after.program.to_str().is_none() { &after.program } else { &after.state };
                handover.refuse(handover::path_name(path), reason);
            }
        }
    }
}

impl HostAdapter for GitLab {
    fn open_section(&self, name: &str, title: &str, unix_secs: u64) -> Vec<Output> {
        // Open, because GitLab has no annotations: a warning in a collapsed section is seen by nobody.
        let (name, title) = (clean::section_name(name), clean::line(title));
        let text = format!("\x1b[0Ksection_start:{unix_secs}:{name}\r\x1b[0K{title}\n");
        vec![Output::Stderr(text)]
    }

    fn close_section(&self, name: &str, unix_secs: u64) -> Vec<Output> {
        let name = clean::section_name(name);
        vec![Output::Stderr(format!("\x1b[0Ksection_end:{unix_secs}:{name}\r\x1b[0K\n"))]
    }

    fn message(&self, level: Level, lines: &Lines, _prominence: Prominence) -> Vec<Output> {
        let text = clean::plain_message(level, lines);
        let colour = match level {
            Level::Error => "\x1b[31m",
            Level::Warning => "\x1b[33m",
            Level::Notice => return vec![Output::Stderr(text)],
        };
        match text.split_once('\n') {
            Some((first, rest)) if self.colours => {
                vec![Output::Stderr(format!("{colour}{first}\x1b[0m\n{rest}"))]
            }
            _ => vec![Output::Stderr(text)],
        }
    }

    fn export(&self, exports: &Exports, after: &After) -> Handover {
        let (mut code, mut handover) = self.shell.handover(exports);
        // PowerShell has no trap of this kind: there `after_script` alone runs `post`.
        if self.shell == Shell::Posix && !after.program.as_os_str().is_empty() {
            self.trap(after, &mut code, &mut handover);
        }
        if let Some(failure) = after.failure {
            code.push_str(&format!("exit {failure}\n"));
        }
        handover.outputs.push(Output::Stdout(code));
        handover
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::host::{Host, Refusal};

    fn text(outputs: &[Output]) -> String {
        let shown = outputs.iter().map(|output| match output {
            Output::Stdout(text) => format!("stdout:\n{text}"),
            Output::Stderr(text) => format!("stderr: {text:?}"),
            Output::Append { .. } | Output::Replace { .. } => panic!("GitLab has no file: {output:?}"),
        });
        shown.collect::<Vec<_>>().join("\n")
    }

    fn adapter(variables: &[(&str, &str)]) -> Box<dyn HostAdapter> {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Host::GitLab.adapter(&variables, None)
    }

    fn after(failure: Option<u8>) -> After {
        After { program: "/opt/it's here/sccache-step".into(), state: "/tmp/run/state.json".into(), failure }
    }

    fn exports() -> Exports {
        Exports {
            variables: vec![("SCCACHE_PATH".into(), "/a b".into()), ("bad-name".into(), "x".into())],
            path: Some("/opt/it's".into()),
        }
    }

    #[test]
    fn sections_and_messages_are_what_the_log_takes() {
        let adapter = adapter(&[]);
        let lines =
            Lines { what: "no\x1b[0Ksection_end:1:x\r".into(), cause: "c".into(), help: String::new() };
        let outputs = [
            adapter.open_section("sccache step", "start\nserver", 1_700_000_000),
            adapter.message(Level::Warning, &lines, Prominence::Annotation),
            adapter.message(Level::Error, &lines, Prominence::Log),
            adapter.message(Level::Notice, &lines, Prominence::Log),
            adapter.talk("a\x1b[2Kb"),
            adapter.foreign("x\n::error::y"),
            adapter.close_section("sccache step", 1_700_000_001),
        ];
        assert_snapshot!(text(&outputs.concat()), @r#"
        stderr: "\u{1b}[0Ksection_start:1700000000:sccache-step\r\u{1b}[0Kstart server\n"
        stderr: "\u{1b}[33mwarning: no[0Ksection_end:1:x \u{1b}[0m\ncause: c\n"
        stderr: "\u{1b}[31merror: no[0Ksection_end:1:x \u{1b}[0m\ncause: c\n"
        stderr: "notice: no[0Ksection_end:1:x \ncause: c\n"
        stderr: "a[2Kb\n"
        stderr: "x\n"
        stderr: ": :error::y\n"
        stderr: "\u{1b}[0Ksection_end:1700000001:sccache-step\r\u{1b}[0K\n"
        "#);
        assert!(adapter.mask(&[crate::secret::Secret::new("secret")]).is_empty());
        assert!(adapter.summary("# x").is_empty());
    }

    #[test]
    fn colours_are_left_out_on_demand() {
        let lines = Lines { what: "w".into(), cause: "c".into(), help: "h".into() };
        let outputs = adapter(&[("NO_COLOR", "1")]).message(Level::Error, &lines, Prominence::Log);
        assert_snapshot!(text(&outputs), @r#"stderr: "error: w\ncause: c\nhelp:  h\n""#);
    }

    #[test]
    fn the_export_sets_variables_and_the_traps() {
        let handover = adapter(&[("SHELL", "/usr/bin/fish")]).export(&exports(), &after(None));
        assert_snapshot!(text(&handover.outputs), @r#"
        stdout:
        export SCCACHE_PATH='/a b'
        export PATH='/opt/it'\''s'"${PATH:+:$PATH}"
        sccache_step_code=
        trap 'sccache_step_code=$?
        trap - EXIT
        set +e
        '\''/opt/it'\''\'\'''\''s here/sccache-step'\'' post --state '\''/tmp/run/state.json'\'' || :
        exit "$sccache_step_code"' EXIT
        trap 'test -n "$sccache_step_code" || exit 143' TERM
        trap 'test -n "$sccache_step_code" || exit 130' INT
        trap 'test -n "$sccache_step_code" || exit 129' HUP
        "#);
        assert_eq!(handover.refused.len(), 1);
        assert_eq!(handover.refused[0].reason, Refusal::Name);
    }

    #[test]
    fn a_failure_ends_the_job_after_the_traps_are_set() {
        let handover = adapter(&[]).export(&Exports::default(), &after(Some(1)));
        let code = text(&handover.outputs);
        assert!(code.ends_with("HUP\nexit 1\n"), "{code}");
    }

    #[test]
    fn powershell_gets_no_trap() {
        let handover = adapter(&[("PSModulePath", "x")]).export(&exports(), &after(Some(1)));
        assert_snapshot!(text(&handover.outputs), @r"
        stdout:
        $env:SCCACHE_PATH = '/a b'
        $env:PATH = '/opt/it''s' + [IO.Path]::PathSeparator + $env:PATH
        exit 1
        ");
    }
}
