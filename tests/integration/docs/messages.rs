//! The messages in README and troubleshooting page are those of the program, and none of the program's is missing there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use regex::Regex;

use super::page::{all_captures, is_filled_in, templates};
use super::{read, root};

/// The first column of the table whose first column has this title.
fn column(path: &str, title: &str) -> BTreeSet<String> {
    let text = read(path);
    let from =
        text.find(&format!("| {title} |")).unwrap_or_else(|| panic!("{path} has no table of `{title}`"));
    let lines = text[from..].lines().skip(2).take_while(|line| line.starts_with('|')).collect::<Vec<_>>();
    all_captures("(?m)^[|] `([^`]+)` [|]", &lines.join("\n")).into_iter().collect()
}

/// That each text told is one of the program's, and, if all are to be there, that none is missing.
fn compare(path: &str, told: &BTreeSet<String>, known: &BTreeSet<String>, complete: bool) {
    // A page may say what varies: `the cache directory …` for `the … …`.
    let is_known = |text: &str| known.iter().any(|template| is_filled_in(template, text));
    let unknown: Vec<_> = told.iter().filter(|text| !is_known(text)).collect();
    assert!(unknown.is_empty(), "{path}: no message of the program: {unknown:?}");
    let missing: Vec<_> = known.difference(told).filter(|_| complete).collect();
    assert!(missing.is_empty(), "{path}: these messages are missing: {missing:?}");
}

/// A string of the source as a template: its holes are `…`, and a page writes no back-quotes inside of back-quotes.
fn as_template(literal: &str) -> String {
    let joined = Regex::new(r"\\\n *").unwrap().replace_all(literal, "");
    Regex::new(r"\$?[{][^}]*[}]").unwrap().replace_all(&joined, "…").replace(['`', '\\'], "")
}

fn sources() -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![PathBuf::from("src")]);
    while let Some(path) = open.pop() {
        if root().join(&path).is_dir() {
            let entries = std::fs::read_dir(root().join(&path)).unwrap();
            open.extend(entries.map(|entry| path.join(entry.unwrap().file_name())));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(read(path.to_str().unwrap()));
        }
    }
    found
}

#[test]
fn errors_are_those_of_the_program() {
    let known: BTreeSet<String> = templates(&read("src/error/texts.rs")).into_iter().collect();
    assert!(known.len() > 20, "only {} texts were found in error.rs: the search is broken", known.len());
    for (path, complete) in [("README.md", false), ("docs/troubleshooting.md", true)] {
        compare(path, &column(path, "message"), &known, complete);
    }
}

#[test]
fn warnings_that_are_no_errors_are_those_of_the_program() {
    let literal = r#""((?:[^"\\]|\\.)*)""#;
    let mut known = BTreeSet::new();
    // Three lines that are put together outside of the errors' own texts.
    let lines = Regex::new(&format!(r"Lines \{{ what: format!\({literal}")).unwrap();
    for text in sources() {
        let code = text.split("#[cfg(test)]").next().unwrap();
        known.extend(lines.captures_iter(code).map(|found| as_template(&found[1])));
    }
    assert!(!known.is_empty(), "the search is broken");
    let shim = read("action/launch.js");
    let what = all_captures(r#"phase === "pre" \? "([^"]+)" : "([^"]+)""#, &shim);
    let other = all_captures(r#"phase === "pre" \? "[^"]+" : "([^"]+)""#, &shim);
    assert!(
        shim.contains("`sccache-step did not run \\`${phase}\\`: ${what}`"),
        "the shim says something else"
    );
    known.insert(format!("sccache-step did not run pre: {}", what[0]));
    known.insert(format!("sccache-step did not run post: {}", other[0]));
    let template = read("gitlab/sccache-step.yml");
    let of_template = all_captures(r#""warning: ((?:[^"\\]|\\.)*)""#, &template);
    assert!(!of_template.is_empty());
    known.extend(of_template.iter().map(|text| as_template(text)));
    compare("docs/troubleshooting.md", &column("docs/troubleshooting.md", "warning"), &known, true);
}

#[test]
fn notes_are_those_of_the_program() {
    let literal = r#"((?s)(?:[^"\\]|\\.)*)""#;
    let pushed = Regex::new(&format!(r#"notices\s*\.push\(\s*(?:format!\(\s*)?"{literal}"#)).unwrap();
    let one = Regex::new(&format!(r#"let notice = format!\(\s*"{literal}"#)).unwrap();
    let mut known = BTreeSet::new();
    for text in sources() {
        for pattern in [&pushed, &one] {
            known.extend(pattern.captures_iter(&text).map(|found| as_template(&found[1])));
        }
    }
    assert!(known.len() > 10, "only {} notes were found: the search is broken", known.len());
    compare("docs/troubleshooting.md", &column("docs/troubleshooting.md", "note"), &known, true);
}
