//! What fail2ban found, whom it banned, and whether its bans are in force.
//!
//! `found` are lines of watched logs that count against someone, once for each jail; `bans` are new
//! ones: a ban restored after a start, told again or made longer is none. Unbans at shutdown are
//! unbans.

use skep_lines::Facts;
use skep_lines::service::fail2ban;
use skep_lines::service::fail2ban::Kind;

use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::TableShape;
use crate::digest::tally::Tally;

const FOUND: usize = 0;
const BANS: usize = 1;
const UNBANS: usize = 2;

const BY_SOURCE: usize = 0;
const BY_JAIL: usize = 1;

const SECTION_BANS: usize = 0;
const SECTION_RESTORED: usize = 1;
const SECTION_UNBANS: usize = 2;
const SECTION_TROUBLE: usize = 3;

const TABLES: [TableShape; 2] = [
    TableShape {
        name: "by_source",
        field: "source.address",
        columns: ["count", "bans"],
    },
    TableShape {
        name: "by_fail2ban.jail",
        field: "fail2ban.jail",
        columns: ["count", "bans"],
    },
];

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Fail2ban)
}

struct Fail2ban;

impl Rules for Fail2ban {
    fn shape(&self) -> Shape {
        Shape::new(
            &["found", "bans", "unbans"],
            &TABLES,
            &["bans", "restored", "unbans", "trouble"],
        )
    }

    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts> {
        fail2ban::event(&seen.line).map(|event| event.facts())
    }

    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally) {
        let Some(event) = fail2ban::event(&seen.line) else {
            return;
        };
        let (counts, section) = match event.kind {
            Kind::Found => {
                tally.totals[FOUND] += 1;
                ([1, 0], None)
            }
            Kind::Banned => {
                tally.totals[BANS] += 1;
                ([0, 1], Some(SECTION_BANS))
            }
            Kind::Unbanned => {
                tally.totals[UNBANS] += 1;
                ([0, 0], Some(SECTION_UNBANS))
            }
            Kind::Restored => ([0, 0], Some(SECTION_RESTORED)),
            Kind::Trouble => ([0, 0], Some(SECTION_TROUBLE)),
            _ => return,
        };
        if counts != [0, 0] {
            tally.tables[BY_SOURCE].add(event.target, counts);
            tally.tables[BY_JAIL].add(event.jail, counts);
        }
        if let Some(section) = section {
            tally.sections[section].push(seen.place, seen.raw, 1);
        }
    }

    fn headline(&self, tally: &Tally) -> String {
        let totals = &tally.totals;
        let mut text = format!(
            "{} found, {} banned, {} unbanned",
            totals[FOUND], totals[BANS], totals[UNBANS]
        );
        let restored = tally.sections[SECTION_RESTORED].count;
        if restored > 0 {
            text.push_str(&format!(", {restored} bans restored"));
        }
        text.push_str(&super::most_from(&tally.tables[BY_SOURCE]));
        let trouble = tally.sections[SECTION_TROUBLE].count;
        if trouble > 0 {
            text.push_str(&format!("; {trouble} errors: bans may not be in force"));
        }
        text
    }
}

#[cfg(test)]
mod tests;
