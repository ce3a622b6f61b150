//! The variables that the job will see, and those that are left alone.

use std::path::Path;

use super::{Audience, OnFailure, Plan, Step};
use crate::environment::Environment;
use crate::inputs::{Inputs, Wrap};

/// The value of a variable for the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportValue {
    /// Known now.
    Text(String),
    /// The server's address; the variable's name depends on its kind, too.
    ServerAddress,
}

/// A variable for the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedVariable {
    /// Its name; for [`ExportValue::ServerAddress`] the one for the planned kind of address.
    pub name: String,
    /// Its value.
    pub value: ExportValue,
    /// Why the job gets it.
    pub reason: &'static str,
}

/// Seconds until a server that a client starts after a crash gives up; ours does not use it.
const CLIENT_SERVER_IDLE_SECS: &str = "60";

pub(super) fn push_exports(
    plan: &mut Plan,
    inputs: &Inputs,
    environment: &Environment,
    sccache: &Path,
    address_name: &str,
) {
    let program = sccache.to_string_lossy().into_owned();
    let state = environment.state_path.to_string_lossy().into_owned();
    let mut variables = vec![PlannedVariable {
        name: address_name.to_owned(),
        value: ExportValue::ServerAddress,
        reason: "where the server listens",
    }];
    let mut add = |name: &str, value: &str, reason| {
        let value = ExportValue::Text(value.to_owned());
        variables.push(PlannedVariable { name: name.to_owned(), value, reason });
    };
    add("SCCACHE_PATH", &program, "the same sccache for later steps");
    add("SCCACHE_STEP_STATE", &state, "the state file, for `stats` and `post`");
    add(
        "SCCACHE_IDLE_TIMEOUT",
        CLIENT_SERVER_IDLE_SECS,
        "bounds a server that a client starts after a crash",
    );
    if !inputs.fail_fast {
        add("SCCACHE_IGNORE_SERVER_IO_ERROR", "1", "compile locally when the server is lost");
    }
    if let Some(home) = &environment.home_substitute {
        add("HOME", &home.to_string_lossy(), "this user has no home, without which sccache panics");
    }
    let mut notices = Vec::new();
    for wrap in &inputs.wrap {
        match wrapped(*wrap, environment, &program) {
            Wrapping::Ours(wanted) => {
                wanted.into_iter().for_each(|(name, value, reason)| add(name, &value, reason))
            }
            Wrapping::Theirs { name, value } => {
                notices.push(format!("`{name}` is already `{value}` and is left alone"));
            }
        }
    }
    let reason = format!("input `wrap` is `{}`", wrap_names(&inputs.wrap));
    plan.notices.extend(notices);
    // A directory of ours holds sccache alone. Any other one, put first, would change which compilers and tools
    // the job finds.
    let directory = sccache.parent().filter(|directory| directory.starts_with(&environment.tool_cache));
    let path = directory.map(Path::to_owned);
    let audience = if plan.phase == "run" { Audience::Command } else { Audience::Job };
    plan.push(Step::Export { variables, path, audience }, reason, OnFailure::LeaveOutCache);
}

/// Whether a kind of compiler can be made to call sccache.
enum Wrapping {
    /// By these variables: name, value, reason.
    Ours(Vec<(&'static str, String, &'static str)>),
    /// No: the user set another wrapper.
    Theirs { name: &'static str, value: String },
}

fn wrapped(wrap: Wrap, environment: &Environment, program: &str) -> Wrapping {
    match wrap {
        Wrap::Rust => wrapped_rust(environment, program),
        Wrap::Cmake => {
            let names =
                ["CMAKE_C_COMPILER_LAUNCHER", "CMAKE_CXX_COMPILER_LAUNCHER", "CMAKE_CUDA_COMPILER_LAUNCHER"];
            match names.iter().find_map(|name| other_wrapper(environment, name)) {
                Some((name, value)) => Wrapping::Theirs { name, value },
                None => Wrapping::Ours(
                    names
                        .map(|name| (name, program.to_owned(), "CMake calls the compiler through sccache"))
                        .into(),
                ),
            }
        }
        Wrap::Cc => wrapped_cc(environment, program),
    }
}

fn wrapped_rust(environment: &Environment, program: &str) -> Wrapping {
    // Cargo reads its own variable only where the first one is not set, so either is the user's word.
    let names = ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"];
    if let Some((name, value)) = names.into_iter().find_map(|name| other_wrapper(environment, name)) {
        return Wrapping::Theirs { name, value };
    }
    let why_not_incremental = "sccache refuses incremental compilations";
    let mut wanted = vec![
        ("RUSTC_WRAPPER", program.to_owned(), "cargo calls rustc through sccache"),
        ("CARGO_INCREMENTAL", "0".to_owned(), why_not_incremental),
    ];
    if environment.variable("CARGO_BUILD_INCREMENTAL").is_some() {
        wanted.push(("CARGO_BUILD_INCREMENTAL", "0".to_owned(), why_not_incremental));
    }
    Wrapping::Ours(wanted)
}

fn wrapped_cc(environment: &Environment, program: &str) -> Wrapping {
    let mut wanted = Vec::new();
    for (name, default) in [("CC", "cc"), ("CXX", "c++")] {
        let compiler = environment.variable(name).unwrap_or(default);
        let first = first_word_stem(compiler);
        if ["ccache", "distcc", "icecc", "buildcache"].contains(&first.as_str()) {
            return Wrapping::Theirs { name, value: compiler.to_owned() };
        }
        let value = if first == "sccache" { compiler.to_owned() } else { format!("{program} {compiler}") };
        wanted.push((name, value, "make and configure call the compiler through sccache"));
    }
    Wrapping::Ours(wanted)
}

/// The variable, when it names a wrapper that is not sccache.
fn other_wrapper(environment: &Environment, name: &'static str) -> Option<(&'static str, String)> {
    let value = environment.variable(name).filter(|value| first_word_stem(value) != "sccache")?;
    Some((name, value.to_owned()))
}

/// The name of a command line's program, without directory and extension.
fn first_word_stem(command: &str) -> String {
    // A path to sccache may hold blanks, a command line begins with a word: one of the two is it.
    let stem = |text: &str| Path::new(text).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let whole = stem(command);
    if whole == "sccache" { whole } else { stem(command.split_whitespace().next().unwrap_or_default()) }
}

fn wrap_names(wraps: &[Wrap]) -> String {
    let names = wraps.iter().map(|wrap| match wrap {
        Wrap::Rust => "rust",
        Wrap::Cmake => "cmake",
        Wrap::Cc => "cc",
    });
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".into() } else { names.join(",") }
}
