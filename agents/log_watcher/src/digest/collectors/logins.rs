//! Refused logins of programs that have no collector of their own: FTP servers, dropbear, the
//! console, and whatever asks PAM.

use skep_lines::Facts;
use skep_lines::Line;
use skep_lines::Stamp;
use skep_lines::service::httpd::Located;
use skep_lines::service::logins;
use skep_lines::service::logins::Kind;

use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::TableShape;
use crate::digest::tally::Tally;

const FAILED: usize = 0;

const BY_SOURCE: usize = 0;
const BY_USER: usize = 1;
const BY_SERVICE: usize = 2;

const TABLES: [TableShape; 3] = [
    TableShape {
        name: "by_source",
        field: "source.address",
        columns: ["count", ""],
    },
    TableShape {
        name: "by_user",
        field: "user.name",
        columns: ["count", ""],
    },
    TableShape {
        name: "by_service.name",
        field: "service.name",
        columns: ["count", ""],
    },
];

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Logins)
}

struct Logins;

impl Rules for Logins {
    fn shape(&self) -> Shape {
        Shape::new(&["failed"], &TABLES, &["failed"])
    }

    fn locate<'a>(&self, line: &Line<'a>) -> Located<'a> {
        let stamp = match line.stamp {
            Stamp::None => logins::locate(line.body),
            stamp => stamp,
        };
        Located {
            stamp,
            at: usize::MAX,
        }
    }

    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts> {
        logins::event(seen.line.app, seen.line.body).map(|event| event.facts())
    }

    /// A program that asks PAM may have a collector of its own.
    fn is_broad(&self) -> bool {
        true
    }

    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally) {
        let event = logins::event(seen.line.app, seen.line.body);
        let Some(event) = event.filter(|event| event.kind == Kind::Failed) else {
            return;
        };
        let n = u64::from(event.repeat);
        tally.totals[FAILED] += n;
        let keys = [
            (BY_SOURCE, event.source),
            (BY_USER, event.user),
            (BY_SERVICE, seen.line.app),
        ];
        for (table, key) in keys {
            if !key.is_empty() {
                tally.tables[table].count(key, n);
            }
        }
        tally.sections[FAILED].push(seen.place, seen.raw, n);
    }

    fn headline(&self, tally: &Tally) -> String {
        let mut text = format!("{} logins refused", tally.totals[FAILED]);
        text.push_str(&super::most_from(&tally.tables[BY_SOURCE]));
        text
    }
}

#[cfg(test)]
mod tests;
