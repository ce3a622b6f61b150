//! GitHub's workflow commands: `::name key=value::data`, one line each.
//!
//! Owns their escaping and the runner's limit on messages. It never decides which command is given.
//!
//! Source: actions/runner 2.336 `ActionCommand.cs`, toolkit `core` 3.0 `command.ts`.

/// The longest message of an annotation, in UTF-16 code units; the runner cuts the rest.
const MESSAGE_LIMIT_UNITS: usize = 4096;

/// A command without properties.
pub(super) fn plain(name: &str, data: &str) -> String {
    format!("::{name}::{}\n", escape_data(data))
}

/// An annotation with this title, its message cut at the runner's limit.
pub(super) fn annotation(name: &str, title: &str, message: &str) -> String {
    format!("::{name} title={}::{}\n", escape_property(title), escape_data(&cut(message)))
}

fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// `message`, or as much of its beginning as fits, with an ellipsis.
fn cut(message: &str) -> String {
    if message.encode_utf16().count() <= MESSAGE_LIMIT_UNITS {
        return message.to_owned();
    }
    let mut units = 1;
    let fits = |character: &char| {
        units += character.len_utf16();
        units <= MESSAGE_LIMIT_UNITS
    };
    let mut kept: String = message.chars().take_while(fits).collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_and_properties_are_escaped_by_their_own_rules() {
        assert_eq!(plain("add-mask", "100%\r\n:,"), "::add-mask::100%25%0D%0A:,\n");
        assert_eq!(annotation("error", "a:b,c%", "%0A"), "::error title=a%3Ab%2Cc%25::%250A\n");
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        assert_eq!(cut(&"é".repeat(4096)).chars().count(), 4096);
        let kept = cut(&"🦀".repeat(2049));
        assert_eq!(kept.encode_utf16().count(), 4095);
        assert!(kept.ends_with("🦀…"));
    }
}
