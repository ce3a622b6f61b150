//! Who missed: the slowest units, the crates and directories they belong to, and what was compiled twice.

use super::figures::{count, counted, time};
use super::phrase::{Align, Phrase, Table};
use crate::stats::Units;

/// The tables, each under what it is about. None without a miss in the log.
pub(super) fn tables(units: &Units, workspace: &str) -> Vec<(String, Table)> {
    let place = |name: &str| place(name, workspace);
    let mut tables = Vec::new();
    let cut = if units.is_cut { "; there were more units than are told apart" } else { "" };
    if !units.slowest.is_empty() {
        let rows = units.slowest.iter().map(|unit| {
            vec![Phrase::foreign(&unit.name), place(&unit.place), time(unit.compile_secs).into()]
        });
        let columns =
            vec![("Unit", Align::Left), ("Crate or directory", Align::Left), ("Compile time", Align::Right)];
        let summary = format!(
            "Slowest misses, of {} compiled in {}",
            counted(units.misses, "miss"),
            time(units.compile_secs)
        );
        tables.push((summary, Table { columns, rows: rows.collect(), total: None }));
    }
    if !units.places.is_empty() {
        let rows = units.places.iter().map(|group| {
            let [hits, misses] = [group.hits, group.misses].map(|number| Phrase::from(count(number)));
            vec![place(&group.name), misses, hits, time(group.compile_secs).into()]
        });
        let columns = vec![
            ("Crate or directory", Align::Left),
            ("Misses", Align::Right),
            ("Hits", Align::Right),
            ("Compile time of misses", Align::Right),
        ];
        tables.push((
            format!("Where the misses are{cut}"),
            Table { columns, rows: rows.collect(), total: None },
        ));
    }
    if !units.repeated.is_empty() {
        let rows = units
            .repeated
            .iter()
            .map(|unit| vec![Phrase::foreign(&unit.name), place(&unit.place), count(unit.times).into()]);
        let columns =
            vec![("Unit", Align::Left), ("Crate or directory", Align::Left), ("Compilations", Align::Right)];
        tables.push((
            format!("Compiled more than once with the same key{cut}"),
            Table { columns, rows: rows.collect(), total: None },
        ));
    }
    tables
}

/// A crate, or a directory as seen from the checkout.
fn place(name: &str, workspace: &str) -> Phrase {
    let inside = name.strip_prefix(workspace).filter(|_| !workspace.is_empty());
    match inside.and_then(|inside| inside.strip_prefix('/')) {
        Some(inside) => Phrase::foreign(inside),
        None if inside == Some("") || name == "." => "the checkout itself".into(),
        None if name.is_empty() => "not known".into(),
        None => Phrase::foreign(name),
    }
}
