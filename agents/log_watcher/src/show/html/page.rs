//! The page around the parts: its head, its colors, one card for each host.

use skep_protocol::digest::Document;
use skep_protocol::severity::Severity;

use super::Amount;
use super::collector;
use super::escape::sentence;
use super::overview;
use crate::show::utc;

/// Inline styles are what every client keeps; this is for those that keep more: dark colors where
/// the reader likes them, and less room at the sides of a telephone.
const STYLE: &str = "\
@media (prefers-color-scheme:dark){\
body,.page{background:#16181b!important}\
.card{background:#212429!important;border-color:#343941!important}\
.ink{color:#e9e6df!important}.soft{color:#a5a29b!important}\
.tile,.line,.point{background:#2a2e34!important}\
.rule{border-color:#343941!important}.bar{background:#b07d1e!important}}\
@media (max-width:520px){.pad{padding-left:16px!important;padding-right:16px!important}\
.page{padding:0!important}\
.card{border-radius:0!important;border-left:0!important;border-right:0!important}}";

pub(super) const SANS: &str =
    "font-family:-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif";
pub(super) const MONO: &str =
    "font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace";
pub(super) const INK: &str = "color:#23211d";
pub(super) const SOFT: &str = "color:#75716a";

/// The colors of a severity: for text and edges, and for the ground behind it.
pub(super) fn colors(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Info => ("#2c7a4b", "#e9f5ee"),
        Severity::Notice => ("#2563a8", "#e8f1fb"),
        Severity::Warning => ("#b25e09", "#fdf4e3"),
        Severity::Error => ("#bc2a1d", "#fdeeec"),
        Severity::Critical => ("#8f0f3c", "#fce8ef"),
    }
}

/// A word on a ground of its severity's color.
pub(super) fn pill(severity: Severity) -> String {
    let (color, _) = colors(severity);
    format!(
        "<span style=\"{SANS};display:inline-block;vertical-align:middle;padding:2px 10px;\
         border-radius:10px;background:{color};color:#ffffff;font-size:12px;line-height:18px;\
         font-weight:600;letter-spacing:.04em;white-space:nowrap\">{}</span>",
        severity.name()
    )
}

pub(super) fn page(documents: &[Document<'_>], amount: Amount, note: &str) -> String {
    let mut out = head(documents);
    if documents.len() > 1 {
        card(&mut out, &overview::hosts(documents));
    }
    for document in documents {
        card(&mut out, &host(document, amount));
    }
    let note = match note {
        "" => String::new(),
        note => format!("{note}<br>"),
    };
    out.push_str(&format!(
        "<div class=\"soft\" style=\"{SANS};{SOFT};max-width:720px;padding:4px 16px 24px;\
         font-size:12px;line-height:18px\">{note}All times are UTC. Control characters of log text \
         are shown as \\xNN.<br>Made by Skep.</div>\n</td></tr></table></body></html>\n"
    ));
    out
}

fn head(documents: &[Document<'_>]) -> String {
    let worst = documents
        .iter()
        .map(|document| document.overview.severity)
        .max();
    let title = match documents {
        [one] => title(one),
        many => format!("Digest of {} hosts", many.len()),
    };
    let title = sentence(&format!("[{}] {title}", worst.unwrap_or_default()));
    let n_needs = documents
        .iter()
        .map(|document| document.overview.needs.len())
        .sum();
    let preview = overview::needs_sentence(n_needs);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\
         <meta name=\"format-detection\" content=\"telephone=no,date=no,address=no,email=no,url=no\">\
         <title>{title}</title><style>{STYLE}</style></head>\n\
         <body style=\"margin:0;padding:0;background:#f4f1ea\">\
         <div style=\"display:none;max-height:0;overflow:hidden\">{preview}</div>\n\
         <table role=\"presentation\" class=\"page\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" \
         style=\"background:#f4f1ea;padding:20px 8px\"><tr><td align=\"center\">\n"
    )
}

pub(super) fn title(document: &Document<'_>) -> String {
    match document.host.as_str() {
        "" => "Digest of files".to_owned(),
        host => format!("Digest of {host}"),
    }
}

fn card(out: &mut String, inside: &str) {
    out.push_str(&format!(
        "<table role=\"presentation\" class=\"card\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" \
         style=\"max-width:720px;margin:0 auto 18px;background:#ffffff;border:1px solid #e5dfd2;\
         border-radius:10px;border-top:4px solid #d9920a;table-layout:fixed\"><tr><td align=\"left\" \
         style=\"text-align:left\">\n{inside}</td></tr></table>\n"
    ));
}

fn host(document: &Document<'_>, amount: Amount) -> String {
    let when = match document.window {
        Some(window) => format!("{} to {}", minute(window.from_ms), minute(window.until_ms)),
        None => format!("made {}", minute(document.made_ms)),
    };
    let mut out = format!(
        "<div class=\"pad\" style=\"padding:20px 24px 4px\">\
         <div class=\"ink\" style=\"{SANS};{INK};font-size:22px;line-height:30px;font-weight:700;\
         word-break:break-word\">{} &nbsp;{}</div>\
         <div class=\"soft\" style=\"{SANS};{SOFT};font-size:14px;line-height:20px\">{when}</div></div>\n",
        sentence(&title(document)),
        pill(document.overview.severity)
    );
    out.push_str(&overview::overview(document));
    for (name, found) in &document.collectors.0 {
        out.push_str(&collector::collector(name, found, amount));
    }
    out.push_str("<div style=\"height:16px;line-height:16px\">&nbsp;</div>\n");
    out
}

/// `2026-11-21 07:00`.
pub(super) fn minute(unix_ms: u64) -> String {
    utc(unix_ms).replace('T', " ").chars().take(16).collect()
}
