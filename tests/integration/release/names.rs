//! Names that several files have to agree on: targets, archives, the repository.

use std::collections::BTreeSet;

use regex::Regex;
use yaml_rust2::YamlLoader;

use super::{git, local_layout, script, script_in, targets};
use crate::docs::read;
use crate::support::tools::repository;

/// Where cargo-binstall looks for a target's archive, and for the program in it, by what `Cargo.toml` says.
pub(super) fn binstall(target: &str) -> (String, String) {
    let manifest = read("Cargo.toml");
    let setting = |name: &str| {
        let line = Regex::new(&format!("(?m)^{name} = \"(.*)\"$")).unwrap();
        line.captures(&manifest).unwrap_or_else(|| panic!("Cargo.toml has no {name}"))[1].to_owned()
    };
    let overridden = Regex::new(&format!("(?m)^{target} = \\{{ pkg-fmt = \"(.*)\" \\}}$")).unwrap();
    let format =
        overridden.captures(&manifest).map_or_else(|| setting("pkg-fmt"), |found| found[1].to_owned());
    let extension = if target.contains("windows") { ".exe" } else { "" };
    let filled = |template: String| {
        let values = [
            ("{ repo }", &*setting("repository")),
            ("{ name }", "sccache-step"),
            ("{ bin }", "sccache-step"),
            ("{ version }", env!("CARGO_PKG_VERSION")),
            ("{ target }", target),
            ("{ archive-format }", &format),
            ("{ binary-ext }", extension),
        ];
        values.iter().fold(template, |text, (name, value)| text.replace(name, value))
    };
    let (url, program) = (filled(setting("pkg-url")), filled(setting("bin-dir")));
    assert!(!url.contains('{') && !program.contains('{'), "{url} {program}");
    (url, program)
}

