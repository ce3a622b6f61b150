//! Words that nobody can have written before: delimiters of file commands, tokens of `stop-commands`.
//!
//! Owns their making. It never decides what they delimit.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::SystemTime;

/// Makes a token; a value, so that a test can put a known one in its place.
pub(super) type Draw = fn() -> String;

/// 128 bits in hexadecimal, unpredictable for whoever wrote the text that it delimits.
///
/// `RandomState` takes its keys from the system's random numbers; time and pid only keep two processes apart
/// should it ever stop doing so.
pub(super) fn random() -> String {
    let half = || {
        let mut hasher = RandomState::new().build_hasher();
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        hasher.write_u128(since.as_nanos());
        hasher.write_u32(std::process::id());
        hasher.finish()
    };
    format!("{:016x}{:016x}", half(), half())
}

/// A token with this prefix that does not occur in `text`.
pub(super) fn absent_from(text: &str, prefix: &str, draw: Draw) -> String {
    loop {
        let token = format!("{prefix}{}", draw());
        if !text.contains(&token) {
            return token;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    #[test]
    fn tokens_differ_and_have_128_bits() {
        let (first, second) = (random(), random());
        assert_ne!(first, second);
        assert!(first.len() == 32 && first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
    }

    #[test]
    fn a_token_that_occurs_in_the_text_is_drawn_again() {
        static DRAWN: AtomicU8 = AtomicU8::new(0);
        let draw = || DRAWN.fetch_add(1, Ordering::Relaxed).to_string();
        assert_eq!(absent_from("a\nx0\nx1", "x", draw), "x2");
    }
}
