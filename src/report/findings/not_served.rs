//! No server, a lost one, or one that did not answer.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::phrase::Phrase;
use crate::stats::Statistics;

pub(super) const RULE: Rule = Rule { ids: || vec!["no-server", "server-lost", "no-answer"], find };

fn find(report: &Report) -> Vec<Finding> {
    let problem = |id, what: &str, why: Phrase, remedy: &str| {
        vec![Finding { id, weight: Weight::Problem, what: what.into(), why, remedy: remedy.into() }]
    };
    match (&report.statistics, &report.failure) {
        (Statistics::NoServer, Some(failure)) => problem(
            "no-server",
            "no server could be started",
            Phrase::from("the reason: ").then_foreign(failure),
            "read what `pre` said in this job's log; `fail-fast` makes this an error",
        ),
        (Statistics::NoServer, None) => problem(
            "no-server",
            "no server was started",
            "`sccache-step pre` did not run in this job, or did not get that far".into(),
            "let the step run before the build",
        ),
        (Statistics::Lost { how, last }, _) => {
            let how = if how.is_empty() { "how is not known" } else { how };
            let why = Phrase::from("how it ended: ").then_foreign(how).then(match last {
                Some(_) => "; what came after the last sample is not counted",
                None => "; no statistics were seen before, so what it did is not known",
            });
            let remedy = "give the job more memory if it was killed; else see the end of the server's log";
            problem("server-lost", "the server was lost", why, remedy)
        }
        (Statistics::Unanswered { how, .. }, _) => problem(
            "no-answer",
            "the server did not tell what it did",
            Phrase::from("it was alive, and: ").then_foreign(how),
            "see the end of the server's log; another version of sccache in PATH cannot ask this server",
        ),
        (Statistics::Known { .. }, _) => Vec::new(),
    }
}
