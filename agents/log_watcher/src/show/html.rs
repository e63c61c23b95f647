//! A digest as one HTML document that a mail client shows well: tables and inline styles, no script,
//! nothing from elsewhere. Everything that came from a log is neutralised and escaped.

mod collector;
mod escape;
mod overview;
mod page;
mod table;
#[cfg(test)]
mod tests;

use skep_protocol::digest::Document;

/// How much a page holds.
#[derive(Debug, Clone, Copy)]
struct Amount {
    /// Lines of evidence of each kind.
    lines: usize,
    /// Rows of each table.
    rows: usize,
}

/// From all a person reads to what always fits.
const AMOUNTS: [Amount; 4] = [
    Amount { lines: 5, rows: 10 },
    Amount { lines: 2, rows: 10 },
    Amount { lines: 0, rows: 5 },
    Amount { lines: 0, rows: 0 },
];

/// The digests of some hosts as one page.
#[must_use]
pub fn html(documents: &[Document<'_>]) -> String {
    page::page(documents, AMOUNTS[0], "")
}

/// The same within so many bytes, as far as leaving out evidence and rows can do it.
///
/// Mail services cut a page at about 100 KB, and a packet holds no more than 256 KiB.
pub(crate) fn html_within(documents: &[Document<'_>], bytes_max: usize) -> String {
    let mut whole = html(documents);
    for amount in &AMOUNTS[1..] {
        if whole.len() <= bytes_max {
            return whole;
        }
        let note = match (amount.lines, amount.rows) {
            (0, 0) => "Tables and log lines are left out to keep this mail short.",
            (0, _) => "Log lines are left out to keep this mail short.",
            _ => "Some log lines are left out to keep this mail short.",
        };
        whole = page::page(documents, *amount, note);
    }
    whole
}
