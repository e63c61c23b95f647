use super::*;

fn attempt<'a>(source: &'a str, target: &'a str, known: bool) -> Attempt<'a> {
    Attempt {
        source: source.as_bytes(),
        target: target.as_bytes(),
        known,
        n: 1,
    }
}

fn rows(tracks: &Tracks, group: &str) -> Vec<Trace> {
    let (groups, _) = tracks.report();
    groups
        .get(group)
        .map(|group| group.rows.clone())
        .unwrap_or_default()
}

#[test]
fn sources_and_accounts_are_followed_through_the_hours() {
    let mut tracks = Tracks::default();
    for hour in [10, 10, 10, 12] {
        tracks.hour = hour;
        tracks.attempt(attempt("203.0.113.9", "ann", true));
        tracks.attempt(attempt("203.0.113.9", "root", true));
        tracks.attempt(attempt("203.0.113.9", "nonesuch", false));
    }
    let sources = rows(&tracks, SOURCES);
    assert_eq!(sources.len(), 1);
    let expected = Trace {
        key: "203.0.113.9".to_owned(),
        n: 12,
        wide: 3,
        known: 4,
        known_wide: 1,
        peak: 9,
        hours: 2,
        first: 10,
        last: 12,
    };
    assert_eq!(sources[0], expected);
    let accounts = rows(&tracks, ACCOUNTS);
    assert_eq!(
        accounts.len(),
        1,
        "root is everywhere, and nonesuch nowhere"
    );
    assert_eq!(
        (accounts[0].key.as_str(), accounts[0].n, accounts[0].wide),
        ("ann", 4, 1)
    );
}

#[test]
fn a_network_of_ipv6_is_one_source() {
    let mut tracks = Tracks::default();
    for host in 1..=50 {
        tracks.attempt(attempt(&format!("2001:db8:1:2::{host:x}"), "x", false));
    }
    let sources = rows(&tracks, SOURCES);
    assert_eq!((sources.len(), sources[0].n), (1, 50));
    assert_eq!(sources[0].key, "2001:db8:1:2::/64");
}

#[test]
fn parts_merge_to_the_whole() {
    let (mut whole, mut first, mut later) =
        (Tracks::default(), Tracks::default(), Tracks::default());
    for n in 0..100u32 {
        let source = format!("203.0.113.{}", n % 7);
        let target = format!("user{}", n % 13);
        let part = if n < 37 { &mut first } else { &mut later };
        for tracks in [part, &mut whole] {
            tracks.hour = n / 10;
            tracks.attempt(attempt(&source, &target, n % 2 == 0));
            tracks.unit(b"a.service");
        }
    }
    whole.login(b"ann", b"203.0.113.1", 1, 9);
    later.login(b"ann", b"203.0.113.1", 1, 4);
    later.precede(|_| 5);
    first.merge(later);
    assert_eq!(first.report(), whole.report());
}

#[test]
fn a_flood_of_sources_pushes_nobody_out_who_did_more() {
    let mut tracks = Tracks::default();
    for _ in 0..30 {
        tracks.attempt(attempt("192.0.2.1", "ann", true));
        tracks.hour += 1;
    }
    for n in 0..100_000u32 {
        tracks.attempt(attempt(
            &format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255),
            "x",
            false,
        ));
    }
    let sources = rows(&tracks, SOURCES);
    assert!(sources.len() <= ROWS_MAX);
    assert_eq!(
        (sources[0].key.as_str(), sources[0].n, sources[0].hours),
        ("192.0.2.1", 30, 30)
    );
    let (groups, _) = tracks.report();
    assert_eq!(groups.get(SOURCES).unwrap().keys, 100_001);
    for n in 0..20_000u32 {
        tracks.login(
            format!("u{n}").as_bytes(),
            b"192.0.2.1",
            1,
            u64::from(n == 7) * 50,
        );
    }
    assert_eq!(tracks.report().1[0].user, "u7");
}
