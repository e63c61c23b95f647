//! Which requests ModSecurity stopped or warned of, from whom, and by which of its rules.
//!
//! Lines, not requests: a rule set that sums up its findings writes a line for each of them, and
//! one more where it blocks. The error log and the audit log say the same, so one of them is read.

use skep_lines::Facts;
use skep_lines::Line;
use skep_lines::service::httpd::Located;
use skep_lines::service::mod_security;

use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::TableShape;
use crate::digest::tally::Tally;

const BLOCKED: usize = 0;
const WARNINGS: usize = 1;

const BY_SOURCE: usize = 0;
const BY_RULE: usize = 1;
const BY_PATH: usize = 2;

const TABLES: [TableShape; 3] = [
    TableShape {
        name: "by_source",
        field: "source.address",
        columns: ["count", "warnings"],
    },
    TableShape {
        name: "by_rule.id",
        field: "rule.id",
        columns: ["count", "warnings"],
    },
    TableShape {
        name: "by_url.path",
        field: "url.path",
        columns: ["count", "warnings"],
    },
];

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(ModSecurity)
}

struct ModSecurity;

impl Rules for ModSecurity {
    fn shape(&self) -> Shape {
        let names = ["blocked", "warnings"];
        Shape::new(&names, &TABLES, &names)
    }

    fn locate<'a>(&self, line: &Line<'a>) -> Located<'a> {
        super::located_in_body(line)
    }

    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts> {
        mod_security::event(seen.line.body).map(|event| event.facts())
    }

    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally) {
        let Some(event) = mod_security::event(seen.line.body) else {
            return;
        };
        let (total, counts) = match event.is_blocked {
            true => (BLOCKED, [1, 0]),
            false => (WARNINGS, [0, 1]),
        };
        tally.totals[total] += 1;
        let keys = [
            (BY_SOURCE, event.source),
            (BY_RULE, event.rule),
            (BY_PATH, event.path),
        ];
        for (table, key) in keys {
            if !key.is_empty() {
                tally.tables[table].add(key, counts);
            }
        }
        tally.sections[total].push(seen.place, seen.raw, 1);
    }

    fn headline(&self, tally: &Tally) -> String {
        let [blocked, warnings] = [BLOCKED, WARNINGS].map(|total| tally.totals[total]);
        let mut text = format!("{blocked} blocked, {warnings} warnings");
        text.push_str(&super::most_from(&tally.tables[BY_SOURCE]));
        text
    }
}

#[cfg(test)]
mod tests;
