//! A person's shell, a script, or a CI that we have no adapter for: plain text, and shell code for `eval`.
//!
//! Owns the rule that nothing printed here ends or alters a person's shell: variables and PATH, no trap, no `exit`.

use crate::environment::Variables;
use crate::error::Lines;
use crate::exports::Exports;

use super::handover::Handover;
use super::{After, HostAdapter, Level, Output, Prominence, Shell, clean};

/// The adapter.
pub(super) struct Local {
    shell: Shell,
}

impl Local {
    pub(super) fn new(variables: &Variables, shell: Option<Shell>) -> Self {
        Self { shell: shell.unwrap_or_else(|| Shell::detect(variables)) }
    }
}

impl HostAdapter for Local {
    fn open_section(&self, _name: &str, title: &str, _unix_secs: u64) -> Vec<Output> {
        self.talk(title)
    }

    fn close_section(&self, _name: &str, _unix_secs: u64) -> Vec<Output> {
        Vec::new()
    }

    fn message(&self, level: Level, lines: &Lines, _prominence: Prominence) -> Vec<Output> {
        vec![Output::Stderr(clean::plain_message(level, lines))]
    }

    fn export(&self, exports: &Exports, after: &After) -> Handover {
        let (mut code, mut handover) = self.shell.handover(exports);
        if let Some(failure) = after.failure {
            code.push_str(&self.shell.status_line(failure));
        }
        if !code.is_empty() {
            handover.outputs.push(Output::Stdout(code));
        }
        handover
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::host::Host;

    fn text(outputs: &[Output]) -> String {
        let shown = outputs.iter().map(|output| match output {
            Output::Stdout(text) => format!("stdout:\n{text}"),
            Output::Stderr(text) => format!("stderr: {text:?}"),
            Output::Append { .. } | Output::Replace { .. } => panic!("a shell has no file: {output:?}"),
        });
        shown.collect::<Vec<_>>().join("\n")
    }

    fn exported(shell: Shell) -> String {
        let exports =
            Exports { variables: vec![("A".into(), "it's \\".into())], path: Some("/opt/s tep".into()) };
        let after = After { program: "/p".into(), state: "/s".into(), failure: Some(3) };
        let adapter = Host::Local.adapter(&Variables::new(), Some(shell));
        text(&adapter.export(&exports, &after).outputs)
    }

    #[test]
    fn talk_is_plain_text() {
        let adapter = Host::Local.adapter(&Variables::new(), None);
        let lines = Lines { what: "w\nw".into(), cause: "c".into(), help: "h".into() };
        let outputs = [
            adapter.open_section("n", "a title", 1),
            adapter.message(Level::Warning, &lines, Prominence::Annotation),
            adapter.message(Level::Notice, &lines, Prominence::Log),
            adapter.talk("a\rb"),
            adapter.foreign("x\n\ny\n"),
            adapter.close_section("n", 2),
            adapter.summary("# x"),
        ];
        assert_snapshot!(text(&outputs.concat()), @r#"
        stderr: "a title\n"
        stderr: "warning: w w\ncause: c\nhelp:  h\n"
        stderr: "notice: w w\ncause: c\nhelp:  h\n"
        stderr: "a b\n"
        stderr: "x\n"
        stderr: "\n"
        stderr: "y\n"
        "#);
    }

    #[test]
    fn each_shell_gets_its_own_code() {
        assert_snapshot!(exported(Shell::Posix), @r#"
        stdout:
        export A='it'\''s \'
        export PATH='/opt/s tep'"${PATH:+:$PATH}"
        (exit 3)
        "#);
        assert_snapshot!(exported(Shell::Fish), @r"
        stdout:
        set -gx A 'it\'s \\'
        set -gx PATH '/opt/s tep' $PATH
        command sh -c 'exit 3'
        ");
        assert_snapshot!(exported(Shell::PowerShell), @r"
        stdout:
        $env:A = 'it''s \'
        $env:PATH = '/opt/s tep' + [IO.Path]::PathSeparator + $env:PATH
        $global:LASTEXITCODE = 3
        ");
    }

    #[test]
    fn nothing_to_export_prints_nothing() {
        let after = After { program: "/p".into(), state: "/s".into(), failure: None };
        let adapter = Host::Local.adapter(&Variables::new(), None);
        assert_eq!(adapter.export(&Exports::default(), &after), Handover::default());
    }
}
