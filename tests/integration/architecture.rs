//! The house plan, held: who imports whom, where `cfg` and `unsafe` are, what files are called and how long they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;
use sccache_step::inputs::{TABLE, variable_names};

use crate::support::action;
use crate::support::tools::repository;

/// The rooms, a layer a line. A room of the values and of the decisions imports only rooms written before it.
const VALUES: &[&str] =
    &["secret", "version", "installer", "incident", "error", "exports", "stats", "state", "environment"];
const DECISIONS: &[&str] = &["inputs", "backend", "plan", "outcome", "report"];
const HANDS: &[(&str, &[&str])] = &[
    ("process", &[]),
    ("host", &[]),
    ("sccache", &["process"]),
    ("server", &["process", "sccache"]),
    ("bundle", &["process", "sccache"]),
];
const CONDUCTORS: &[(&str, &[&str])] = &[
    ("observe", &[]),
    ("execute", &[]),
    ("manager", &["execute", "observe"]),
    ("doctor", &["execute", "observe"]),
];
const DOOR: &[&str] = &["cli", "surfaces", "phases", "lib", "main"];

/// The longest file, and the length from which one is named here so that it does not grow unseen.
const LONGEST: usize = 460;
const NOTEWORTHY: usize = 400;
const LONG_FILES: &[&str] = &[];

struct Source {
    path: PathBuf,
    name: String,
    text: String,
}

impl Source {
    /// The room of `src`: its first directory or its file's name.
    fn room(&self) -> String {
        let inside = self.path.strip_prefix(repository().join("src")).unwrap();
        inside.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
    }

