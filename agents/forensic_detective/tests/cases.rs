//! What the detective promises, seen alone on a test's node in paused time.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::time::Duration;

use serde_json::{Value, json};
use skep_agent::{
    AskError, Level, Principal,
    testkit::{Sent, Testkit},
};
use skep_forensic_detective::ForensicDetective;
use skep_packet::{Class, Kind, Refusal};
use skep_protocol::{
    alert::Alert,
    case::{Analysis, Case, CaseState, Cases, HANDLER_LIST, HANDLER_SHOW, ListCases, ShowCase},
    digest::EvidenceLine,
    oracle::{Finding, OracleResponse, Prompt, RETURN_HANDLER, Report},
    severity::Severity,
    status::{HANDLER, SeverityReport, StatusEvent},
};
use uuid::Uuid;

type World = Testkit<ForensicDetective>;

fn event(host: &str, event: &str, severity: Severity, now_ms: u64) -> StatusEvent {
    StatusEvent {
        origin: "log_watcher@n1".parse().unwrap(),
        subject: "sshd".to_owned(),
        state: event.to_owned(),
        severity,
        detail: String::new(),
        timestamp: now_ms,
        report: Some(SeverityReport {
            host: host.to_owned(),
            source: Some("203.0.113.9".to_owned()),
            count: 40,
            first_ms: now_ms - 60_000,
            last_ms: now_ms,
            evidence: vec![EvidenceLine {
                id: "sshd/1:7".to_owned(),
                text: "Failed password for root from 203.0.113.9 port 9 ssh2".to_owned(),
            }],
            ..SeverityReport::default()
        }),
    }
}

fn guesses(world: &World, host: &str) -> StatusEvent {
    event(host, "brute_force", Severity::Warning, world.now().unix_ms)
}

fn login(world: &World, host: &str, user: &str) -> StatusEvent {
    let mut event = event(host, "login", Severity::Info, world.now().unix_ms);
    event.report.as_mut().unwrap().user = Some(user.to_owned());
    event
}

/// Hands a report in, as its sender's outbox does.
async fn hand_in(world: &mut World, seq: u64, event: &StatusEvent) {
    let id = Uuid::from_u128(u128::from(seq) << 64);
    let command = world.command(HANDLER, event).from("log_watcher@n1");
    command.id(id).durable(seq).deliver().await;
}

