//! A time of day, and the moments it names.

use std::str::FromStr;

use jiff::Span;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// A time of day on this host's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At(Time);

impl FromStr for At {
    type Err = String;

    /// Reads `07:00`.
    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("{text:?} is no time of day like 07:00");
        let (hour, minute) = text.split_once(':').ok_or_else(form)?;
        let two = |digits: &str, below: i8| {
            let is_two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            let number: Option<i8> = digits.parse().ok().filter(|_| is_two);
            number.filter(|number| *number < below)
        };
        let (hour, minute) = two(hour, 24).zip(two(minute, 60)).ok_or_else(form)?;
        Time::new(hour, minute, 0, 0).map(Self).map_err(|_| form())
    }
}

impl At {
    /// The last moment of this time of day at or before `now_ms`.
    pub(crate) fn last_before(self, now_ms: u64, zone: &TimeZone) -> Option<u64> {
        let today = date(now_ms, zone)?;
        let yesterday = today.checked_sub(Span::new().days(1)).ok()?;
        [today, yesterday]
            .into_iter()
            .filter_map(|date| self.on(date, zone))
            .find(|moment| *moment <= now_ms)
    }

    /// The first moment of this time of day after `now_ms`.
    pub(crate) fn next_after(self, now_ms: u64, zone: &TimeZone) -> Option<u64> {
        let today = date(now_ms, zone)?;
        let tomorrow = today.checked_add(Span::new().days(1)).ok()?;
        [today, tomorrow]
            .into_iter()
            .filter_map(|date| self.on(date, zone))
            .find(|moment| *moment > now_ms)
    }

    /// Where the clocks are set forward over it, the moment after; where they are set back, the
    /// first of the two.
    fn on(self, date: Date, zone: &TimeZone) -> Option<u64> {
        let moment = zone.to_timestamp(date.to_datetime(self.0)).ok()?;
        u64::try_from(moment.as_millisecond()).ok()
    }
}

fn date(now_ms: u64, zone: &TimeZone) -> Option<Date> {
    let now = Timestamp::from_millisecond(i64::try_from(now_ms).ok()?).ok()?;
    Some(zone.to_datetime(now).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

    fn ms(text: &str) -> u64 {
        u64::try_from(text.parse::<Timestamp>().unwrap().as_millisecond()).unwrap()
    }

    #[track_caller]
    fn check(at: &str, zone: &str, now: &str, last: &str, next: &str) {
        let at: At = at.parse().unwrap();
        let zone = TimeZone::posix(zone).unwrap();
        let shown = |moment: Option<u64>| {
            let moment = i64::try_from(moment.unwrap()).unwrap();
            Timestamp::from_millisecond(moment).unwrap().to_string()
        };
        assert_eq!(shown(at.last_before(ms(now), &zone)), last, "last");
        assert_eq!(shown(at.next_after(ms(now), &zone)), next, "next");
    }

    #[test]
    fn a_day_has_one_seven_oclock() {
        let (last, next) = ("2026-11-20T07:00:00Z", "2026-11-21T07:00:00Z");
        check("07:00", "UTC0", "2026-11-21T06:59:59Z", last, next);
        check("07:00", "UTC0", "2026-11-20T07:00:00Z", last, next);
        let (last, next) = ("2026-11-21T06:00:00Z", "2026-11-22T06:00:00Z");
        check("07:00", BERLIN, "2026-11-21T23:30:00Z", last, next);
    }

    #[test]
    fn it_follows_the_clocks_of_its_zone() {
        // Set forward on 2026-03-29 at 02:00: the last day had 23 hours.
        let (last, next) = ("2026-03-28T06:00:00Z", "2026-03-29T05:00:00Z");
        check("07:00", BERLIN, "2026-03-29T04:00:00Z", last, next);
        // 02:30 is left out that day: the moment after the gap stands for it.
        let (last, next) = ("2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z");
        check("02:30", BERLIN, "2026-03-29T01:00:00Z", last, next);
    }

    #[test]
    fn times_of_day_are_read_strictly() {
        for good in ["00:00", "07:05", "23:59"] {
            assert!(good.parse::<At>().is_ok(), "{good}");
        }
        for bad in [
            "", "7:00", "24:00", "12:60", "07:00:00", "+7:00", "noon", "07", "0７:00",
        ] {
            assert!(bad.parse::<At>().is_err(), "{bad}");
        }
    }
}
