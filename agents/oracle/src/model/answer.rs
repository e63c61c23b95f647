//! What a model says, made into a report that nobody has to trust.
//!
//! The builtin report stays as it is: its severity is the floor, and whether a person is alerted is
//! its verdict alone. The model may add findings that stand on lines of the digest, and raise the
//! severity with them as far as a warning. A finding that stands on nothing, or names what its lines
//! do not show, is left out; what a summary names and no line shows is marked. Both are said.

mod mend;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use skep_lines::neutral;
use skep_protocol::{
    digest::DigestReport,
    oracle::{
        EVIDENCE_MAX, FINDINGS_MAX, Finding, Report, SUMMARY_CHARS_MAX, TEXT_CHARS_MAX,
        UNFOUNDED_MAX,
    },
    severity::Severity,
};

use self::mend::mended;
use super::{
    ModelError,
    ground::{Ground, Sort},
    question::Question,
};

/// How far a model can raise a report.
const RAISED_MAX: Severity = Severity::Warning;

/// Findings of a model that are looked at.
const ADDED_MAX: usize = 10;

/// What stands behind a thing that no evidence shows.
const MARK: &str = " [not in the logs]";

#[derive(Debug, Deserialize)]
struct Opinion {
    #[serde(default)]
    summary: String,
    #[serde(default)]
    findings: Vec<Claim>,
}

#[derive(Debug, Deserialize)]
struct Claim {
    #[serde(default)]
    title: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    evidence: Vec<String>,
    #[serde(default)]
    confidence: Value,
    #[serde(default)]
    advice: Option<String>,
}

/// What an answer is read against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) builtin: &'a Report,
    pub(crate) digest: &'a DigestReport,
    pub(crate) question: &'a Question,
    /// The backend's name.
    pub(crate) name: &'a str,
}

/// The builtin report with what the model adds.
///
/// # Errors
/// The model's words are no opinion at all.
pub(crate) fn combine(asked: Asked<'_>, words: &str) -> Result<Report, ModelError> {
    let Asked {
        builtin, question, ..
    } = asked;
    let opinion = opinion(words)?;
    let restore = |text: &str, max| clean(&question.redactor.restore(text), max);
    let ground = ground(asked);
    let lines = texts(asked.digest);
    let mut unfounded = Unfounded::default();
    let summary = once(&restore(&opinion.summary, SUMMARY_CHARS_MAX / 2));
    let summary = unfounded.marked(&ground, &summary);
    let claims = opinion.findings.iter().take(ADDED_MAX);
    let added: Vec<Finding> = claims
        .filter_map(|claim| {
            let judged = judge(claim, question, &lines, &ground, restore)?;
            judged.map_err(|facts| unfounded.extend(facts)).ok()
        })
        .collect();
    if summary.is_empty() && added.is_empty() {
        return Err(ModelError::Garbage("it says nothing".to_owned()));
    }
    let raised = added
        .iter()
        .map(|finding| finding.severity)
        .max()
        .unwrap_or_default();
    let mut report = builtin.clone();
    report.severity = builtin.severity.max(raised);
    let dropped = opinion.findings.len() - added.len();
    report.summary = told(&builtin.summary, &summary, dropped);
    report.unfounded = unfounded.told;
    report.findings.extend(added);
    report.findings.extend(withheld(question));
    report
        .findings
        .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    report.findings.truncate(FINDINGS_MAX);
    report.backend = clean(asked.name, TEXT_CHARS_MAX);
    Ok(report)
}

/// That there are lines which no model was shown: without a say in how grave the report is.
fn withheld(question: &Question) -> Option<Finding> {
    let n = question.withheld.len();
    let lines = if n == 1 { "line speaks" } else { "lines speak" };
    (n > 0).then(|| Finding {
        title: format!("{n} {lines} to whoever analyses the log; the model was not shown them"),
        shape: "orders_to_the_reader".to_owned(),
        severity: Severity::Info,
        evidence: question
            .withheld
            .iter()
            .take(EVIDENCE_MAX)
            .cloned()
            .collect(),
        confidence: 80,
        advice: Some("Read them: someone may try to steer the analysis.".to_owned()),
    })
}

/// What a model's words name that no evidence shows.
#[derive(Debug, Default)]
struct Unfounded {
    told: Vec<String>,
}

impl Unfounded {
    fn extend(&mut self, facts: Vec<String>) {
        for fact in facts {
            if self.told.len() < UNFOUNDED_MAX && !self.told.contains(&fact) {
                self.told.push(fact);
            }
        }
    }

