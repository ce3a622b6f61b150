//! What the runner's model reads out of what we render, and the exact bytes of each surface.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::host::runner_model::{self, Command, Reader};
use crate::host::{Host, Refused};

const FILES: [&str; 5] =
    ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];

/// Variables that name each file of the runner by itself.
fn variables() -> Variables {
    FILES.iter().map(|name| ((*name).into(), format!("/{name}"))).collect()
}

/// The adapter with a known token instead of a random one.
fn fixed() -> GitHub {
    GitHub { draw: || "TOKEN".into(), ..GitHub::new(&variables()) }
}

fn after() -> After {
    After { program: "/p".into(), state: "/s".into(), failure: None }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.into(), value.into())
}

fn text(outputs: &[Output]) -> String {
    let shown = outputs.iter().map(|output| match output {
        Output::Stdout(_) => panic!("GitHub evaluates no output: {output:?}"),
        Output::Stderr(text) => format!("stderr: {text}"),
        Output::Append { purpose, path, bytes } | Output::Replace { purpose, path, bytes } => {
            format!("{purpose} {}:\n{bytes}", path.display())
        }
    });
    shown.collect()
}

fn file(handover: &Handover, name: &str) -> String {
    let bytes = handover.outputs.iter().filter_map(|output| match output {
        Output::Append { path, bytes, .. } => path.ends_with(name).then_some(bytes.as_str()),
        _ => None,
    });
    bytes.collect()
}

fn log(outputs: &[Output]) -> String {
    let text = outputs.iter().map(|output| match output {
        Output::Stderr(text) => text.as_str(),
        other => panic!("talk goes to standard error: {other:?}"),
    });
    text.collect()
}

