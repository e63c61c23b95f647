//! Where secrets stand in a text, by the company they keep and by their shape.
//!
//! The rules look at the text as it is, each for itself, and what any of them finds goes: they
//! would rather take too much. Spans are byte ranges at character borders, in order.

mod rules;
mod shape;

use regex::Captures;

use self::rules::RULES;

/// Where secrets stand.
pub(super) fn secrets(text: &str) -> Vec<(usize, usize)> {
    let mut spans = shape::cards(text);
    spans.extend(shape::disorder(text));
    for rule in RULES.iter() {
        let mut from = 0;
        while let Some(found) = rule.regex.captures_at(text, from) {
            let whole = found.get_match();
            let span = span(&found);
            let is_secret = span.0 < span.1 && (rule.fits)(&found);
            if is_secret {
                spans.push(span);
            }
            // A value may hold the key of another one, and what was no secret may begin with one.
            let next = match is_secret {
                true => span.0.max(whole.start() + 1),
                false => whole.start() + 1,
            };
            if next > text.len() {
                break;
            }
            from = text.ceil_char_boundary(next);
        }
    }
    spans.sort_unstable();
    spans
}

/// What of a match is secret: the group of that name, or all of it; not the quotes around it.
fn span(found: &Captures<'_>) -> (usize, usize) {
    let secret = found.name("s").unwrap_or_else(|| found.get_match());
    let of_quote = |char: char| "\"'`\\".contains(char);
    let text = secret.as_str();
    if !text.starts_with(of_quote) {
        return (secret.start(), secret.end());
    }
    let inner = text.trim_start_matches(of_quote);
    let start = secret.end() - inner.len();
    (start, start + inner.trim_end_matches(of_quote).len())
}

#[cfg(test)]
mod tests;
