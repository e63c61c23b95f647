//! What a model says, made into a report that nobody has to trust.
//!
//! The builtin report stays as it is: its severity is the floor, and whether a person is alerted is
//! its verdict alone. The model may add findings that stand on lines of the digest, and raise the
//! severity with them as far as a warning. What stands on nothing is left out, and said so.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use skep_lines::neutral;
use skep_protocol::{
    digest::DigestReport,
    oracle::{EVIDENCE_MAX, FINDINGS_MAX, Finding, Report, SUMMARY_CHARS_MAX, TEXT_CHARS_MAX},
    severity::Severity,
};

use super::{ModelError, question::Question};

/// How far a model can raise a report.
const RAISED_MAX: Severity = Severity::Warning;

/// Findings of a model that are looked at.
const ADDED_MAX: usize = 10;

/// Deepest nesting of an answer that is mended.
const DEPTH_MAX: usize = 16;

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

/// The builtin report with what the model adds.
///
/// # Errors
/// The model's words are no opinion at all.
pub(crate) fn combine(
    builtin: &Report,
    digest: &DigestReport,
    question: &Question,
    name: &str,
    words: &str,
) -> Result<Report, ModelError> {
    let opinion = opinion(words)?;
    let restore = |text: &str, max| clean(&question.redactor.restore(text), max);
    let summary = once(&restore(&opinion.summary, SUMMARY_CHARS_MAX / 2));
    let n_claims = opinion.findings.len();
    let texts = texts(digest);
    let claims = opinion.findings.iter().take(ADDED_MAX);
    let added: Vec<Finding> = claims
        .filter_map(|claim| grounded(claim, question, &texts, restore))
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
    let dropped = n_claims - added.len();
    report.summary = told(&builtin.summary, &summary, dropped);
    report.findings.extend(added);
    report
        .findings
        .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    report.findings.truncate(FINDINGS_MAX);
    report.backend = clean(name, TEXT_CHARS_MAX);
    Ok(report)
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

/// An object that ends in the middle, up to its last whole member, with what it left open closed.
fn mended(object: &str) -> Option<String> {
    let (mut open, mut in_text, mut escaped) = (Vec::new(), false, false);
    // Where the text can end, and what closes it there.
    let mut last: Option<(usize, Vec<char>)> = None;
    for (at, char) in object.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ if in_text => {}
            '{' => open.push('}'),
            '[' => open.push(']'),
            '}' | ']' => {
                if open.pop() != Some(char) {
                    return None;
                }
                last = Some((at + 1, open.clone()));
            }
            ',' => last = Some((at, open.clone())),
            _ => {}
        }
        if open.len() > DEPTH_MAX {
            return None;
        }
    }
    let (end, open) = last?;
    let closing: String = open.iter().rev().collect();
    Some(format!("{}{closing}", object.get(..end)?))
}

/// The claim as a finding, if it stands on lines that exist and name what it names.
fn grounded(
    claim: &Claim,
    question: &Question,
    texts: &BTreeMap<&str, &str>,
    restore: impl Fn(&str, usize) -> String,
) -> Option<Finding> {
    let title = restore(&claim.title, TEXT_CHARS_MAX - 10);
    let ids = claim.evidence.iter().take(EVIDENCE_MAX);
    let evidence: Option<Vec<String>> =
        ids.map(|id| question.ids.get(id.trim()).cloned()).collect();
    let evidence = evidence.filter(|evidence| !evidence.is_empty() && !title.is_empty())?;
    let stands = |name: &str| {
        let mut lines = evidence.iter().filter_map(|id| texts.get(id.as_str()));
        lines.any(|line| line.contains(name))
    };
    // An address that the lines do not show is made up, or taken from other lines.
    if !addresses(&title).all(stands) {
        return None;
    }
    let severity: Severity = claim.severity.parse().unwrap_or_default();
    let advice = claim
        .advice
        .as_deref()
        .map(|advice| restore(advice, TEXT_CHARS_MAX));
    Some(Finding {
        title: format!("model: {title}"),
        shape: String::new(),
        severity: severity.min(RAISED_MAX),
        evidence,
        confidence: percent(&claim.confidence),
        advice: advice.filter(|advice| !advice.is_empty()),
    })
}

fn texts(digest: &DigestReport) -> BTreeMap<&str, &str> {
    let collectors = digest.collectors.0.iter();
    let sections = collectors.flat_map(|(_, collector)| &collector.sections);
    let lines = sections.flat_map(|section| &section.lines);
    lines
        .map(|line| (line.id.as_str(), line.text.as_str()))
        .collect()
}

/// Words of a title that are network addresses.
fn addresses(title: &str) -> impl Iterator<Item = &str> {
    let of_address = |char: char| char.is_ascii_hexdigit() || char == '.' || char == ':';
    let words = title.split(move |char: char| !of_address(char));
    let words = words.map(|word| word.trim_matches(['.', ':']));
    words.filter(|word| word.parse::<std::net::IpAddr>().is_ok())
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
