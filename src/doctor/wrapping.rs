//! Whether the compilers of this job call sccache, and whether sccache may cache what they do.

use super::Check;
use crate::environment::{Environment, SavedState};
use crate::inputs::{Inputs, Wrap};
use crate::observe::clues;

/// The variables of each wrapper.
const fn variables_of(wrap: Wrap) -> &'static [&'static str] {
    match wrap {
        Wrap::Rust => &["RUSTC_WRAPPER"],
        Wrap::Cmake => &["CMAKE_C_COMPILER_LAUNCHER", "CMAKE_CXX_COMPILER_LAUNCHER"],
        Wrap::Cc => &["CC", "CXX"],
    }
}

/// One check for each kind of wrapper that is wanted.
pub(super) fn wrappers(inputs: &Inputs, environment: &Environment) -> Vec<Check> {
    let mut checks: Vec<Check> = inputs.wrap.iter().map(|wrap| wrapper(*wrap, environment)).collect();
    let (exported, began_unix_ms) = match &environment.saved {
        SavedState::Present { state, is_live: true } => (state.exported.clone(), state.began_unix_ms),
        _ => (Vec::new(), environment.now_unix_ms),
    };
    let clues = clues(environment, &exported, began_unix_ms);
    if let Some(replaced) = clues.replaced {
        let looked_at = format!("`{}`, which `pre` exported", replaced.name);
        let says = match &replaced.value {
            Some(value) => format!("it is `{value}` now, so sccache is not called"),
            None => "it is gone, so sccache is not called".into(),
        };
        let check = Check::fault("override", looked_at, says);
        checks.push(check.remedy(format!("do not set `{}` after `pre`", replaced.name)));
    }
    if let Some(found) = clues.cargo_wrapper {
        let says = format!("it names `{}` as rustc-wrapper", found.program);
        let check = Check::warning("cargo configuration", format!("`{}`", found.file), says);
        // Cargo reads the variable first, so ours wins where it reaches.
        checks.push(check.remedy(
            "RUSTC_WRAPPER, which `pre` exports, goes before it; where it does not reach cargo, sccache is not called",
        ));
    }
    checks
}

fn wrapper(wrap: Wrap, environment: &Environment) -> Check {
    let names = variables_of(wrap);
    let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let name = "wrapper";
    let set: Vec<(&str, &str)> =
        names.iter().filter_map(|name| Some((*name, environment.variable(name)?))).collect();
    let other = set.iter().find(|(_, value)| !value.contains("sccache"));
    match (other, set.is_empty()) {
        // CC without sccache is a compiler, and `pre` puts sccache in front of it.
        (Some(_), _) if wrap == Wrap::Cc => {
            Check::good(name, listed, "a compiler is named; `pre` puts sccache in front of it")
        }
        (Some((variable, value)), _) => {
            Check::warning(name, listed, format!("`{variable}` is `{value}`, so sccache is not called"))
                .remedy(format!("unset `{variable}` if sccache is to be used"))
        }
        (None, true) => Check::good(name, listed, "not set; `pre` sets them"),
        (None, false) => Check::good(name, listed, "they call sccache"),
    }
}

/// sccache refuses incremental compilations; before 0.11 it then refuses everything.
pub(super) fn incremental(inputs: &Inputs, environment: &Environment) -> Check {
    let names = ["CARGO_INCREMENTAL", "CARGO_BUILD_INCREMENTAL"];
    let listed = names.map(|name| format!("`{name}`")).join(", ");
    let is_on =
        |name: &&str| environment.variable(name).is_some_and(|value| value != "0" && value != "false");
    let name = "incremental compilation";
    match names.into_iter().find(is_on) {
        None => Check::good(name, listed, "not turned on by a variable"),
        Some(variable) if inputs.wrap.contains(&Wrap::Rust) => {
            Check::good(name, listed, format!("`{variable}` is set; `pre` turns it off"))
        }
        Some(variable) => {
            Check::fault(name, listed, format!("`{variable}` is set, and sccache refuses that"))
                .remedy(format!("unset `{variable}`, or have `rust` in `wrap`"))
        }
    }
}
