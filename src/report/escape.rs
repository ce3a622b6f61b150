//! Makes words that we did not write harmless, surface by surface.
//!
//! Nothing is hidden: what cannot be shown as it is becomes a visible escape such as `\n` or `\u{202e}`.

use std::borrow::Cow;

/// Characters that act instead of being seen: controls, line separators, and what changes the direction or
/// is invisible.
pub(super) fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The words on one line, with every acting character as an escape, cut to that many characters.
pub(super) fn visible(words: &str, limit_chars: usize) -> String {
    let mut shown = String::new();
    for (at, c) in words.chars().enumerate() {
        if at == limit_chars {
            shown.push('…');
            break;
        }
        if acts(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// A Markdown code span that shows exactly these words and lets none of them act.
///
/// A code span ends only at a run of backticks of its own length, and nothing inside is a link, a mention, an
/// entity or HTML.
pub(super) fn code_span(words: &str, limit_chars: usize) -> String {
    let shown = visible(words, limit_chars);
    if shown.trim().is_empty() {
        return "*(empty)*".into();
    }
    let ticks = "`".repeat(longest_backtick_run(&shown) + 1);
    let edges = |c| shown.starts_with(c) || shown.ends_with(c);
    let pad = if edges('`') || edges(' ') { " " } else { "" };
    format!("{ticks}{pad}{shown}{pad}{ticks}")
}

/// Markdown shows these words as they are, inside a line: letters, digits and a few marks, and no address.
pub(super) fn is_tame(words: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || " /+.,()-".contains(c);
    (1..=60).contains(&words.len())
        && words.starts_with(|c: char| c.is_ascii_alphanumeric())
        && words.chars().all(letters)
        && !words.to_ascii_lowercase().contains("www.")
        && !words.ends_with(' ')
        && !words.contains("  ")
}

/// A rendered phrase for a table cell: the pipe, which would end it even inside a code span, is escaped.
///
/// How a backslash before a pipe is read differs between renderers, so such a pair is parted by a blank.
pub(super) fn cell(markdown: &str) -> String {
    markdown.replace("\\|", "\\ |").replace('|', "\\|")
}

/// A fenced block that no backticks inside can end.
pub(super) fn fenced(language: &str, text: &str) -> String {
    let fence = "`".repeat(longest_backtick_run(text).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

fn longest_backtick_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// [`visible`] words for a log, in which GitHub would take `##[` for a command wherever it stands.
pub(super) fn logged(words: &str, limit_chars: usize) -> String {
    let mut shown = visible(words, limit_chars);
    while shown.contains("##") {
        shown = shown.replace("##", "# #");
    }
    shown
}

/// A line for a log that GitHub does not take for a command, as it does `::` at the start of one, after any
/// blanks.
pub(super) fn log_line(line: &str) -> Cow<'_, str> {
    let start = line.len() - line.trim_start().len();
    if !line[start..].starts_with("::") {
        return Cow::Borrowed(line);
    }
    Cow::Owned(format!("{}: :{}", &line[..start], &line[start + 2..]))
}

/// JSON whose strings hold no acting character and no `##` as such; it means the same.
pub(super) fn json(json: &str) -> String {
    let mut harmless = String::with_capacity(json.len());
    let mut last = ' ';
    for c in json.chars() {
        if (acts(c) && c != '\n') || (c == '#' && last == '#') {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                harmless.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            harmless.push(c);
        }
        last = c;
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acting_characters_are_shown() {
        assert_eq!(
            visible("a\u{1b}[31m\r\n\tb\u{202e}\u{85}", 100),
            "a\\u{1b}[31m\\r\\n\\tb\\u{202e}\\u{85}"
        );
        assert_eq!(visible("Größe 10", 4), "Größ…");
    }

    #[test]
    fn code_spans_hold_backticks_and_edges() {
        assert_eq!(code_span("-", 9), "`-`");
        assert_eq!(code_span("`", 9), "`` ` ``");
        assert_eq!(code_span("a``b", 9), "```a``b```");
        assert_eq!(code_span(" ", 9), "*(empty)*");
        assert_eq!(cell(&code_span("a|b\\|c", 9)), "`a\\|b\\ \\|c`");
        assert_eq!(fenced("text", "a\n````\n"), "`````text\na\n````\n`````\n");
    }

    #[test]
    fn only_plain_names_are_tame() {
        let tame = ["C/C++", "CUDA (Device code)", "0.16.0", "Azure Blob Storage, container ci"];
        let wild = [
            "", " a", "a  b", "a_b", "a*b", "a|b", "www.a.b", "http://a", "a@b.c", "-a", "+ a", "a#1",
            "a\nb", "é",
        ];
        assert_eq!((tame.map(is_tame), wild.map(is_tame)), ([true; 4], [false; 14]));
    }

    #[test]
    fn no_workflow_command_is_left_in_a_log_line() {
        assert_eq!(log_line("  ::error::x"), "  : :error::x");
        assert_eq!(logged("a ##[group]b ###", 99), "a # #[group]b # # #");
        assert_eq!(log_line("std::fmt # 1"), "std::fmt # 1");
    }

    #[test]
    fn escaped_json_means_the_same() {
        let value = serde_json::json!({ "a": "\u{202e}\u{7f}##[error]\u{e0041}" });
        let escaped = json(&serde_json::to_string_pretty(&value).unwrap());
        assert_eq!(escaped, "{\n  \"a\": \"\\u202e\\u007f#\\u0023[error]\\udb40\\udc41\"\n}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
    }
}
