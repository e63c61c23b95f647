//! Time stamps as daemons write them, found now and resolved when somebody asks.

mod clock;
mod parse;

pub use self::clock::Clock;
pub(crate) use self::parse::is_clf;
use crate::scan;

/// A time stamp as written. Finding one costs a look at its separators; resolving it is
/// [`Clock`]'s work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp<'a> {
    /// None was written.
    None,
    /// Already nanoseconds since 1970 UTC: the journal's.
    Unix(i64),
    /// `Feb 12 14:10:21`: local time, no year. 15 bytes, or 14 where a day of one digit has no
    /// space more in front of it. RFC 3164 §4.1.2.
    Bsd(&'a [u8]),
    /// `2024-10-31T12:38:21.817327+00:00`, with a space too, and without a zone.
    Iso(&'a [u8]),
    /// `10/Oct/2000:13:55:36 -0700`: access logs. 26 bytes.
    Clf(&'a [u8]),
    /// `Wed Oct 11 14:32:52.123456 2023`: Apache's error log, local time.
    Apache(&'a [u8]),
    /// `2021/12/02 11:53:15`: nginx's error log, local time. 19 bytes.
    Nginx(&'a [u8]),
}

/// Nanoseconds since 1970 as `2026-11-21T11:48:22Z`.
#[must_use]
pub fn format_utc(unix_ns: i64) -> String {
    let seconds = unix_ns.div_euclid(1_000_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = parse::civil_from_days(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The stamp at the start of a line, and what follows its space.
#[inline]
pub(crate) fn leading(line: &[u8]) -> Option<(Stamp<'_>, &[u8])> {
    match line.first()? {
        b'A'..=b'Z' => leading_bsd(line),
        b'0'..=b'9' => leading_iso(line),
        _ => None,
    }
}

/// `Feb 12 14:10:21 ` at the start, and what follows; a fraction of the second is dropped. Some
/// write a day of one digit without a space more in front: `Feb 7 14:10:21`.
fn leading_bsd(line: &[u8]) -> Option<(Stamp<'_>, &[u8])> {
    let is_short = line.get(5) == Some(&b' ');
    let length = if is_short { 14 } else { 15 };
    let head = line.get(..length)?;
    let clock = &head[length - 9..];
    let shaped = head[3] == b' '
        && clock[0] == b' '
        && clock[3] == b':'
        && clock[6] == b':'
        && match is_short {
            true => head[4].is_ascii_digit(),
            false => matches!(head[4], b' ' | b'0'..=b'3'),
        }
        && scan::month(head).is_some();
    if !shaped {
        return None;
    }
    match line.get(length) {
        None => Some((Stamp::Bsd(head), &[])),
        Some(b' ') => Some((Stamp::Bsd(head), &line[length + 1..])),
        // rsyslog and syslog-ng can be told to write fractions; the second is enough.
        Some(b'.') => {
            let (_, rest) = scan::token(&line[length..]);
            Some((Stamp::Bsd(head), rest))
        }
        Some(_) => None,
    }
}

/// `2024-10-31T12:38:21.817327+00:00 ` at the start, and what follows.
pub(crate) fn leading_iso(line: &[u8]) -> Option<(Stamp<'_>, &[u8])> {
    let head = line.get(..19)?;
    let shaped = head[4] == b'-'
        && head[7] == b'-'
        && matches!(head[10], b'T' | b't' | b' ')
        && head[13] == b':'
        && head[16] == b':';
    if !shaped {
        return None;
    }
    let (tail, rest) = scan::token(&line[19..]);
    let stamp = &line[..19 + tail.len()];
    (tail.len() <= 16).then_some((Stamp::Iso(stamp), rest))
}
