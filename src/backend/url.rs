//! URLs of storages: taken apart so that the credentials in them go another way than the rest.
//!
//! sccache prints a Redis URL as it was configured, password included, and has variables of their own for user
//! and password.

use crate::secret::Secret;

/// A URL, with what the storages tell apart.
#[derive(Clone, Debug)]
pub(super) struct Url {
    /// Without `://`; empty where the URL has none.
    pub(super) scheme: String,
    /// In front of `@`, decoded.
    pub(super) username: Option<String>,
    /// Behind the colon of the user, decoded.
    pub(super) password: Option<Secret>,
    /// Host and port.
    pub(super) host: String,
    /// What follows the host: path and query, as they were.
    pub(super) rest: String,
}

impl Url {
    /// Takes a URL apart. `None` for text that is none: blanks, control characters, no host.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let (scheme, behind) = text.split_once("://").unwrap_or(("", text));
        let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        // A password may hold `/`, so the authority ends behind the last `@` of the part before a query.
        let before_query = behind.split('?').next().unwrap_or_default();
        let at = before_query.rfind('@');
        let (user, behind) = at.map_or((None, behind), |at| (Some(&behind[..at]), &behind[at + 1..]));
        let host_end = behind.find(['/', '?', '#']).unwrap_or(behind.len());
        let (host, rest) = behind.split_at(host_end);
        // Of a Unix socket there is only the path.
        if !is_scheme || (host.is_empty() && !(scheme.contains("unix") && rest.len() > 1)) {
            return None;
        }
        let (name, password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            Some((name, password)) => (decoded(name)?, decoded(password)?),
            None => (String::new(), String::new()),
        };
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            username: given(name),
            password: given(password).map(Secret::new),
            host: host.to_owned(),
            rest: rest.to_owned(),
        })
    }

    /// The URL without user and password.
    pub(super) fn without_credentials(&self) -> String {
        let scheme = if self.scheme.is_empty() { String::new() } else { format!("{}://", self.scheme) };
        format!("{scheme}{}{}", self.host, self.rest)
    }

    /// Whether it carries a user or a password.
    pub(super) fn has_credentials(&self) -> bool {
        self.username.is_some() || self.password.is_some()
    }
}

/// Percent-encoded text, decoded; `None` for what is no encoding of UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(behind.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &behind[2..];
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_taken_out_of_a_url() {
        let told = |text: &str| {
            let url = Url::parse(text)?;
            let password = url.password.as_ref().map(|password| password.expose().to_owned());
            Some((url.without_credentials(), url.username, password))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(told("redis://cache:6379/1"), Some(("redis://cache:6379/1".into(), None, None)));
        assert_eq!(
            told("rediss://ci:p%40ss@cache:6379?db=2"),
            Some(("rediss://cache:6379?db=2".into(), some("ci"), some("p@ss")))
        );
        assert_eq!(told("redis://:p@s/s@cache"), Some(("redis://cache".into(), None, some("p@s/s"))));
        assert_eq!(told("cache:9000"), Some(("cache:9000".into(), None, None)));
        assert_eq!(told("unix:///run/redis.sock"), Some(("unix:///run/redis.sock".into(), None, None)));
        assert_eq!(told("https://dav/a@b/c"), Some(("https://b/c".into(), some("dav/a"), None)));
        for text in ["", "https://", "redis://u:p@", "https://a b", "x y://h", "https://h\n", "https://%zz@h"]
        {
            assert!(told(text).is_none(), "{text}");
        }
    }
}
