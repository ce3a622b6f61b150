//! A page as its reader sees it: code blocks, links, anchors.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use regex::Regex;

/// A page, by its path in the repository.
pub(super) struct Page {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// A code block.
pub(super) struct Fence {
    pub(super) language: String,
    pub(super) body: String,
}

fn events(text: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
}

/// The code blocks, in order.
pub(super) fn fences(text: &str) -> Vec<Fence> {
    let mut found: Vec<Fence> = Vec::new();
    let mut inside = false;
    for event in events(text) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                inside = true;
                found.push(Fence { language: language.into_string(), body: String::new() });
            }
            Event::End(TagEnd::CodeBlock) => inside = false,
            Event::Text(words) if inside => found.last_mut().unwrap().body.push_str(&words),
            _ => {}
        }
    }
    found
}

/// Where the links lead.
pub(super) fn links(text: &str) -> Vec<String> {
    let targets = events(text).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    });
    targets.collect()
}

/// The anchors of the headings, as GitHub makes them.
pub(super) fn anchors(text: &str) -> BTreeSet<String> {
    let (mut heading, mut inside, mut seen) = (String::new(), false, BTreeMap::<String, usize>::new());
    let mut found = BTreeSet::new();
    for event in events(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => inside = true,
            Event::Text(words) | Event::Code(words) if inside => heading.push_str(&words),
            Event::End(TagEnd::Heading(_)) => {
                inside = false;
                let kept = heading.to_lowercase();
                let kept = kept.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
                let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
                let times = seen.entry(slug.clone()).or_default();
                found.insert(if *times == 0 { slug } else { format!("{slug}-{times}") });
                *times += 1;
                heading.clear();
            }
            _ => {}
        }
    }
    found
}

/// The first group of every match.
pub(super) fn all_captures(pattern: &str, text: &str) -> Vec<String> {
    Regex::new(pattern).unwrap().captures_iter(text).map(|captures| captures[1].to_owned()).collect()
}

/// What happened, of every error in the source of `error.rs`: `…` for what varies, without backticks.
pub(super) fn templates(source: &str) -> Vec<String> {
    let texts = &source[source.find("fn texts(").expect("error.rs has its texts in `texts`")..];
    let variant =
        r#"Self::[A-Za-z]+(?: [{][^}]*[}])? =>[ \n]+[(][ \n]*(?:format!\()?[ \n]*"((?:[^"\\]|\\.)*)""#;
    let hole = Regex::new("[{][^}]*[}]").unwrap();
    let found = all_captures(variant, texts);
    found.iter().map(|text| hole.replace_all(text, "…").replace('`', "")).collect()
}

/// Whether a text is a template, or one with something in the place of a `…`.
pub(super) fn is_filled_in(template: &str, text: &str) -> bool {
    let pattern = template.split('…').map(regex::escape).collect::<Vec<_>>().join(".+");
    Regex::new(&format!("^{pattern}$")).unwrap().is_match(text)
}
