//! The printed shell code in real shells: every value comes back. In `exit_trap`: the traps keep their promises.
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "tests start shells, and wait for them")]

mod exit_trap;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Finished, Stdio};

use sccache_step::exports::Exports;
use sccache_step::host::{After, Handover, Host, Output, Shell};

/// A shell program and the package that holds it.
#[derive(Clone, Copy, Debug)]
struct Program {
    command: &'static [&'static str],
    package: &'static str,
}

const BASH: Program = Program { command: &["bash"], package: "bash" };
const BASH_POSIX: Program = Program { command: &["bash", "--posix", "-eu"], package: "bash" };
const DASH: Program = Program { command: &["dash"], package: "dash" };
const DASH_STRICT: Program = Program { command: &["dash", "-eu"], package: "dash" };
const ASH: Program = Program { command: &["busybox", "ash"], package: "busybox" };
const ZSH: Program = Program { command: &["zsh", "-f"], package: "zsh" };
const ZSH_QUOTES: Program = Program { command: &["zsh", "-f", "-o", "RC_QUOTES"], package: "zsh" };
const MKSH: Program = Program { command: &["mksh"], package: "mksh" };
const KSH: Program = Program { command: &["ksh93"], package: "ksh" };
const FISH: Program = Program { command: &["fish", "--no-config"], package: "fish" };
const PWSH: Program = Program { command: &["pwsh", "-NoProfile", "-NonInteractive"], package: "powershell" };

impl Program {
    fn is_installed(self) -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|directory| directory.join(self.command[0]).is_file())
    }

    /// The shell on this script; fails with the package's name when it is not installed.
    fn on(self, script: &Path) -> Command {
        assert!(
            self.is_installed(),
            "{} is not installed: install package `{}`",
            self.command[0],
            self.package
        );
        let mut command = Command::new(self.command[0]);
        command.args(&self.command[1..]).arg(script).stdin(Stdio::null());
        command
    }
}

/// The code that a host prints for `eval`.
fn code(handover: &Handover) -> &str {
    match &handover.outputs[..] {
        [Output::Stdout(code)] => code,
        other => panic!("one text for standard output was expected: {other:?}"),
    }
}

/// Values that shells trip over; every one is a legal value of a variable.
fn values() -> Vec<String> {
    let mut values: Vec<String> = (1..128).map(|byte| format!("a{0}b{0}", char::from(byte))).collect();
    let fixed = [
        "",
        " ",
        "  a  b  ",
        "\n",
        "a\n",
        "a\n\n\n",
        "\na",
        "\r",
        "a\r\n",
        "'",
        "''",
        "'''",
        "\\",
        "\\\\",
        "\\'",
        "'\\''",
        "\"",
        "$HOME",
        "${HOME}",
        "$(id)",
        "`id`",
        "!!",
        "!$",
        "*",
        "?",
        "~",
        "~/x",
        "-n",
        "--",
        "#",
        "a#b",
        "a;b",
        "a&&b",
        "a|b",
        "a>b",
        "<<E",
        "$'\\n'",
        "%s%n",
        "{a,b}",
        "[a-z]",
        "A=b",
        "é",
        "日本語",
        "🦀",
        "\u{202e}x",
        "\u{2018}x\u{2019}\u{201a}\u{201b}",
        "\u{1b}[31m",
        "\u{85}\u{a0}\u{feff}",
        "EOF\nEOF",
        "';exit 9;'",
        "\\\n",
        "trailing\\",
        "a\tb\u{b}\u{c}",
        "\u{10ffff}",
    ];
    values.extend(fixed.map(str::to_owned));
    values.push("x'\\\n".repeat(25_000));
    values.extend(mixes());
    values
}

/// Random mixes of the hardest characters, the same in every run.
fn mixes() -> impl Iterator<Item = String> {
    let alphabet: Vec<char> = "'\"\\$`\n\r\t !*?#%&;|<>(){}[]~=:,-é🦀\u{2019}\u{1}\u{7f}az".chars().collect();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |bound: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap() % bound
    };
    (0..60).map(move |_| (0..next(40)).map(|_| alphabet[next(alphabet.len())]).collect())
}

fn exports() -> Exports {
    let variables = values().into_iter().enumerate();
    let variables = variables.map(|(index, value)| (format!("SCCACHE_STEP_TEST_{index}"), value)).collect();
    Exports { variables, path: Some(PathBuf::from("/it's a \"new\" \\dir$")) }
}

fn after(directory: &Path, failure: Option<u8>) -> After {
    After { program: directory.join("sccache-step"), state: directory.join("state.json"), failure }
}