    /// The text with a mark behind each thing that no evidence shows.
    fn marked(&mut self, ground: &Ground, text: &str) -> String {
        let facts = ground.unfounded(text);
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for fact in &facts {
            out.push_str(text.get(done..fact.end).unwrap_or_default());
            out.push_str(MARK);
            done = fact.end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        self.extend(facts.iter().map(|fact| fact.told(text)).collect());
        out
    }
}

/// All that the digest and the builtin report show.
fn ground(asked: Asked<'_>) -> Ground {
    let mut ground = Ground::default();
    for (_, collector) in &asked.digest.collectors.0 {
        ground.count(collector.lines_read);
        collector
            .totals
            .0
            .iter()
            .for_each(|(_, n)| ground.count(*n));
        for (_, table) in &collector.tables.0 {
            ground.count(table.rows.len() as u64);
            for row in &table.rows {
                ground.add(&row.key);
                row.counts.iter().for_each(|(_, n)| ground.count(*n));
            }
        }
        for section in &collector.sections {
            ground.count(section.count);
            section.lines.iter().for_each(|line| ground.add(&line.text));
        }
    }
    ground.add(&asked.builtin.summary);
    for finding in &asked.builtin.findings {
        ground.add(&finding.title);
    }
    ground
}

/// The opinion in a model's words, which may stand in a code block or between prose, and may end in
/// the middle where the model was stopped.
fn opinion(words: &str) -> Result<Opinion, ModelError> {
    let start = words.find('{');
    let from = start.and_then(|start| words.get(start..));
    let from = from.ok_or_else(|| ModelError::Garbage("it is no JSON object".to_owned()))?;
    let whole = from
        .rfind('}')
        .and_then(|end| from.get(..=end))
        .unwrap_or(from);
    let error = match serde_json::from_str(whole) {
        Ok(opinion) => return Ok(opinion),
        Err(error) => error,
    };
    let mended = mended(from).and_then(|text| serde_json::from_str(&text).ok());
    mended.ok_or_else(|| ModelError::Garbage(error.to_string()))
}

/// The claim as a finding, if it stands on lines that exist and names nothing that is not shown:
/// addresses and users by its own lines, counts and times by any. Else what it makes up; `None`
/// where it stands on nothing at all.
fn judge(
    claim: &Claim,
    question: &Question,
    texts: &BTreeMap<&str, &str>,
    ground: &Ground,
    restore: impl Fn(&str, usize) -> String,
) -> Option<Result<Finding, Vec<String>>> {
    let title = restore(&claim.title, TEXT_CHARS_MAX - 10);
    let ids = claim.evidence.iter().take(EVIDENCE_MAX);
    let evidence: Option<Vec<String>> =
        ids.map(|id| question.ids.get(id.trim()).cloned()).collect();
    let evidence = evidence.filter(|evidence| !evidence.is_empty() && !title.is_empty())?;
    let advice = restore(claim.advice.as_deref().unwrap_or_default(), TEXT_CHARS_MAX);
    let mut own = Ground::default();
    for text in evidence.iter().filter_map(|id| texts.get(id.as_str())) {
        own.add(text);
    }
    let strange = |text: &str, wanted: fn(Sort) -> bool| -> Vec<String> {
        let mine = own.unfounded(text).into_iter();
        let mine = mine.filter(|fact| fact.sort.is_of_lines());
        let all = ground.unfounded(text).into_iter();
        let all = all.filter(|fact| !fact.sort.is_of_lines());
        let strange = mine.chain(all).filter(|fact| wanted(fact.sort));
        strange.map(|fact| fact.told(text)).collect()
    };
    // Advice names what is not there yet: "wait 10 minutes".
    let mut made_up = strange(&title, |_| true);
    made_up.extend(strange(&advice, Sort::is_of_lines));
    if !made_up.is_empty() {
        return Some(Err(made_up));
    }
    let severity: Severity = claim.severity.parse().unwrap_or_default();
    Some(Ok(Finding {
        title: format!("model: {title}"),
        shape: String::new(),
        severity: severity.min(RAISED_MAX),
        evidence,
        confidence: percent(&claim.confidence),
        advice: Some(advice).filter(|advice| !advice.is_empty()),
    }))
}

fn texts(digest: &DigestReport) -> BTreeMap<&str, &str> {
    let collectors = digest.collectors.0.iter();
    let sections = collectors.flat_map(|(_, collector)| &collector.sections);
    let lines = sections.flat_map(|section| &section.lines);
    lines
        .map(|line| (line.id.as_str(), line.text.as_str()))
        .collect()
}

/// What was counted comes first: no words of a model stand in its place.
fn told(counted: &str, model: &str, dropped: usize) -> String {
    let mut text: String = counted.chars().take(SUMMARY_CHARS_MAX / 2 - 100).collect();
    if !model.is_empty() {
        text.push_str("\nThe model says: ");
        text.extend(model.chars().take(SUMMARY_CHARS_MAX / 2 - 100));
    }
    match dropped {
        0 => {}
        1 => text.push_str("\nOne claim of the model was left out: no line shows it."),
        n => text.push_str(&format!(
            "\n{n} claims of the model were left out: no line shows them."
        )),
    }
    text
}

/// Each sentence once: small models say the same again until they are stopped.
fn once(text: &str) -> String {
    let mut said: Vec<&str> = Vec::new();
    for sentence in text.split_inclusive(". ") {
        let known = |known: &&str| known.trim_end().starts_with(sentence.trim_end());
        if !said.iter().any(known) {
            said.push(sentence);
        }
    }
    said.concat().trim_end().to_owned()
}

/// 0 to 100, from a share or a percentage.
fn percent(value: &Value) -> u8 {
    let number = value.as_f64().unwrap_or(0.0);
    let percent = if number.fract() != 0.0 && number <= 1.0 {
        number * 100.0
    } else {
        number
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is clamped"
    )]
    let percent = percent.clamp(0.0, 100.0) as u8;
    percent
}

/// Text that is safe to show, in one line.
fn clean(text: &str, chars_max: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    neutral(words.join(" ").as_bytes())
        .chars()
        .take(chars_max)
        .collect()
}

#[cfg(test)]
mod tests;
