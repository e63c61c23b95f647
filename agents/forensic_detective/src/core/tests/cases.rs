//! When something is a case, when people hear of it, and when it ends.

use super::*;

const GUESSES: &str = "590 warning web1 brute_force from=203.0.113.9 times=40";

#[test]
fn what_is_not_grave_is_no_case_and_waits() {
    let mut board = board("590 info web1 login from=203.0.113.9 by=bob");
    assert!(board.open().is_empty());
    let step = board.take(report(GUESSES), NOW_MS);
    assert!(step.opened && step.ask);
    assert_eq!(step.due, Some(Due::News));
    assert_eq!(step.stored.case.timeline.len(), 2);
}

#[test]
fn a_case_is_told_once_and_again_only_for_something_essential() {
    let mut board = Board::default();
    let at = |minute: u64| NOW_MS + minute * MINUTE_MS;
    let due = |step: Step| (step.due, step.opened);
    assert_eq!(
        due(board.take(report(GUESSES), at(0))),
        (Some(Due::News), true)
    );
    // The same again, and another source: nothing new.
    assert_eq!(due(board.take(report(GUESSES), at(1))), (None, false));
    let other = "592 warning web1 brute_force from=203.0.113.10 times=40";
    assert_eq!(due(board.take(report(other), at(2))), (None, false));
    // Another host and another cause wait for the end of the cooldown.
    let elsewhere = "593 warning web2 brute_force from=203.0.113.9 times=40";
    assert_eq!(due(board.take(report(elsewhere), at(3))), (None, false));
    assert!(board.sweep(at(9)).is_empty());
    let swept = board.sweep(at(10));
    assert_eq!((swept.len(), swept[0].due), (1, Some(Due::News)));
    assert_eq!(swept[0].stored.told.as_ref().unwrap().revision, 1);
    assert!(board.sweep(at(11)).is_empty());
    // What became graver waits for nothing.
    let login = "594 info web2 login from=203.0.113.9 by=bob";
    let step = board.take(report(login), at(12));
    assert_eq!(
        (step.due, step.stored.case.severity),
        (Some(Due::News), Severity::Critical)
    );
    assert_eq!(step.stored.case.alerts, 3);
    assert_eq!(board.open().len(), 1);
}

#[test]
fn a_quiet_case_is_closed_and_goes_on_where_it_goes_on() {
    let mut board = board(GUESSES);
    assert!(board.sweep(NOW_MS + 59 * MINUTE_MS).is_empty());
    let closed = board.sweep(NOW_MS + 60 * MINUTE_MS);
    assert_eq!(closed[0].due, Some(Due::Record));
    assert_eq!(closed[0].stored.case.state, CaseState::Closed);
    let late = "600 warning web1 brute_force from=203.0.113.9 times=9";
    let step = board.take(report(late), NOW_MS + 61 * MINUTE_MS);
    assert_eq!((step.opened, step.due), (false, Some(Due::Record)));
    assert_eq!(step.stored.case.state, CaseState::Open);
    assert_eq!(step.stored.case.closed_ms, None);
    assert_eq!(board.cases.len(), 1);
}

#[test]
fn two_cases_that_turn_out_to_be_one_keep_the_older_name() {
    let mut board = board("500 warning web1 brute_force from=203.0.113.1 times=40");
    let first = board.open()[0].id;
    let step = board.take(
        report("500 warning web2 brute_force from=203.0.113.2 times=40"),
        NOW_MS + 1,
    );
    let second = step.stored.case.id;
    assert_eq!(board.open().len(), 2);
    let both = "505 warning web2 brute_force from=203.0.113.1 times=40";
    let step = board.take(report(both), NOW_MS + 2);
    assert_eq!(step.stored.case.id, first);
    assert_eq!(step.stored.case.merged, [second]);
    let absorbed: Vec<Uuid> = step.absorbed.iter().map(|gone| gone.case.id).collect();
    assert_eq!(absorbed, [second]);
    assert_eq!(board.open().len(), 1);
    assert_eq!(step.stored.case.reports, 3);
}

