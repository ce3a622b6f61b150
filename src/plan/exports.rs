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
    let mut notices = Vec::new();
    for wrap in &inputs.wrap {
        for (name, value, reason) in wrapper_variables(*wrap, environment, &program) {
            match environment.variable(name) {
                Some(other)
                    if other != value && !starts_with_program(other, &program) && *wrap != Wrap::Cc =>
                {
                    notices.push(format!("`{name}` is already `{other}` and is left alone"));
                }
                Some(other) if other == value => {}
                _ => add(name, &value, reason),
            }
        }
    }
    let reason = format!("input `wrap` is `{}`", wrap_names(&inputs.wrap));
    plan.notices.extend(notices);
    let path = sccache.parent().map(Path::to_owned);
    let audience = if plan.phase == "run" { Audience::Command } else { Audience::Job };
    plan.push(Step::Export { variables, path, audience }, reason, OnFailure::LeaveOutCache);
}

fn wrapper_variables(
    wrap: Wrap,
    environment: &Environment,
    program: &str,
) -> Vec<(&'static str, String, &'static str)> {
    match wrap {
        Wrap::Rust => vec![
            ("RUSTC_WRAPPER", program.to_owned(), "cargo calls rustc through sccache"),
            ("CARGO_INCREMENTAL", "0".into(), "incremental compilations cannot be cached"),
        ],
        Wrap::Cmake => {
            ["CMAKE_C_COMPILER_LAUNCHER", "CMAKE_CXX_COMPILER_LAUNCHER", "CMAKE_CUDA_COMPILER_LAUNCHER"]
                .map(|name| (name, program.to_owned(), "CMake calls the compiler through sccache"))
                .into()
        }
        Wrap::Cc => [("CC", "cc"), ("CXX", "c++")]
            .into_iter()
            .map(|(name, default)| {
                let compiler = environment.variable(name).unwrap_or(default);
                let value = if starts_with_program(compiler, program) {
                    compiler.to_owned()
                } else {
                    format!("{program} {compiler}")
                };
                (name, value, "make and configure call the compiler through sccache")
            })
            .collect(),
    }
}

/// Whether a command line begins with sccache already: our path, or any program of that name.
fn starts_with_program(command: &str, program: &str) -> bool {
    let first = command.split_whitespace().next().unwrap_or_default();
    command == program
        || command.starts_with(&format!("{program} "))
        || Path::new(first).file_stem() == Some("sccache".as_ref())
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
