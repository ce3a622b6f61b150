//! The documents keep to the program: tables equal its own, examples parse and run, links lead somewhere.
#![expect(
    clippy::disallowed_methods,
    reason = "tests start programs and read the environment they were given"
)]

mod backends;
mod blocks;
mod copied;
mod messages;
mod page;
mod quick_start;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use page::{Fence, Page, all_captures, anchors, fences, links};
use sccache_step::cli;
use sccache_step::inputs::TABLE;
use yaml_rust2::{Yaml, YamlLoader};

/// The repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page that we wrote: those at the top, and all below `docs/`.
fn pages() -> Vec<Page> {
    let (mut paths, mut open) = (Vec::new(), vec![PathBuf::from("docs")]);
    let listed = |directory: &Path| {
        let entries =
            std::fs::read_dir(root().join(directory)).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| directory.join(name)).collect::<Vec<PathBuf>>()
    };
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    paths.extend(listed(Path::new("")).into_iter().filter(is_page));
    while let Some(directory) = open.pop() {
        let (directories, files): (Vec<_>, Vec<_>) =
            listed(&directory).into_iter().partition(|path| root().join(path).is_dir());
        open.extend(directories);
        paths.extend(files.into_iter().filter(is_page));
    }
    paths.sort();
    paths.into_iter().map(|path| Page { text: read(path.to_str().unwrap()), path }).collect()
}

/// All code blocks in this language, with their page.
fn blocks_in(language: &str) -> Vec<(PathBuf, Fence)> {
    let all = pages().into_iter().flat_map(|page| {
        let path = page.path.clone();
        fences(&page.text).into_iter().map(move |fence| (path.clone(), fence))
    });
    all.filter(|(_, fence)| fence.language == language).collect()
}

fn input_names() -> BTreeSet<&'static str> {
    TABLE.iter().map(|input| input.name).collect()
}

#[test]
fn generated_tables_are_those_of_the_program() {
    for (path, name, body) in blocks::all() {
        let page = read(&path);
        let wanted =
            blocks::replaced(&page, &name, &body).unwrap_or_else(|| panic!("{path} has no block {name}"));
        if page != wanted && std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(root().join(&path), &wanted).unwrap();
        } else {
            assert!(page == wanted, "{path}: block `{name}` is out of date; run the test with UPDATE_DOCS=1");
        }
    }
}

#[test]
fn every_finding_has_its_section_and_every_section_its_finding() {
    let mut described = all_captures("(?m)^## ([a-z-]+)$", &read("docs/findings.md"));
    let mut ids: Vec<String> =
        sccache_step::report::finding_ids().iter().map(|id| (*id).to_owned()).collect();
    described.sort();
    ids.sort();
    assert_eq!(described, ids);
}

#[test]
fn action_yml_has_the_inputs_of_the_table() {
    let action = &YamlLoader::load_from_str(&read("action.yml")).unwrap()[0];
    let listed: Vec<(&str, &str, &str)> = action["inputs"]
        .as_hash()
        .unwrap()
        .iter()
        .map(|(name, input)| {
            let default =
                if input["default"].is_badvalue() { "" } else { input["default"].as_str().unwrap() };
            (name.as_str().unwrap(), input["description"].as_str().unwrap(), default)
        })
        .collect();
    let table: Vec<_> = TABLE.iter().map(|input| (input.name, input.help, input.default)).collect();
    assert_eq!(listed, table);
}

#[test]
fn action_yml_has_the_outputs_that_pre_sets() {
    let home = tempfile::tempdir().unwrap();
    let outputs = home.path().join("outputs");
    std::fs::write(&outputs, "").unwrap();
    let github_file = |name: &str| home.path().join(name);
    for phase in ["pre", "pre", "post"] {
        let status = std::process::Command::new(env!("CARGO_BIN_EXE_sccache-step"))
            .arg(phase)
            .env_clear()
            .envs([("GITHUB_ACTIONS", "true".as_ref()), ("GITHUB_OUTPUT", outputs.as_os_str())])
            .envs(["GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE"].map(|name| (name, github_file(name))))
            .envs([("RUNNER_TEMP", home.path()), ("HOME", home.path()), ("PATH", home.path())])
            .env("INPUT_SCCACHE", crate::support::tools::sccache(crate::support::tools::ANY))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{phase}: {status}");
    }
    let mut set = all_captures("(?m)^([a-z-]+)<<", &std::fs::read_to_string(outputs).unwrap());
    // The second use tells the first ones again, and of look-ups only what there is without any.
    set.sort();
    set.dedup();
    let action = &YamlLoader::load_from_str(&read("action.yml")).unwrap()[0];
    let listed =
        action["outputs"].as_hash().unwrap().iter().map(|(name, _)| name.as_str().unwrap().to_owned());
    let mut listed: Vec<String> =
        listed.filter(|name| !["hit-rate", "saved-seconds"].contains(&name.as_str())).collect();
    listed.sort();
    assert_eq!(set, listed);
}

