//! Which job this is, from the host's variables; on a person's machine from the repository's own files.

use std::path::{Path, PathBuf};

use super::set;
use crate::environment::{Job, Variables};
use crate::host::Host;

/// The longest event file that is read, in bytes. GitHub's own limit for a payload is 25 MB.
const EVENT_LIMIT_BYTES: u64 = 25 << 20;

/// Which job this is.
#[must_use]
pub fn job(variables: &Variables, host: Host, workspace: &Path, at_unix_ms: u64) -> Job {
    let any =
        |names: &[&str]| names.iter().find_map(|name| set(variables, name)).unwrap_or_default().to_owned();
    let (name, branch, default_branch) = match host {
        Host::GitHub => {
            let is_tag = set(variables, "GITHUB_REF_TYPE") == Some("tag");
            let names: &[&str] = if is_tag { &[] } else { &["GITHUB_HEAD_REF", "GITHUB_REF_NAME"] };
            (any(&["GITHUB_JOB"]), any(names), default_branch_of_event(variables))
        }
        Host::GitLab => (
            any(&["CI_JOB_NAME"]),
            any(&["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_BRANCH"]),
            set(variables, "CI_DEFAULT_BRANCH").map(ToOwned::to_owned),
        ),
        Host::AzurePipelines => {
            let branch = any(&["SYSTEM_PULLREQUEST_SOURCEBRANCH", "BUILD_SOURCEBRANCH"]);
            let branch = branch.strip_prefix("refs/heads/").unwrap_or_default().to_owned();
            (any(&["AGENT_JOBNAME"]), branch, None)
        }
        Host::Local => {
            let git = git_directory(workspace);
            let head = git.as_deref().and_then(|git| reference(&git.join("HEAD"), "refs/heads/"));
            let default = git
                .as_deref()
                .and_then(|git| reference(&git.join("refs/remotes/origin/HEAD"), "refs/remotes/origin/"));
            let directory = workspace.file_name().map(|name| name.to_string_lossy().into_owned());
            (directory.unwrap_or_default(), head.unwrap_or_default(), default)
        }
    };
    Job {
        host: host.name().to_owned(),
        name,
        is_default_branch: !branch.is_empty() && default_branch.as_deref() == Some(&branch),
        branch,
        workspace: workspace.to_string_lossy().into_owned(),
        at_unix_ms,
    }
}

/// GitHub tells the default branch in the event alone.
fn default_branch_of_event(variables: &Variables) -> Option<String> {
    let path = PathBuf::from(set(variables, "GITHUB_EVENT_PATH")?);
    let metadata = std::fs::metadata(&path).ok().filter(|metadata| metadata.is_file())?;
    if metadata.len() > EVENT_LIMIT_BYTES {
        return None;
    }
    let event: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    event["repository"]["default_branch"].as_str().map(ToOwned::to_owned)
}

fn git_directory(workspace: &Path) -> Option<PathBuf> {
    let git = workspace.ancestors().map(|directory| directory.join(".git")).find(|git| git.exists())?;
    if git.is_dir() {
        return Some(git);
    }
    // A worktree has a file there that names the directory.
    let text = std::fs::read_to_string(&git).ok()?;
    Some(git.parent()?.join(text.strip_prefix("gitdir:")?.trim()))
}

/// What a symbolic reference names, without that prefix.
fn reference(file: &Path, prefix: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    Some(text.strip_prefix("ref:")?.trim().strip_prefix(prefix)?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(host: Host, pairs: &[(&str, &str)], workspace: &Path) -> (String, String, bool) {
        let variables = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let job = job(&variables, host, workspace, 1);
        (job.name, job.branch, job.is_default_branch)
    }

    #[test]
    fn each_host_names_the_job_and_its_branch() {
        let directory = tempfile::tempdir().unwrap();
        let event = directory.path().join("event.json");
        std::fs::write(&event, r#"{"repository":{"default_branch":"trunk"}}"#).unwrap();
        let event = event.to_str().unwrap();
        let push = [("GITHUB_JOB", "build"), ("GITHUB_REF_NAME", "trunk"), ("GITHUB_EVENT_PATH", event)];
        assert_eq!(on(Host::GitHub, &push, directory.path()), ("build".into(), "trunk".into(), true));
        let pull = [("GITHUB_HEAD_REF", "fix"), ("GITHUB_REF_NAME", "7/merge"), ("GITHUB_EVENT_PATH", event)];
        assert_eq!(on(Host::GitHub, &pull, directory.path()), (String::new(), "fix".into(), false));
        let tag = [("GITHUB_REF_TYPE", "tag"), ("GITHUB_REF_NAME", "v1"), ("GITHUB_EVENT_PATH", "/nowhere")];
        assert_eq!(on(Host::GitHub, &tag, directory.path()), (String::new(), String::new(), false));
        let build = [("AGENT_JOBNAME", "Job"), ("BUILD_SOURCEBRANCH", "refs/heads/a/b")];
        assert_eq!(on(Host::AzurePipelines, &build, directory.path()), ("Job".into(), "a/b".into(), false));
        let lab = [("CI_JOB_NAME", "b: [x]"), ("CI_COMMIT_BRANCH", "main"), ("CI_DEFAULT_BRANCH", "main")];
        assert_eq!(on(Host::GitLab, &lab, directory.path()), ("b: [x]".into(), "main".into(), true));
    }

    #[test]
    fn a_persons_branch_is_in_the_repository() {
        let directory = tempfile::tempdir().unwrap();
        let checkout = directory.path().join("app");
        std::fs::create_dir_all(checkout.join(".git/refs/remotes/origin")).unwrap();
        std::fs::write(checkout.join(".git/HEAD"), "ref: refs/heads/a/b\n").unwrap();
        std::fs::write(checkout.join(".git/refs/remotes/origin/HEAD"), "ref: refs/remotes/origin/main\n")
            .unwrap();
        assert_eq!(on(Host::Local, &[], &checkout), ("app".into(), "a/b".into(), false));
        std::fs::write(checkout.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(on(Host::Local, &[], &checkout), ("app".into(), "main".into(), true));
        std::fs::write(checkout.join(".git/HEAD"), "4a63480\n").unwrap();
        assert_eq!(on(Host::Local, &[], &checkout), ("app".into(), String::new(), false));
    }
}
