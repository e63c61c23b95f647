//! What a digest comes to, at the top of its page.

use skep_protocol::digest::Analysis;
use skep_protocol::digest::Document;
use skep_protocol::digest::Overview;
use skep_protocol::digest::Point;

use super::escape::sentence;
use super::page::INK;
use super::page::SANS;
use super::page::SOFT;
use super::page::colors;
use super::page::minute;
use super::page::pill;
use super::page::title;

pub(super) fn needs_sentence(n_needs: usize) -> String {
    match n_needs {
        0 => "Nothing needs a person.".to_owned(),
        1 => "One thing needs a person.".to_owned(),
        n => format!("{n} things need a person."),
    }
}

/// A line for each host, the gravest first.
pub(super) fn hosts(documents: &[Document<'_>]) -> String {
    let mut documents: Vec<&Document<'_>> = documents.iter().collect();
    documents.sort_by_key(|document| std::cmp::Reverse(document.overview.severity));
    let mut out = format!(
        "<div class=\"pad\" style=\"padding:20px 24px\">\
         <div class=\"ink\" style=\"{SANS};{INK};font-size:22px;line-height:30px;font-weight:700\">\
         {} hosts</div>",
        documents.len()
    );
    for document in documents {
        out.push_str(&format!(
            "<div class=\"ink rule\" style=\"{SANS};{INK};font-size:15px;line-height:24px;padding:7px 0;\
             border-bottom:1px solid #efeadf\">{} &nbsp;<b>{}</b> &nbsp;\
             <span class=\"soft\" style=\"{SOFT}\">{}</span></div>",
            pill(document.overview.severity),
            sentence(&title(document).replace("Digest of ", "")),
            needs_sentence(document.overview.needs.len())
        ));
    }
    out.push_str("</div>\n");
    out
}

pub(super) fn overview(document: &Document<'_>) -> String {
    let overview = &document.overview;
    let mut out = "<div class=\"pad\" style=\"padding:8px 24px 0\">".to_owned();
    if overview.needs.is_empty() {
        out.push_str(&format!(
            "<div class=\"ink\" style=\"{SANS};{INK};font-size:16px;line-height:24px\">{}</div>",
            needs_sentence(0)
        ));
    } else {
        out.push_str(&label("Needs a person"));
        for point in &overview.needs {
            out.push_str(&need(point));
        }
    }
    out.push_str(&changes(overview));
    if let Some(asked) = &document.analysis {
        out.push_str(&analysis(asked));
    }
    out.push_str("</div>\n");
    out
}

fn changes(overview: &Overview) -> String {
    let since = overview.compared_with.map(|window| minute(window.until_ms));
    if overview.changes.is_empty() {
        return since.map_or(String::new(), |since| {
            format!(
                "<div class=\"soft\" style=\"{SANS};{SOFT};font-size:14px;line-height:22px;\
                 padding-top:6px\">Nothing notable changed since {since}.</div>"
            )
        });
    }
    let since = since.unwrap_or_else(|| "the last digest".to_owned());
    let mut out = label(&format!("Changed since {since}"));
    for point in &overview.changes {
        out.push_str(&format!(
            "<div class=\"ink\" style=\"{SANS};{INK};font-size:15px;line-height:22px;padding:2px 0;\
             word-break:break-word\"><b>{}</b>&nbsp; {}</div>",
            sentence(&point.collector),
            sentence(&point.text)
        ));
    }
    out
}

pub(super) fn label(text: &str) -> String {
    format!(
        "<div class=\"soft\" style=\"{SANS};{SOFT};font-size:12px;line-height:18px;font-weight:600;\
         letter-spacing:.06em;text-transform:uppercase;padding:14px 0 4px;word-break:break-word\">\
         {}</div>",
        sentence(text)
    )
}

fn need(point: &Point) -> String {
    let (color, ground) = colors(point.severity);
    let about = match point.collector.as_str() {
        "" => String::new(),
        name => format!("<b>{}</b>&nbsp; ", sentence(name)),
    };
    let cure = match point.cure.as_str() {
        "" => String::new(),
        cure => format!(
            "<div class=\"soft\" style=\"{SOFT};font-size:14px;line-height:20px;padding-top:2px\">\
             {}</div>",
            sentence(cure)
        ),
    };
    format!(
        "<div class=\"point ink\" style=\"{SANS};{INK};font-size:15px;line-height:22px;margin:6px 0;\
         padding:10px 14px;border-left:4px solid {color};border-radius:4px;background:{ground};\
         word-break:break-word;overflow-wrap:anywhere\">{about}{}{cure}</div>\n",
        sentence(&point.text)
    )
}

fn analysis(asked: &Analysis) -> String {
    let said = match (&asked.report, &asked.reason) {
        (Some(report), _) => {
            let by = match &report.degraded {
                Some(reason) => format!("by {}, because {reason}", report.backend),
                None => format!("by {}", report.backend),
            };
            format!(
                "{} &nbsp;{}<div class=\"soft\" style=\"{SOFT};font-size:13px\">{}</div>",
                pill(report.severity),
                sentence(&report.summary),
                sentence(&by)
            )
        }
        (None, Some(reason)) => format!("There is none: {}.", sentence(reason)),
        (None, None) => return String::new(),
    };
    format!(
        "{}<div class=\"ink\" style=\"{SANS};{INK};font-size:15px;line-height:24px;\
         word-break:break-word\">{said}</div>\n",
        label("Analysis")
    )
}
