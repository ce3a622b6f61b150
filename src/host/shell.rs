//! Shell code that sets variables, for `eval`.
//!
//! Owns the quoting of each family of shells. It never decides what is set.
//!
//! How the code is consumed: POSIX shells `eval "$(sccache-step pre)"`, fish `sccache-step pre | source`,
//! PowerShell `sccache-step pre | Out-String | Invoke-Expression`. Windows `cmd` is not supported: it has no
//! quoting in which every value survives, and no line break in a value at all.

use crate::environment::Variables;
use crate::exports::Exports;

use super::handover::{self, Handover};

/// A family of shells that read the same code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// sh, dash, busybox ash, bash, zsh, ksh, mksh.
    Posix,
    /// fish.
    Fish,
    /// Windows PowerShell 5.1, PowerShell 7.
    PowerShell,
}

impl Shell {
    /// Every name that [`Shell::parse`] takes.
    pub const NAMES: [&str; 11] =
        ["posix", "sh", "dash", "ash", "bash", "zsh", "ksh", "mksh", "fish", "powershell", "pwsh"];

    /// The shell of this name, one of [`Shell::NAMES`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "posix" | "sh" | "dash" | "ash" | "bash" | "zsh" | "ksh" | "mksh" => Some(Self::Posix),
            "fish" => Some(Self::Fish),
            "powershell" | "pwsh" => Some(Self::PowerShell),
            _ => None,
        }
    }

    /// The shell that `SHELL` names; without it PowerShell where `PSModulePath` is set, as on Windows.
    ///
    /// `SHELL` is the user's login shell, not always the one that reads our output: hence the flag `--shell`.
    #[must_use]
    pub fn detect(variables: &Variables) -> Self {
        if let Some(shell) = variables.get("SHELL").filter(|shell| !shell.is_empty()) {
            let program = shell.rsplit(['/', '\\']).next().unwrap_or_default();
            let name = program.strip_suffix(".exe").unwrap_or(program);
            return Self::parse(name).unwrap_or(Self::Posix);
        }
        let powershell = variables.keys().any(|name| name.eq_ignore_ascii_case("PSModulePath"));
        if powershell { Self::PowerShell } else { Self::Posix }
    }

    /// The shell's name, one of [`Shell::NAMES`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Posix => "posix",
            Self::Fish => "fish",
            Self::PowerShell => "powershell",
        }
    }

    /// One word of this shell with exactly this value, whatever it holds but NUL.
    pub(super) fn quote(self, value: &str) -> String {
        match self {
            Self::Posix => format!("'{}'", value.replace('\'', r"'\''")),
            Self::Fish => format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'")),
            Self::PowerShell => quote_powershell(value),
        }
    }

    /// The line that sets a variable for this shell and what it starts.
    fn assignment(self, name: &str, value: &str) -> String {
        let value = self.quote(value);
        match self {
            Self::Posix => format!("export {name}={value}\n"),
            Self::Fish => format!("set -gx {name} {value}\n"),
            Self::PowerShell => format!("$env:{name} = {value}\n"),
        }
    }

    /// The line that puts a directory in front of PATH.
    fn path_line(self, directory: &str) -> String {
        let directory = self.quote(directory);
        match self {
            // Without a PATH there must be no separator: an empty entry is the working directory.
            Self::Posix => format!("export PATH={directory}\"${{PATH:+:$PATH}}\"\n"),
            Self::Fish => format!("set -gx PATH {directory} $PATH\n"),
            Self::PowerShell => format!("$env:PATH = {directory} + [IO.Path]::PathSeparator + $env:PATH\n"),
        }
    }

    /// The line that leaves this exit status behind without ending the shell.
    pub(super) fn status_line(self, code: u8) -> String {
        match self {
            Self::Posix => format!("(exit {code})\n"),
            Self::Fish => format!("command sh -c 'exit {code}'\n"),
            Self::PowerShell => format!("$global:LASTEXITCODE = {code}\n"),
        }
    }

    /// Everything that is set, one statement a line, and what could not be.
    pub(super) fn handover(self, exports: &Exports) -> (String, Handover) {
        let (mut code, mut handover) = (String::new(), Handover::default());
        for (name, value) in &exports.variables {
            match handover::refusal(name, value) {
                None => code.push_str(&self.assignment(name, value)),
                Some(reason) => handover.refuse(name, reason),
            }
        }
        if let Some(directory) = exports.path.as_deref() {
            match handover::path_entry(directory) {
                Ok(directory) => code.push_str(&self.path_line(directory)),
                Err(reason) => handover.refuse(handover::path_name(directory), reason),
            }
        }
        (code, handover)
    }
}

/// A name that every shell takes: `[A-Za-z_][A-Za-z0-9_]*`. With others dash and ash stop the whole script.
pub(super) fn is_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// PowerShell takes four more characters for a single quote.
fn quote_powershell(value: &str) -> String {
    let mut quoted = String::from("'");
    for character in value.chars() {
        if matches!(character, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(character);
        }
        quoted.push(character);
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(variables: &[(&str, &str)]) -> &'static str {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Shell::detect(&variables).name()
    }

    #[test]
    fn every_name_is_parsed_and_no_other() {
        assert!(Shell::NAMES.iter().all(|name| Shell::parse(name).is_some()));
        for shell in [Shell::Posix, Shell::Fish, Shell::PowerShell] {
            assert_eq!(Shell::parse(shell.name()), Some(shell));
        }
        assert_eq!(Shell::parse("cmd"), None);
    }

    #[test]
    fn the_shell_is_detected_from_the_variables() {
        assert_eq!(detect(&[("SHELL", "/usr/bin/fish")]), "fish");
        assert_eq!(detect(&[("SHELL", "/bin/tcsh")]), "posix");
        assert_eq!(detect(&[("SHELL", "/bin/bash"), ("PSModulePath", "x")]), "posix");
        assert_eq!(detect(&[("PSMODULEPATH", "x")]), "powershell");
        assert_eq!(detect(&[("SHELL", r"C:\Program Files\pwsh.exe")]), "powershell");
        assert_eq!(detect(&[]), "posix");
    }

    #[test]
    fn each_family_quotes_by_its_own_rule() {
        let value = "it's \\ \"$x\"\n\u{2019}";
        assert_eq!(Shell::Posix.quote(value), "'it'\\''s \\ \"$x\"\n\u{2019}'");
        assert_eq!(Shell::Fish.quote(value), "'it\\'s \\\\ \"$x\"\n\u{2019}'");
        assert_eq!(Shell::PowerShell.quote(value), "'it''s \\ \"$x\"\n\u{2019}\u{2019}'");
    }
}
