//! The command line: phases, flags and help. One definition for parsing, help, completions and manual page;
//! the input flags come from the table of inputs. No decisions.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, StyledStr};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::inputs::{Kind, TABLE};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `pre`.
    Pre,
    /// `post`.
    Post,
    /// `run -- <command>`.
    Run(Vec<OsString>),
    /// `stats`.
    Stats,
    /// `cache <action>`.
    Cache(CacheAction),
    /// `doctor`.
    Doctor,
    /// `report merge <file>...`: join reports of many jobs.
    Merge {
        /// The reports, in JSON.
        files: Vec<PathBuf>,
        /// How the result is printed: `text`, `markdown` or `json`.
        format: String,
    },
    /// `completions <shell>`: print a completion script.
    Completions(String),
    /// `man [command]`: print the manual page of the program, or of one command.
    Man(Option<String>),
}

/// What is done with a bundle by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheAction {
    /// `cache restore`.
    Restore,
    /// `cache save`.
    Save,
    /// `cache ls`.
    List,
    /// `cache inspect [layer]`.
    Inspect(Option<String>),
    /// `cache prune`.
    Prune,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A parsed command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// What was asked for.
    pub phase: Phase,
    /// `--dry-run`.
    pub dry_run: bool,
    /// `--format`.
    pub format: OutputFormat,
    /// `--shell`.
    pub shell: Option<String>,
    /// The input flags given, by kebab-case name.
    pub flags: BTreeMap<String, String>,
}

/// The hidden command that is the server's parent. No person calls it, so it is no part of the definition:
/// a process that lives as long as the job need not carry the whole command line in its memory.
pub const SUPERVISE: &str = "supervise";

/// The names `--shell` takes.
pub const SHELLS: &[&str] = &["sh", "bash", "zsh", "fish", "powershell"];

/// The definition of the command line.
#[must_use]
pub fn command() -> Command {
    let pre = phase("pre", "Find or install sccache, start a private server, export the environment")
        .long_about(
            "Finds or installs sccache, starts a private, supervised server and hands its address and the \
             compiler wrappers to the rest of the job: through the environment files on GitHub, as shell code \
             on standard output elsewhere (`eval \"$(sccache-step pre)\"`).",
        )
        .arg(
            Arg::new("shell")
                .long("shell")
                .value_name("SHELL")
                .value_parser(PossibleValuesParser::new(SHELLS))
                .help("The shell to print code for; without it the one in $SHELL, on GitLab the runner's; not used on GitHub"),
        );
    let post = phase("post", "Stop the server that `pre` started, and report what the cache did");
    let run = phase("run", "Do `pre`, run a command, do `post`; exit with the command's own code").arg(
        Arg::new("command")
            .value_name("COMMAND")
            .help("The command and its arguments, after `--`")
            .required(true)
            .num_args(1..)
            .trailing_var_arg(true)
            .value_parser(clap::value_parser!(OsString)),
    );
    let stats = phase("stats", "Print the report at any point of the job; the server goes on");
    let cache = Command::new("cache")
        .about("Restore, save and look at a bundle, without a server: for scripts and other hosts")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([
            phase("ls", "List the layers in force"),
            phase("restore", "Restore the bundle into the cache directory"),
            phase("save", "Save what is new in the cache directory as one layer"),
            phase("prune", "Remove the layers of a directory that no head needs, an hour old or older"),
            phase("inspect", "List the objects of a layer, the newest one if none is named").arg(
                Arg::new("layer").value_name("LAYER").help("The key of the layer, as `cache ls` shows it"),
            ),
        ]);
    let doctor = Command::new("doctor")
        .about("Check everything that the cache needs, the storage by a real write and read; change nothing")
        .arg(format_argument())
        .next_help_heading("Inputs")
        .args(input_arguments());
    let merge = Command::new("merge")
        .about("Join the reports of many jobs: a row a job, the worst first, and totals")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .help("Reports in JSON, as `report-file` writes them; one that cannot be read becomes a row that says so")
                .required(true)
                .num_args(1..)
                .value_parser(clap::value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("as")
                .long("format")
                .value_name("FORMAT")
                .value_parser(["text", "markdown", "json"])
                .default_value("text")
                .help("How the result is printed; on GitHub it also goes into the job summary"),
        );
    let report = Command::new("report").about("Work on reports").subcommand_required(true).subcommand(merge);
    let completions = Command::new("completions").about("Print a completion script").arg(
        Arg::new("for").value_name("SHELL").required(true).value_parser([
            "bash",
            "zsh",
            "fish",
            "powershell",
            "elvish",
        ]),
    );
    Command::new("sccache-step")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The compiler-cache step for any CI job: a private, supervised sccache server and a truthful report")
        .after_help(StyledStr::from(
            "Every input is also read from SCCACHE_STEP_<NAME>, and on GitHub from the action's inputs.\n\
             Exit codes: 0 fine; 1 failed under `fail-fast`, `stats` had no server, or `doctor` found a fault;\n\
             2 wrong usage or input; 128 + n stopped by signal n.\n\
             `run` exits with its command's code; its own failures are 125, 126 and 127.",
        ))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([pre, post, run, stats, doctor, report, cache, completions])
        .subcommand(
            Command::new("man")
                .about("Print a manual page")
                .arg(Arg::new("page").value_name("COMMAND").value_parser(["pre", "post", "run", "stats", "doctor"])),
        )
}