/// The variables that a program started after `script` sees.
fn seen(program: Program, script: &Path) -> BTreeMap<String, String> {
    let finished = program.on(script).output().unwrap();
    assert!(finished.status.success() && finished.stderr.is_empty(), "{program:?}: {}", told(&finished));
    let pairs = finished.stdout.split(|byte| *byte == 0).filter_map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

fn told(finished: &Finished) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\nstdout: {}\nstderr: {}", finished.status, text(&finished.stdout), text(&finished.stderr))
}

fn every_value_comes_back(program: Program, shell: Shell, consume: &str) {
    let directory = tempfile::tempdir().unwrap();
    let (exports, after) = (exports(), after(directory.path(), None));
    let handover = Host::Local.adapter(&BTreeMap::new(), Some(shell)).export(&exports, &after);
    assert_eq!(handover.refused, []);
    let (printed, script) = (directory.path().join("printed"), directory.path().join("script"));
    std::fs::write(&printed, code(&handover)).unwrap();
    std::fs::write(&script, consume.replace("FILE", printed.to_str().unwrap())).unwrap();
    let seen = seen(program, &script);
    for (name, value) in &exports.variables {
        assert_eq!(seen.get(name), Some(value), "{program:?} {name}");
    }
    let path = exports.path.unwrap().into_os_string().into_string().unwrap();
    assert!(seen["PATH"].starts_with(&format!("{path}:/")), "{program:?} {}", seen["PATH"]);
}

#[test]
fn posix_shells_give_every_value_to_a_child() {
    for program in [BASH, BASH_POSIX, DASH, DASH_STRICT, ASH, ZSH, ZSH_QUOTES, MKSH, KSH] {
        every_value_comes_back(program, Shell::Posix, "eval \"$(cat 'FILE')\"\n/usr/bin/env -0\n");
    }
}

#[test]
fn fish_gives_every_value_to_a_child() {
    every_value_comes_back(FISH, Shell::Fish, "cat 'FILE' | source\n/usr/bin/env -0\n");
    every_value_comes_back(FISH, Shell::Fish, "eval (cat 'FILE' | string collect)\n/usr/bin/env -0\n");
}

#[test]
#[ignore = "needs pwsh, which CI cannot install; `cargo test -- --ignored` runs it where there is one"]
fn powershell_gives_every_value_to_a_child() {
    every_value_comes_back(
        PWSH,
        Shell::PowerShell,
        "Get-Content -Raw -Encoding utf8 'FILE' | Invoke-Expression\n/usr/bin/env -0\n",
    );
}

#[test]
fn a_path_without_content_gets_no_empty_entry() {
    let directory = tempfile::tempdir().unwrap();
    let exports = Exports { variables: vec![], path: Some("/new".into()) };
    let handover =
        Host::Local.adapter(&BTreeMap::new(), None).export(&exports, &after(directory.path(), None));
    let script = directory.path().join("script");
    std::fs::write(&script, format!("unset PATH\n{}/usr/bin/env -0\n", code(&handover))).unwrap();
    for program in [BASH_POSIX, DASH_STRICT, ASH, ZSH, MKSH, KSH] {
        assert_eq!(seen(program, &script)["PATH"], "/new", "{program:?}");
    }
}

#[test]
fn a_failure_is_a_status_at_a_terminal_and_leaves_the_shell_open() {
    let directory = tempfile::tempdir().unwrap();
    let cases = [
        (BASH, Shell::Posix, "eval \"$(cat 'FILE')\"\necho $? open\n"),
        (DASH, Shell::Posix, "eval \"$(cat 'FILE')\"\necho $? open\n"),
        (ZSH, Shell::Posix, "eval \"$(cat 'FILE')\"\necho $? open\n"),
        (FISH, Shell::Fish, "cat 'FILE' | source\necho $status open\n"),
        (FISH, Shell::Fish, "eval (cat 'FILE' | string collect)\necho $status open\n"),
    ];
    for (program, shell, consume) in cases {
        let adapter = Host::Local.adapter(&BTreeMap::new(), Some(shell));
        let handover = adapter.export(&Exports::default(), &after(directory.path(), Some(3)));
        let (printed, script) = (directory.path().join("printed"), directory.path().join("script"));
        std::fs::write(&printed, code(&handover)).unwrap();
        std::fs::write(&script, consume.replace("FILE", printed.to_str().unwrap())).unwrap();
        let finished = program.on(&script).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&finished.stdout), "3 open\n", "{program:?} {}", told(&finished));
    }
}
