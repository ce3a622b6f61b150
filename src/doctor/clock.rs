//! The clock: storages refuse signatures that are minutes old.

use std::time::Duration;

use super::Check;
use crate::backend::Choice;
use crate::environment::Environment;
use crate::secret::ServerValue;
use crate::version::Version;

/// From here on storages refuse a request: Amazon and Azure at 15 minutes.
const SKEW_LIMIT_SECS: u64 = 300;
const LIMIT: Duration = Duration::from_secs(5);

/// Compares the clock with that of the storage, where it speaks HTTP, and with the age of our own program.
pub(super) fn clock(environment: &Environment, choice: Option<&Choice>, version: Version) -> Check {
    let now_secs = environment.now_unix_ms / 1000;
    let url = choice.and_then(|choice| http_address(choice, version));
    if let Some((url, date_secs)) = url.as_ref().and_then(|url| Some((url, date_of(url)?))) {
        let skew_secs = now_secs.abs_diff(date_secs);
        let looked_at = format!("the time of `{url}`");
        return if skew_secs > SKEW_LIMIT_SECS {
            Check::fault("clock", looked_at, format!("it is {skew_secs} s from the time of this machine"))
                .remedy("set the clock: storages refuse requests that are signed at another time")
        } else {
            Check::good("clock", looked_at, format!("it is {skew_secs} s from the time of this machine"))
        };
    }
    let made = std::fs::metadata(&environment.program).and_then(|file| file.modified()).ok();
    let made_secs =
        made.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok()).map(|age| age.as_secs());
    let looked_at = "the age of this program";
    match made_secs {
        Some(made_secs) if made_secs > now_secs + SKEW_LIMIT_SECS => {
            Check::fault("clock", looked_at, "this program is from the future").remedy("set the clock")
        }
        Some(_) => Check::good("clock", looked_at, "the clock is not behind it"),
        None => Check::skipped("clock", looked_at, "its age cannot be read"),
    }
}

/// Where the storage is reached by HTTP.
fn http_address(choice: &Choice, version: Version) -> Option<String> {
    choice.variables(version).into_iter().find_map(|(name, value)| match value {
        ServerValue::Plain(url) if name.ends_with("_ENDPOINT") && url.starts_with("http") => Some(url),
        _ => None,
    })
}

fn date_of(url: &str) -> Option<u64> {
    let agent = ureq::Agent::config_builder().timeout_global(Some(LIMIT)).http_status_as_error(false).build();
    let answer = ureq::Agent::from(agent).head(url).call().ok()?;
    parse_date(answer.headers().get("date")?.to_str().ok()?)
}

/// The one form of a date that servers send: `Sun, 22 Nov 2026 22:03:15 GMT`.
fn parse_date(text: &str) -> Option<u64> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = words.as_slice() else { return None };
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = u64::try_from(months.iter().position(|name| name == month)?).ok()? + 1;
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    let mut clock = time.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, secs) = (clock.next()??, clock.next()??, clock.next()??);
    // Days since 1970 of the proleptic Gregorian calendar, with years that begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = (365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day).checked_sub(719_469)?;
    Some(days * 86_400 + hours * 3600 + minutes * 60 + secs)
}

#[cfg(test)]
mod tests {
    use super::parse_date;

    #[test]
    fn the_date_of_a_server_is_read() {
        assert_eq!(parse_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse_date("Sun, 22 Nov 2026 22:03:15 GMT"), Some(1_795_384_995));
        assert_eq!(parse_date("Tue, 29 Feb 2000 12:00:00 GMT"), Some(951_825_600));
        for text in ["", "yesterday", "Sun, 22 Nov 2026 22:03 GMT", "Sun, 22 Foo 2026 22:03:15 GMT"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
