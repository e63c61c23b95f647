//! One collector on a page: its totals, its tables, its lines, what it stands on.

use skep_protocol::digest::CollectorReport;
use skep_protocol::digest::Coverage;
use skep_protocol::digest::Section;

use super::Amount;
use super::escape::number;
use super::escape::sentence;
use super::escape::text;
use super::overview::label;
use super::page::INK;
use super::page::MONO;
use super::page::SANS;
use super::page::SOFT;
use super::table;

/// Sources that are named.
const SOURCES_SHOWN_MAX: usize = 5;

pub(super) fn collector(name: &str, found: &CollectorReport, amount: Amount) -> String {
    let mut out = format!(
        "<div class=\"pad rule\" style=\"padding:18px 24px 0;margin-top:18px;\
         border-top:1px solid #efeadf\">\
         <div class=\"ink\" style=\"{SANS};{INK};font-size:18px;line-height:24px;font-weight:700\">\
         {}</div>\
         <div class=\"soft\" style=\"{SANS};{SOFT};font-size:14px;line-height:20px;\
         word-break:break-word\">{}</div>\n",
        sentence(name),
        sentence(&found.headline)
    );
    if found.totals.0.iter().any(|(_, count)| *count > 0) {
        out.push_str("<div style=\"padding:8px 0 2px;font-size:0\">");
        for (name, count) in &found.totals.0 {
            out.push_str(&tile(name, *count));
        }
        out.push_str("</div>\n");
    }
    for (name, rows) in &found.tables.0 {
        out.push_str(&table::table(name, rows, amount.rows));
    }
    for lines in &found.sections {
        out.push_str(&section(lines, amount.lines));
    }
    out.push_str(&coverage(found.lines_read, &found.coverage));
    out.push_str("</div>\n");
    out
}

/// A field's or a total's name as words.
pub(super) fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn tile(name: &str, count: u64) -> String {
    let (color, class) = match count {
        0 => ("color:#a9a49a", "soft"),
        _ => (INK, "ink"),
    };
    format!(
        "<div class=\"tile\" style=\"display:inline-block;vertical-align:top;background:#faf7f0;\
         border-radius:6px;padding:8px 14px;margin:0 8px 8px 0\">\
         <div class=\"{class}\" style=\"{SANS};{color};font-size:20px;line-height:24px;\
         font-weight:700\">{}</div>\
         <div class=\"soft\" style=\"{SANS};{SOFT};font-size:12px;line-height:16px\">{}</div></div>",
        number(count),
        sentence(&words(name))
    )
}

fn section(section: &Section, lines_max: usize) -> String {
    let newest = section.lines.len().saturating_sub(lines_max);
    let Some(lines) = section
        .lines
        .get(newest..)
        .filter(|lines| !lines.is_empty())
    else {
        return String::new();
    };
    let shown = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    let of = match shown < section.count {
        true => format!(" · the newest of {}", number(section.count)),
        false => String::new(),
    };
    let mut out = label(&format!("{}{of}", words(&section.name)));
    for line in lines {
        out.push_str(&format!(
            "<div class=\"line ink\" style=\"{MONO};{INK};font-size:12px;line-height:18px;\
             background:#faf7f0;border-radius:4px;padding:5px 9px;margin:3px 0;word-break:break-word;\
             overflow-wrap:anywhere\">{} <span class=\"soft\" style=\"{SOFT}\">{}</span></div>\n",
            text(&line.text),
            text(&line.id)
        ));
    }
    out
}

fn coverage(lines_read: u64, coverage: &Coverage) -> String {
    let lines = &coverage.lines;
    let rest = [
        (lines.skipped, "older skipped"),
        (lines.outside, "outside the span"),
        (lines.own, "of our own"),
        (lines.cut, "cut for length"),
        (lines.escaped, "with bytes that are no text"),
    ];
    let rest = rest.into_iter().filter(|(n, _)| *n > 0);
    let rest: String = rest
        .map(|(n, what)| format!("; {} {what}", number(n)))
        .collect();
    let names = coverage.sources.iter().take(SOURCES_SHOWN_MAX);
    let names: Vec<String> = names.map(|source| text(&source.source)).collect();
    let more = match coverage.sources.len().checked_sub(SOURCES_SHOWN_MAX) {
        None | Some(0) => String::new(),
        Some(more) => format!(" and {more} more"),
    };
    let from = match names.is_empty() {
        true => String::new(),
        false => format!(" from {}{more}", names.join(", ")),
    };
    let notes: String = coverage
        .notes
        .iter()
        .map(|note| format!("<br>{}", sentence(note)))
        .collect();
    format!(
        "<div class=\"soft\" style=\"{SANS};{SOFT};font-size:12px;line-height:18px;padding-top:10px;\
         word-break:break-word\">{} lines read{from}{rest}{notes}</div>\n",
        number(lines_read)
    )
}
