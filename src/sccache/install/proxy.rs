//! Which proxy a download uses, from the job's variables as every other tool reads them.
//!
//! Surface: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, lower or upper case, with curl's meaning.

use anyhow::Context as _;
use ureq::Proxy;

use crate::environment::Variables;

/// The proxy for URLs that are `secure` (`https:`) or not; `None` for a direct connection.
///
/// # Errors
/// When the variable holds no proxy that is understood; its value, which may have a password, is not said.
pub fn proxy(variables: &Variables, secure: bool) -> anyhow::Result<Option<Proxy>> {
    let names = if secure { ["https_proxy", "HTTPS_PROXY"] } else { ["http_proxy", "HTTP_PROXY"] };
    let given = names.iter().chain(&["all_proxy", "ALL_PROXY"]).find_map(|name| {
        variables.get(*name).filter(|value| !value.trim().is_empty()).map(|value| (*name, value.trim()))
    });
    let Some((name, value)) = given else { return Ok(None) };
    let not_understood = || format!("the variable `{name}` holds no HTTP proxy");
    let parsed = Proxy::new(value).with_context(not_understood)?;
    let mut builder = Proxy::builder(parsed.protocol()).host(parsed.host()).port(parsed.port());
    if let Some(username) = parsed.username() {
        builder = builder.username(username);
    }
    if let Some(password) = parsed.password() {
        builder = builder.password(password);
    }
    let direct = ["no_proxy", "NO_PROXY"].iter().find_map(|name| variables.get(*name));
    for host in direct.into_iter().flat_map(|hosts| hosts.split(',')).map(str::trim) {
        let bare = host.trim_start_matches('.');
        // A name stands for itself and for everything below it, with or without a leading dot.
        builder = match bare {
            "" => builder,
            _ if bare.contains('*') => builder.no_proxy(bare),
            _ => builder.no_proxy(bare).no_proxy(&format!(".{bare}")),
        };
    }
    builder.build().map(Some).with_context(not_understood)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_proxy_of_the_scheme_wins_over_the_one_for_all() {
        let given = variables(&[
            ("ALL_PROXY", "http://all:1"),
            ("HTTPS_PROXY", "u:p%40@secure:2"),
            ("http_proxy", ""),
        ]);
        let secure = proxy(&given, true).unwrap().unwrap();
        assert_eq!((secure.host(), secure.port()), ("secure", 2));
        assert_eq!((secure.username(), secure.password()), (Some("u"), Some("p@")));
        assert_eq!(proxy(&given, false).unwrap().unwrap().host(), "all");
        assert!(proxy(&Variables::new(), true).unwrap().is_none());
    }

    #[test]
    fn no_proxy_means_a_name_and_all_below_it() {
        let given = variables(&[("https_proxy", "http://proxy:3128"), ("NO_PROXY", "a.test, .b.test")]);
        let proxy = proxy(&given, true).unwrap().unwrap();
        let direct = |url: &str| proxy.is_no_proxy(&url.parse().unwrap());
        assert!(direct("https://a.test/") && direct("https://x.a.test/"));
        assert!(direct("https://b.test/") && direct("https://x.b.test/"));
        assert!(!direct("https://ba.test/") && !direct("https://test/"));
    }

    #[test]
    fn a_proxy_that_is_not_understood_is_said_without_its_value() {
        let given = variables(&[("https_proxy", "gopher://user:secret@host")]);
        let error = format!("{:#}", proxy(&given, true).unwrap_err());
        assert!(error.contains("`https_proxy`") && !error.contains("secret"), "{error}");
    }
}
