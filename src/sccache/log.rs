//! The lines of the server's log that tell what one unit did, read in a stream.
//!
//! The forms are those of sccache 0.10 to 0.19 with `SCCACHE_LOG=sccache=debug`, or with [`UNITS_DIRECTIVE`](crate::stats::UNITS_DIRECTIVE) alone.
//! Memory is bounded whatever the log holds: long lines are cut, and what is remembered of units has limits.
//! A log in client-side mode tells nothing of units.

mod arguments;
mod tally;

use std::io::{BufRead, BufReader, Read};

use crate::stats::Units;
use tally::{Outcome, Tally};

/// The longest part of a line that is looked at, in bytes. What is cut is the end of a long command line.
const LINE_LIMIT_BYTES: usize = 32 << 10;
/// The prefix of a record is shorter than this, in bytes.
const PREFIX_LIMIT_BYTES: usize = 160;

/// Reads a log, from the second that began at `since_unix_secs` on: a file of the user's may hold earlier jobs.
///
/// # Errors
/// When the log cannot be read to its end.
pub fn read_units(log: impl Read, since_unix_secs: u64) -> std::io::Result<Units> {
    let since = timestamp(since_unix_secs);
    let mut reader = BufReader::with_capacity(64 << 10, log);
    let mut tally = Tally::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = u64::try_from(LINE_LIMIT_BYTES).unwrap_or(u64::MAX);
        if reader.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
            return Ok(tally.into_units());
        }
        if line.last() != Some(&b'\n') {
            skip_line(&mut reader)?;
        }
        take(&line, since.as_bytes(), &mut tally);
    }
}

/// Passes over the rest of a line without keeping it.
fn skip_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// Takes what a line tells.
fn take(line: &[u8], since: &[u8], tally: &mut Tally) {
    let Some((time, message)) = record(line) else { return };
    if time < since {
        return;
    }
    if let Some((name, event)) = message.strip_prefix(b"[").and_then(|rest| split(rest, b"]: ")) {
        if let Ok(name) = std::str::from_utf8(name) {
            unit(time, name, event, tally);
        }
    } else if let Some(reason) = message.strip_prefix(b"Error executing cache write: ") {
        tally.write_failed(&text(reason));
    } else if let Some(reason) = message.strip_prefix(b"Got unexpected error: ") {
        tally.read_failed(&text(reason));
    }
}

/// The time and the message of `[2026-11-22T17:22:35Z DEBUG sccache::server] message`.
fn record(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = line.strip_prefix(b"[")?;
    let (prefix, _) = split(&rest[..rest.len().min(PREFIX_LIMIT_BYTES)], b"] ")?;
    let message = &rest[prefix.len() + 2..];
    let (time, _) = split(prefix, b" ")?;
    time.ends_with(b"Z").then(|| (&time[..time.len() - 1], message.trim_ascii_end()))
}

/// One step of a unit.
fn unit(time: &[u8], name: &str, event: &[u8], tally: &mut Tally) {
    let secs = |prefix: &[u8]| -> Option<f64> {
        let number = text(event.strip_prefix(prefix)?);
        number.split(' ').next()?.parse().ok().filter(|secs: &f64| secs.is_finite() && *secs >= 0.0)
    };
    if let Some(arguments) = event.strip_prefix(b"get_cached_or_compile: ") {
        tally.begin(name, arguments::place(&text(arguments), name));
    } else if let Some(key) = event.strip_prefix(b"Hash key: ") {
        tally.key(name, &text(key));
    } else if let Some(secs) = secs(b"Cache hit in ") {
        tally.looked_up(name, Outcome::Hit, secs);
    } else if let Some(secs) = secs(b"Cache miss in ") {
        tally.looked_up(name, Outcome::Miss, secs);
    } else if let Some(secs) = secs(b"Cache recache in ").or_else(|| secs(b"Cache none in ")) {
        tally.looked_up(name, Outcome::Unasked, secs);
    } else if let Some(secs) = secs(b"Cache timed out ") {
        tally.looked_up(name, Outcome::Miss, secs);
    } else if let Some(reason) = event.strip_prefix(b"Cache read error: ") {
        tally.looked_up(name, Outcome::Miss, 0.0);
        tally.read_failed(&text(reason));
    } else if event.starts_with(b"Failed to decompress object") {
        tally.corrupt(name);
    } else if let Some(secs) = secs(b"Compiled in ") {
        tally.compiled(name, secs, event.ends_with(b", storing in cache").then(|| unix_ms(time)));
    }
}

fn split<'a>(text: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = text.windows(at.len()).position(|window| window == at)?;
    Some((&text[..place], &text[place + at.len()..]))
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// `2026-11-22T17:22:35`, as the log spells it without its zone, in UTC.
fn timestamp(unix_secs: u64) -> String {
    let (days, secs) = (unix_secs / 86_400, unix_secs % 86_400);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60)
}

/// The moment that a time stamp of the log names, in milliseconds since 1970; 0 when it names none.
fn unix_ms(time: &[u8]) -> u64 {
    let number = |range: std::ops::Range<usize>| -> Option<u64> { text(time.get(range)?).parse().ok() };
    let read = || {
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
        let shifted =
            if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month.checked_add(9)?) };
        let (era, of_era) = (shifted.0 / 400, shifted.0 % 400);
        let of_year = (153 * shifted.1 + 2) / 5 + day.checked_sub(1)?;
        let days =
            (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(719_468)?;
        let millis = number(20..23).unwrap_or_default();
        Some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + millis)
    };
    read().unwrap_or_default()
}

/// The date of a day, counted from 1970-01-01, in the Gregorian calendar: years that begin in March put the leap
/// day at their end, and 400 of them always have 146 097 days.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests;
