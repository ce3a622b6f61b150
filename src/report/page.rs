//! What a report says, in order, before a surface dresses it.

use super::facts::{self, Fact};
use super::findings::{self, Finding};
use super::phrase::{Phrase, Table};
use super::timeline::Timeline;
use super::{Report, reasons, units, verdict};
use crate::error::Lines;
use crate::incident::Incident;

/// The parts of a report as Markdown and text show them.
pub(super) struct Page<'a> {
    /// The verdict: what a reader of one line takes away.
    pub(super) headline: Phrase,
    /// What is wrong or could be better, the gravest first.
    pub(super) findings: Vec<Finding>,
    /// A row a language.
    pub(super) languages: Option<Table>,
    /// Where the cache is and how full, in one line.
    pub(super) glance: Option<Phrase>,
    /// How many non-cacheable calls there were, and the reasons.
    pub(super) reasons: Option<(String, Table)>,
    /// The job's course.
    pub(super) timeline: Option<Timeline>,
    /// Who missed: what each table is about, and the table.
    pub(super) units: Vec<(String, Table)>,
    /// Everything else.
    pub(super) facts: Vec<Fact>,
    /// How the time saved was estimated, or why it was not.
    pub(super) estimate: Option<Vec<String>>,
    /// What befell the server; words we did not write.
    pub(super) incidents: &'a [Incident],
    /// Troubles of this phase; their words may hold some that we did not write.
    pub(super) troubles: &'a [Lines],
}

impl<'a> Page<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let stats = report.statistics.stats();
        let workspace = report.job.as_ref().map_or("", |job| job.workspace.as_str());
        Self {
            headline: verdict::headline(report),
            findings: findings::find(report),
            languages: stats.and_then(facts::languages),
            glance: facts::glance(report),
            reasons: stats.and_then(|stats| reasons::summary(stats).zip(reasons::table(stats))),
            timeline: Timeline::of(&report.samples),
            units: report.units.as_ref().map(|of| units::tables(of, workspace)).unwrap_or_default(),
            facts: facts::facts(report),
            estimate: stats.and_then(|stats| facts::estimate(report.saved.as_ref(), stats)),
            incidents: &report.incidents,
            troubles: &report.troubles,
        }
    }
}
