//! Whether what a job writes may be used by others: seen from what its host tells of it.

use serde_json::Value;

use super::set;
use crate::environment::Variables;

/// The longest event file that is read, in bytes.
const LONGEST_EVENT: u64 = 32 << 20;

/// Why not, or `None` for a job that is to be trusted.
pub(super) fn untrusted(variables: &Variables) -> Option<String> {
    if is_fork_on_github(variables) || is_fork_on_gitlab(variables) || is_fork_elsewhere(variables) {
        return Some("the change comes from a fork".into());
    }
    let token = set(variables, "ACTIONS_RUNTIME_TOKEN")?;
    may_write(token).is_some_and(|may| !may).then(|| "the job's cache token may not write".into())
}

/// Source: the event's `pull_request.head.repo` is null for a fork that was deleted; `fork` alone would also
/// hold for a pull request within a repository that is itself a fork.
fn is_fork_on_github(variables: &Variables) -> bool {
    let is_pull = set(variables, "GITHUB_EVENT_NAME").is_some_and(|name| name.starts_with("pull_request"));
    let Some(path) = set(variables, "GITHUB_EVENT_PATH").filter(|_| is_pull) else { return false };
    let is_short = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= LONGEST_EVENT);
    let event = std::fs::read(path).ok().filter(|_| is_short);
    let event = event.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    event.is_some_and(|event| comes_from_fork(&event))
}

fn comes_from_fork(event: &Value) -> bool {
    let pull = &event["pull_request"];
    let head = pull["head"]["repo"]["full_name"].as_str();
    pull.is_object() && head != event["repository"]["full_name"].as_str()
}

/// A merge request's pipeline runs in the fork or, for members, in the parent; the two ids tell either way.
fn is_fork_on_gitlab(variables: &Variables) -> bool {
    let source = set(variables, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID");
    source.is_some() && source != set(variables, "CI_MERGE_REQUEST_PROJECT_ID")
}

/// Azure Pipelines says so; CircleCI names the fork's repository, and nothing otherwise.
fn is_fork_elsewhere(variables: &Variables) -> bool {
    let is_azure =
        set(variables, "SYSTEM_PULLREQUEST_ISFORK").is_some_and(|is| is.eq_ignore_ascii_case("true"));
    is_azure || set(variables, "CIRCLECI").is_some() && set(variables, "CIRCLE_PR_REPONAME").is_some()
}

/// Whether one of the scopes in the runner's token has the bit for writing. `None` for a token without scopes:
/// nothing is known then.
fn may_write(token: &str) -> Option<bool> {
    const WRITE: u64 = 2;
    let claims: Value = serde_json::from_slice(&base64url(token.split('.').nth(1)?)?).ok()?;
    let scopes: Vec<Value> = serde_json::from_str(claims["ac"].as_str()?).ok()?;
    let permissions = scopes.iter().filter_map(|scope| scope["Permission"].as_u64());
    Some(permissions.fold(0, |all, one| all | one) & WRITE != 0)
}

fn base64url(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xFFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xFF).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// A token whose scopes have these permissions; only the middle part is read.
    fn token(permissions: &[u64]) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let scopes: Vec<Value> =
            permissions.iter().map(|p| json!({"Scope": "refs/heads/main", "Permission": p})).collect();
        let claims = json!({ "ac": serde_json::to_string(&scopes).unwrap() }).to_string();
        let letters = claims.as_bytes().chunks(3).flat_map(|chunk| {
            let number = chunk.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
            let number = number << (8 * (3 - chunk.len()));
            (0..=chunk.len())
                .map(move |at| char::from(LETTERS[number >> (18 - 6 * at) & 63]))
                .collect::<Vec<_>>()
        });
        format!("head.{}.signature", letters.collect::<String>())
    }

    #[test]
    fn a_pull_request_of_a_fork_is_told_from_one_within_the_repository() {
        let event = |head: Value| json!({"pull_request": {"head": {"repo": head}}, "repository": {"full_name": "org/here"}});
        assert!(comes_from_fork(&event(json!({"full_name": "me/there", "fork": true}))));
        assert!(comes_from_fork(&event(Value::Null)), "the fork was deleted");
        assert!(!comes_from_fork(&event(json!({"full_name": "org/here", "fork": true}))));
        assert!(!comes_from_fork(&json!({"repository": {"full_name": "org/here"}})), "a push");
    }

    #[test]
    fn a_fork_is_told_by_the_variables_of_other_hosts() {
        let says = |pairs: &[(&str, &str)]| untrusted(&variables(pairs)).is_some();
        assert!(says(&[("SYSTEM_PULLREQUEST_ISFORK", "True")]));
        assert!(!says(&[("SYSTEM_PULLREQUEST_ISFORK", "False")]));
        assert!(says(&[("CIRCLECI", "true"), ("CIRCLE_PR_REPONAME", "fork")]));
        assert!(!says(&[("CIRCLECI", "true")]) && !says(&[("CIRCLE_PR_REPONAME", "fork")]));
    }

    #[test]
    fn a_merge_request_of_a_fork_is_told_by_its_two_projects() {
        let ids = |source, target| {
            let names = ["CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID"];
            untrusted(&variables(&[(names[0], source), (names[1], target)])).is_some()
        };
        assert!(ids("7", "1") && !ids("1", "1"));
        assert_eq!(untrusted(&variables(&[])), None);
    }

    #[test]
    fn a_token_without_a_scope_for_writing_is_told() {
        let told = |token: &str| untrusted(&variables(&[("ACTIONS_RUNTIME_TOKEN", token)])).is_some();
        assert!(told(&token(&[1])) && told(&token(&[1, 1])) && told(&token(&[])));
        assert!(!told(&token(&[3, 1])) && !told(&token(&[2])));
        for nothing_known in ["", "planted-runtime-token", "a.b.c", "a.e30.c", "..."] {
            assert!(!told(nothing_known), "{nothing_known}");
        }
    }
}
