//! A digest and what came of asking about it: as text, as HTML and as JSON.

mod html;
mod text;

use std::borrow::Cow;

use serde::Deserialize;
use serde::Serialize;
use skep_lines::format_utc;
use skep_protocol::digest::Analysis;
use skep_protocol::digest::DigestReport;
use skep_protocol::digest::Document;
use skep_protocol::digest::Overview;
use skep_protocol::oracle::Window;

pub use self::html::html;
pub(crate) use self::html::html_within;
pub(crate) use self::text::analysis;
pub(crate) use self::text::no_analysis;
pub use self::text::text;
use crate::digest::decided_by;

/// All that a digest's document says beside the counts and the analysis.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Facts {
    pub(crate) host: String,
    pub(crate) made_ms: u64,
    pub(crate) window: Option<Window>,
    pub(crate) overview: Overview,
}

/// A digest with what it comes to and what came of asking about it.
pub(crate) fn document<'a>(
    report: &'a DigestReport,
    facts: &Facts,
    analysis: Option<Analysis>,
) -> Document<'a> {
    let answer = analysis
        .as_ref()
        .and_then(|analysis| analysis.report.as_ref());
    let overview = match answer {
        Some(answer) => decided_by(&facts.overview, answer, report),
        None => facts.overview.clone(),
    };
    Document {
        host: facts.host.clone(),
        made_ms: facts.made_ms,
        window: facts.window,
        overview,
        collectors: Cow::Borrowed(&report.collectors),
        analysis,
    }
}

/// The same as a JSON document.
pub(crate) fn json(document: &Document<'_>) -> String {
    serde_json::to_string(document).expect("our own types encode into memory")
}

/// The digest without its evidence lines, for those who do not want them.
pub(crate) fn without_lines(report: &DigestReport) -> DigestReport {
    let mut report = report.clone();
    for (_, collector) in &mut report.collectors.0 {
        collector
            .sections
            .iter_mut()
            .for_each(|section| section.lines.clear());
    }
    report
}

pub(crate) fn utc(unix_ms: u64) -> String {
    format_utc(
        i64::try_from(unix_ms)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000_000),
    )
}
