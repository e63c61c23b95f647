use skep_protocol::digest::{HourCounts, Ordered};

use super::*;

/// 2027-01-14 00:00 UTC, a Thursday.
const START_H: u64 = 499_896;

/// A digest of an httpd with so many requests in these hours.
fn served(counts: &[(u64, u64)]) -> CollectorReport {
    let mut collector = CollectorReport::default();
    collector.totals.0.push(("requests".to_owned(), 0));
    for (hour, n) in counts.iter().filter(|(_, n)| *n > 0) {
        let counts = vec![("lines".to_owned(), *n), ("requests".to_owned(), *n)];
        collector.traces.hours.push(HourCounts {
            hour: *hour,
            counts: Ordered(counts),
        });
    }
    collector
}

/// From and until in minutes since the start.
fn window(from_min: u64, until_min: u64) -> Window {
    let at = |minutes: u64| START_H * HOUR_MS + minutes * 60_000;
    Window {
        from_ms: at(from_min),
        until_ms: at(until_min),
    }
}

/// Patrols of six hours that begin 37 minutes past; what is usual is quiet nights and busy days.
fn learned(days: u64) -> Seasons {
    let mut seasons = Seasons::default();
    for patrol in 0..days * 4 {
        let from = 37 + patrol * 360;
        let hours: Vec<(u64, u64)> = (from / 60..=(from + 360) / 60)
            .map(|hour| {
                // Of an hour that two patrols share each has a part.
                let whole = usual(hour);
                let n = match hour {
                    hour if hour == from / 60 => whole - whole * 37 / 60,
                    hour if hour == (from + 360) / 60 => whole * 37 / 60,
                    _ => whole,
                };
                (START_H + hour, n)
            })
            .collect();
        seasons.learn(&served(&hours), window(from, from + 360));
    }
    seasons
}

fn usual(hour: u64) -> u64 {
    let noise = hour * 7 % 11;
    if (8..20).contains(&(hour % 24)) {
        600 + noise
    } else {
        60 + noise
    }
}

#[track_caller]
fn check(seasons: &Seasons, hour_of_day: u64, n: u64, expected: &[&str]) {
    let hour = 20 * 24 + hour_of_day;
    let found = seasons.look(
        "httpd",
        &served(&[(START_H + hour, n)]),
        window(hour * 60, hour * 60 + 60),
    );
    let titles: Vec<&str> = found.iter().map(|finding| finding.title.as_str()).collect();
    assert_eq!(titles, expected);
}

#[test]
fn the_same_number_is_usual_by_day_and_unusual_by_night() {
    let seasons = learned(20);
    check(&seasons, 12, 600, &[]);
    let night = ["httpd: 600 requests in an hour, where 66 are usual at this time"];
    check(&seasons, 3, 600, &night);
    check(
        &seasons,
        12,
        0,
        &["httpd: silent for an hour, where 606 lines are usual at this time"],
    );
    check(&seasons, 3, 90, &[]);
}

#[test]
fn an_hour_that_two_patrols_share_is_put_together() {
    let seasons = learned(20);
    let days: Vec<usize> = (0..24)
        .filter_map(|hour| seasons.metrics["lines"].days.get(&hour).map(Vec::len))
        .collect();
    assert_eq!(
        days, [DAYS_MAX; 24],
        "each hour of the day was learned each day"
    );
    let shared = &seasons.metrics["lines"].days[&6];
    assert!(shared.iter().all(|n| (60..72).contains(n)), "{shared:?}");
}

#[test]
fn few_days_are_no_habit_and_a_wild_one_is_none_either() {
    check(&learned(3), 3, 5_000, &[]);
    let mut seasons = learned(20);
    for night in 0..3 {
        let hour = 21 * 24 + night * 24 + 3;
        seasons.learn(
            &served(&[(START_H + hour, 90_000)]),
            window(hour * 60, hour * 60 + 60),
        );
    }
    let found = seasons.look(
        "httpd",
        &served(&[(START_H + 627, 99_000)]),
        window(627 * 60, 628 * 60),
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].severity, Severity::Notice);
}

#[test]
fn it_stays_small_whatever_is_counted() {
    let mut seasons = Seasons::default();
    for hour in 0..2_000 {
        let mut collector = served(&[(START_H + hour, 1)]);
        let counts = &mut collector.traces.hours[0].counts.0;
        counts.extend((0..10).map(|n| (format!("metric{}", hour * 10 + n), u64::MAX)));
        seasons.learn(&collector, window(hour * 60, hour * 60 + 60));
    }
    assert_eq!(seasons.metrics.len(), METRICS_MAX);
    assert!(serde_json::to_string(&seasons).unwrap().len() < 600_000);
}
