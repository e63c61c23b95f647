//! Severity reports: what of a digest somebody who correlates hosts should know.
//!
//! Grave things, and what explains them: a login, a `sudo`, a package that changed are nothing by
//! themselves, and tell what happened when they stand beside a failure.

mod clue;
mod guessers;
mod rules;

use skep_packet::Address;
use skep_protocol::digest::CollectorReport;
use skep_protocol::digest::DigestReport;
use skep_protocol::digest::EvidenceLine;
use skep_protocol::digest::Row;
use skep_protocol::oracle::Window;
use skep_protocol::severity::Severity;
use skep_protocol::status::EVIDENCE_MAX;
use skep_protocol::status::SeverityReport;
use skep_protocol::status::StatusEvent;

use crate::digest::Settings;

pub(crate) use self::clue::Clue;
pub(crate) use self::clue::Reader;
use self::guessers::Guessers;
use self::rules::By;
use self::rules::RULES;
use self::rules::Rule;

/// Severity reports of one digest; the mildest are left out, and counted in the node's own log.
pub(crate) const REPORTS_MAX: usize = 64;

/// Rows of one table that are reported one by one; the rest is one report without a source.
const ROWS_MAX: usize = 10;

/// The event of a line that only its level makes grave.
pub(crate) const LINE: &str = "log_entry_detected";

/// Whose digest it is, of when, and how its lines are read.
pub(crate) struct About<'a> {
    pub(crate) origin: &'a Address,
    pub(crate) window: Window,
    /// A collector whose lines are reported in another way.
    pub(crate) except: Option<&'a str>,
}

/// The reports of a digest, the gravest first, and how many were left out.
pub(crate) fn of_digest(
    digest: &DigestReport,
    about: &About<'_>,
    settings: &Settings,
) -> (Vec<StatusEvent>, usize) {
    let mut events = Vec::new();
    let guessers = Guessers::of(digest);
    for (name, found) in &digest.collectors.0 {
        if about.except == Some(name.as_str()) {
            continue;
        }
        let reader = &mut Reader::new(settings, name);
        let mut rules = RULES
            .iter()
            .filter(|rule| rule.collector == name)
            .peekable();
        if rules.peek().is_none() {
            events.extend(of_levels(name, found, about, reader));
        }
        for rule in rules {
            let groups = of_rule(rule, found, &guessers, about, reader);
            let event = |group: Group| group.event(about, name, rule.event, rule.severity);
            events.extend(groups.into_iter().map(event));
        }
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.severity));
    let n_left_out = events.len().saturating_sub(REPORTS_MAX);
    events.truncate(REPORTS_MAX);
    (events, n_left_out)
}

fn of_rule(
    rule: &Rule,
    found: &CollectorReport,
    guessers: &Guessers,
    about: &About<'_>,
    reader: &mut Reader,
) -> Vec<Group> {
    match rule.by {
        By::Source | By::Guesser | By::OfGuesser => sources(rule, found, guessers, reader, about),
        By::OfGuesserThenLine => {
            let mut groups = sources(rule, found, guessers, reader, about);
            let others = lines(rule, found, reader, about);
            let is_other = |group: &Group| {
                let source = group.clue.source.as_deref();
                !source.is_some_and(|source| guessers.has(source))
            };
            groups.extend(others.into_iter().filter(is_other));
            groups
        }
        By::Line => lines(rule, found, reader, about),
        By::All => whole(rule, found, reader, about),
    }
}

/// A collector that only counts lines by level: one report of its gravest.
fn of_levels(
    name: &str,
    found: &CollectorReport,
    about: &About<'_>,
    reader: &mut Reader,
) -> Option<StatusEvent> {
    let (severity, section) = gravest(found)?;
    let mut group = Group::new(about, section.count);
    group.take(reader, section.lines.iter().rev());
    if (section.lines.len() as u64) < section.count {
        group.began_before(about);
    }
    Some(group.event(about, name, LINE, severity))
}

/// The gravest level of which there are lines, if a person should look at it.
pub(crate) fn gravest(
    found: &CollectorReport,
) -> Option<(Severity, &skep_protocol::digest::Section)> {
    let levels = found.sections.iter().filter(|section| section.count > 0);
    let known = levels.filter_map(|section| Some((section.name.parse().ok()?, section)));
    known
        .filter(|(severity, _)| *severity >= Severity::Warning)
        .max_by_key(|(severity, _)| *severity)
}

/// What one report is about, as it is gathered.
pub(crate) struct Group {
    clue: Clue,
    report: SeverityReport,
    /// Whether a line said when.
    is_timed: bool,
}

impl Group {
    pub(crate) fn new(about: &About<'_>, count: u64) -> Self {
        Self {
            clue: Clue::default(),
            report: SeverityReport {
                host: about.origin.node.to_string(),
                count,
                first_ms: about.window.from_ms,
                last_ms: about.window.until_ms,
                ..SeverityReport::default()
            },
            is_timed: false,
        }
    }