#[test]
fn every_list_of_targets_is_the_same() {
    let wanted: BTreeSet<String> = targets().into_iter().collect();
    let triple = Regex::new(r#""([a-z0-9_]+-(?:unknown|apple|pc)-[a-z-]+)""#).unwrap();
    for file in ["action/launch.js", "deny.toml"] {
        let text = read(file);
        let found: BTreeSet<String> = triple.captures_iter(&text).map(|found| found[1].to_owned()).collect();
        assert_eq!(found, wanted, "{file}");
    }
    let workflow = &YamlLoader::load_from_str(&read(".github/workflows/release.yml")).unwrap()[0];
    let matrix = workflow["jobs"]["build"]["strategy"]["matrix"]["include"].as_vec().unwrap();
    let built: BTreeSet<String> =
        matrix.iter().map(|leg| leg["target"].as_str().unwrap().to_owned()).collect();
    assert_eq!(built, wanted);
    // One that the shim would choose on each kind of runner is tried before anything is published.
    let tried = workflow["jobs"]["try"]["strategy"]["matrix"]["os"].as_vec().unwrap();
    assert_eq!(tried.len(), wanted.len());
    let page = read("docs/releasing.md");
    assert!(wanted.iter().all(|target| page.contains(&format!("`{target}`"))), "docs/releasing.md");
}

#[test]
fn nothing_but_the_placeholder_names_an_account_and_one_command_replaces_it() {
    let home = tempfile::tempdir().unwrap();
    let tree = local_layout(home.path());
    let placeholder = format!("org/{}", "sccache-step");
    for name in ["a b", "acme", "acme/step/more", "acme/ste'p", "/step"] {
        script_in(&tree, "adopt.sh", &[&name]).refused("is not the name of a repository");
    }
    let workflows = [".github/workflows/ci.yml", ".github/workflows/release.yml"];
    let before = workflows.map(read);
    let grep = |word: &str| {
        let mut command = std::process::Command::new("grep");
        command.args(["-rlIF", "--exclude-dir=bin", word, "."]).current_dir(&tree);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(grep(&placeholder).lines().count() > 10, "{}", grep(&placeholder));
    script_in(&tree, "adopt.sh", &[&"Acme-Inc/cache.step"]).succeeded();
    assert_eq!(grep(&placeholder), "");
    // GitHub lets no workflow's token push a changed workflow.
    assert_eq!(workflows.map(|name| std::fs::read_to_string(tree.join(name)).unwrap()), before);
    let of = |file: &str| std::fs::read_to_string(tree.join(file)).unwrap();
    assert!(of("Cargo.toml").contains("repository = \"https://github.com/Acme-Inc/cache.step\""));
    assert!(of("README.md").contains("- uses: Acme-Inc/cache.step@v1\n"));
    assert!(of("gitlab/sccache-step.yml").contains("project: Acme-Inc/cache.step\n"));
    assert!(of("tests/integration/docs.rs").contains("\"Acme-Inc/cache.step@\""));
}

#[test]
fn what_is_published_is_rewritten_to_the_repository_that_publishes() {
    let home = tempfile::tempdir().unwrap();
    let assembled = home.path().join("assembled");
    script(
        "assemble.sh",
        &[&"--repository", &"acme/step", &"--local", &env!("CARGO_BIN_EXE_sccache-step"), &assembled],
    )
    .succeeded();
    let readme = std::fs::read_to_string(assembled.join("README.md")).unwrap();
    assert!(readme.contains("uses: acme/step@v") && !readme.contains(&format!("org/{}", "sccache-step")));
    assert!(read("README.md").contains(&format!("org/{}", "sccache-step")), "the checkout is as it was");
    let workflow = read(".github/workflows/release.yml");
    assert!(workflow.contains("assemble.sh --repository \"$GITHUB_REPOSITORY\""));
    assert!(workflow.contains("adopt.sh \"$GITHUB_REPOSITORY\""), "the programs' links");
}

#[test]
fn every_action_that_a_workflow_uses_is_pinned_and_says_its_version() {
    let pinned = Regex::new(r"uses: [\w./-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+$").unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(repository().join(".github/workflows")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for line in
            text.lines().filter(|line| line.trim_start().trim_start_matches("- ").starts_with("uses: "))
        {
            seen += 1;
            let local = line.contains("uses: ./");
            assert!(local || pinned.is_match(line), "{}: {line}", path.display());
        }
        for (at, _) in text.match_indices("actions/checkout@") {
            let step = text[at..].lines().skip(1).take(2).collect::<String>();
            assert!(step.contains("persist-credentials: false"), "{}: {step}", path.display());
        }
    }
    assert!(seen > 10, "only {seen} uses were found: the search is broken");
}

#[test]
fn what_people_copy_names_this_version() {
    let listed = git(repository(), &["ls-files", "README.md", "docs", "examples", "gitlab"]);
    let major = env!("CARGO_PKG_VERSION_MAJOR");
    let (named, reference) = (format!("v{major}"), format!("v{}", env!("CARGO_PKG_VERSION")));
    let uses = Regex::new(r"org/sccache-step@(\S+)").unwrap();
    let of_project = Regex::new(r"project: org/sccache-step\n\W*ref: (\S+)").unwrap();
    let mut seen = 0;
    for file in listed.lines().filter(|file| *file != "docs/releasing.md") {
        let text = read(file);
        for found in uses.captures_iter(&text) {
            seen += 1;
            let said = found[1].trim_matches(['`', ',', '.', ')']);
            assert!(said == named || said == reference, "{file}: {said}");
        }
        for found in of_project.captures_iter(&text) {
            seen += 1;
            assert_eq!(found[1], reference, "{file}");
        }
    }
    assert!(seen > 20, "only {seen} were found: the search is broken");
}

#[test]
fn the_bill_of_materials_is_tried_here_with_the_program_that_a_release_uses() {
    let version = Regex::new(r"cargo-cyclonedx@([0-9.]+)").unwrap();
    let of = |file: &str| version.captures(&read(file)).unwrap_or_else(|| panic!("{file}"))[1].to_owned();
    assert_eq!(of(".github/workflows/release.yml"), of(".ci/prepare"));
}
