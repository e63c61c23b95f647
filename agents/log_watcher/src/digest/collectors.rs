//! The registry of what services' lines mean. A new collector is a file here and a line below.

mod cron;
mod dovecot;
mod fail2ban;
mod generic;
mod httpd;
mod kernel;
mod logins;
mod mod_security;
mod packages;
mod postfix;
mod sshd;
mod sudo;
mod systemd;

use std::any::Any;

use skep_lines::Facts;
use skep_lines::Line;
use skep_lines::Stamp;
use skep_lines::service::httpd as httpd_lines;
use skep_lines::service::httpd::Located;

use super::evidence::Place;
use super::settings::Settings;
use super::table::Table;
use super::tally::Shape;
use super::tally::Tally;

type Start = fn(&Settings) -> Box<dyn Rules>;

/// Every collector, sorted by name.
const COLLECTORS: &[(&str, Start)] = &[
    ("cron", cron::start),
    ("dovecot", dovecot::start),
    ("fail2ban", fail2ban::start),
    ("generic", generic::start),
    ("httpd", httpd::start),
    ("kernel", kernel::start),
    ("logins", logins::start),
    ("mod_security", mod_security::start),
    ("packages", packages::start),
    ("postfix", postfix::start),
    ("sshd", sshd::start),
    ("sudo", sudo::start),
    ("systemd", systemd::start),
];

/// The names of all collectors.
pub const NAMES: [&str; COLLECTORS.len()] = {
    let mut names = [""; COLLECTORS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = COLLECTORS[at].0;
        at += 1;
    }
    names
};

/// Whether a collector has rules of its own; any other name runs as `generic`.
#[must_use]
pub fn is_known(name: &str) -> bool {
    COLLECTORS.iter().any(|(known, _)| *known == name)
}

/// The rules of a collector.
pub(super) fn start(name: &str, settings: &Settings) -> Box<dyn Rules> {
    let start = COLLECTORS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, start)| start);
    start.map_or_else(|| generic::start(settings), |start| start(settings))
}

/// A line on its way through the rules.
pub(super) struct Seen<'a> {
    /// The whole line, to be kept as evidence.
    pub(super) raw: &'a [u8],
    pub(super) line: Line<'a>,
    /// Where the rules located its stamp.
    pub(super) at: usize,
    /// When, if it is known.
    pub(super) unix_ns: Option<i64>,
    pub(super) place: Place,
}

/// What lines of a service mean.
pub(super) trait Rules: Send + Any {
    /// What is counted.
    fn shape(&self) -> Shape;

    /// The stamp of a line, where the prefix does not hold it.
    fn locate<'a>(&self, line: &Line<'a>) -> Located<'a> {
        Located {
            stamp: line.stamp,
            at: usize::MAX,
        }
    }

    /// What a line says; none where it is no event of this service.
    ///
    /// It asks the parser that [`Rules::eat`] asks, so that what is explained is what is counted.
    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts>;

    /// Whether it takes lines that another collector may know better: such a one is asked last.
    fn is_broad(&self) -> bool {
        false
    }

    /// Counts a line.
    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally);

    /// The totals in a sentence.
    fn headline(&self, tally: &Tally) -> String;

    /// Moves what the rules count by themselves, because it is quicker, into the tally.
    fn flush(&mut self, _tally: &mut Tally) {}

    /// Counts what was held back until it is known how it ends.
    fn settle(&mut self, _tally: &mut Tally) {}

    /// What is held back, for a checkpoint; null if nothing.
    fn open(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Goes on with what an earlier collector held back.
    fn resume(&mut self, _open: &serde_json::Value) {}

    /// Joins what later lines held back, before the tallies are merged.
    fn merge(&mut self, _tally: &mut Tally, _later: &mut dyn Rules, _later_tally: &mut Tally) {}
}

/// The stamp of a line whose writer is a web server, in the body or in front of it.
fn located_in_body<'a>(line: &Line<'a>) -> Located<'a> {
    let located = httpd_lines::locate(line.body);
    match located.stamp {
        Stamp::None => Located {
            stamp: line.stamp,
            ..located
        },
        _ => located,
    }
}

/// Where most came from, to end a headline.
fn most_from(by_source: &Table) -> String {
    let top = by_source.top(1);
    let Some((source, row)) = top.first() else {
        return String::new();
    };
    let source = String::from_utf8_lossy(source);
    match by_source.len() {
        1 => format!("; all from {source}"),
        n => format!(
            "; from {n} sources, most from {source} ({})",
            row.counts[0].max(row.counts[1])
        ),
    }
}