#[test]
fn yaml_examples_parse_and_name_real_inputs() {
    let mut uses = 0;
    for (path, fence) in blocks_in("yaml") {
        let documents = YamlLoader::load_from_str(&fence.body)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}", path.display(), fence.body));
        documents.iter().for_each(|document| check_yaml(document, &path, &mut uses));
    }
    assert!(uses > 5, "only {uses} uses of the action were found: the search is broken");
}

fn check_yaml(yaml: &Yaml, path: &Path, uses: &mut usize) {
    match yaml {
        Yaml::Hash(hash) => {
            let action = yaml["uses"].as_str().unwrap_or_default();
            if action.starts_with("org/sccache-step@") {
                *uses += 1;
                let given =
                    yaml["with"].as_hash().into_iter().flatten().filter_map(|(name, _)| name.as_str());
                for name in given {
                    assert!(input_names().contains(name), "{}: `{name}` is no input", path.display());
                }
            }
            hash.iter().for_each(|(_, value)| check_yaml(value, path, uses));
        }
        Yaml::Array(items) => items.iter().for_each(|item| check_yaml(item, path, uses)),
        _ => {}
    }
}

#[test]
fn every_variable_of_ours_that_is_named_is_read() {
    let mut known: BTreeSet<String> = input_names()
        .into_iter()
        .map(|name| format!("SCCACHE_STEP_{}", name.to_uppercase().replace('-', "_")))
        .collect();
    // Of the GitLab template, and of the tests.
    known.extend(["SCCACHE_STEP_PROGRAM", "SCCACHE_STEP_TEST_SCCACHE"].map(str::to_owned));
    let mut files = pages();
    for path in ["gitlab/sccache-step.yml", "action.yml"] {
        files.push(Page { path: path.into(), text: read(path) });
    }
    for page in files {
        for name in all_captures("SCCACHE_STEP_([A-Z0-9_]*[A-Z0-9])", &page.text) {
            let name = format!("SCCACHE_STEP_{name}");
            assert!(known.contains(&name), "{}: nothing reads `{name}`", page.path.display());
        }
    }
}

#[test]
fn every_command_of_ours_in_an_example_parses() {
    let mut seen = 0;
    for (path, fence) in blocks_in("sh") {
        for arguments in all_captures(
            "sccache-step ((?:pre|post|run|stats|doctor|man|completions)[^\"'|)#\n]*)",
            &fence.body,
        ) {
            let words = std::iter::once("sccache-step").chain(arguments.split_whitespace()).map(Into::into);
            seen += 1;
            cli::parse(words).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
    assert!(seen > 3, "only {seen} commands were found: the search is broken");
}

#[test]
fn links_and_anchors_lead_somewhere() {
    for page in pages() {
        let directory = page.path.parent().unwrap_or(Path::new(""));
        for link in links(&page.text) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            if file.contains("://") {
                continue;
            }
            let target = if file.is_empty() { page.path.clone() } else { directory.join(file) };
            let full = root().join(&target);
            assert!(full.exists(), "{}: `{link}` leads nowhere", page.path.display());
            if !anchor.is_empty() {
                let text = std::fs::read_to_string(&full).unwrap();
                let found = anchors(&text).contains(anchor);
                assert!(found, "{}: `{link}` names no heading", page.path.display());
            }
        }
    }
}

#[test]
fn every_released_version_of_the_changelog_has_a_date() {
    let headings = all_captures("(?m)^## (.+)$", &read("CHANGELOG.md"));
    let released: Vec<&String> = headings.iter().filter(|heading| *heading != "[Unreleased]").collect();
    for heading in &released {
        let dated = all_captures(r"^(\[[0-9]+\.[0-9]+\.[0-9]+\] - [0-9]{4}-[0-9]{2}-[0-9]{2})$", heading);
        assert_eq!(dated.len(), 1, "`{heading}` is not `[1.2.3] - 2026-01-31`");
    }
    // Until the first release there is only what is to be in it.
    let top = released.first().map(|heading| all_captures(r"^\[([0-9.]+)\]", heading).remove(0));
    let announced = all_captures(r"The first release will be ([0-9.]+)\.\n", &read("CHANGELOG.md"));
    assert_eq!(top.iter().chain(&announced).collect::<Vec<_>>(), [env!("CARGO_PKG_VERSION")]);
}

#[test]
fn every_dependency_has_its_reason_in_the_design() {
    let manifest = read("Cargo.toml");
    let design = read("docs/design.md");
    let reasons = design.split("## Dependencies").nth(1).unwrap();
    let (mut section, mut common, mut of_systems) = ("", 0, BTreeMap::<&str, usize>::new());
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.contains("dependencies") && line.contains('=') {
            let name = line.split('=').next().unwrap().trim();
            assert!(reasons.contains(&format!("`{name}`")), "design.md does not say why `{name}` is here");
            common += usize::from(section == "[dependencies]");
            if section.starts_with("[target") {
                *of_systems.entry(section).or_default() += 1;
            }
        }
    }
    let (all, most) = (of_systems.values().sum::<usize>(), of_systems.values().max().copied().unwrap_or(0));
    let words = format!("{}, of which any one system has at most {}", common + all, common + most);
    assert!(design.contains(&words), "design.md does not say: {words}");
}

