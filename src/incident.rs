//! Something that befell the job's servers: when, what, why, and what it cost.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that befell the job's servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// When, in milliseconds since 1970 (UTC).
    pub at_unix_ms: u64,
    /// What happened, in one line.
    pub what: String,
    /// Why, as far as known, in one line.
    pub why: Option<String>,
    /// What it cost the job, in one line; `None` when nothing.
    pub cost: Option<String>,
}

impl fmt::Display for Incident {
    /// `14:03:11 UTC: what happened; why; what it cost`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes, seconds) = time_of_day(self.at_unix_ms);
        write!(formatter, "{hours:02}:{minutes:02}:{seconds:02} UTC: {}", self.what)?;
        for more in [&self.why, &self.cost].into_iter().flatten() {
            write!(formatter, "; {more}")?;
        }
        Ok(())
    }
}

/// Hours, minutes and seconds of a day of UTC.
#[must_use]
pub const fn time_of_day(at_unix_ms: u64) -> (u64, u64, u64) {
    let of_day = at_unix_ms / 1000 % 86_400;
    (of_day / 3600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_is_told_in_one_line() {
        let mut incident = Incident {
            at_unix_ms: 1_763_830_991_250,
            what: "the server (pid 7) was killed by signal 9".into(),
            why: Some("it had 1.5 GiB resident".into()),
            cost: Some("a new one was ready after 0.1 s".into()),
        };
        assert_eq!(
            incident.to_string(),
            "17:03:11 UTC: the server (pid 7) was killed by signal 9; it had 1.5 GiB resident; a new one was \
             ready after 0.1 s"
        );
        incident.why = None;
        incident.cost = None;
        assert_eq!(incident.to_string(), "17:03:11 UTC: the server (pid 7) was killed by signal 9");
    }
}