/// A flag for each input.
fn input_arguments() -> impl Iterator<Item = Arg> {
    TABLE.iter().map(|input| {
        let default = if input.default.is_empty() || input.default.starts_with("${{") {
            String::new()
        } else {
            format!(" [default: {}]", input.default)
        };
        let help = match input.kind {
            // A credential on the command line is visible to every process of the machine.
            Kind::Secret => {
                format!("{} (better given as a variable: arguments are visible to others)", input.help)
            }
            _ => format!("{}{default}", input.help),
        };
        let arg = Arg::new(input.name).long(input.name).value_name(value_name(input.kind)).help(help);
        match input.kind {
            // `--fail-fast` alone means yes; the value of `--fail-fast=false` cannot be mistaken for a command.
            Kind::Boolean => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
            _ => arg,
        }
    })
}

fn format_argument() -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(["text", "json"])
        .default_value("text")
        .help("How results are printed")
}

fn phase(name: &'static str, about: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Print what would be done, and do nothing"),
        )
        .arg(format_argument())
        .next_help_heading("Inputs")
        .args(input_arguments())
}

const fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Path => "PATH",
        Kind::Text => "TEXT",
        Kind::Secret => "SECRET",
        Kind::Boolean => "BOOL",
        Kind::Choice(_) => "NAME",
        Kind::List(_) => "LIST",
        Kind::Duration => "TIME",
        Kind::Bytes => "SIZE",
        Kind::Percent => "PERCENT",
        Kind::Number => "NUMBER",
        Kind::Url => "URL",
        Kind::Storages(_) => "STORAGE",
    }
}

/// Parses a command line.
///
/// # Errors
/// clap's own: wrong usage, or a request for help or version.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let (name, matches) = matches.subcommand().unwrap_or(("man", &matches));
    let phase = match name {
        "pre" => Phase::Pre,
        "post" => Phase::Post,
        "run" => Phase::Run(matches.get_many("command").unwrap_or_default().cloned().collect()),
        "stats" => Phase::Stats,
        "cache" => {
            let (action, matches) = matches.subcommand().unwrap_or(("ls", matches));
            let action = match action {
                "restore" => CacheAction::Restore,
                "save" => CacheAction::Save,
                "prune" => CacheAction::Prune,
                "inspect" => CacheAction::Inspect(matches.get_one::<String>("layer").cloned()),
                _ => CacheAction::List,
            };
            return Ok(read(Phase::Cache(action), matches));
        }
        "doctor" => Phase::Doctor,
        "report" => merge(matches),
        "completions" => Phase::Completions(matches.get_one::<String>("for").cloned().unwrap_or_default()),
        _ => Phase::Man(matches.try_get_one("page").ok().flatten().cloned()),
    };
    Ok(read(phase, matches))
}

fn merge(matches: &ArgMatches) -> Phase {
    let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
    Phase::Merge {
        files: matches.get_many("file").unwrap_or_default().cloned().collect(),
        format: matches.get_one::<String>("as").cloned().unwrap_or_default(),
    }
}

fn read(phase: Phase, matches: &ArgMatches) -> Arguments {
    let text = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    let flags = TABLE.iter().filter_map(|input| Some((input.name.to_owned(), text(input.name)?)));
    Arguments {
        phase,
        dry_run: matches.try_get_one::<bool>("dry-run").ok().flatten().copied().unwrap_or(false),
        format: if text("format").as_deref() == Some("json") {
            OutputFormat::Json
        } else {
            OutputFormat::Text
        },
        shell: text("shell"),
        flags: flags.collect(),
    }
}
