//! Who became somebody else by sudo or su, and who tried to.
//!
//! `commands`: what was run. `failed`: wrong passwords. sudo sums them up in one line, but only
//! where no right one followed; PAM tells of each at once. So both are read, and what both tell of
//! counts once (see [`attempts`]).

mod attempts;

use skep_lines::Facts;
use skep_lines::service::sudo;
use skep_lines::service::sudo::Event;
use skep_lines::service::sudo::Kind;

use self::attempts::Attempts;
use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::TableShape;
use crate::digest::tally::Tally;

const COMMANDS: usize = 0;
const FAILED: usize = 1;

const BY_USER: usize = 0;
const BY_TARGET: usize = 1;
const BY_COMMAND: usize = 2;

const SECTION_FAILED: usize = 0;
const SECTION_DENIED: usize = 1;
const SECTION_COMMANDS: usize = 2;

const TABLES: [TableShape; 3] = [
    TableShape {
        name: "by_user",
        field: "user.name",
        columns: ["count", "failed"],
    },
    TableShape {
        name: "by_user.effective.name",
        field: "user.effective.name",
        columns: ["count", ""],
    },
    TableShape {
        name: "by_process.command_line",
        field: "process.command_line",
        columns: ["count", ""],
    },
];

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Sudo::default())
}

#[derive(Default)]
struct Sudo {
    attempts: Attempts,
}

impl Rules for Sudo {
    fn shape(&self) -> Shape {
        Shape::new(
            &["commands", "failed"],
            &TABLES,
            &["failed", "denied", "commands"],
        )
    }

    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts> {
        sudo::event(seen.line.app, seen.line.body).map(|event| event.facts())
    }

    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally) {
        let Some(event) = sudo::event(seen.line.app, seen.line.body) else {
            return;
        };
        let n = u64::from(event.repeat);
        let (host, user) = (seen.line.host, event.user);
        let failed = self.attempts.see_all(host, user, event.kind, n);
        if failed > 0 {
            tally.totals[FAILED] += failed;
            tally.tables[BY_USER].add(event.user, [0, failed]);
            tally.sections[SECTION_FAILED].push(seen.place, seen.raw, failed);
        }
        match event.kind {
            Kind::Command => count_command(&event, seen, tally),
            Kind::Denied => tally.sections[SECTION_DENIED].push(seen.place, seen.raw, n),
            _ => {}
        }
    }

    fn headline(&self, tally: &Tally) -> String {
        let totals = &tally.totals;
        let mut text = format!(
            "{} commands, {} wrong passwords",
            totals[COMMANDS], totals[FAILED]
        );
        let denied = tally.sections[SECTION_DENIED].count;
        if denied > 0 {
            text.push_str(&format!(", {denied} denied"));
        }
        text
    }

    fn open(&self) -> serde_json::Value {
        self.attempts.save()
    }

    fn resume(&mut self, open: &serde_json::Value) {
        self.attempts = Attempts::load(open);
    }

    fn merge(&mut self, _tally: &mut Tally, later: &mut dyn Rules, later_tally: &mut Tally) {
        let later: &mut dyn std::any::Any = later;
        let Some(later) = later.downcast_mut::<Self>() else {
            return;
        };
        for (user, n) in self.attempts.merge(std::mem::take(&mut later.attempts)) {
            later_tally.totals[FAILED] -= n;
            later_tally.tables[BY_USER].subtract(&user, [0, n]);
        }
    }
}

fn count_command(event: &Event<'_>, seen: &Seen<'_>, tally: &mut Tally) {
    let n = u64::from(event.repeat);
    tally.totals[COMMANDS] += n;
    tally.tables[BY_USER].add(event.user, [n, 0]);
    for (table, key) in [(BY_TARGET, event.target), (BY_COMMAND, event.command)] {
        if !key.is_empty() {
            tally.tables[table].count(key, n);
        }
    }
    tally.sections[SECTION_COMMANDS].push(seen.place, seen.raw, n);
}

#[cfg(test)]
mod tests;
