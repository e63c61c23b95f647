//! Which jobs cron ran, for whom, and what went wrong with them.

use skep_lines::Facts;
use skep_lines::service::cron;
use skep_lines::service::cron::Event;
use skep_lines::service::cron::Kind;

use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::TableShape;
use crate::digest::tally::Tally;

const RUNS: usize = 0;

const BY_USER: usize = 0;
const BY_COMMAND: usize = 1;

const FAILURES: usize = 0;
const CHANGES: usize = 1;

const TABLES: [TableShape; 2] = [
    TableShape {
        name: "by_user",
        field: "user.name",
        columns: ["count", "failures"],
    },
    TableShape {
        name: "by_process.command_line",
        field: "process.command_line",
        columns: ["count", ""],
    },
];

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Cron)
}

struct Cron;

fn event<'a>(seen: &Seen<'a>) -> Option<Event<'a>> {
    if !cron::is_cron(seen.line.app) {
        return None;
    }
    cron::event(seen.line.body)
}

impl Rules for Cron {
    fn shape(&self) -> Shape {
        // A job that ran as it should is no evidence of anything.
        Shape::new(&["runs"], &TABLES, &["failures", "changes"])
    }

    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts> {
        event(seen).map(|event| event.facts())
    }

    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally) {
        let Some(event) = event(seen) else {
            return;
        };
        let n = u64::from(event.repeat);
        match event.kind {
            Kind::Run => {
                tally.totals[RUNS] += n;
                tally.tables[BY_USER].add(event.user, [n, 0]);
                tally.tables[BY_COMMAND].count(event.text.trim_ascii(), n);
            }
            Kind::Failed => {
                if !event.user.is_empty() {
                    tally.tables[BY_USER].add(event.user, [0, n]);
                }
                tally.sections[FAILURES].push(seen.place, seen.raw, n);
            }
            Kind::Changed => tally.sections[CHANGES].push(seen.place, seen.raw, n),
        }
    }

    fn headline(&self, tally: &Tally) -> String {
        let mut text = format!("{} jobs run", tally.totals[RUNS]);
        let more = [(FAILURES, "failures"), (CHANGES, "changes of job tables")];
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