#[test]
fn examples_of_the_library_are_those_of_the_doc_tests() {
    let plain = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.trim().trim_start_matches("///").trim().to_owned());
        lines.filter(|line| !line.is_empty() && !line.starts_with("# ")).collect()
    };
    let manager = read("src/manager.rs");
    let tested: Vec<Vec<String>> =
        all_captures("(?s)/// ```no_run\n(.*?)/// ```\n", &manager).iter().map(|text| plain(text)).collect();
    let shown: Vec<Vec<String>> = blocks_in("rust")
        .into_iter()
        .map(|(_, fence)| {
            let lines = plain(&fence.body);
            // Without `fn main() -> .. {`, `Ok(())` and `}`.
            lines[1..lines.len() - 2].to_vec()
        })
        .collect();
    assert_eq!(shown, tested);
}

#[test]
fn the_manual_page_and_the_completions_are_printed_without_a_complaint() {
    for arguments in [
        &["man"][..],
        &["completions", "bash"],
        &["completions", "zsh"],
        &["completions", "fish"],
        &["completions", "powershell"],
        &["completions", "elvish"],
    ] {
        let output =
            std::process::Command::new(env!("CARGO_BIN_EXE_sccache-step")).args(arguments).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        // The manual page is that of the program as a whole: the flags of a phase are in its `--help`.
        let names = if arguments == ["man"] {
            vec!["pre", "post", "run", "stats", "doctor", "report"]
        } else {
            input_names().into_iter().collect()
        };
        for name in names {
            assert!(text.contains(name), "{arguments:?} does not name `{name}`");
        }
        let hidden = text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "supervise");
        assert!(!hidden || arguments != ["man"], "the manual page names a hidden command");
    }
}

#[test]
fn json_examples_parse() {
    for (path, fence) in blocks_in("json") {
        let documents: Result<Vec<serde_json::Value>, _> =
            serde_json::Deserializer::from_str(&fence.body).into_iter().collect();
        assert!(!documents.unwrap_or_else(|error| panic!("{}: {error}", path.display())).is_empty());
    }
}

#[test]
fn the_state_in_the_documents_is_a_state() {
    let protocols = read("docs/protocols.md");
    let blocks = fences(&protocols);
    let state = &blocks.iter().find(|fence| fence.language == "json").unwrap().body;
    let state: sccache_step::state::State = serde_json::from_str(state).unwrap();
    assert_eq!(state.schema, sccache_step::state::SCHEMA_VERSION);
    let report = blocks.iter().find(|fence| fence.body.contains("\"verdict\"")).unwrap();
    let report: sccache_step::report::Report = serde_json::from_str(&report.body).unwrap();
    assert_eq!(report.schema, sccache_step::report::SCHEMA_VERSION);
}
