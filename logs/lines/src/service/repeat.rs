//! rsyslog's `message repeated N times: [ BODY]`: one line for many that were equal.

use crate::scan;

/// More repeats than this are not believed: the line counts once.
const REPEAT_MAX: u32 = 1_000_000;

/// The body that is meant, and how often; any other body is meant once. None where such a line is
/// broken.
pub(super) fn unfold(body: &[u8]) -> Option<(&[u8], u32)> {
    let Some(rest) = body.strip_prefix(b"message repeated ") else {
        return Some((body, 1));
    };
    let (count, rest) = scan::token(rest);
    let count = scan::number(count)?;
    let body = rest.strip_prefix(b"times: [")?.strip_suffix(b"]")?;
    Some((body.strip_prefix(b" ").unwrap_or(body), believed(count)))
}

/// A number of events that one line stands for; 1 where it can not be.
pub(super) fn believed(count: u64) -> u32 {
    let repeat = u32::try_from(count).ok();
    repeat
        .filter(|count| (1..=REPEAT_MAX).contains(count))
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: Option<(&str, u32)>) {
        let expected = expected.map(|(body, repeat)| (body.as_bytes(), repeat));
        assert_eq!(unfold(body.as_bytes()), expected, "{body}");
    }

    #[test]
    fn repeats_are_unfolded() {
        check("a", Some(("a", 1)));
        check("", Some(("", 1)));
        check("message repeated 3 times: [ a]", Some(("a", 3)));
        check("message repeated 3 times: [ a] b]", Some(("a] b", 3)));
        check("message repeated 0 times: [ a]", Some(("a", 1)));
        check("message repeated 99999999 times: [a]", Some(("a", 1)));
        check("message repeated x times: [ a]", None);
        check("message repeated 3 times: [ a", None);
    }
}
