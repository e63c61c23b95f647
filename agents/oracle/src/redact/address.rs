//! Where mail addresses, network addresses and known names stand in a text. Spans are byte ranges
//! at character borders, in order, and do not overlap.

use std::net::{Ipv4Addr, Ipv6Addr};

type Spans = Vec<(usize, usize)>;

/// `local@domain`, with or without a top level domain: any is somebody's.
pub(crate) fn mails(text: &str) -> Spans {
    let mut spans = Spans::new();
    let local = |char: char| char.is_alphanumeric() || "._%+-=!#$&'*/?^`{|}~".contains(char);
    let domain = |char: char| char.is_alphanumeric() || ".-_".contains(char);
    for (at, _) in text.match_indices('@') {
        let (before, after) = text.split_at(at);
        let start = before.trim_end_matches(local).len();
        // What is set to an address is not part of it: `to=<ann@example.org>`, `user=ann@…`.
        let name = before.get(start..).unwrap_or_default();
        let start = name.rfind('=').map_or(start, |equals| start + equals + 1);
        let after = after.get(1..).unwrap_or_default();
        let rest = after.trim_start_matches(domain);
        let host = after
            .strip_suffix(rest)
            .unwrap_or(after)
            .trim_end_matches(['.', '-', '_']);
        let end = at + 1 + host.len();
        let free = spans.last().is_none_or(|(_, last)| *last <= start);
        if start < at && !host.is_empty() && free {
            spans.push((start, end));
        }
    }
    spans
}

/// IPv4 and IPv6 addresses, also with a port behind them or in brackets.
pub(crate) fn addresses(text: &str) -> Spans {
    let mut spans = Spans::new();
    let of_address = |char: char| char.is_ascii_hexdigit() || char == '.' || char == ':';
    let mut from = 0;
    while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        let skipped = rest.len() - rest.trim_start_matches(|char| !of_address(char)).len();
        let start = from + skipped;
        let run = text.get(start..).unwrap_or_default();
        let end = start + run.len() - run.trim_start_matches(of_address).len();
        spans.extend(in_run(text, start, end));
        from = end.max(from + 1);
        while !text.is_char_boundary(from) {
            from += 1;
        }
    }
    spans
}

/// The addresses in a run of their characters.
fn in_run(text: &str, start: usize, end: usize) -> Spans {
    let run = text.get(start..end).unwrap_or_default();
    let trimmed = run.trim_end_matches(['.', ':']);
    let lead = trimmed.len() - trimmed.trim_start_matches('.').len();
    let whole = trimmed.get(lead..).unwrap_or_default();
    let is_six = |text: &str| text.parse::<Ipv6Addr>().is_ok();
    if is_six(whole) || is_hardware(whole) {
        return vec![(start + lead, start + lead + whole.len())];
    }
    if is_six(run) {
        return vec![(start, end)];
    }
    let mut spans = Spans::new();
    let mut at = 0;
    for part in run.split(':') {
        let dotted = part.trim_matches('.');
        let offset = at + part.len() - part.trim_start_matches('.').len();
        spans.extend(four(dotted).map(|(from, to)| (start + offset + from, start + offset + to)));
        at += part.len() + 1;
    }
    if !spans.is_empty() {
        return spans;
    }
    // `prefix:2001:db8::1` or `2001:db8::1:trailing`: the longest part that is an address.
    longest_six(whole)
        .map(|(from, to)| (start + lead + from, start + lead + to))
        .into_iter()
        .collect()
}

/// The address of a network card, or two of them and a protocol, as the kernel writes them.
fn is_hardware(run: &str) -> bool {
    run.split(':').count() >= 6 && run.split(':').all(|part| part.len() == 2)
}

/// Four numbers with dots, also where letters of hex digits touch them.
fn four(dotted: &str) -> Option<(usize, usize)> {
    let digits = |char: char| char.is_ascii_digit() || char == '.';
    let start = dotted.len() - dotted.trim_start_matches(|char| !digits(char)).len();
    let rest = dotted.get(start..)?;
    let run = rest
        .strip_suffix(rest.trim_start_matches(digits))
        .unwrap_or(rest);
    let parts: Vec<&str> = run.split('.').collect();
    // Any four in a row; a version number with four parts looks the same and goes too.
    let found = parts
        .windows(4)
        .position(|four| four.join(".").parse::<Ipv4Addr>().is_ok())?;
    let before: usize = parts.iter().take(found).map(|part| part.len() + 1).sum();
    let length = parts
        .iter()
        .skip(found)
        .take(4)
        .map(|part| part.len() + 1)
        .sum::<usize>()
        - 1;
    Some((start + before, start + before + length))
}

/// The longest IPv6 address between two colons of a run.
fn longest_six(run: &str) -> Option<(usize, usize)> {
    let cuts: Vec<usize> = std::iter::once(0)
        .chain(run.match_indices(':').flat_map(|(at, _)| [at, at + 1]))
        .chain(std::iter::once(run.len()))
        // A longer run of hex digits and colons is no address; looking at all its parts is slow.
        .take(64)
        .collect();
    let pairs = cuts
        .iter()
        .flat_map(|from| cuts.iter().map(move |to| (*from, *to)));
    let fits = |(from, to): &(usize, usize)| {
        run.get(*from..*to)
            .is_some_and(|part| part.parse::<Ipv6Addr>().is_ok())
    };
    pairs
        .filter(|(from, to)| from < to)
        .filter(fits)
        .max_by_key(|(from, to)| to - from)
}

/// Where a name stands as a word of its own.
pub(crate) fn words(text: &str, name: &str) -> Spans {
    let inside = |char: char| char.is_alphanumeric() || char == '_';
    let stands = |at: &usize| {
        let (before, from) = text.split_at(*at);
        let after = from.strip_prefix(name).unwrap_or_default();
        !before.ends_with(inside) && !after.starts_with(inside)
    };
    let found = text.match_indices(name).map(|(at, _)| at);
    found
        .filter(stands)
        .map(|at| (at, at + name.len()))
        .collect()
}
