//! Digits of a stamp to numbers, and the calendar.

use crate::scan::four_digits;
use crate::scan::month;
use crate::scan::number;
use crate::scan::two_digits;

/// A moment of some calendar, with its zone where it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) nanos: u32,
    /// Seconds east of UTC; none for local time.
    pub(super) offset_s: Option<i32>,
}

impl Civil {
    fn checked(self) -> Option<Self> {
        let sane = (1970..=2261).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second <= 60;
        sane.then_some(self)
    }

    /// Seconds since 1970 of its minute, as if it were UTC.
    pub(super) fn minute_utc(&self) -> i64 {
        let days = days_from_civil(self.year, self.month, self.day);
        days * 86_400 + i64::from(self.hour * 3600 + self.minute * 60)
    }
}

/// `Feb 12 14:10:21` of a given year; `Feb 7 14:10:21` too.
pub(super) fn bsd(bytes: &[u8], year: u32) -> Option<Civil> {
    let ones = |at: usize| Some(u32::from(bytes.get(at)?.wrapping_sub(b'0')));
    let (day, time_at) = match (bytes.get(4)?, bytes.get(5)?) {
        (_, b' ') => (ones(4), 6),
        (b' ', _) => (ones(5), 7),
        _ => (two_digits(bytes, 4), 7),
    };
    Civil {
        year,
        month: month(bytes)?,
        day: day?,
        ..time(bytes, time_at)?
    }
    .checked()
}

/// `2024-10-31T12:38:21.817327+00:00`; apt puts two spaces between date and time.
pub(super) fn iso(bytes: &[u8]) -> Option<Civil> {
    let time_at = 11 + usize::from(bytes.get(11) == Some(&b' '));
    let mut civil = Civil {
        year: four_digits(bytes, 0)?,
        month: two_digits(bytes, 5)?,
        day: two_digits(bytes, 8)?,
        ..time(bytes, time_at)?
    };
    let mut rest = &bytes[time_at + 8..];
    if let [b'.' | b',', digits @ ..] = rest {
        let length = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        civil.nanos = nanos(&digits[..length])?;
        rest = &digits[length..];
    }
    civil.offset_s = match rest {
        [] => None,
        [b'Z' | b'z'] => Some(0),
        _ => Some(offset(rest)?),
    };
    civil.checked()
}

/// `10/Oct/2000:13:55:36 -0700`.
pub(super) fn clf(bytes: &[u8]) -> Option<Civil> {
    Civil {
        year: four_digits(bytes, 7)?,
        month: month(bytes.get(3..)?)?,
        day: two_digits(bytes, 0)?,
        offset_s: Some(offset(bytes.get(21..)?)?),
        ..time(bytes, 12)?
    }
    .checked()
}

/// Whether 26 bytes have the separators of an access log's stamp.
#[inline]
pub(crate) fn is_clf(bytes: &[u8]) -> bool {
    let Some(bytes) = bytes.first_chunk::<26>().filter(|_| bytes.len() == 26) else {
        return false;
    };
    bytes[2] == b'/'
        && bytes[6] == b'/'
        && bytes[11] == b':'
        && bytes[14] == b':'
        && bytes[17] == b':'
        && bytes[20] == b' '
        && matches!(bytes[21], b'+' | b'-')
        && bytes[0].is_ascii_digit()
        && bytes[25].is_ascii_digit()
}

/// `Wed Oct 11 14:32:52.123456 2023`, with or without a fraction.
pub(super) fn apache(bytes: &[u8]) -> Option<Civil> {
    let (head, year) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    let head = head.strip_suffix(b" ")?;
    let (head, fraction) = match head.iter().rposition(|byte| *byte == b'.') {
        Some(at) => (&head[..at], Some(&head[at + 1..])),
        None => (head, None),
    };
    let mut civil = bsd(head.get(4..)?, four_digits(year, 0)?)?;
    if let Some(digits) = fraction {
        civil.nanos = nanos(digits)?;
    }
    Some(civil)
}

/// `2021/12/02 11:53:15`.
pub(super) fn nginx(bytes: &[u8]) -> Option<Civil> {
    Civil {
        year: four_digits(bytes, 0)?,
        month: two_digits(bytes, 5)?,
        day: two_digits(bytes, 8)?,
        ..time(bytes, 11)?
    }
    .checked()
}

/// `hh:mm:ss` at `at`, everything else zero.
fn time(bytes: &[u8], at: usize) -> Option<Civil> {
    Some(Civil {
        year: 0,
        month: 0,
        day: 0,
        hour: two_digits(bytes, at)?,
        minute: two_digits(bytes, at + 3)?,
        second: two_digits(bytes, at + 6)?,
        nanos: 0,
        offset_s: None,
    })
}

/// A decimal fraction of a second; digits beyond the ninth are dropped.
fn nanos(digits: &[u8]) -> Option<u32> {
    let kept = &digits[..digits.len().min(9)];
    let value = u32::try_from(number(kept)?).ok()?;
    Some(value * 10u32.pow(9 - kept.len() as u32))
}

/// `+02:00`, `-0700`, `+02`.
fn offset(bytes: &[u8]) -> Option<i32> {
    let sign = match bytes.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let minutes = match bytes.len() {
        3 => 0,
        5 => two_digits(bytes, 3)?,
        6 if bytes[3] == b':' => two_digits(bytes, 4)?,
        _ => return None,
    };
    let hours = two_digits(bytes, 1)?;
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60).cast_signed())
}

/// Days since 1970-01-01 of a day of the Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
pub(super) fn days_from_civil(year: u32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
///
/// Source: as [`days_from_civil`].
pub(super) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

pub(super) fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