#[test]
fn things_that_have_nothing_in_common_are_cases_of_their_own() {
    let apart = |lines: &str| board(lines).open().len();
    assert_eq!(
        apart("10 error web1 unit_failed of=a\n 10 error web2 unit_failed of=a"),
        2
    );
    assert_eq!(
        apart("10 error web1 unit_failed of=a\n 26 error web1 unit_failed of=b"),
        2
    );
    assert_eq!(
        apart("10 error web1 unit_failed of=a\n 25 error web1 unit_failed of=b"),
        1
    );
    assert_eq!(
        apart("10 error web1 unit_failed of=a\n 10 warning web1 brute_force from=203.0.113.9"),
        2
    );
    // The address of the host itself, and root, are everywhere.
    let local =
        "warning web1 brute_force from=127.0.0.1\n 10 warning web2 brute_force from=127.0.0.1";
    assert_eq!(apart(&format!("10 {local}")), 2);
    let root = "10 warning web1 login_after_failures by=root from=203.0.113.1
                10 warning web2 login_after_failures by=root from=203.0.113.2";
    assert_eq!(apart(root), 2);
    assert_eq!(apart(&root.replace("root", "bob")), 1);
}

#[test]
fn a_reporter_whose_clock_is_ahead_or_mad_reaches_no_further_than_others() {
    let mut mad = report(GUESSES);
    let inner = mad.report.as_mut().unwrap();
    (inner.first_ms, inner.last_ms) = (1, u64::MAX);
    let mut board = Board::default();
    let case = board.take(mad, NOW_MS).stored.case;
    assert_eq!(case.last_ms, NOW_MS + 30_000);
    assert_eq!(case.last_ms - case.first_ms, 24 * 60 * MINUTE_MS);
}

#[test]
fn what_explains_nothing_is_forgotten() {
    let mut board = board("590 info web1 login from=203.0.113.9 by=bob");
    assert_eq!(board.cases.len(), 1);
    board.sweep(NOW_MS + 13 * 60 * MINUTE_MS);
    assert!(board.cases.is_empty() && board.live.is_empty());
}

#[test]
fn a_flood_is_bounded_and_what_is_open_stays_longest() {
    let mut board = board(GUESSES);
    let first = board.open()[0].id;
    for n in 0..LIVE_MAX * 2 {
        board.take(
            report(&format!("590 info host{n} package_change of=p{n}")),
            NOW_MS + 1,
        );
    }
    assert_eq!(board.live.len(), LIVE_MAX);
    assert_eq!(board.cases.len(), LIVE_MAX, "what is no case is not kept");
    assert!(board.live.contains_key(&first));
    for n in 0..LIVE_MAX {
        board.take(
            report(&format!("590 error host{n} unit_failed of=u{n}")),
            NOW_MS + 2,
        );
    }
    assert_eq!(board.live.len(), LIVE_MAX);
    let gone = &board.cases[&first].case;
    assert_eq!(
        gone.state,
        CaseState::Closed,
        "a case that went is kept, closed"
    );
}

#[test]
fn a_case_has_bounds_whatever_comes() {
    let mut board = Board::default();
    for n in 0..300 {
        let line = format!("590 warning web{n} brute_force from=203.0.113.9 of=o{n}");
        board.take(report(&line), NOW_MS);
    }
    let case = board.open()[0].clone();
    assert_eq!((case.timeline.len(), case.left_out), (60, 240));
    assert_eq!(case.hosts.len(), 64);
    assert!(board.live[&case.id].keys.len() <= 256);
    let long = "x".repeat(100_000);
    let line = format!("590 error web0 unit_failed of={long} by={long} from={long}");
    let case = board.take(report(&line), NOW_MS).stored.case;
    let bytes = serde_json::to_vec(&case).unwrap().len();
    assert!(bytes < 200 * 1024, "{bytes}");
}