    /// Takes lines as evidence, the newest first; their stamps say when.
    pub(crate) fn take<'a>(
        &mut self,
        reader: &mut Reader,
        lines: impl Iterator<Item = &'a EvidenceLine>,
    ) {
        for line in lines {
            let clue = reader.read(&line.text);
            self.take_one(line, clue);
        }
    }

    fn take_one(&mut self, line: &EvidenceLine, clue: Clue) {
        let report = &mut self.report;
        if report.evidence.len() < EVIDENCE_MAX {
            report.evidence.insert(0, line.clone());
        }
        if let Some(unix_ms) = clue.unix_ms {
            if self.is_timed {
                report.first_ms = report.first_ms.min(unix_ms);
                report.last_ms = report.last_ms.max(unix_ms);
            } else {
                (report.first_ms, report.last_ms) = (unix_ms, unix_ms);
            }
            self.is_timed = true;
        }
        self.clue = clue;
    }

    /// Lines that are not shown came before those that are.
    fn began_before(&mut self, about: &About<'_>) {
        self.report.first_ms = self.report.first_ms.min(about.window.from_ms);
    }

    pub(crate) fn event(
        mut self,
        about: &About<'_>,
        collector: &str,
        event: &str,
        severity: Severity,
    ) -> StatusEvent {
        self.report.source = self.report.source.or(self.clue.source);
        self.report.user = self.report.user.or(self.clue.user);
        self.report.object = self.report.object.or(self.clue.object);
        StatusEvent {
            origin: about.origin.clone(),
            subject: collector.to_owned(),
            state: event.to_owned(),
            severity,
            detail: detail(collector, event, &self.report),
            timestamp: about.window.until_ms,
            report: Some(self.report.bounded()),
        }
    }
}

fn detail(collector: &str, event: &str, report: &SeverityReport) -> String {
    let mut text = format!("{collector}: {} {event}", report.count);
    let parts = [
        ("of", &report.object),
        ("by", &report.user),
        ("from", &report.source),
    ];
    for (word, part) in parts {
        if let Some(part) = part {
            text.push_str(&format!(" {word} {part}"));
        }
    }
    skep_lines::neutral(text.as_bytes())
}

/// Each source that did it often enough, from the table of sources.
fn sources(
    rule: &Rule,
    found: &CollectorReport,
    guessers: &Guessers,
    reader: &mut Reader,
    about: &About<'_>,
) -> Vec<Group> {
    let Some(table) = found.tables.get("by_source") else {
        return Vec::new();
    };
    let is_due = |row: &&Row| match (rule.times(row), rule.by) {
        (0, _) => false,
        (_, By::Guesser) => guessers.attempts(&row.key) >= rule.least,
        (n, By::OfGuesser | By::OfGuesserThenLine) => n >= rule.least && guessers.has(&row.key),
        (n, _) => n >= rule.least,
    };
    let mut grave: Vec<&Row> = table.rows.iter().filter(is_due).collect();
    grave.sort_by_key(|row| std::cmp::Reverse(rule.times(row)));
    let n_rest = grave.len().saturating_sub(ROWS_MAX);
    let rest: u64 = grave.iter().skip(ROWS_MAX).map(|row| rule.times(row)).sum();
    let mut groups: Vec<Group> = grave
        .into_iter()
        .take(ROWS_MAX)
        .map(|row| of_row(rule, row, found, reader, about))
        .collect();
    if n_rest > 0 {
        let mut group = Group::new(about, rest);
        group.report.object = Some(format!("{n_rest} more sources"));
        groups.push(group);
    }
    groups
}

/// What one source did, with the lines that show it.
fn of_row(
    rule: &Rule,
    row: &Row,
    found: &CollectorReport,
    reader: &mut Reader,
    about: &About<'_>,
) -> Group {
    let sections = rule.sections.iter();
    let sections = sections.filter_map(|name| found.sections.iter().find(|s| s.name == *name));
    let mut group = Group::new(about, rule.times(row));
    let mut n_seen = 0;
    for line in sections.flat_map(|section| section.lines.iter().rev()) {
        let clue = reader.read(&line.text);
        if clue.source.as_deref() == Some(row.key.as_str()) {
            group.take_one(line, clue);
            n_seen += 1;
        }
    }
    if n_seen < group.report.count {
        group.began_before(about);
    }
    // Many names were tried, and the last one is nobody's account; who came in is somebody.
    if rule.by != By::OfGuesser {
        group.clue = Clue::default();
    }
    group.report.source = Some(row.key.clone());
    group
}

/// What each line of the sections is about, equals together.
fn lines(
    rule: &Rule,
    found: &CollectorReport,
    reader: &mut Reader,
    about: &About<'_>,
) -> Vec<Group> {
    let mut groups: Vec<(Clue, Group)> = Vec::new();
    let mut n_unseen = 0;
    for name in rule.sections {
        let Some(section) = found.sections.iter().find(|section| section.name == *name) else {
            continue;
        };
        if section.count < rule.least {
            continue;
        }
        n_unseen += section.count.saturating_sub(section.lines.len() as u64);
        for line in section.lines.iter().rev() {
            let clue = reader.read(&line.text);
            let who = clue.without_time();
            let known = groups.iter_mut().find(|(known, _)| *known == who);
            let group = match known {
                Some((_, group)) => group,
                None => {
                    groups.push((who, Group::new(about, 0)));
                    &mut groups.last_mut().expect("it was pushed just now").1
                }
            };
            group.report.count += 1;
            group.take_one(line, clue);
        }
    }
    // Of many things, nobody knows whose the lines are that are not kept.
    if let [(_, only)] = groups.as_mut_slice()
        && n_unseen > 0
    {
        only.report.count += n_unseen;
        only.began_before(about);
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// All of it as one.
fn whole(
    rule: &Rule,
    found: &CollectorReport,
    reader: &mut Reader,
    about: &About<'_>,
) -> Vec<Group> {
    let count = rule
        .sections
        .iter()
        .filter_map(|name| found.totals.get(name))
        .sum();
    if count < rule.least {
        return Vec::new();
    }
    let mut group = Group::new(about, count);
    for name in rule.sections {
        let section = found.sections.iter().find(|section| section.name == *name);
        let lines = section
            .into_iter()
            .flat_map(|section| section.lines.iter().rev());
        group.take(reader, lines);
    }
    if (group.report.evidence.len() as u64) < count {
        group.began_before(about);
    }
    // They are of many visitors.
    group.clue = Clue::default();
    vec![group]
}

#[cfg(test)]
mod tests;
