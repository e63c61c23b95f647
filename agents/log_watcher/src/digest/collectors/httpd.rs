//! What a web server was asked for, by whom, and what went wrong.
//!
//! `errors` are error-log lines of level error and above. Status and requests come from access
//! logs; either kind of file may be missing.

use skep_lines::Facts;
use skep_lines::Line;
use skep_lines::Severity;
use skep_lines::service::httpd;
use skep_lines::service::httpd::Access;
use skep_lines::service::httpd::ErrorLine;
use skep_lines::service::httpd::Event;
use skep_lines::service::httpd::Located;

use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::TableShape;
use crate::digest::tally::Tally;
use crate::digest::traces::Attempt;

const REQUESTS: usize = 0;
const BYTES: usize = 1;
/// 2xx; 3xx, 4xx and 5xx follow.
const STATUS_2XX: usize = 2;
const STATUS_5XX: usize = 5;
const ERRORS: usize = 6;

/// Statuses have three digits.
const STATUSES: usize = 1_000;

const BY_SOURCE: usize = 0;
const BY_USER: usize = 1;
const BY_PATH: usize = 2;
const BY_STATUS: usize = 3;
const BY_HOST: usize = 4;

const SECTION_ERRORS: usize = 0;
const SECTION_WARNINGS: usize = 1;
const SECTION_5XX: usize = 2;

const TABLES: [TableShape; 5] = [
    TableShape {
        name: "by_source",
        field: "source.address",
        columns: ["count", "errors"],
    },
    TableShape {
        name: "by_user",
        field: "user.name",
        columns: ["count", ""],
    },
    TableShape {
        name: "by_url.path",
        field: "url.path",
        columns: ["count", ""],
    },
    TableShape {
        name: "by_http.response.status_code",
        field: "http.response.status_code",
        columns: ["count", ""],
    },
    TableShape {
        name: "by_server.address",
        field: "server.address",
        columns: ["count", ""],
    },
];

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Httpd {
        statuses: vec![0; STATUSES],
    })
}

struct Httpd {
    /// Answers by status.
    statuses: Vec<u64>,
}

impl Rules for Httpd {
    fn shape(&self) -> Shape {
        Shape::new(
            &[
                "requests",
                "bytes",
                "status_2xx",
                "status_3xx",
                "status_4xx",
                "status_5xx",
                "errors",
            ],
            &TABLES,
            &["errors", "warnings", "status_5xx"],
        )
    }

    fn locate<'a>(&self, line: &Line<'a>) -> Located<'a> {
        super::located_in_body(line)
    }

    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts> {
        httpd::event_at(seen.line.body, seen.at).map(|event| event.facts())
    }

    /// A module's message in the error log is also that module's.
    fn is_broad(&self) -> bool {
        true
    }

    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally) {
        match httpd::event_at(seen.line.body, seen.at) {
            Some(Event::Access(access)) => self.eat_access(seen, &access, tally),
            Some(Event::Error(error)) => eat_error(seen, &error, tally),
            None => {}
        }
    }

    fn flush(&mut self, tally: &mut Tally) {
        for (status, count) in self.statuses.iter_mut().enumerate() {
            let count = std::mem::take(count);
            if count > 0 {
                let key = format!("{status:03}");
                tally.tables[BY_STATUS].count(key.as_bytes(), count);
            }
        }
    }

    fn headline(&self, tally: &Tally) -> String {
        let totals = &tally.totals;
        let mut text = format!(
            "{} requests, {} bytes, {} answered 4xx, {} answered 5xx, {} errors logged",
            totals[REQUESTS],
            totals[BYTES],
            totals[STATUS_5XX - 1],
            totals[STATUS_5XX],
            totals[ERRORS]
        );
        text.push_str(&super::most_from(&tally.tables[BY_SOURCE]));
        text
    }
}

impl Httpd {
    fn eat_access(&mut self, seen: &Seen<'_>, access: &Access<'_>, tally: &mut Tally) {
        tally.totals[REQUESTS] += 1;
        tally.totals[BYTES] += access.bytes;
        let class = usize::from(access.status / 100);
        if (2..=5).contains(&class) {
            tally.totals[STATUS_2XX + class - 2] += 1;
        }
        if !access.source.is_empty() {
            tally.tables[BY_SOURCE].count(access.source, 1);
        }
        if !access.user.is_empty() {
            tally.tables[BY_USER].count(&access.user_name(), 1);
        }
        if !access.path.is_empty() {
            tally.tables[BY_PATH].count(&access.url_path(), 1);
        }
        if !access.vhost.is_empty() {
            tally.tables[BY_HOST].count(access.vhost, 1);
        }
        if let Some(count) = self.statuses.get_mut(usize::from(access.status)) {
            *count += 1;
        }
        if class == 4 {
            tally.tracks.attempt(Attempt {
                source: access.source,
                target: &access.url_path(),
                known: false,
                n: 1,
            });
        }
        if class == 5 {
            tally.sections[SECTION_5XX].push(seen.place, seen.raw, 1);
        }
    }
}

fn eat_error(seen: &Seen<'_>, error: &ErrorLine<'_>, tally: &mut Tally) {
    if error.severity >= Severity::ERROR {
        tally.totals[ERRORS] += 1;
        tally.sections[SECTION_ERRORS].push(seen.place, seen.raw, 1);
        if !error.source.is_empty() {
            tally.tables[BY_SOURCE].add(error.source, [0, 1]);
        }
    } else if error.severity >= Severity::WARN {
        tally.sections[SECTION_WARNINGS].push(seen.place, seen.raw, 1);
    }
}

#[cfg(test)]
mod tests;
