//! The cache location without the credentials that sccache leaves in it.

/// Replaces the user information of every URL by `***`.
///
/// sccache prints a Redis URL as it was configured, password included, and several of them, joined by commas,
/// for a cluster. A password may hold any byte, so everything up to the last `@` goes.
pub(super) fn without_credentials(location: &str) -> String {
    let mut shown = String::with_capacity(location.len());
    let mut rest = location;
    while let Some(start) = rest.find("://").map(|at| at + 3) {
        shown.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find("://").unwrap_or(rest.len()).min(rest.find(", prefix:").unwrap_or(rest.len()));
        if let Some(host) = rest[..end].rfind('@') {
            shown.push_str("***");
            rest = &rest[host..];
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn user_information_is_replaced_in_every_url() {
        let shown = [
            (
                "redis, name: redis://ci:pw@cache:6379/0, prefix: /a@b/",
                "redis, name: redis://***@cache:6379/0, prefix: /a@b/",
            ),
            ("redis, name: redis://:p@s/s,w@cache, prefix: /", "redis, name: redis://***@cache, prefix: /"),
            (
                "redis, name: redis://u:p@h1:1,redis://u:p@h2:2, prefix: /",
                "redis, name: redis://***@h1:1,redis://***@h2:2, prefix: /",
            ),
            ("redis, name: redis://cache:6379, prefix: /", "redis, name: redis://cache:6379, prefix: /"),
            ("Local disk: \"/home/ci@host/cache\"", "Local disk: \"/home/ci@host/cache\""),
            ("", ""),
        ];
        for (given, expected) in shown {
            assert_eq!(without_credentials(given), expected);
        }
    }
}
