//! Stamps to nanoseconds since 1970 UTC.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Stamp;
use super::parse;
use super::parse::Civil;

/// How far after the reference a stamp without a year may lie before it is taken for last year's.
const AHEAD_MAX_S: i64 = 86_400;
/// How many years back a 29 February is looked for: eight lie around 1900 and 2100.
const YEARS_BACK_MAX: u32 = 8;
/// The longest stamp that is remembered.
const STAMP_BYTES_MAX: usize = 40;

/// Resolves stamps of one file: knows its zone, and about when it was written.
///
/// Equal stamps and equal minutes follow each other in logs, so the last of each is remembered.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: TimeZone,
    reference_s: i64,
    reference_year: u32,
    last: Remembered,
    /// The last local minute asked for, as if UTC, and its seconds since 1970.
    minute: Option<(i64, i64)>,
}

#[derive(Debug, Clone)]
struct Remembered {
    bytes: [u8; STAMP_BYTES_MAX],
    len: usize,
    unix_ns: i64,
}

impl Clock {
    /// A clock for stamps that are local to `zone` and not written after `reference_unix_s`.
    ///
    /// The reference is when the file was last written, or now. A stamp without a year gets the
    /// latest year in which it lies no more than a day after the reference.
    #[must_use]
    pub fn new(zone: TimeZone, reference_unix_s: i64) -> Self {
        let last = Remembered {
            bytes: [0; STAMP_BYTES_MAX],
            len: 0,
            unix_ns: 0,
        };
        let mut clock = Self {
            zone,
            reference_s: 0,
            reference_year: 1970,
            last,
            minute: None,
        };
        clock.set_reference(reference_unix_s);
        clock
    }

    /// Another file follows, last written at `reference_unix_s`.
    pub fn set_reference(&mut self, reference_unix_s: i64) {
        self.reference_s = reference_unix_s;
        let days = reference_unix_s.div_euclid(86_400);
        // The zone's year may be the next one already.
        let (year, ..) = parse::civil_from_days(days + 1);
        self.reference_year = u32::try_from(year).unwrap_or(1970);
        self.last.len = 0;
    }

    /// Nanoseconds since 1970 UTC; none for no stamp and for one that is no real time.
    ///
    /// Where the clocks were set back, the earlier of two moments; where they were set forward,
    /// the moment after the gap.
    pub fn resolve(&mut self, stamp: Stamp<'_>) -> Option<i64> {
        let bytes = match stamp {
            Stamp::None => return None,
            Stamp::Unix(unix_ns) => return Some(unix_ns),
            Stamp::Bsd(bytes)
            | Stamp::Iso(bytes)
            | Stamp::Clf(bytes)
            | Stamp::Apache(bytes)
            | Stamp::Nginx(bytes) => bytes,
        };
        if self.last.len == bytes.len() && self.last.bytes[..self.last.len] == *bytes {
            return Some(self.last.unix_ns);
        }
        let unix_ns = match stamp {
            Stamp::Bsd(bytes) => self.bsd(bytes),
            Stamp::Iso(bytes) => parse::iso(bytes).and_then(|civil| self.civil(&civil)),
            Stamp::Clf(bytes) => parse::clf(bytes).and_then(|civil| self.civil(&civil)),
            Stamp::Apache(bytes) => parse::apache(bytes).and_then(|civil| self.civil(&civil)),
            _ => parse::nginx(bytes).and_then(|civil| self.civil(&civil)),
        }?;
        if let Some(room) = self.last.bytes.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
            self.last.len = bytes.len();
            self.last.unix_ns = unix_ns;
        }
        Some(unix_ns)
    }

    fn bsd(&mut self, bytes: &[u8]) -> Option<i64> {
        for back in 0..=YEARS_BACK_MAX {
            let Some(civil) = parse::bsd(bytes, self.reference_year.checked_sub(back)?) else {
                continue;
            };
            let unix_ns = self.civil(&civil)?;
            if unix_ns.div_euclid(1_000_000_000) <= self.reference_s + AHEAD_MAX_S {
                return Some(unix_ns);
            }
        }
        None
    }

    fn civil(&mut self, civil: &Civil) -> Option<i64> {
        let minute_s = match civil.offset_s {
            Some(offset_s) => civil.minute_utc() - i64::from(offset_s),
            None => self.local_minute(civil)?,
        };
        let unix_s = minute_s + i64::from(civil.second);
        Some(unix_s * 1_000_000_000 + i64::from(civil.nanos))
    }

    fn local_minute(&mut self, civil: &Civil) -> Option<i64> {
        let as_utc = civil.minute_utc();
        if let Some((known, unix_s)) = self.minute
            && known == as_utc
        {
            return Some(unix_s);
        }
        let small = |value: u32| i8::try_from(value).ok();
        let local = DateTime::new(
            i16::try_from(civil.year).ok()?,
            small(civil.month)?,
            small(civil.day)?,
            small(civil.hour)?,
            small(civil.minute)?,
            0,
            0,
        )
        .ok()?;
        let unix_s = self.zone.to_timestamp(local).ok()?.as_second();
        self.minute = Some((as_utc, unix_s));
        Some(unix_s)
    }
}

#[cfg(test)]
mod tests;
