//! Foreign text made harmless for a log: no control characters, and nothing a host takes for a command.
//!
//! Owns that alone; it never escapes for a file, a shell or Markdown. The rules are the same on every host,
//! because a log of one is often read by another.
//!
//! Source: actions/runner 2.336 looks for `::name` after white space at the start of a line, and for the
//! older `##[name]` anywhere in it; Azure Pipelines and TeamCity have prefixes of the same kind.

use crate::error::Lines;

use super::Level;

/// Prefixes that some host obeys anywhere in a line.
const ANYWHERE: [&str; 3] = ["##[", "##vso[", "##teamcity["];

/// One line without control characters; line breaks and tabs become blanks.
pub(super) fn text(text: &str) -> String {
    text.replace("\r\n", "\n").chars().filter_map(printable).collect()
}

/// One line that no host takes for a command.
pub(super) fn line(foreign: &str) -> String {
    let mut line = text(foreign);
    for prefix in ANYWHERE {
        if line.contains(prefix) {
            line = line.replace(prefix, &format!("## {}", &prefix[2..]));
        }
    }
    let start = line.len() - line.trim_start_matches(is_blank).len();
    if line[start..].starts_with("::") {
        line.insert(start + 1, ' ');
    }
    line
}

/// Each line of `foreign`, none of which a host takes for a command; one empty line for empty text.
pub(super) fn lines(foreign: &str) -> Vec<String> {
    foreign.replace("\r\n", "\n").trim_end_matches(['\n', '\r']).split(['\n', '\r']).map(line).collect()
}

/// The lines of a message: the first without a label, the others with theirs. Empty ones are left out.
pub(super) fn message(lines: &Lines) -> Vec<String> {
    let labelled = [("", &lines.what), ("cause: ", &lines.cause), ("help:  ", &lines.help)];
    let labelled = labelled.into_iter().filter(|(_, text)| !text.is_empty());
    labelled.map(|(label, text)| line(&format!("{label}{text}"))).collect()
}

/// The plain form of a message, one line each, with the level in front.
pub(super) fn plain_message(level: Level, lines: &Lines) -> String {
    let lines = message(lines).join("\n");
    format!("{}: {lines}\n", level.name())
}

/// A name for a GitLab section: `[A-Za-z0-9_.-]+`.
pub(super) fn section_name(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    name.chars().map(|c| if allowed(c) { c } else { '-' }).collect()
}

fn printable(character: char) -> Option<char> {
    match character {
        '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        // These reorder what a reader sees.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        other => (!other.is_control()).then_some(other),
    }
}

/// White space for the runner (.NET), and characters that other readers may skip as well.
fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_foreign_text_are_broken_visibly() {
        assert_eq!(line("::error::x"), ": :error::x");
        assert_eq!(line(" \u{a0}\t::error::x"), " \u{a0} : :error::x");
        assert_eq!(line("\u{feff}::error::x"), "\u{feff}: :error::x");
        assert_eq!(line("a ##[group]b ###[x]"), "a ## [group]b ### [x]");
        assert_eq!(line("##vso[task.x]y ##teamcity[z]"), "## vso[task.x]y ## teamcity[z]");
        assert_eq!(line("a::b"), "a::b");
    }

    #[test]
    fn control_characters_are_removed_before_commands_are_looked_for() {
        assert_eq!(line(":\u{1b}:error::x"), ": :error::x");
        assert_eq!(line("##\u{0}[error]x"), "## [error]x");
        assert_eq!(line("a\r\nb\tc\u{7f}\u{202e}"), "a b c");
    }

    #[test]
    fn lines_are_split_as_the_runner_splits_them() {
        assert_eq!(lines("a\r\nb\r::c\n\nd\n\n"), ["a", "b", ": :c", "", "d"]);
        assert_eq!(lines(""), [""; 1]);
    }
}