    /// The text without its tests.
    fn code(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod tests {").next().unwrap()
    }

    fn is_test(&self) -> bool {
        let text = self.name.as_str();
        ["tests.rs", "/tests/", "samples.rs", "runner_model.rs"].iter().any(|part| text.contains(part))
    }
}

fn sources(below: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open = vec![repository().join(below)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            if !path.ends_with("fixtures") {
                open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(repository()).unwrap().display().to_string();
            found.push(Source { path, name, text });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The rooms that a text imports, from its `use crate::` lines and its paths.
fn imports(text: &str) -> BTreeSet<String> {
    let path = Regex::new(r"crate::([a-z_]+)").unwrap();
    let group = Regex::new(r"use crate::\{([^}]*)\}").unwrap();
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let mut found: BTreeSet<String> = path.captures_iter(&code).map(|found| found[1].to_owned()).collect();
    for names in group.captures_iter(&code) {
        found.extend(names[1].split(',').map(|name| name.trim().split("::").next().unwrap().to_owned()));
    }
    found.remove("");
    found
}

/// What each room may import.
fn table() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut table = BTreeMap::new();
    let mut before = BTreeSet::new();
    for room in VALUES.iter().chain(DECISIONS) {
        table.insert(*room, before.clone());
        before.insert(*room);
    }
    let values: BTreeSet<&str> = VALUES.iter().copied().collect();
    for (room, others) in HANDS {
        table.insert(room, values.iter().chain(others.iter()).copied().collect());
    }
    let below: BTreeSet<&str> = before.into_iter().chain(HANDS.iter().map(|(room, _)| *room)).collect();
    for (room, others) in CONDUCTORS {
        table.insert(room, below.iter().chain(others.iter()).copied().collect());
    }
    let conductors = CONDUCTORS.iter().map(|(room, _)| *room);
    let everything: BTreeSet<&str> =
        below.into_iter().chain(conductors).chain(DOOR.iter().copied()).collect();
    table.insert("cli", ["inputs"].into());
    table.insert("main", BTreeSet::new());
    table.insert("phases", everything.clone());
    table.insert("surfaces", everything.clone());
    table.insert("lib", everything);
    table
}

#[test]
fn every_room_imports_only_what_the_house_plan_allows() {
    let table = table();
    let mut wrong = Vec::new();
    for source in sources("src").iter().filter(|source| !source.is_test()) {
        let room = source.room();
        let Some(allowed) = table.get(room.as_str()) else {
            wrong.push(format!("{} is in no layer", source.name));
            continue;
        };
        for other in imports(source.code()) {
            if other != room && !allowed.contains(other.as_str()) {
                wrong.push(format!("{} imports `{other}`", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_differs_between_systems_is_in_one_room() {
    let marks =
        Regex::new(r"cfg!?\((unix|windows|not\(unix|not\(windows|target_os)|(?-u:\b)unsafe(?-u:\b)").unwrap();
    for source in sources("src").iter().filter(|source| source.room() != "process" && !source.is_test()) {
        let lines = source.code().lines().filter(|line| !line.trim_start().starts_with("//"));
        let found: Vec<&str> = lines.filter(|line| marks.is_match(line)).collect();
        assert!(found.is_empty(), "{}: {found:?}", source.name);
    }
}

#[test]
fn files_are_named_for_what_they_hold_and_stay_short() {
    let banned = ["utils", "util", "common", "misc", "core", "imp", "helpers", "helper"];
    let mut long = Vec::new();
    for source in sources("src").iter().chain(&sources("tests")) {
        let names = source.path.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
        for name in names.map(|name| name.trim_end_matches(".rs").to_owned()) {
            assert!(!banned.contains(&name.as_str()), "{} has a name that says nothing", source.name);
        }
        let lines = source.text.lines().count();
        // Whole texts of messages make a test long, not complicated.
        if source.name.starts_with("src") {
            assert!(lines <= LONGEST, "{} has {lines} lines", source.name);
            if lines > NOTEWORTHY {
                long.push(source.name.clone());
            }
        }
    }
    assert_eq!(long, LONG_FILES);
}

#[test]
fn every_file_begins_with_what_it_is_for_and_holds_no_marker() {
    let markers = ["TO", "FIX", "XX", "HA"].iter().zip(["DO", "ME", "X", "CK"]);
    let markers: Vec<String> = markers.map(|(head, tail)| format!("{head}{tail}")).collect();
    for source in sources("src").iter().chain(&sources("tests")) {
        // `main.rs` has nothing to say that `lib.rs` does not.
        let is_main = source.name == "src/main.rs";
        assert!(is_main || source.text.starts_with("//!"), "{} has no opening line", source.name);
        for marker in &markers {
            let word = Regex::new(&format!(r"(^|[^A-Za-z]){marker}([^A-Za-z]|$)")).unwrap();
            assert!(!word.is_match(&source.text), "{} has a marker {marker}", source.name);
        }
    }
}

#[test]
fn action_yml_has_the_inputs_of_the_table() {
    let declared = action::section("inputs");
    let table: Vec<action::Declared> = TABLE
        .iter()
        .map(|input| action::Declared {
            name: input.name.into(),
            description: input.help.into(),
            default: input.default.into(),
        })
        .collect();
    assert_eq!(declared, table);
}

#[test]
fn every_variable_of_ours_that_is_written_somewhere_is_an_input() {
    let inputs: BTreeSet<String> = TABLE.iter().map(|input| variable_names(input.name)[1].clone()).collect();
    let of_the_template = ["SCCACHE_STEP_PROGRAM".to_owned(), "SCCACHE_STEP_INPUT".to_owned()];
    let name = Regex::new(r"SCCACHE_STEP_[A-Z0-9_]*[A-Z0-9]").unwrap();
    let mut texts = vec!["README.md".into(), "gitlab/sccache-step.yml".into(), "action.yml".into()];
    let docs = std::fs::read_dir(repository().join("docs")).into_iter().flatten();
    texts.extend(docs.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()));
    for path in texts {
        let path: PathBuf = path;
        let text = std::fs::read_to_string(repository().join(&path)).unwrap_or_default();
        for found in name.find_iter(&text) {
            let found = found.as_str().to_owned();
            let known = inputs.contains(&found) || of_the_template.contains(&found);
            assert!(
                known || found.starts_with("SCCACHE_STEP_TEST_"),
                "{}: `{found}` is no input",
                path.display()
            );
        }
    }
}

#[test]
fn the_gitlab_template_installs_this_version() {
    let text = std::fs::read_to_string(repository().join("gitlab/sccache-step.yml")).unwrap();
    let version = Regex::new(r"(?:sccache-step-|--version |ref: v)([0-9]+\.[0-9]+\.[0-9]+)").unwrap();
    let found: Vec<&str> = version.captures_iter(&text).map(|found| found.get(1).unwrap().as_str()).collect();
    assert!(found.len() >= 4, "{found:?}");
    assert!(found.iter().all(|version| *version == env!("CARGO_PKG_VERSION")), "{found:?}");
}

#[test]
fn a_step_of_the_plan_says_the_same_to_its_reader_and_to_programs() {
    // The two forms of a dry run are of one plan: they have the same number of steps.
    let world = crate::support::world::World::new();
    let plan = |format: &str| {
        world.real(crate::support::tools::ANY, &["pre", "--dry-run", "--format", format]).run().expect(0)
    };
    let json = plan("json").json();
    let steps = json["steps"].as_array().unwrap().len();
    let numbered = Regex::new(r"(?m)^ *[0-9]+[.)]? ").unwrap();
    let text = plan("text").stdout;
    assert_eq!(numbered.find_iter(&text).count(), steps, "{text}\n{json:#}");
}

#[test]
fn nothing_outside_this_repository_is_mentioned() {
    let words = [format!("/{}/shared", "work"), format!("/{}/main", "work"), format!("/{}/h/", "tmp")];
    let mut open: Vec<PathBuf> = vec![repository().to_owned()];
    while let Some(path) = open.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if ["target", ".git", "node_modules"].contains(&name.as_str()) || is_binary(&path) {
            continue;
        }
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            for word in &words {
                assert!(!text.contains(word.as_str()), "{} mentions {word}", path.display());
            }
        }
    }
}

fn is_binary(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| ["png", "gz", "zip", "pending-snap"].iter().any(|e| extension == *e))
}