/// What the agent says within a minute: alerts, and questions to the oracle.
async fn said(world: &mut World) -> (Vec<Alert>, Vec<Sent>) {
    let (mut alerts, mut asks) = (Vec::new(), Vec::new());
    while let Some(sent) = world.next_sent_within(Duration::from_secs(60)).await {
        match sent.outgoing.kind {
            Kind::Alert => {
                assert_eq!(sent.outgoing.class, Class::Durable);
                alerts.push(sent.content());
            }
            _ if sent.is_ask() => {
                asks.push(sent);
                // It may be answered before its time is over.
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    (alerts, asks)
}

fn viewer() -> Principal {
    Principal::Operator {
        name: "ann".to_owned(),
        level: Level::Viewer,
    }
}

async fn list(world: &mut World, wanted: Value) -> Cases {
    let command = world.command(HANDLER_LIST, &wanted).principal(viewer());
    command.token("list").deliver().await;
    world.next_sent().await.content()
}

async fn show(world: &mut World, id: &str) -> Case {
    let id = id.to_owned();
    let command = world.command(HANDLER_SHOW, &ShowCase { id });
    command.principal(viewer()).token("show").deliver().await;
    world.next_sent().await.content()
}

fn no_oracle() -> Value {
    json!({ "enable_oracle": false })
}

/// An agent beside somebody who tells people and somebody who analyses.
async fn with_all() -> World {
    let world = World::start(json!({ "oracle_timeout": 20 })).await;
    world.serve("hive.alert", "alert@n1", "cmd_send_alert_msg");
    world.serve("hive.oracle", "oracle@n1", "cmd_msg_prompt");
    world
}

fn report() -> Report {
    Report {
        severity: Severity::Warning,
        summary: "Somebody guesses passwords.".to_owned(),
        findings: Vec::new(),
        confidence: 90,
        advice: Vec::new(),
        backend: "builtin".to_owned(),
        degraded: None,
        unfounded: Vec::new(),
        anomaly: true,
    }
}

#[tokio::test(start_paused = true)]
async fn reports_of_two_hosts_become_one_case_and_one_alert() {
    let mut world = World::start(no_oracle()).await;
    let event = guesses(&world, "web1");
    hand_in(&mut world, 1, &event).await;
    let event = guesses(&world, "web1");
    hand_in(&mut world, 2, &event).await;
    let (alerts, _) = said(&mut world).await;
    let told: Vec<bool> = alerts.iter().map(|alert| alert.quiet).collect();
    assert_eq!(told, [false], "one alert");
    assert_eq!(alerts[0].level, Severity::Warning);
    assert!(alerts[0].msg.contains("brute force"), "{}", alerts[0].msg);
    let elsewhere = guesses(&world, "web2");
    hand_in(&mut world, 3, &elsewhere).await;
    let cases = list(&mut world, json!({})).await;
    assert_eq!(cases.cases.len(), 1);
    assert_eq!(cases.cases[0].hosts, ["web1", "web2"]);
    assert_eq!(world.settled().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_the_oracle_says_goes_into_the_case_and_the_alerts_record() {
    let mut world = with_all().await;
    let event = guesses(&world, "web1");
    hand_in(&mut world, 1, &event).await;
    let (alerts, asks) = said(&mut world).await;
    assert_eq!(alerts.len(), 1);
    assert!(
        alerts[0].msg.contains("The oracle is being asked."),
        "{}",
        alerts[0].msg
    );
    let prompt: Prompt = asks[0].content();
    let digest = prompt.digest.unwrap();
    let sshd = digest.collectors.get("sshd").unwrap();
    assert_eq!(sshd.totals.get("failed"), Some(&40));
    assert_eq!(sshd.sections[0].lines[0].id, "1.1");
    let response = OracleResponse {
        query_id: prompt.query_id,
        response: String::new(),
        report: report(),
    };
    asks[0].answer(&response).await;
    let (records, _) = said(&mut world).await;
    assert_eq!(
        (records.len(), records[0].quiet, records[0].id),
        (1, true, alerts[0].id)
    );
    assert!(
        records[0].msg.contains("Somebody guesses passwords."),
        "{}",
        records[0].msg
    );
    let case = show(&mut world, &alerts[0].id.unwrap().to_string()).await;
    assert_eq!(
        case.analysis,
        Analysis::Report {
            report: Box::new(report()),
            late: false,
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_answer_is_said_in_the_case() {
    let mut world = with_all().await;
    let event = guesses(&world, "web1");
    hand_in(&mut world, 1, &event).await;
    let (alerts, asks) = said(&mut world).await;
    asks[0].fail(AskError::TimedOut).await;
    let (records, _) = said(&mut world).await;
    assert!(records[0].quiet);
    assert!(
        records[0]
            .msg
            .contains("No analysis: no answer within 20 s."),
        "{}",
        records[0].msg
    );
    world.retire("hive.oracle");
    let login = login(&world, "web1", "bob");
    hand_in(&mut world, 2, &login).await;
    let (more, _) = said(&mut world).await;
    assert_eq!(
        (more[0].level, more[0].quiet, more[0].revision),
        (Severity::Critical, false, 1)
    );
    let case = show(&mut world, &alerts[0].id.unwrap().to_string()).await;
    let Analysis::Missing { reason } = case.analysis else {
        panic!("{:?}", case.analysis)
    };
    assert!(reason.contains("hive.oracle"), "{reason}");
}

/// An oracle's answer to a question that has ended.
async fn answer_late(world: &mut World, from: &str, response: &OracleResponse) {
    let command = world.command(RETURN_HANDLER, response).from(from);
    command.late().deliver().await;
    world.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_taken_once_and_shown_as_late() {
    let mut world = with_all().await;
    let event = guesses(&world, "web1");
    hand_in(&mut world, 1, &event).await;
    let (alerts, asks) = said(&mut world).await;
    let mut response = OracleResponse {
        query_id: asks[0].content::<Prompt>().query_id,
        response: String::new(),
        report: report(),
    };
    response.report.findings = vec![Finding {
        title: "guesses".to_owned(),
        shape: "guessing".to_owned(),
        severity: Severity::Warning,
        evidence: vec!["1.1".to_owned()],
        confidence: 80,
        advice: None,
    }];
    asks[0].fail(AskError::TimedOut).await;
    said(&mut world).await;
    // Another report came meanwhile: the lines that it may stand on are those of the question.
    let event = guesses(&world, "web0");
    hand_in(&mut world, 2, &event).await;
    // Neither who is no oracle is heard, nor an answer about lines that were never there.
    answer_late(&mut world, "log_watcher@n1", &response).await;
    let mut lies = response.clone();
    lies.report.findings[0].evidence = vec!["2.1".to_owned()];
    answer_late(&mut world, "oracle@n1", &lies).await;
    let mut other = response.clone();
    other.query_id = format!("{}.7", Uuid::nil());
    answer_late(&mut world, "oracle@n1", &other).await;
    let (none, _) = said(&mut world).await;
    assert!(none.is_empty(), "{none:?}");
    let id = alerts[0].id.unwrap().to_string();
    let case = show(&mut world, &id).await;
    assert!(
        matches!(case.analysis, Analysis::Missing { .. }),
        "{case:?}"
    );
    answer_late(&mut world, "oracle@n1", &response).await;
    let (records, _) = said(&mut world).await;
    assert_eq!(
        (records.len(), records[0].quiet, records[0].id),
        (1, true, alerts[0].id)
    );
    assert!(
        records[0]
            .msg
            .contains("The analysis came late.\nAnalysis: warning"),
        "{}",
        records[0].msg
    );
    let case = show(&mut world, &id).await;
    assert_eq!(
        case.analysis,
        Analysis::Report {
            report: Box::new(response.report.clone()),
            late: true,
        }
    );
    // It is one answer, however often it comes.
    answer_late(&mut world, "oracle@n1", &response).await;
    let (none, _) = said(&mut world).await;
    assert!(none.is_empty(), "{none:?}");
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_to_what_was_asked_anew_is_none() {
    let mut world = with_all().await;
    let event = guesses(&world, "web1");
    hand_in(&mut world, 1, &event).await;
    let (alerts, asks) = said(&mut world).await;
    asks[0].fail(AskError::TimedOut).await;
    let first = OracleResponse {
        query_id: asks[0].content::<Prompt>().query_id,
        response: String::new(),
        report: report(),
    };
    said(&mut world).await;
    let login = login(&world, "web1", "bob");
    hand_in(&mut world, 2, &login).await;
    let (_, asks) = said(&mut world).await;
    assert_ne!(asks[0].content::<Prompt>().query_id, first.query_id);
    answer_late(&mut world, "oracle@n1", &first).await;
    let case = show(&mut world, &alerts[0].id.unwrap().to_string()).await;
    assert_eq!(case.analysis, Analysis::Asked);
}

#[tokio::test(start_paused = true)]
async fn garbage_of_an_oracle_is_no_analysis() {
    let mut world = with_all().await;
    let event = guesses(&world, "web1");
    hand_in(&mut world, 1, &event).await;
    let (_, asks) = said(&mut world).await;
    let mut lies = report();
    lies.summary = String::new();
    let prompt: Prompt = asks[0].content();
    let response = OracleResponse {
        query_id: prompt.query_id,
        response: String::new(),
        report: lies,
    };
    asks[0].answer(&response).await;
    let (records, _) = said(&mut world).await;
    assert!(
        records[0].msg.contains("the answer is no report"),
        "{}",
        records[0].msg
    );
}

#[tokio::test(start_paused = true)]
async fn a_kill_loses_no_case_and_tells_nobody_twice() {
    let mut world = with_all().await;
    let event = guesses(&world, "web1");
    hand_in(&mut world, 1, &event).await;
    let (alerts, asks) = said(&mut world).await;
    assert_eq!((alerts.len(), asks.len()), (1, 1));
    world.crash().await;
    let (again, asks) = said(&mut world).await;
    assert_eq!((again.len(), asks.len()), (0, 1), "asked again, told once");
    let response = OracleResponse {
        query_id: asks[0].content::<Prompt>().query_id,
        response: String::new(),
        report: report(),
    };
    asks[0].answer(&response).await;
    let (records, _) = said(&mut world).await;
    assert!(
        records
            .iter()
            .all(|alert| alert.quiet && alert.id == alerts[0].id)
    );
    let event = guesses(&world, "web2");
    hand_in(&mut world, 2, &event).await;
    let cases = list(&mut world, json!({})).await;
    assert_eq!(
        (cases.cases.len(), cases.cases[0].id),
        (1, alerts[0].id.unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_waits_for_its_cooldown_also_over_a_kill() {
    let mut world = World::start(no_oracle()).await;
    let event = guesses(&world, "web1");
    hand_in(&mut world, 1, &event).await;
    let (first, _) = said(&mut world).await;
    let event = guesses(&world, "web2");
    hand_in(&mut world, 2, &event).await;
    let (waiting, _) = said(&mut world).await;
    assert!(waiting.iter().all(|alert| alert.quiet), "{waiting:?}");
    world.crash().await;
    tokio::time::sleep(Duration::from_secs(900)).await;
    let (told, _) = said(&mut world).await;
    let news: Vec<&Alert> = told.iter().filter(|alert| !alert.quiet).collect();
    assert_eq!(
        (news.len(), news[0].id, news[0].revision),
        (1, first[0].id, 1)
    );
    assert_eq!(news[0].cause, "one source attacks several hosts");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_case_is_closed_and_old_ones_are_forgotten() {
    let config = json!({ "enable_oracle": false, "quiet_s": 3600, "cases_days": 2 });
    let mut world = World::start(config).await;
    let event = guesses(&world, "web1");
    hand_in(&mut world, 1, &event).await;
    tokio::time::sleep(Duration::from_secs(3700)).await;
    world.idle().await;
    let (alerts, _) = said(&mut world).await;
    let last = alerts.last().unwrap();
    assert!(
        last.quiet && last.msg.contains("it had been quiet"),
        "{}",
        last.msg
    );
    let closed = list(&mut world, json!({ "state": "closed" })).await;
    assert_eq!(closed.cases.len(), 1);
    assert!(
        list(&mut world, json!({ "state": "open" }))
            .await
            .cases
            .is_empty()
    );
    tokio::time::sleep(Duration::from_hours(50)).await;
    world.idle().await;
    assert!(list(&mut world, json!({})).await.cases.is_empty());
    assert_eq!(world.keys(), ["pruned"]);
}

#[tokio::test(start_paused = true)]
async fn cases_are_found_by_words_state_and_time() {
    let mut world = World::start(no_oracle()).await;
    let started_ms = world.now().unix_ms;
    for (seq, host) in [(1, "web1"), (2, "db1")] {
        let mut event = event(host, "unit_failed", Severity::Error, world.now().unix_ms);
        let inner = event.report.as_mut().unwrap();
        (inner.source, inner.object) = (None, Some(format!("{host}.service")));
        hand_in(&mut world, seq, &event).await;
        world.idle().await;
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    said(&mut world).await;
    let hosts = |cases: Cases| -> Vec<String> {
        cases
            .cases
            .into_iter()
            .flat_map(|case| case.hosts)
            .collect()
    };
    assert_eq!(
        hosts(list(&mut world, json!({})).await),
        ["db1", "web1"],
        "the newest first"
    );
    assert_eq!(
        hosts(list(&mut world, json!({"query": "WEB1.service Unit"})).await),
        ["web1"]
    );
    assert_eq!(
        hosts(list(&mut world, json!({"query": "unit_failed db1"})).await),
        ["db1"]
    );
    assert_eq!(
        hosts(list(&mut world, json!({"query": "nonsense"})).await).len(),
        0
    );
    let since = json!({ "since": started_ms + 5_000 });
    assert_eq!(hosts(list(&mut world, since).await), ["db1"]);
    let one = list(&mut world, json!({ "limit": 1 })).await;
    assert_eq!((one.cases.len(), one.more), (1, 1));
    let id = one.cases[0].id.to_string();
    let case = show(&mut world, id.get(..6).unwrap()).await;
    assert_eq!(
        (case.hosts, case.state),
        (vec!["db1".to_owned()], CaseState::Open)
    );
}

#[tokio::test(start_paused = true)]
async fn the_number_of_cases_is_bounded() {
    let config = json!({ "enable_oracle": false, "cases_max": 3, "quiet_s": 60 });
    let mut world = World::start(config).await;
    for seq in 1..=8 {
        let mut event = event(
            &format!("h{seq}"),
            "unit_failed",
            Severity::Error,
            world.now().unix_ms,
        );
        event.report.as_mut().unwrap().source = None;
        hand_in(&mut world, seq, &event).await;
        tokio::time::sleep(Duration::from_secs(120)).await;
    }
    said(&mut world).await;
    let cases = list(&mut world, json!({})).await;
    assert!(cases.cases.len() <= 3, "{cases:?}");
    assert_eq!(cases.cases[0].hosts, ["h8"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_can_not_be_read_keeps_no_report_from_being_taken() {
    let mut world = World::start(no_oracle()).await;
    let event = guesses(&world, "web1");
    hand_in(&mut world, 1, &event).await;
    said(&mut world).await;
    let key = world
        .keys()
        .into_iter()
        .find(|key| key.starts_with("live/"))
        .unwrap();
    world.overwrite(&key, b"{}");
    let event = guesses(&world, "web1");
    hand_in(&mut world, 2, &event).await;
    world.idle().await;
    assert!(world.failed().is_empty(), "{:?}", world.failed());
    assert_eq!(world.settled().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn states_are_no_reports_and_people_bring_none() {
    let mut world = World::start(no_oracle()).await;
    let mut state = guesses(&world, "web1");
    (state.report, state.severity) = (None, Severity::Info);
    hand_in(&mut world, 1, &state).await;
    assert!(list(&mut world, json!({})).await.cases.is_empty());
    // A grave one counts, as agents send it that know nothing of reports.
    state.severity = Severity::Critical;
    hand_in(&mut world, 2, &state).await;
    world.idle().await;
    said(&mut world).await;
    assert_eq!(list(&mut world, json!({})).await.cases[0].hosts, ["n1"]);
    let denied = world.command(HANDLER, &state).principal(viewer());
    assert_eq!(denied.refusal(), Some(Refusal::Denied));
    let all = world
        .command(HANDLER_LIST, &ListCases::default())
        .principal(viewer());
    assert_eq!(all.refusal(), None);
}
