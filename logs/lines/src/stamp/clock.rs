//! Stamps to nanoseconds since 1970 UTC.

mod minute;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use self::minute::Minute;
use super::Stamp;
use super::parse;
use super::parse::Civil;

/// How far after the reference a stamp without a year may lie before it is taken for last year's.
const AHEAD_MAX_S: i64 = 86_400;
/// How many years back a 29 February is looked for: eight lie around 1900 and 2100.
const YEARS_BACK_MAX: u32 = 8;

/// Resolves stamps of one file: knows its zone, and about when it was written.
///
/// Stamps of the same minute follow each other in logs, so the last minute of each form is
/// remembered.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: TimeZone,
    reference_s: i64,
    reference_year: u32,
    bsd: Minute<13>,
    iso: Minute<17>,
    clf: Minute<18>,
    /// The last local minute asked for, as if UTC, and its seconds since 1970.
    local: Option<(i64, i64)>,
}

impl Clock {
    /// A clock for stamps that are local to `zone` and not written after `reference_unix_s`.
    ///
    /// The reference is when the file was last written, or now. A stamp without a year gets the
    /// latest year in which it lies no more than a day after the reference.
    #[must_use]
    pub fn new(zone: TimeZone, reference_unix_s: i64) -> Self {
        let mut clock = Self {
            zone,
            reference_s: 0,
            reference_year: 1970,
            bsd: Minute::default(),
            iso: Minute::default(),
            clf: Minute::default(),
            local: None,
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
        self.bsd = Minute::default();
    }

    /// Nanoseconds since 1970 UTC; none for no stamp and for one that is no real time.
    ///
    /// Where the clocks were set back, the earlier of two moments; where they were set forward,
    /// the moment after the gap.
    #[inline]
    pub fn resolve(&mut self, stamp: Stamp<'_>) -> Option<i64> {
        match stamp {
            Stamp::None => None,
            Stamp::Unix(unix_ns) => Some(unix_ns),
            Stamp::Bsd(bytes) => self.bsd.same(bytes).or_else(|| self.resolve_bsd(bytes)),
            Stamp::Iso(bytes) => self.iso.same(bytes).or_else(|| {
                let (unix_ns, minute_ns) = self.civil(&parse::iso(bytes)?)?;
                self.iso.remember(bytes, minute_ns);
                Some(unix_ns)
            }),
            Stamp::Clf(bytes) => self.clf.same(bytes).or_else(|| {
                let (unix_ns, minute_ns) = self.civil(&parse::clf(bytes)?)?;
                self.clf.remember(bytes, minute_ns);
                Some(unix_ns)
            }),
            Stamp::Apache(bytes) => Some(self.civil(&parse::apache(bytes)?)?.0),
            Stamp::Nginx(bytes) => Some(self.civil(&parse::nginx(bytes)?)?.0),
        }
    }

    fn resolve_bsd(&mut self, bytes: &[u8]) -> Option<i64> {
        for back in 0..=YEARS_BACK_MAX {
            let Some(civil) = parse::bsd(bytes, self.reference_year.checked_sub(back)?) else {
                continue;
            };
            let (unix_ns, minute_ns) = self.civil(&civil)?;
            // By the minute, so that all of its seconds get the same year.
            if minute_ns.div_euclid(1_000_000_000) <= self.reference_s + AHEAD_MAX_S {
                self.bsd.remember(bytes, minute_ns);
                return Some(unix_ns);
            }
        }
        None
    }

    /// The moment, and that of the beginning of its minute.
    fn civil(&mut self, civil: &Civil) -> Option<(i64, i64)> {
        let minute_s = match civil.offset_s {
            Some(offset_s) => civil.minute_utc() - i64::from(offset_s),
            None => self.local_minute(civil)?,
        };
        let minute_ns = minute_s * 1_000_000_000;
        let since_ns = i64::from(civil.second) * 1_000_000_000 + i64::from(civil.nanos);
        Some((minute_ns + since_ns, minute_ns))
    }

    fn local_minute(&mut self, civil: &Civil) -> Option<i64> {
        let as_utc = civil.minute_utc();
        if let Some((known, unix_s)) = self.local
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
        self.local = Some((as_utc, unix_s));
        Some(unix_s)
    }
}

#[cfg(test)]
mod tests;
