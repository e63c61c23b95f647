//! Any log: how many lines of each severity, by the words of the directive's `severity_rules`.
//!
//! A line that no word fits counts by what its prefix says of its severity, if it says so.

use skep_lines::Facts;
use skep_lines::Line;
use skep_lines::Severity;
use skep_lines::Stamp;
use skep_lines::service::httpd;
use skep_lines::service::httpd::Located;
use skep_lines::service::words::Words;

use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::TableShape;
use crate::digest::tally::Tally;

/// Lines of more levels than these are only counted, not shown.
const SECTIONS_MAX: usize = 8;

/// The level of a line that no rule fits.
const REST: &str = "info";

const BY_SERVICE: usize = 0;

const TABLES: [TableShape; 1] = [TableShape {
    name: "by_service.name",
    field: "service.name",
    columns: ["count", "info"],
}];

pub(super) fn start(settings: &Settings) -> Box<dyn Rules> {
    let rules = &settings.severity_rules.0;
    let words = Words::new(
        rules
            .iter()
            .map(|(level, words)| (level.as_str(), words.as_slice())),
    );
    Box::new(Generic::new(words))
}

struct Generic {
    words: Words,
    /// The names of the levels, in lower case.
    levels: Vec<String>,
    /// The position of [`REST`].
    rest: usize,
}

impl Generic {
    fn new(words: Words) -> Self {
        let mut levels: Vec<String> = words.names().map(str::to_ascii_lowercase).collect();
        let rest = levels
            .iter()
            .position(|level| level == REST)
            .unwrap_or(levels.len());
        if rest == levels.len() {
            levels.push(REST.to_owned());
        }
        Self {
            words,
            levels,
            rest,
        }
    }

    fn level(&mut self, seen: &Seen<'_>) -> usize {
        let by_words = self.words.level(seen.line.body);
        let by_prefix = || self.named(seen.line.severity?);
        by_words.or_else(by_prefix).unwrap_or(self.rest)
    }

    /// The level that a severity of syslog belongs to, by the default rules' names.
    fn named(&self, severity: Severity) -> Option<usize> {
        let name = match severity {
            severity if severity >= Severity::CRITICAL => "critical",
            severity if severity >= Severity::WARN => "warning",
            _ => return None,
        };
        self.levels.iter().position(|level| level == name)
    }
}

impl Rules for Generic {
    fn shape(&self) -> Shape {
        let n_sections = self.levels.len().min(SECTIONS_MAX);
        Shape {
            totals: self.levels.clone(),
            tables: TABLES.to_vec(),
            sections: self.levels[..n_sections].to_vec(),
        }
    }

    fn locate<'a>(&self, line: &Line<'a>) -> Located<'a> {
        match line.stamp {
            Stamp::None => httpd::locate(line.body),
            stamp => Located {
                stamp,
                at: usize::MAX,
            },
        }
    }

    fn explain(&mut self, seen: &Seen<'_>) -> Option<Facts> {
        let level = self.level(seen);
        let facts = Facts::new("generic.line", "a word of severity_rules, or the prefix");
        (level != self.rest).then(|| facts.text("log.level", &self.levels[level]))
    }

    fn is_broad(&self) -> bool {
        true
    }

    fn eat(&mut self, seen: &Seen<'_>, tally: &mut Tally) {
        let level = self.level(seen);
        tally.totals[level] += 1;
        if !seen.line.app.is_empty() {
            let counts = if level == self.rest { [0, 1] } else { [1, 0] };
            tally.tables[BY_SERVICE].add(seen.line.app, counts);
        }
        if level != self.rest
            && let Some(section) = tally.sections.get_mut(level)
        {
            section.push(seen.place, seen.raw, 1);
        }
    }

    fn headline(&self, tally: &Tally) -> String {
        let pairs = self.levels.iter().zip(&tally.totals);
        let counts: Vec<String> = pairs.map(|(level, n)| format!("{n} {level}")).collect();
        counts.join(", ")
    }
}

#[cfg(test)]
mod tests;
