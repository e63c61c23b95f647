//! Text that came from anywhere, made harmless for a page.

use skep_lines::neutral;
use skep_lines::neutral_cut;

/// Longest text of a cell or a line, in bytes of the log; the rest is cut.
const TEXT_BYTES_MAX: usize = 400;

/// Text that can do nothing to a page, nor to a person's eyes: control characters and those that
/// reorder or hide text become `\xNN`, and no mail client makes a link of it.
pub(super) fn text(raw: &str) -> String {
    escaped(&neutral_cut(raw.as_bytes(), TEXT_BYTES_MAX))
}

/// The same for sentences, which are not cut.
pub(super) fn sentence(raw: &str) -> String {
    escaped(&neutral(raw.as_bytes()))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(char),
        }
    }
    // Clients make links of what looks like one, but not across an element.
    out.replace("://", ":<wbr>//")
        .replace("www.", "www<wbr>.")
        .replace('@', "<wbr>@")
}

/// A number with its thousands apart.
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
