//! One line at a time: which event it is, for which collector, and what it says.

use skep_lines::Clock;
use skep_lines::Facts;
use skep_lines::Line;
use skep_lines::Record;
use skep_lines::Splitter;

use super::collectors;
use super::collectors::Rules;
use super::collectors::Seen;
use super::evidence::Place;
use super::settings::Settings;

/// The collector that fits any line, so it is asked only by name.
const ANY: &str = "generic";

/// Explains lines, with the parsers that count them.
pub struct Explainer {
    /// Who is asked, in this order.
    asked: Vec<(&'static str, Box<dyn Rules>)>,
    /// The collector that was named.
    named: Option<&'static str>,
    clock: Clock,
    splitter: Splitter,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The line as a record, with the attributes of its event.
    pub record: Record,
    /// The collector that knows the event, or the one that was named.
    pub collector: Option<&'static str>,
    /// The event; none where the line is none.
    pub facts: Option<Facts>,
}

impl Explainer {
    /// An explainer that asks one collector, or whichever knows a line; none where there is no
    /// collector of that name.
    #[must_use]
    pub fn new(settings: &Settings, named: Option<&str>) -> Option<Self> {
        let is_asked = |name: &str| named.map_or(name != ANY, |named| named == name);
        let mut asked: Vec<(&'static str, Box<dyn Rules>)> = collectors::NAMES
            .into_iter()
            .filter(|name| is_asked(name))
            .map(|name| (name, collectors::start(name, settings)))
            .collect();
        asked.sort_by_key(|(_, rules)| rules.is_broad());
        let named = match named {
            Some(_) => Some(asked.first()?.0),
            None => None,
        };
        Some(Self {
            asked,
            named,
            clock: Clock::new(settings.zone.clone(), settings.now_unix_s),
            splitter: Splitter::default(),
        })
    }

    /// A line of a file.
    pub fn line(&mut self, raw: &[u8]) -> Explanation {
        let line = self.splitter.split(raw);
        self.explain(raw, line)
    }

    /// An entry of a journal.
    pub fn entry(&mut self, entry: Line<'_>) -> Explanation {
        self.explain(entry.body, entry)
    }

    fn explain(&mut self, raw: &[u8], line: Line<'_>) -> Explanation {
        let mut stamp = line.stamp;
        let mut known = None;
        for (name, rules) in &mut self.asked {
            let located = rules.locate(&line);
            let seen = Seen {
                raw,
                line,
                at: located.at,
                unix_ns: None,
                place: Place::default(),
            };
            known = rules.explain(&seen).map(|facts| (*name, facts));
            if known.is_some() || self.named.is_some() {
                stamp = located.stamp;
                break;
            }
        }
        let mut record = Record::from_line(&Line { stamp, ..line }, &mut self.clock, 0);
        if let Some((_, facts)) = &known {
            record.severity = facts.severity.or(record.severity);
            let attributes = facts.attributes.iter();
            record.attributes = attributes
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect();
        }
        Explanation {
            record,
            collector: known.as_ref().map(|(name, _)| *name).or(self.named),
            facts: known.map(|(_, facts)| facts),
        }
    }
}

#[cfg(test)]
mod tests;
