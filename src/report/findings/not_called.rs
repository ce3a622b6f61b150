//! The server ran, and nobody called it: why, as far as it shows from outside the build.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::phrase::Phrase;
use crate::stats::Statistics;

pub(super) const RULE: Rule = Rule {
    ids: || vec!["wrapper-not-set", "wrapper-overridden", "build-directory-cached", "wrapper-not-called"],
    find,
};

fn find(report: &Report) -> Vec<Finding> {
    match &report.statistics {
        Statistics::Known { stats } if stats.is_empty() => vec![reason(report)],
        _ => Vec::new(),
    }
}

/// The first reason that holds. Only one is told: with the wrapper not set, old results do not matter.
fn reason(report: &Report) -> Finding {
    let problem = |id, what: &str, why: Phrase, remedy: &str| Finding {
        id,
        weight: Weight::Problem,
        what: what.into(),
        why,
        remedy: remedy.into(),
    };
    let Some(clues) = &report.clues else { return unexplained() };
    if let Some(replaced) = &clues.replaced {
        let now = match replaced.value.as_deref().filter(|value| !value.is_empty()) {
            Some(value) => Phrase::from(" is now ").then_foreign(value),
            None => " is no longer set".into(),
        };
        return problem(
            "wrapper-overridden",
            "the wrapper was overridden",
            Phrase::from("the step set `").then(&replaced.name).then("` to sccache, and it").and(&now),
            "let the build leave that variable alone, or let it name sccache",
        );
    }
    if clues.wrappers.is_empty() {
        let (why, remedy) = match &clues.cargo_wrapper {
            Some(wrapper) => (
                Phrase::foreign(&wrapper.file)
                    .then(" makes Cargo call ")
                    .then_foreign(&wrapper.program)
                    .then(", and the step set no wrapper"),
                "leave `rustc-wrapper` out of that file, or let it name sccache",
            ),
            None => (
                "neither the step nor the job's own variables name sccache, so compilers run without it"
                    .into(),
                "set `wrap` to what the build uses: `rust`, `cmake`, `cc`",
            ),
        };
        let id = if clues.cargo_wrapper.is_some() { "wrapper-overridden" } else { "wrapper-not-set" };
        let what =
            if clues.cargo_wrapper.is_some() { "the wrapper was overridden" } else { "no wrapper was set" };
        return problem(id, what, why, remedy);
    }
    if let Some(directory) = &clues.old_build {
        return problem(
            "build-directory-cached",
            "nothing was left to compile",
            Phrase::foreign(directory)
                .then(" holds results that are older than this job, and nothing in it was compiled anew"),
            "cache either the build directory or the compiler's results: the second is smaller and never stale",
        );
    }
    unexplained()
}

fn unexplained() -> Finding {
    Finding {
        id: "wrapper-not-called",
        weight: Weight::Problem,
        what: "no compiler was called through sccache".into(),
        why: "the wrapper variables are set, so the build ignores them, runs in a container or as another user that \
              has neither the variables nor the socket, or had nothing to compile"
            .into(),
        remedy: "run sccache-step where the compilers run: inside the container, around the same command".into(),
    }
}
