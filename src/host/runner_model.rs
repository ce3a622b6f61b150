//! A model of the runner, for tests: what it reads out of command files and log lines.
//!
//! Owns the grammar as the runner implements it, errors included, written from the runner's side and not from ours.
//!
//! Source: actions/runner 2.336 `FileCommandManager.cs` and `ActionCommand.cs`; act for [`Reader::Act`].

/// Which program reads a command file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// GitHub's runner on Linux and macOS.
    Runner,
    /// act, to which an empty line between pairs is an error.
    Act,
}

/// The pairs of a command file, in order, or the message the phase fails with.
pub(super) fn pairs(text: &str, reader: Reader) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some((line, _)) = next_line(&mut rest) {
        if line.is_empty() {
            match reader {
                Reader::Runner => continue,
                Reader::Act => return Err("invalid format ''".into()),
            }
        }
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        match (equals, heredoc) {
            (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
                pairs.push((line[..equals].into(), line[equals + 1..].into()));
            }
            (_, Some(heredoc)) => {
                let (name, delimiter) = (&line[..heredoc], &line[heredoc + 2..]);
                if name.is_empty() || delimiter.is_empty() {
                    return Err(format!("Invalid format '{line}'. Name and delimiter must not be empty"));
                }
                pairs.push((name.into(), value(&mut rest, delimiter)?));
            }
            _ => return Err(format!("Invalid format '{line}'")),
        }
    }
    Ok(pairs)
}

fn value(rest: &mut &str, delimiter: &str) -> Result<String, String> {
    let text = *rest;
    let mut end = 0;
    loop {
        let Some((line, ended)) = next_line(rest) else {
            return Err("Invalid value. Matching delimiter not found".into());
        };
        if line == delimiter {
            return Ok(text[..end].into());
        }
        if !ended {
            return Err("Invalid value. EOF marker missing new line.".into());
        }
        end = text.len() - rest.len() - 1;
    }
}

/// The next line without its LF, and whether it had one.
fn next_line<'a>(rest: &mut &'a str) -> Option<(&'a str, bool)> {
    if rest.is_empty() {
        return None;
    }
    let (line, after, ended) = match rest.split_once('\n') {
        Some((line, after)) => (line, after, true),
        None => (*rest, "", false),
    };
    *rest = after;
    Some((line, ended))
}

/// A workflow command that the runner found in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) name: String,
    pub(super) properties: Vec<(String, String)>,
    pub(super) data: String,
}

const REGISTERED: [&str; 14] = [
    "debug",
    "notice",
    "warning",
    "error",
    "group",
    "endgroup",
    "add-mask",
    "stop-commands",
    "echo",
    "add-matcher",
    "remove-matcher",
    "set-output",
    "save-state",
    "set-env",
];

/// The commands of a log, in order; the token that ends `stop-commands` is one, by its own name.
pub(super) fn commands(log: &str) -> Vec<Command> {
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    // A reader of lines in .NET takes CR, LF and CR LF for the end of one.
    for line in log.split(['\n', '\r']) {
        let known = |name: &str| {
            REGISTERED.iter().any(|known| known.eq_ignore_ascii_case(name)) || token.as_deref() == Some(name)
        };
        let Some(command) = modern(line, &known).or_else(|| legacy(line, &known)) else { continue };
        match &token {
            Some(stopped) if *stopped != command.name => continue,
            Some(_) => token = None,
            None if command.name == "stop-commands" => token = Some(command.data.clone()),
            None => {}
        }
        found.push(command);
    }
    found
}

/// `::name key=value,key=value::data` after white space.
fn modern(line: &str, known: &dyn Fn(&str) -> bool) -> Option<Command> {
    let (header, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let (name, properties) = header.split_once(' ').unwrap_or((header, ""));
    let property = |text: &str| {
        let (key, value) = text.split_once('=')?;
        Some((key.trim().to_owned(), unescape(&value.replace("%3A", ":").replace("%2C", ","))))
    };
    let properties = properties.split(',').filter_map(property).collect();
    known(name).then(|| Command { name: name.to_ascii_lowercase(), properties, data: unescape(data) })
}

/// `##[name key=value;key=value]data` anywhere.
fn legacy(line: &str, known: &dyn Fn(&str) -> bool) -> Option<Command> {
    let (_, rest) = line.split_once("##[")?;
    let (header, data) = rest.split_once(']')?;
    let name = header.split(' ').next().unwrap_or_default();
    known(name).then(|| Command {
        name: name.to_ascii_lowercase(),
        properties: Vec::new(),
        data: data.to_owned(),
    })
}

fn unescape(text: &str) -> String {
    text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
}

#[test]
fn the_model_takes_what_the_runner_takes() {
    let read = |text| pairs(text, Reader::Runner);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(read("a=b=c<<d\n\nx<<E\n1\n2\nE").unwrap(), [pair("a", "b=c<<d"), pair("x", "1\n2")]);
    assert_eq!(read("x<<E\n\nE\ny<<E\nE\n").unwrap(), [pair("x", ""), pair("y", "")]);
    assert!(read("x<<E\n1\n").unwrap_err().contains("Matching delimiter not found"));
    assert!(read("x<<E\n1").unwrap_err().contains("EOF marker missing new line"));
    assert!(read("<<E\n1\nE\n").unwrap_err().contains("must not be empty"));
    assert!(read("word\n").unwrap_err().contains("Invalid format"));
    assert!(pairs("a=b\n\nc=d\n", Reader::Act).is_err());
}

#[test]
fn the_model_finds_commands_where_the_runner_does() {
    let names = |log| commands(log).into_iter().map(|command| command.name).collect::<Vec<_>>();
    assert_eq!(names(" \u{a0}::ERROR::x\r::unknown::y\ntext ##[group]z\nx ::error::y"), ["error", "group"]);
    assert_eq!(
        names("::stop-commands::t\n::error::x\n##[group]\n::t::\n::notice::y"),
        ["stop-commands", "t", "notice"]
    );
}
