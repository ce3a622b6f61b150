//! Where the tags lead: to the source's files and the programs, on top of the commit that was tagged.

use std::path::{Path, PathBuf};

use super::{Called, git, repository_of_its_own, script_in};

/// A clone that a release is made in, and the repository that it is pushed to.
struct Hosted {
    _home: tempfile::TempDir,
    clone: PathBuf,
    remote: PathBuf,
    assembled: PathBuf,
}

impl Hosted {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let clone = repository_of_its_own(home.path());
        let remote = home.path().join("remote");
        git(home.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "remote"]);
        git(&clone, &["remote", "add", "origin", remote.to_str().unwrap()]);
        git(&clone, &["push", "--quiet", "origin", "main"]);
        // A small stand-in for the assembled action: what it holds is told elsewhere.
        let assembled = home.path().join("action");
        std::fs::create_dir_all(assembled.join("bin/x86_64-unknown-linux-musl")).unwrap();
        std::fs::write(assembled.join("action.yml"), "name: it\n").unwrap();
        let program = assembled.join("bin/x86_64-unknown-linux-musl/sccache-step");
        std::fs::copy("/bin/true", program).unwrap();
        std::fs::write(assembled.join(".gitignore"), "/bin\n").unwrap();
        Self { _home: home, clone, remote, assembled }
    }

    /// Commits something, tags it, pushes the tag; returns the commit.
    fn tag(&self, tag: &str) -> String {
        std::fs::write(self.clone.join("CHANGELOG.md"), tag).unwrap();
        git(&self.clone, &["commit", "--quiet", "--all", "--message", tag]);
        git(&self.clone, &["tag", "--annotate", "--message", tag, tag]);
        git(&self.clone, &["push", "--quiet", "origin", tag]);
        git(&self.clone, &["rev-parse", "HEAD"])
    }

    fn publish(&self, tag: &str) -> Called {
        script_in(&self.clone, "publish-tags.sh", &[&self.assembled, &tag])
    }

    /// What a name leads to at the remote.
    fn at(&self, name: &str) -> String {
        git(&self.remote, &["rev-parse", &format!("{name}^{{commit}}")])
    }
}

fn is_executable(repository: &Path, commit: &str) -> bool {
    git(repository, &["ls-tree", "-r", commit, "bin"]).starts_with("100755 ")
}

#[test]
fn the_tags_lead_to_a_commit_with_the_programs() {
    let hosted = Hosted::new();
    let main = hosted.at("main");
    let source = hosted.tag("v1.2.3");
    hosted.publish("v1.2.3").succeeded();
    let released = hosted.at("v1.2.3");
    assert_eq!(hosted.at("v1.2.3^"), source, "its parent is what was built");
    assert_eq!(hosted.at("v1"), released);
    assert_eq!(hosted.at("main"), main, "no branch has moved");
    assert!(is_executable(&hosted.remote, &released));
    assert_eq!(git(&hosted.clone, &["status", "--porcelain"]), "");

    // Run again after a failure of a later step: the same commit, and no complaint.
    hosted.publish("v1.2.3").succeeded();
    assert_eq!((hosted.at("v1.2.3"), hosted.at("v1")), (released.clone(), released));
}

#[test]
fn the_major_tag_is_always_the_newest_release() {
    let hosted = Hosted::new();
    for (tag, moves) in
        [("v1.9.0", true), ("v1.10.0", true), ("v1.9.1", false), ("v1.11.0-rc.1", false), ("v1.10.1", true)]
    {
        let before = std::fs::read_to_string(hosted.remote.join("refs/tags/v1")).ok();
        hosted.tag(tag);
        hosted.publish(tag).succeeded();
        let after = std::fs::read_to_string(hosted.remote.join("refs/tags/v1")).ok();
        assert_eq!(before != after, moves, "{tag}");
        assert_eq!(hosted.at("v1") == hosted.at(tag), moves, "{tag}");
    }
    hosted.tag("v2.0.0");
    let first = hosted.at("v1");
    hosted.publish("v2.0.0").succeeded();
    assert_eq!(hosted.at("v2"), hosted.at("v2.0.0"));
    assert_eq!(hosted.at("v1"), first);
}

#[test]
fn a_tag_that_somebody_moved_stays_where_it_is() {
    let hosted = Hosted::new();
    hosted.publish("v1.0.0").refused("has no tag `v1.0.0`");
    let source = hosted.tag("v1.0.0");
    git(&hosted.clone, &["commit", "--quiet", "--allow-empty", "--message=another"]);
    git(&hosted.clone, &["push", "--quiet", "--force", "origin", "HEAD:refs/tags/v1.0.0"]);
    let moved = hosted.at("v1.0.0");
    git(&hosted.clone, &["checkout", "--quiet", &source]);
    hosted.publish("v1.0.0").refused("somebody has moved the tag");
    assert_eq!(hosted.at("v1.0.0"), moved);
}
