//! What a collector counts: totals, tables and evidence, all by position.

use super::evidence::Evidence;
use super::evidence::Place;
use super::hours::Hours;
use super::table::COLUMNS_MAX;
use super::table::Table;
use super::traces::Tracks;

/// What the rules of a service count, and under which names it is reported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shape {
    pub(super) totals: Vec<String>,
    pub(super) tables: Vec<TableShape>,
    pub(super) sections: Vec<String>,
}

/// A table's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TableShape {
    /// Like `by_source`; empty for a table that only the rules look at.
    pub(super) name: &'static str,
    /// The field of its keys.
    pub(super) field: &'static str,
    /// What it counts; empty names are not shown.
    pub(super) columns: [&'static str; COLUMNS_MAX],
}

impl TableShape {
    pub(super) const fn new(
        name: &'static str,
        field: &'static str,
        columns: [&'static str; COLUMNS_MAX],
    ) -> Self {
        Self {
            name,
            field,
            columns,
        }
    }
}

impl Shape {
    pub(super) fn new(totals: &[&str], tables: &[TableShape], sections: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            totals: owned(totals),
            tables: tables.to_vec(),
            sections: owned(sections),
        }
    }
}

/// The counts of a shape.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) totals: Vec<u64>,
    pub(super) tables: Vec<Table>,
    pub(super) sections: Vec<Evidence>,
    pub(super) hours: Hours,
    pub(super) tracks: Tracks,
}

impl Tally {
    pub(super) fn of(shape: &Shape) -> Self {
        Self {
            totals: vec![0; shape.totals.len()],
            tables: vec![Table::default(); shape.tables.len()],
            sections: vec![Evidence::default(); shape.sections.len()],
            hours: Hours::default(),
            tracks: Tracks::default(),
        }
    }

    /// A line follows: what is counted from now on counts in its hour.
    #[inline]
    pub(super) fn turn(&mut self, unix_ns: Option<i64>) {
        if let Some(unix_ns) = unix_ns {
            self.tracks.hour = self.hours.turn(unix_ns, &self.totals);
        }
        self.hours.line();
    }

    /// Adds the counts of later lines; `moved` says where their places are here.
    pub(super) fn merge(&mut self, mut later: Self, moved: impl Fn(Place) -> Place) {
        later.hours.close(&later.totals);
        self.hours.merge(later.hours, &self.totals);
        self.tracks.merge(later.tracks);
        for (total, n) in self.totals.iter_mut().zip(later.totals) {
            *total += n;
        }
        for (table, theirs) in self.tables.iter_mut().zip(later.tables) {
            table.merge(theirs);
        }
        for (evidence, theirs) in self.sections.iter_mut().zip(&later.sections) {
            evidence.merge(theirs, &moved);
        }
    }
}
