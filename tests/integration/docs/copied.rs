//! What pages show is what is tested: texts that are in `examples/`, the migration pages, the index.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use yaml_rust2::YamlLoader;

use super::page::{all_captures, fences, links};
use super::{input_names, pages, read, root};

/// The blocks whose text is in a file of `examples/` too, with the name of that.
fn copied() -> Vec<(String, String, String)> {
    let block = Regex::new("(?s)<!-- the same text is in ([^ ]+) -->\n```[a-z]+\n(.*?)```").unwrap();
    let mut found = Vec::new();
    for page in pages() {
        let marks = page.text.matches("<!-- the same text is in ").count();
        let blocks: Vec<_> = block.captures_iter(&page.text).collect();
        assert_eq!(blocks.len(), marks, "{}: a mark has no block", page.path.display());
        let path = page.path.display().to_string();
        found.extend(blocks.iter().map(|block| (path.clone(), block[1].to_owned(), block[2].to_owned())));
    }
    found
}

#[test]
fn what_a_page_shows_is_the_text_of_the_example_that_is_run() {
    let blocks = copied();
    for (page, file, text) in &blocks {
        assert!(read(file).contains(text.as_str()), "{page}: the block is not in {file}:\n{text}");
        // A part of a file is whole lines of it.
        assert!(text.ends_with('\n') && text.lines().count() >= 4, "{page}: {text}");
    }
    let of_readme: Vec<&str> =
        blocks.iter().filter(|block| block.0 == "README.md").map(|block| block.1.as_str()).collect();
    assert_eq!(of_readme, ["examples/github/rust.yml", "examples/gitlab/rust.yml"]);
    // The tests that run them say so by name.
    let runs = [read("tests/integration/act.rs"), read("tests/integration/gitlab_ci_local.rs")].concat();
    assert!(of_readme.iter().all(|file| runs.contains(&format!("\"{file}\""))));
}

#[test]
fn a_migration_page_has_both_workflows_each_input_and_the_way_back() {
    let pages = pages();
    let migrations: Vec<_> = pages.iter().filter(|page| page.path.starts_with("docs/migration")).collect();
    assert_eq!(migrations.len(), 3);
    let blocks = copied();
    for page in migrations {
        let path = page.path.display().to_string();
        let headings = all_captures("(?m)^## (.+)$", &page.text);
        let wanted = ["Before", "After", "Inputs", "What changes", "What to delete", "Going back"];
        assert_eq!(headings, wanted, "{path}");
        let workflows: Vec<_> =
            fences(&page.text).into_iter().filter(|fence| fence.language == "yaml").collect();
        let [before, after] = workflows.as_slice() else { panic!("{path} has not two workflows") };
        let theirs = page.path.file_stem().unwrap().to_str().unwrap().trim_start_matches("from-");
        let has = |text: &str, name: &str| text.contains(&format!("/{name}@"));
        assert!(has(&before.body, theirs) && !has(&before.body, "sccache-step"), "{path}");
        assert!(has(&after.body, "sccache-step"), "{path}");
        // The whole file, so that what CI validates is what is copied.
        let file = format!("examples/migration/from-{theirs}.yml");
        assert!(
            blocks.iter().any(|block| block.0 == path && block.1 == file && block.2 == read(&file)),
            "{path}"
        );

        let table = page.text.split("## Inputs").nth(1).unwrap().split("## What changes").next().unwrap();
        let named = all_captures(r"\(\.\./inputs\.md#([a-z0-9-]+)\)", table);
        assert!(named.len() >= 3, "{path}");
        for name in named {
            assert!(input_names().contains(name.as_str()), "{path}: `{name}` is no input");
        }
        let given = &YamlLoader::load_from_str(&before.body).unwrap()[0]["jobs"]["build"]["steps"];
        for step in given.as_vec().unwrap() {
            for (name, _) in step["with"].as_hash().into_iter().flatten() {
                let name = format!("| `{}`", name.as_str().unwrap());
                assert!(table.contains(&name), "{path}: the table does not have {name}");
            }
        }
    }
}

#[test]
fn every_page_is_in_the_index_with_one_line() {
    let index = read("docs/README.md");
    let listed = links(&index);
    for page in pages().iter().filter(|page| page.path.starts_with("docs")) {
        let path = page.path.strip_prefix("docs").unwrap();
        if path != Path::new("README.md") {
            let times = listed.iter().filter(|link| Path::new(link) == path).count();
            assert_eq!(times, 1, "docs/README.md lists {} {times} times", path.display());
        }
    }
    // And links of the README lead to pages that exist under the index, so that nobody is lost.
    let linked: BTreeSet<String> = links(&read("README.md")).into_iter().collect();
    assert!(linked.contains("docs/README.md"));
    assert!(root().join("docs/README.md").is_file());
}
