//! Severity reports: what of a digest somebody who correlates hosts should know.
//!
//! Grave things, and what explains them: a login, a `sudo`, a package that changed are nothing by
//! themselves, and tell what happened when they stand beside a failure.

mod clue;
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
            events.extend(of_rule(rule, name, found, about, reader));
        }
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.severity));
    let n_left_out = events.len().saturating_sub(REPORTS_MAX);
    events.truncate(REPORTS_MAX);
    (events, n_left_out)
}

fn of_rule(
    rule: &Rule,
    name: &str,
    found: &CollectorReport,
    about: &About<'_>,
    reader: &mut Reader,
) -> Vec<StatusEvent> {
    let groups = match rule.by {
        By::Source => sources(rule, found, reader, about),
        By::Line => lines(rule, found, reader, about),
        By::All => whole(rule, found, reader, about),
    };
    let event = |group: Group| group.event(about, name, rule.event, rule.severity);
    groups.into_iter().map(event).collect()
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
    reader: &mut Reader,
    about: &About<'_>,
) -> Vec<Group> {
    let Some(table) = found.tables.get("by_source") else {
        return Vec::new();
    };
    let times = |row: &Row| row.count("count") + row.count("probes");
    let mut grave: Vec<&Row> = table
        .rows
        .iter()
        .filter(|row| times(row) >= rule.least)
        .collect();
    grave.sort_by_key(|row| std::cmp::Reverse(times(row)));
    let rest: u64 = grave.iter().skip(ROWS_MAX).map(|row| times(row)).sum();
    let n_rest = grave.len().saturating_sub(ROWS_MAX);
    let evidence = || {
        let sections = rule.sections.iter();
        let sections = sections.filter_map(|name| found.sections.iter().find(|s| s.name == *name));
        sections.flat_map(|section| section.lines.iter().rev())
    };
    let mut groups = Vec::new();
    for row in grave.iter().take(ROWS_MAX) {
        let mut group = Group::new(about, times(row));
        for line in evidence() {
            let clue = reader.read(&line.text);
            if clue.source.as_deref() == Some(row.key.as_str()) {
                group.take_one(line, clue);
            }
        }
        let n_shown = group.report.evidence.len() as u64;
        if n_shown < group.report.count {
            group.began_before(about);
        }
        // Many names were tried; the last one is nobody's account.
        group.clue = Clue::default();
        group.report.source = Some(row.key.clone());
        groups.push(group);
    }
    if n_rest > 0 {
        let mut group = Group::new(about, rest);
        group.report.object = Some(format!("{n_rest} more sources"));
        groups.push(group);
    }
    groups
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
