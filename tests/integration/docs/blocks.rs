//! The generated parts of the pages, made from the program's own tables.

use std::fmt::Write as _;

use sccache_step::backend::known_settings;
use sccache_step::error::ExitCode;
use sccache_step::inputs::{Input, Kind, Storage, TABLE};
use sccache_step::version::Version;
use yaml_rust2::YamlLoader;

const END: &str = "<!-- end of generated -->";

/// Every block: page, name, content.
pub(super) fn all() -> Vec<(String, String, String)> {
    let pages = [
        ("README.md", "inputs", inputs()),
        ("README.md", "outputs", outputs()),
        ("README.md", "exit-codes", exit_codes()),
        ("docs/inputs.md", "inputs-in-full", inputs_in_full()),
        ("docs/exit-codes.md", "exit-codes", exit_codes()),
    ];
    let pages = pages.map(|(path, name, body)| (path.to_owned(), name.to_owned(), body));
    let storages = Storage::ALL.into_iter().filter(|storage| *storage != Storage::Disk).map(|storage| {
        let name = storage.name();
        (format!("docs/backends/{name}.md"), format!("settings-{name}"), settings(storage))
    });
    pages.into_iter().chain(storages).collect()
}

/// The page with this content between the markers of that name; `None` without such markers.
pub(super) fn replaced(page: &str, name: &str, body: &str) -> Option<String> {
    let marker = format!("<!-- generated: {name} -->\n");
    let start = page.find(&marker)? + marker.len();
    let end = start + page[start..].find(END)?;
    Some(format!("{}\n{body}\n{}", &page[..start], &page[end..]))
}

fn inputs() -> String {
    let mut table = String::from("| input | default | meaning |\n|---|---|---|\n");
    // The settings of a storage are on its own page.
    let is_of_storage = |name: &str| Storage::ALL.iter().any(|s| *s != Storage::Disk && s.owns(name));
    for Input { name, default, help, .. } in TABLE.iter().filter(|input| !is_of_storage(input.name)) {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        writeln!(table, "| [`{name}`](docs/inputs.md#{name}) | {default} | {} |", cell(help)).unwrap();
    }
    table
}

fn inputs_in_full() -> String {
    let mut sections = String::new();
    for Input { name, kind, default, help } in TABLE {
        let variable = name.to_uppercase().replace('-', "_");
        let default = if default.is_empty() { "none".to_owned() } else { format!("`{default}`") };
        write!(
            sections,
            "## {name}\n\n{help}.\n\n| flag | on GitHub | variable | default | takes |\n|---|---|---|---|---|\n\
             | `--{name}` | `{name}`, `INPUT_{}` | `SCCACHE_STEP_{variable}` | {default} | {} |\n\n",
            name.to_uppercase(),
            takes(*kind)
        )
        .unwrap();
    }
    sections.trim_end().to_owned() + "\n"
}

fn takes(kind: Kind) -> String {
    let named = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match kind {
        Kind::Path => "a path".into(),
        Kind::Text => "text".into(),
        Kind::Secret => "text that is never shown".into(),
        Kind::Boolean => "`true` or `false`".into(),
        Kind::Choice(names) => format!("one of {}", named(names)),
        Kind::List(names) => format!("a list of {}, or `none`", named(names)),
        Kind::Duration => "a time".into(),
        Kind::Bytes => "a size".into(),
        Kind::Percent => "a percentage".into(),
        Kind::Number => "a whole number".into(),
        Kind::Url => "a URL".into(),
        Kind::Storages(names) => format!("`auto`, one of {}, or several of these", named(names)),
    }
}

/// The settings of a storage: its inputs, what gives them otherwise, and the first sccache that knows them.
fn settings(storage: Storage) -> String {
    let mut table =
        String::from("| input | takes | when it is not given | needs sccache |\n|---|---|---|---|\n");
    for known in known_settings(storage) {
        let input = TABLE.iter().find(|input| input.name == known.input).unwrap();
        let variables: Vec<String> = known.variables.iter().map(|name| format!("`{name}`")).collect();
        let else_from = if variables.is_empty() { "not set".into() } else { variables.join(", else ") };
        let since = if known.since > Version::MINIMUM { known.since.to_string() } else { String::new() };
        writeln!(
            table,
            "| [`{name}`](../inputs.md#{name}) | {} | {else_from} | {since} |",
            takes(input.kind),
            name = input.name
        )
        .unwrap();
    }
    table
}

fn outputs() -> String {
    let action = &YamlLoader::load_from_str(&super::read("action.yml")).unwrap()[0];
    let mut table = String::from("| output | meaning |\n|---|---|\n");
    for (name, output) in action["outputs"].as_hash().unwrap() {
        let description = output["description"].as_str().unwrap();
        writeln!(table, "| `{}` | {} |", name.as_str().unwrap(), cell(description)).unwrap();
    }
    table
}

/// Every exit code; the match makes a new one fail to compile until it has its line.
fn exit_codes() -> String {
    let all = [
        ExitCode::Fine,
        ExitCode::Failed,
        ExitCode::Usage,
        ExitCode::RunFailed,
        ExitCode::NotExecutable,
        ExitCode::NotFound,
        ExitCode::Command(129),
    ];
    let mut table = String::from("| code | meaning |\n|---|---|\n");
    for code in all {
        let meaning = match code {
            ExitCode::Fine => "fine; trouble with the cache was told as a warning",
            ExitCode::Failed => {
                "failed under `fail-fast`, `stats` had no server to ask, or `doctor` found a fault"
            }
            ExitCode::Usage => "wrong usage or a wrong input; for `run` it is 125",
            ExitCode::RunFailed => "`run` failed before its command could start",
            ExitCode::NotExecutable => "`run` found its command but could not execute it",
            ExitCode::NotFound => "`run` did not find its command",
            ExitCode::Command(_) => {
                "ended by a signal: 128 + its number; `run` otherwise ends with its command's own code"
            }
        };
        match code {
            ExitCode::Command(_) => writeln!(table, "| 128 + n | {meaning} |").unwrap(),
            _ => writeln!(table, "| {} | {meaning} |", code.number()).unwrap(),
        }
    }
    table
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
