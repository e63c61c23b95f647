//! The order in which reports come does not matter.

use proptest::prelude::*;

use super::*;

/// What a case says, without what tells which report came first.
fn said(board: &Board) -> Vec<Case> {
    let cases = board.cases.values().map(|stored| Case {
        id: Uuid::nil(),
        opened_ms: 0,
        alerts: 0,
        merged: Vec::new(),
        analysis: Default::default(),
        ..stored.case.clone()
    });
    let mut said: Vec<Case> = cases.collect();
    // Two cases may begin on one host, at one time, with one event: their sources tell them apart.
    said.sort_by_cached_key(|case| {
        let first = &case.timeline[0];
        let who = (case.sources.clone(), case.users.clone(), case.last_ms);
        (case.hosts.clone(), case.first_ms, first.event.clone(), who)
    });
    said
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    let event = prop::sample::select(vec![
        "warning {} brute_force",
        "info {} login",
        "warning {} login_after_failures",
        "info {} sudo",
        "notice {} ban",
        "error {} disk_error",
        "error {} oom_kill",
        "error {} unit_failed",
        "warning {} segfault",
        "info {} package_change",
        "error {} something_else",
    ]);
    let line = (0..90u64, event, 0..3u8, 0..4u8, 0..3u8, 0..20u64).prop_map(
        |(minute, event, host, source, user, lasts)| {
            let mut line = format!(
                "{minute} {} for={lasts}",
                event.replace("{}", &format!("web{host}"))
            );
            if source > 0 {
                line.push_str(&format!(" from=203.0.113.{source}"));
            }
            if user > 0 {
                line.push_str(&format!(" by=user{user}"));
            }
            line
        },
    );
    prop::collection::vec(line, 1..25)
}

proptest! {
    #[test]
    fn any_order_gives_the_same_cases((lines, shuffled) in lines().prop_flat_map(|lines| {
        (Just(lines.clone()), Just(lines).prop_shuffle())
    })) {
        let (one, other) = (board(&lines.join("\n")), board(&shuffled.join("\n")));
        prop_assert_eq!(said(&one), said(&other));
    }

    #[test]
    fn every_report_is_in_one_case(lines in lines()) {
        let board = board(&lines.join("\n"));
        let reports: u64 = board.cases.values().map(|stored| stored.case.reports).sum();
        let counted: u64 = board
            .cases
            .values()
            .flat_map(|stored| &stored.case.timeline)
            .map(|entry| entry.count)
            .sum();
        prop_assert_eq!((reports, counted), (lines.len() as u64, lines.len() as u64));
    }

    #[test]
    fn any_text_is_harmless_and_bounded(host in ".{0,400}", event in ".{0,400}", user in ".{0,400}") {
        let mut event = StatusEvent { state: event, ..report("590 error web1 x") };
        let inner = event.report.as_mut().unwrap();
        (inner.host, inner.user) = (host, Some(user));
        let mut board = Board::default();
        let case = board.take(event, NOW_MS).stored.case;
        let text = crate::show::text(&case);
        prop_assert!(!text.chars().any(|char| char.is_control() && char != '\n'));
        let story = crate::show::story(&case);
        prop_assert!(story.len() < 16 * 1024);
    }
}
