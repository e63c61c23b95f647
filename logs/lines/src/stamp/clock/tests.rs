use jiff::tz::TimeZone;
use jiff::tz::offset;
use proptest::prelude::*;

use super::*;
use crate::stamp::format_utc;

/// 2026-01-02T03:04:05Z.
const NEW_YEAR_S: i64 = 1_767_323_045;

fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

fn check(zone: TimeZone, reference_s: i64, stamp: Stamp<'_>, expected: &str) {
    let resolved = Clock::new(zone, reference_s).resolve(stamp);
    let shown = resolved.map_or("none".to_owned(), format_utc);
    assert_eq!(shown, expected, "{stamp:?}");
}

#[test]
fn a_missing_year_is_the_latest_that_fits() {
    let utc = |stamp, expected| {
        check(TimeZone::UTC, NEW_YEAR_S, Stamp::Bsd(stamp), expected);
    };
    utc(b"Jan  2 03:04:05", "2026-01-02T03:04:05Z");
    utc(b"Jan  3 03:04:00", "2026-01-03T03:04:00Z");
    utc(b"Jan  4 03:04:05", "2025-01-04T03:04:05Z");
    utc(b"Dec 31 23:59:59", "2025-12-31T23:59:59Z");
    utc(b"Feb 29 12:00:00", "2024-02-29T12:00:00Z");
    utc(b"Feb 30 12:00:00", "none");
    utc(b"Jan 12 25:00:00", "none");
}

#[test]
fn new_year_comes_first_in_the_east() {
    let tokyo = TimeZone::fixed(offset(9));
    // 2025-12-31T20:00:00Z is New Year's morning in Tokyo.
    check(
        tokyo,
        1_767_211_200,
        Stamp::Bsd(b"Jan  1 05:00:00"),
        "2025-12-31T20:00:00Z",
    );
}

#[test]
fn local_time_follows_its_zone_over_the_year() {
    let july_s = 1_783_000_000;
    check(
        berlin(),
        july_s,
        Stamp::Bsd(b"Jul  1 12:00:00"),
        "2026-07-01T10:00:00Z",
    );
    check(
        berlin(),
        july_s,
        Stamp::Bsd(b"Jan  1 12:00:00"),
        "2026-01-01T11:00:00Z",
    );
    check(
        berlin(),
        0,
        Stamp::Iso(b"2026-03-29 02:30:00"),
        "2026-03-29T01:30:00Z",
    );
    check(
        berlin(),
        0,
        Stamp::Iso(b"2026-10-25T02:30:00"),
        "2026-10-25T00:30:00Z",
    );
    check(
        berlin(),
        0,
        Stamp::Nginx(b"2021/12/02 11:53:15"),
        "2021-12-02T10:53:15Z",
    );
    check(
        berlin(),
        0,
        Stamp::Apache(b"Wed Oct 11 14:32:52.9 2023"),
        "2023-10-11T12:32:52Z",
    );
    check(
        berlin(),
        0,
        Stamp::Apache(b"Wed Oct 11 14:32:52 2023"),
        "2023-10-11T12:32:52Z",
    );
}

#[test]
fn written_zones_win() {
    let z = TimeZone::UTC;
    check(
        z.clone(),
        0,
        Stamp::Iso(b"2022-01-19T14:23:55+02:00"),
        "2022-01-19T12:23:55Z",
    );
    check(
        z.clone(),
        0,
        Stamp::Iso(b"2022-01-19T14:23:55.25-0330"),
        "2022-01-19T17:53:55Z",
    );
    check(
        z.clone(),
        0,
        Stamp::Iso(b"2022-01-19T14:23:55Z"),
        "2022-01-19T14:23:55Z",
    );
    check(z.clone(), 0, Stamp::Iso(b"2022-01-19T14:23:55X"), "none");
    check(
        z,
        0,
        Stamp::Clf(b"10/Oct/2000:13:55:36 -0700"),
        "2000-10-10T20:55:36Z",
    );
}

#[test]
fn fractions_reach_the_nanosecond() {
    let mut clock = Clock::new(TimeZone::UTC, 0);
    let stamp = Stamp::Iso(b"1970-01-01T00:00:01.123456789Z");
    assert_eq!(clock.resolve(stamp), Some(1_123_456_789));
}

#[test]
fn what_is_remembered_does_not_leak_into_the_next_file() {
    let mut clock = Clock::new(TimeZone::UTC, NEW_YEAR_S);
    let stamp = Stamp::Bsd(b"Dec 31 23:59:59");
    let first = clock.resolve(stamp);
    assert_eq!(clock.resolve(stamp), first);
    clock.set_reference(NEW_YEAR_S - 365 * 86_400);
    assert_eq!(
        clock.resolve(stamp).map(format_utc),
        Some("2024-12-31T23:59:59Z".to_owned())
    );
}

proptest! {
    #[test]
    fn resolving_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..45)) {
        let mut clock = Clock::new(berlin(), NEW_YEAR_S);
        for stamp in [
            Stamp::Bsd(&bytes), Stamp::Iso(&bytes), Stamp::Clf(&bytes),
            Stamp::Apache(&bytes), Stamp::Nginx(&bytes),
        ] {
            let first = clock.resolve(stamp);
            prop_assert_eq!(first, clock.resolve(stamp));
        }
    }

    /// What is remembered of a stamp never changes what the next one means.
    #[test]
    fn a_clock_is_like_a_new_clock_for_every_stamp(
        stamps in proptest::collection::vec(
            (
                0..5usize,
                prop_oneof![
                    "2026-02-1[0-9]T1[0-2]:0[01]:[0-6][0-9]([.,][0-9]{0,10})?(Z|[+-]0[0-2]:?[03]0)?",
                    "(Jan|Feb) [ 1][0-9] 1[0-2]:0[01]:[0-6][0-9]",
                    "1[0-9]/Feb/2026:1[0-2]:0[01]:[0-6][0-9] [+]0[0-2]00",
                    "2026/02/1[0-9] 1[0-2]:0[01]:[0-6][0-9]",
                    "Wed Feb 1[0-9] 12:0[01]:[0-6][0-9]([.][0-9]{1,7})? 2026",
                ],
            ),
            0..20,
        ),
    ) {
        let mut clock = Clock::new(berlin(), NEW_YEAR_S);
        for (form, text) in &stamps {
            let bytes = text.as_bytes();
            let stamp = match form {
                0 => Stamp::Bsd(bytes),
                1 => Stamp::Iso(bytes),
                2 => Stamp::Clf(bytes),
                3 => Stamp::Apache(bytes),
                _ => Stamp::Nginx(bytes),
            };
            let fresh = Clock::new(berlin(), NEW_YEAR_S).resolve(stamp);
            prop_assert_eq!(clock.resolve(stamp), fresh, "{:?}", stamp);
        }
    }

    #[test]
    fn days_and_dates_agree(days in -1000i64..100_000) {
        let (year, month, day) = parse::civil_from_days(days);
        let back = parse::days_from_civil(year as u32, month as u32, day as u32);
        prop_assert_eq!(back, days);
    }
}
