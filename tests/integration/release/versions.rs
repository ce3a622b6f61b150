//! A version is stated in one go, and a tag that does not agree with it starts no release.

use super::{git, repository_of_its_own, script_in};

#[test]
fn a_tag_is_held_to_the_version_and_the_dated_changelog() {
    let home = tempfile::tempdir().unwrap();
    let tree = repository_of_its_own(home.path());
    let check = |tag: &str| script_in(&tree, "check-version.sh", &[&tag]);
    let now = env!("CARGO_PKG_VERSION");
    check("9.8.7").refused("is no tag of a release");
    check("v9.8").refused("is no tag of a release");
    check("v9.8.7").refused(&format!("`Cargo.toml` says {now}"));

    let set = |version: &str| script_in(&tree, "set-version.sh", &[&version]);
    set("9.8").refused("is no version");
    set("9.8.7").succeeded();
    assert_eq!(git(&tree, &["grep", "-c", "9\\.8\\.7", "Cargo.toml", "Cargo.lock"]).lines().count(), 2);
    let notes = check("v9.8.7").succeeded().stdout();
    assert!(
        notes.contains("### Added") && !notes.contains("## [") && !notes.contains("first release"),
        "{notes}"
    );
    // What still has the old one speaks of the past: recorded files, and versions of other things.
    let old = format!("\\b{}\\b", now.replace('.', "\\."));
    let left = std::process::Command::new("git")
        .args([
            "-C",
            tree.to_str().unwrap(),
            "grep",
            "-nE",
            &format!("(v|sccache-step[- ]){old}|sccache_step.*{old}"),
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(left.stdout).unwrap(), "");
    let readme = std::fs::read_to_string(tree.join("README.md")).unwrap();
    assert!(readme.contains("-step@v9\n") && !readme.contains("-step@v1\n"));

    set("9.8.7").refused("has 9.8.7 already");
    // Without a word on it there is no release.
    script_in(&tree, "set-version.sh", &[&"9.8.8"]).succeeded();
    check("v9.8.8").refused("says nothing about 9.8.8");
    let changelog = tree.join("CHANGELOG.md");
    let text = std::fs::read_to_string(&changelog).unwrap();
    std::fs::write(&changelog, text.replace("## [9.8.8] - ", "## [9.8.8] of ")).unwrap();
    check("v9.8.8").refused("not with 9.8.8 and its date");
    std::fs::write(tree.join("Cargo.lock"), "").unwrap();
    check("v9.8.8").refused("`Cargo.lock` says");
}