#[test]
fn each_surface_has_its_exact_bytes() {
    let adapter = fixed();
    let lines = Lines { what: "50% done".into(), cause: "a: b, c".into(), help: "wait\nand see".into() };
    let outputs = [
        adapter.mask(&[Secret::new("a%b\nlong"), Secret::new("abc"), Secret::new("")]),
        adapter.open_section("start", "start the server", 1),
        adapter.message(Level::Warning, &lines, Prominence::Annotation),
        adapter.message(Level::Error, &lines, Prominence::Log),
        adapter.talk("::error::not ours"),
        adapter.foreign("one\n::error::two\n"),
        adapter.close_section("start", 2),
        adapter.summary("# Title"),
    ];
    assert_snapshot!(text(&outputs.concat()), @r"
    stderr: ::add-mask::long
    stderr: ::group::start the server
    stderr: ::warning title=sccache-step::50%25 done%0Acause: a: b, c%0Ahelp:  wait and see
    stderr: error: 50% done
    cause: a: b, c
    help:  wait and see
    stderr: : :error::not ours
    stderr: ::stop-commands::TOKEN
    one
    : :error::two
    ::TOKEN::
    stderr: ::endgroup::
    job summary /GITHUB_STEP_SUMMARY:
    # Title
    ");
}

#[test]
fn exports_outputs_and_state_go_to_their_files() {
    let adapter = fixed();
    let exports =
        Exports { variables: vec![pair("A", "1"), pair("B", "x\ny\n")], path: Some("/opt/bin".into()) };
    let outputs = [
        adapter.export(&exports, &after()).outputs,
        adapter.outputs(&[pair("hit-rate", "90")]).outputs,
        adapter.save_state(&[pair("state", "/s")]).outputs,
    ];
    assert_snapshot!(text(&outputs.concat()), @r"
    environment file /GITHUB_ENV:
    A<<ghadelimiter_TOKEN
    1
    ghadelimiter_TOKEN
    B<<ghadelimiter_TOKEN
    x
    y

    ghadelimiter_TOKEN
    PATH file /GITHUB_PATH:
    /opt/bin
    outputs file /GITHUB_OUTPUT:
    hit-rate<<ghadelimiter_TOKEN
    90
    ghadelimiter_TOKEN
    state file of the step /GITHUB_STATE:
    state<<ghadelimiter_TOKEN
    /s
    ghadelimiter_TOKEN
    ");
}

#[test]
fn what_cannot_be_handed_over_is_refused_with_its_reason() {
    let variables = vec![
        pair("a-b", "1"),
        pair("Node_Options", "1"),
        pair("NUL", "\0"),
        pair("LONG", &"x".repeat(handover::VARIABLE_LIMIT_BYTES - 5)),
        pair("FITS", &"x".repeat(handover::VARIABLE_LIMIT_BYTES - 6)),
    ];
    let exports = Exports { variables, path: Some("/a:b".into()) };
    let handover = fixed().export(&exports, &after());
    let told = |refused: &Refused| {
        let Lines { what, cause, help } = refused.lines();
        format!("{what}\ncause: {cause}\nhelp:  {help}\n")
    };
    assert_eq!(handover.outputs.len(), 1);
    assert_snapshot!(handover.refused.iter().map(told).collect::<String>(), @r"
    `a-b` was not handed to the job
    cause: its name is not made of letters, digits and `_`
    help:  choose another name
    `Node_Options` was not handed to the job
    cause: the runner ignores this name
    help:  set it in the workflow's `env` instead
    `NUL` was not handed to the job
    cause: its value holds a NUL, which no variable can
    help:  correct the value
    `LONG` was not handed to the job
    cause: it has 131073 bytes; a process cannot be started with one above 131072 bytes
    help:  shorten the value
    `/a:b` was not handed to the job
    cause: this path holds a character that PATH or the host cannot carry
    help:  use a directory with a plain name
    ");
    let adapter = Host::GitHub.adapter(&Variables::new(), None);
    let handover = adapter.outputs(&[pair("ok", "1"), pair("a=b", "1")]);
    assert_eq!(handover.outputs, []);
    assert_snapshot!(handover.refused.iter().map(told).collect::<String>(), @r"
    `ok` was not handed to the job
    cause: the runner did not set `GITHUB_OUTPUT`
    help:  update the runner, or do not clear its variables on the way here
    `a=b` was not handed to the job
    cause: its name is not made of letters, digits and `_`
    help:  choose another name
    ");
    assert_eq!(adapter.summary("# x"), []);
}

#[test]
fn a_directory_with_a_line_break_is_no_path_entry() {
    let exports = Exports { variables: vec![], path: Some("/a\n/b".into()) };
    let handover = fixed().export(&exports, &after());
    assert_eq!(handover.outputs, []);
    assert_eq!(handover.refused[0].reason, Refusal::Path);
}

#[test]
fn short_lines_of_a_secret_are_not_masked() {
    let secret = Secret::new("{\n  \"key\": \"abc%\"\n}");
    assert_eq!(log(&fixed().mask(&[secret])), "::add-mask::  \"key\": \"abc%25\"\n");
}

#[test]
fn saved_state_is_found_whatever_its_case() {
    let variables = [pair("STATE_Path", "/s")].into_iter().collect();
    assert_eq!(saved_state(&variables, "path").as_deref(), Some("/s"));
    assert_eq!(saved_state(&variables, "other"), None);
}

/// Text made of what parsers trip over, with anything else between.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "%",
            "%25",
            "%0A",
            "\n",
            "\r",
            "\r\n",
            "=",
            ":",
            "::",
            ",",
            "'",
            "\"",
            "`",
            "<<",
            "ghadelimiter_",
            "TOKEN",
            "::error::",
            "##[error]",
            "##[",
            "]",
            "::stop-commands::x",
            " ",
            "\t",
            "\u{a0}",
            "\u{1b}",
            "\u{0}",
            "\u{feff}",
            "\u{2028}",
            "🦀",
            "#",
            "::add-mask::",
            ": ",
            "a",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn is_identifier(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

proptest! {
    #[test]
    fn every_pair_comes_back_from_the_runner(
        wanted in prop::collection::vec((prop_oneof!["[A-Za-z_][A-Za-z0-9_]{0,8}", hostile()], hostile()), 0..6),
    ) {
        let kept = |(name, value): &&(String, String)| {
            is_identifier(name) && !value.contains('\0') && !name.eq_ignore_ascii_case("NODE_OPTIONS")
        };
        let expected: Vec<_> = wanted.iter().filter(kept).cloned().collect();
        let exports = Exports { variables: wanted.clone(), path: None };
        let handover = GitHub::new(&variables()).export(&exports, &after());
        prop_assert_eq!(handover.refused.len(), wanted.len() - expected.len());
        for reader in [Reader::Runner, Reader::Act] {
            let found = runner_model::pairs(&file(&handover, "GITHUB_ENV"), reader);
            prop_assert_eq!(found.unwrap(), expected.clone());
        }
    }

    #[test]
    fn every_output_and_saved_pair_comes_back(
        wanted in prop::collection::vec((prop_oneof!["[a-z][a-z0-9-]{0,8}", hostile()], hostile()), 0..6),
    ) {
        let adapter = GitHub::new(&variables());
        let is_kept = |name: &str| is_identifier(&name.replace('-', "_")) && !name.starts_with('-');
        let expected: Vec<_> = wanted.iter().filter(|(name, _)| is_kept(name)).cloned().collect();
        for (handover, name) in
            [(adapter.outputs(&wanted), "GITHUB_OUTPUT"), (adapter.save_state(&wanted), "GITHUB_STATE")]
        {
            let found = runner_model::pairs(&file(&handover, name), Reader::Act);
            prop_assert_eq!(found.unwrap(), expected.clone());
        }
    }

    #[test]
    fn foreign_text_commands_nothing(text in hostile()) {
        let adapter = GitHub::new(&variables());
        prop_assert_eq!(runner_model::commands(&log(&adapter.talk(&text))), []);
        prop_assert_eq!(log(&adapter.talk(&text)).lines().count(), 1);
        let lines = Lines { what: text.clone(), cause: text.clone(), help: text.clone() };
        for level in [Level::Error, Level::Warning, Level::Notice] {
            prop_assert_eq!(runner_model::commands(&log(&adapter.message(level, &lines, Prominence::Log))), []);
        }
        let found = runner_model::commands(&log(&adapter.foreign(&text)));
        prop_assert_eq!(found.len(), 2, "{:?}", found);
        prop_assert_eq!(&found[0].name, "stop-commands");
        prop_assert_eq!(&found[0].data, &found[1].name);
    }

    #[test]
    fn an_annotation_is_one_command_with_the_text_intact(what in hostile(), cause in hostile()) {
        let adapter = GitHub::new(&variables());
        let lines = Lines { what, cause, help: "help".into() };
        let found = runner_model::commands(&log(&adapter.message(Level::Notice, &lines, Prominence::Annotation)));
        let expected = Command {
            name: "notice".into(),
            properties: vec![pair("title", "sccache-step")],
            data: clean::message(&lines).join("\n"),
        };
        prop_assert_eq!(found, [expected]);
    }

    #[test]
    fn a_group_is_one_command_with_its_title(title in hostile()) {
        let found = runner_model::commands(&log(&GitHub::new(&variables()).open_section("n", &title, 1)));
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!((found[0].name.as_str(), &found[0].data), ("group", &clean::line(&title)));
    }

    #[test]
    fn every_part_of_a_secret_that_is_long_enough_is_masked(secret in hostile()) {
        let found = runner_model::commands(&log(&GitHub::new(&variables()).mask(&[Secret::new(secret.clone())])));
        prop_assert!(found.iter().all(|command| command.name == "add-mask"));
        let long = |text: &&str| text.trim().chars().count() >= MASK_MINIMUM_CHARS;
        // The runner masks a value and each of its lines.
        let masked: Vec<&str> = found.iter().flat_map(|command| command.data.lines()).collect();
        prop_assert!(secret.lines().filter(long).all(|line| masked.contains(&line)) || !long(&secret.as_str()));
        prop_assert!(masked.iter().all(long), "{:?}", masked);
    }
}
