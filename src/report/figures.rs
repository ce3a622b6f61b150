//! Numbers as a reader takes them in: few digits, a unit, no false precision.

/// `10,000,000`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 cache write`, `3 cache writes`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = match noun {
        _ if number == 1 => "",
        _ if noun.ends_with('s') || noun.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{} {noun}{plural}", count(number))
}

/// A rate, 0..=100. Only all is `100 %` and only nothing is `0 %`.
pub(super) fn percent(rate: f64) -> String {
    if rate <= 0.0 {
        "0 %".into()
    } else if rate >= 100.0 {
        "100 %".into()
    } else if rate < 0.1 {
        "under 0.1 %".into()
    } else if rate > 99.9 {
        "over 99.9 %".into()
    } else {
        format!("{rate:.1} %")
    }
}

/// A hit rate, or what stands for none.
pub(super) fn hit_rate(rate: Option<f64>) -> String {
    rate.map_or_else(|| "n/a".into(), percent)
}

/// A time in seconds: `12 ms`, `4.6 s`, `1 min 12 s`, `2 h 5 min`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 9.95 s up and rounded; a cast to an integer saturates"
)]
pub(super) fn time(secs: f64) -> String {
    let whole = secs.round() as u64;
    match secs {
        secs if secs < 0.9995 => format!("{:.0} ms", secs * 1000.0),
        secs if secs < 9.95 => format!("{secs:.1} s"),
        _ if whole < 60 => format!("{whole} s"),
        _ if whole < 3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", count(whole / 3600), whole % 3600 / 60),
    }
}

/// A time in milliseconds, as [`time`].
pub(super) fn time_of_ms(ms: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
    time(ms as f64 / 1000.0)
}

/// What stands for rows beyond a limit; `None` when all are shown.
pub(super) fn left_out(rows: usize, limit: usize) -> Option<String> {
    let rest = u64::try_from(rows.saturating_sub(limit)).unwrap_or(u64::MAX);
    (rest > 0).then(|| format!("… and {} more", count(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_units() {
        assert_eq!([0, 999, 1000, 10_000_000].map(count), ["0", "999", "1,000", "10,000,000"]);
        let nouns = [(1, "miss"), (2, "miss"), (0, "hit"), (1000, "distributed compilation")];
        let shown = nouns.map(|(number, noun)| counted(number, noun));
        assert_eq!(shown, ["1 miss", "2 misses", "0 hits", "1,000 distributed compilations"]);
        let times = [0.0, 0.0123, 0.9999, 4.56, 9.96, 59.4, 59.6, 72.0, 3599.7, 7500.0, 3.6e12];
        let expected = "0 ms, 12 ms, 1.0 s, 4.6 s, 10 s, 59 s, 1 min 0 s, 1 min 12 s, 1 h 0 min, 2 h 5 min, 1,000,000,000 h 0 min";
        assert_eq!(times.map(time).join(", "), expected);
    }

    #[test]
    fn only_all_is_100_percent_and_only_nothing_is_0_percent() {
        let rates = [0.0, 0.001, 98.148, 99.99, 100.0].map(percent);
        assert_eq!(rates, ["0 %", "under 0.1 %", "98.1 %", "over 99.9 %", "100 %"]);
    }
}
