//! The settings of the storages: each one typed by its row of the table, whether an input or a variable of
//! sccache gave it.

use std::collections::BTreeMap;

use super::table::{Kind, TABLE};
use super::value::{parse_bytes, parse_duration};
use crate::secret::Secret;

/// The value of a setting.
#[derive(Clone, Debug)]
pub enum Setting {
    /// May be shown.
    Text(String),
    /// May not: a credential, or a URL that may hold one.
    Hidden(Secret),
    /// Yes or no.
    Flag(bool),
    /// A number; seconds for a time, bytes for a size.
    Number(u64),
}

/// The settings that were given, by the name of their input.
pub type Settings = BTreeMap<&'static str, Setting>;

/// The value of the input of this name, from what an input or a variable says.
///
/// # Errors
/// What the input takes.
pub fn parse_setting(input: &str, text: &str) -> Result<Setting, &'static str> {
    let kind = TABLE.iter().find(|row| row.name == input).map_or(Kind::Text, |row| row.kind);
    let flag = |text: &str| match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Some(true),
        "false" | "off" | "0" => Some(false),
        _ => None,
    };
    let number = |text: &str| text.parse::<u32>().ok().map(u64::from);
    match kind {
        Kind::Secret | Kind::Url => {
            let plain = !text.contains(|c: char| c.is_control());
            plain.then(|| Setting::Hidden(Secret::new(text))).ok_or("one line of text")
        }
        Kind::Boolean => flag(text).map(Setting::Flag).ok_or("`true` or `false`"),
        Kind::Number => number(text).map(Setting::Number).ok_or("a whole number, 0 or above"),
        Kind::Duration => {
            let whole = parse_duration(text).map(|time| time.as_secs()).filter(|secs| *secs > 0);
            whole.map(Setting::Number).ok_or("a time such as `90s`, `5m` or `48h`, of a second at least")
        }
        Kind::Bytes => parse_bytes(text)
            .map(|bytes| Setting::Number(bytes.0))
            .ok_or("a size such as `500M`, `10G` or `2T` (base 1024), or a number of bytes, above 0"),
        _ if text.contains(|c: char| c.is_control()) => Err("one line of text"),
        _ => Ok(Setting::Text(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_takes_what_sccache_takes_and_nothing_that_it_would_misread() {
        assert!(matches!(parse_setting("s3-use-ssl", "ON"), Ok(Setting::Flag(true))));
        assert!(parse_setting("s3-use-ssl", "yes").is_err());
        assert!(matches!(parse_setting("redis-expiration", "86400"), Ok(Setting::Number(86_400))));
        assert!(matches!(parse_setting("redis-expiration", "48h"), Ok(Setting::Number(172_800))));
        assert!(parse_setting("redis-expiration", "0.2s").is_err());
        assert!(parse_setting("redis-db", "-1").is_err());
        assert!(matches!(parse_setting("cache-size", "5GiB"), Ok(Setting::Number(5_368_709_120))));
        assert!(parse_setting("cache-size", "5 gigs").is_err());
        assert!(
            parse_setting("s3-bucket", "a\nb").is_err() && parse_setting("redis-password", "a\nb").is_err()
        );
    }
}
