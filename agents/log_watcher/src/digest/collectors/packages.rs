//! Which packages came, changed and went.
//!
//! dpkg and apt both write of a change, each in a file of its own. A change is the same if kind,
//! package and version are: of each, as many are counted as the one wrote that wrote more.

mod changes;

use skep_lines::Facts;
use skep_lines::Line;
use skep_lines::Stamp;
use skep_lines::service::httpd::Located;
use skep_lines::service::packages;
use skep_lines::service::packages::Change;
use skep_lines::service::packages::Event;
use skep_lines::service::packages::Kind;

use self::changes::Changes;
use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::TableShape;
use crate::digest::tally::Tally;

const BY_USER: usize = 0;
const BY_PACKAGE: usize = 1;

const TABLES: [TableShape; 2] = [
    TableShape {
        name: "by_user",
        field: "user.name",
        columns: ["count", ""],
    },
    TableShape {
        name: "by_package.name",
        field: "package.name",
        columns: ["count", ""],
    },
];

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Packages::default())
}

#[derive(Default)]
struct Packages {
    changes: Changes,
}

/// The total and the section of a kind of change.
fn total(kind: Kind) -> usize {
    match kind {
        Kind::Installed => 0,
        Kind::Upgraded => 1,
        Kind::Removed => 2,
    }
}

impl Rules for Packages {
    fn shape(&self) -> Shape {
        let names = ["installed", "upgraded", "removed"];
        Shape::new(&names, &TABLES, &names)
    }

    fn locate<'a>(&self, line: &Line<'a>) -> Located<'a> {
        let stamp = match line.stamp {
            Stamp::None => packages::locate(line.body),
            stamp => stamp,
        };
        Located {
            stamp,
            at: usize::MAX,
        }
    }

    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts> {
        packages::event(seen.raw).map(|event| event.facts())
    }

    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally) {
        let (n, kind) = match packages::event(seen.raw) {
            Some(Event::Change(change)) => (self.change(&change, tally), change.kind),
            Some(Event::List(list)) => {
                let n = list.changes().map(|change| self.change(&change, tally));
                (n.sum(), list.kind)
            }
            Some(Event::RequestedBy(user)) => {
                tally.tables[BY_USER].count(user, 1);
                return;
            }
            None => return,
        };
        if n > 0 {
            tally.sections[total(kind)].push(seen.place, seen.raw, n);
        }
    }

    fn headline(&self, tally: &Tally) -> String {
        let totals = &tally.totals;
        format!(
            "{} installed, {} upgraded, {} removed",
            totals[0], totals[1], totals[2]
        )
    }

    fn open(&self) -> serde_json::Value {
        self.changes.save()
    }

    fn resume(&mut self, open: &serde_json::Value) {
        self.changes = Changes::load(open);
    }

    fn merge(&mut self, _tally: &mut Tally, later: &mut dyn Rules, later_tally: &mut Tally) {
        let later: &mut dyn std::any::Any = later;
        let Some(later) = later.downcast_mut::<Self>() else {
            return;
        };
        let twice = self.changes.merge(std::mem::take(&mut later.changes));
        for (kind, package, n) in twice {
            later_tally.totals[total(kind)] -= n;
            later_tally.tables[BY_PACKAGE].subtract(&package, [n, 0]);
        }
    }
}

impl Packages {
    /// Counts a change unless the other writer told of it.
    fn change(&mut self, change: &Change<'_>, tally: &mut Tally) -> u64 {
        let n = self.changes.see(change);
        if n > 0 {
            tally.totals[total(change.kind)] += n;
            tally.tables[BY_PACKAGE].count(change.name(), n);
        }
        n
    }
}

#[cfg(test)]
mod tests;
