//! Units that failed, and processes the kernel ended.

use skep_lines::Facts;
use skep_lines::service::systemd;
use skep_lines::service::systemd::Kind;

use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::TableShape;
use crate::digest::tally::Tally;

const UNITS_FAILED: usize = 0;
const OOM_KILLS: usize = 1;
const SEGFAULTS: usize = 2;

const BY_UNIT: usize = 0;
const BY_PROCESS: usize = 1;

const TABLES: [TableShape; 2] = [
    TableShape {
        name: "by_systemd.unit",
        field: "systemd.unit",
        columns: ["count", "restarts"],
    },
    TableShape {
        name: "by_process.executable.name",
        field: "process.executable.name",
        columns: ["count", ""],
    },
];

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Systemd)
}

struct Systemd;

impl Rules for Systemd {
    fn shape(&self) -> Shape {
        Shape::new(
            &["units_failed", "oom_kills", "segfaults"],
            &TABLES,
            // In the order of the kinds below.
            &[
                "units_failed",
                "oom_kills",
                "segfaults",
                "restarts",
                "disk_errors",
            ],
        )
    }

    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts> {
        systemd::event(seen.line.app, seen.line.body).map(|event| event.facts())
    }

    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally) {
        let Some(event) = systemd::event(seen.line.app, seen.line.body) else {
            return;
        };
        let section = match event.kind {
            Kind::UnitFailed => {
                tally.totals[UNITS_FAILED] += 1;
                tally.tables[BY_UNIT].add(event.subject, [1, 0]);
                tally.tracks.unit(event.subject);
                0
            }
            Kind::OomKill => {
                tally.totals[OOM_KILLS] += 1;
                tally.tables[BY_PROCESS].count(event.subject, 1);
                1
            }
            Kind::Segfault => {
                tally.totals[SEGFAULTS] += 1;
                tally.tables[BY_PROCESS].count(event.subject, 1);
                2
            }
            Kind::Restart => {
                tally.tables[BY_UNIT].add(event.subject, [0, 1]);
                tally.tracks.unit(event.subject);
                3
            }
            Kind::DiskError => 4,
        };
        tally.sections[section].push(seen.place, seen.raw, 1);
    }

    fn headline(&self, tally: &Tally) -> String {
        let totals = &tally.totals;
        let mut text = format!(
            "{} units failed, {} killed for want of memory, {} segfaults",
            totals[UNITS_FAILED], totals[OOM_KILLS], totals[SEGFAULTS]
        );
        let more = [(3, "restarts"), (4, "disk errors")];
        for (section, what) in more {
            let count = tally.sections[section].count;
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests;
