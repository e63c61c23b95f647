use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use skep_agent::AskError;
use skep_protocol::alert::question_id;
use skep_protocol::callback::Format;
use skep_protocol::callback::Status;
use skep_protocol::digest::GenerateDigest;
use skep_protocol::oracle::Finding;
use skep_protocol::oracle::OracleResponse;
use skep_protocol::oracle::RETURN_HANDLER;
use skep_protocol::oracle::Report;
use skep_protocol::severity::Severity;

use crate::world::ACCEPTED;
use crate::world::World;
use crate::world::append;

const ORACLE: &str = "oracle@n3";

/// An agent whose first patrol's question has been answered.
async fn world(more: Value) -> World {
    let mut config = json!({"enable_oracle": true, "oracle_timeout": 60});
    config
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let mut world = World::start_at_once(config).await;
    world.kit.serve("hive.oracle", ORACLE, "cmd_msg_prompt");
    world
        .kit
        .serve("hive.alert", "alert@n1", "cmd_send_alert_msg");
    let (prompt, sent) = world.question().await;
    assert!(prompt.patrol);
    sent.answer(&response(&prompt.query_id, report())).await;
    world.kit.idle().await;
    world
}

fn report() -> Report {
    Report {
        severity: Severity::Info,
        summary: "nothing unusual".to_owned(),
        findings: Vec::new(),
        confidence: 80,
        advice: Vec::new(),
        backend: "builtin".to_owned(),
        degraded: None,
        unfounded: Vec::new(),
        anomaly: false,
    }
}

fn anomaly() -> Report {
    let finding = Finding {
        title: "guessing of passwords".to_owned(),
        shape: String::new(),
        severity: Severity::Error,
        evidence: vec!["sshd/1:1".to_owned()],
        confidence: 90,
        advice: None,
    };
    Report {
        severity: Severity::Error,
        findings: vec![finding],
        anomaly: true,
        ..report()
    }
}

fn response(query_id: &str, report: Report) -> OracleResponse {
    OracleResponse {
        query_id: query_id.to_owned(),
        response: report.to_text(),
        report,
    }
}

fn wanted() -> GenerateDigest {
    GenerateDigest {
        use_oracle: true,
        ..GenerateDigest::default()
    }
}

fn open_questions(world: &World) -> Vec<String> {
    let is_open = |key: &String| key.starts_with("question/") || key.starts_with("answering/");
    world.kit.keys().into_iter().filter(is_open).collect()
}

/// Exactly one alert record, about this question, however it was raised.
fn one_alert(heard: &crate::world::Heard, query_id: &str) -> skep_protocol::alert::Alert {
    assert_eq!(heard.alerts.len(), 1, "{:?}", heard.alerts);
    let alert = heard.alerts[0].clone();
    assert_eq!(alert.id, Some(question_id(query_id)));
    assert_eq!(alert.query_id.as_deref(), Some(query_id));
    alert
}

#[tokio::test(start_paused = true)]
async fn the_analysis_follows_the_digest() {
    let mut world = world(json!({})).await;
    world.ask(7, wanted()).await;
    let (prompt, sent) = world.question().await;
    assert_eq!(
        sent.outgoing.token.as_ref().unwrap().as_str(),
        prompt.query_id
    );
    assert_eq!(
        open_questions(&world).len(),
        2,
        "the row is there before the question"
    );
    assert!(!prompt.patrol);
    assert_eq!(
        prompt
            .digest
            .as_ref()
            .unwrap()
            .collectors
            .get("sshd")
            .unwrap()
            .lines_read,
        3
    );
    sent.answer(&response(&prompt.query_id, report())).await;
    let heard = world.hear(200).await;
    assert!(heard.alerts.is_empty());
    assert!(heard.text().contains("nothing unusual"), "{}", heard.text());
    let last = heard.callbacks.last().unwrap();
    assert!(last.last);
    assert_eq!(last.seq, 1, "the digest was number 0");
    assert_eq!(open_questions(&world), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_anomaly_alerts_with_its_evidence() {
    let mut world = world(json!({})).await;
    world.ask(7, wanted()).await;
    let (prompt, sent) = world.question().await;
    sent.answer(&response(&prompt.query_id, anomaly())).await;
    let heard = world.hear(200).await;
    let alert = one_alert(&heard, &prompt.query_id);
    assert_eq!(alert.level, Severity::Error);
    assert_eq!(alert.cause, "anomaly in the logs");
    assert_eq!(alert.evidence.len(), 1);
    assert!(alert.evidence[0].text.contains("Failed password"));
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_in_time_the_digest_stands_and_people_are_told_once() {
    let mut world = world(json!({"oracle_alert_severity": "error"})).await;
    world.ask(7, wanted()).await;
    let (prompt, sent) = world.question().await;
    let heard = world.hear(200).await;
    drop(sent);
    let working = heard
        .callbacks
        .iter()
        .filter(|callback| callback.status == Status::Working);
    assert_eq!(working.count(), 5, "every ten seconds of sixty");
    let text = heard.text();
    assert!(
        text.contains("No analysis: the oracle did not answer within 60 s"),
        "{text}"
    );
    assert!(heard.callbacks.last().unwrap().last);
    let seqs: Vec<u64> = heard
        .callbacks
        .iter()
        .map(|callback| callback.seq)
        .collect();
    assert_eq!(seqs, (1..=6).collect::<Vec<u64>>());
    let alert = one_alert(&heard, &prompt.query_id);
    assert_eq!(alert.level, Severity::Error);
    assert_eq!(open_questions(&world), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_shown_as_late_and_adds_to_the_same_record() {
    let mut world = world(json!({})).await;
    world.ask(7, wanted()).await;
    let (prompt, _sent) = world.question().await;
    world.hear(200).await;
    let late = response(&prompt.query_id, report());
    world
        .kit
        .command(RETURN_HANDLER, &late)
        .from(ORACLE)
        .late()
        .deliver()
        .await;
    let heard = world.hear(200).await;
    assert!(heard.callbacks.iter().all(|callback| callback.late));
    assert!(
        heard.text().contains("The analysis came late."),
        "{}",
        heard.text()
    );
    let alert = one_alert(&heard, &prompt.query_id);
    assert!(alert.quiet, "people were told already");
    // Once only.
    world
        .kit
        .command(RETURN_HANDLER, &late)
        .from(ORACLE)
        .late()
        .deliver()
        .await;
    world.kit.idle().await;
    assert_eq!(world.kit.status().failed(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_answers_nothing() {
    let mut world = world(json!({})).await;
    world.ask(7, wanted()).await;
    let (prompt, _sent) = world.question().await;
    world.hear(200).await;
    let forged = response(&prompt.query_id, report());
    world
        .kit
        .command(RETURN_HANDLER, &forged)
        .from("mallory@n4")
        .late()
        .deliver()
        .await;
    let heard = world.hear(200).await;
    assert!(heard.callbacks.is_empty() && heard.alerts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nobody_to_ask_is_an_outcome_after_five_seconds() {
    let mut world = world(json!({})).await;
    world.kit.retire("hive.oracle");
    world.ask(7, wanted()).await;
    let before = world.kit.now().unix_ms;
    let heard = world.hear(20).await;
    let text = heard.text();
    assert!(
        text.contains("No analysis: nobody serves the role hive.oracle"),
        "{text}"
    );
    assert_eq!(heard.alerts.len(), 1);
    let last_ms = heard.callbacks.last().unwrap().timestamp;
    assert!(
        (5000..6000).contains(&(last_ms - before)),
        "after {} ms",
        last_ms - before
    );
}

#[tokio::test(start_paused = true)]
async fn an_oracle_that_comes_up_within_five_seconds_is_asked() {
    let mut world = world(json!({})).await;
    world.kit.retire("hive.oracle");
    world.ask(7, wanted()).await;
    world.hear(3).await;
    world.kit.serve("hive.oracle", ORACLE, "cmd_msg_prompt");
    let (prompt, sent) = world.question().await;
    sent.answer(&response(&prompt.query_id, report())).await;
    assert!(world.hear(200).await.alerts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn garbage_is_no_answer() {
    let no_such_line = {
        let mut report = anomaly();
        report.findings[0].evidence = vec!["sshd/1:999".to_owned()];
        report
    };
    for (answer, reason) in [
        (json!({"hello": 1}), "missing field"),
        (
            json!(response("another", report())),
            "it answers another question",
        ),
        (json!(response("QUERY", no_such_line)), "sshd/1:999"),
        (
            json!(response(
                "QUERY",
                Report {
                    summary: String::new(),
                    ..report()
                }
            )),
            "empty",
        ),
    ] {
        let mut world = world(json!({})).await;
        world.ask(7, wanted()).await;
        let (prompt, sent) = world.question().await;
        let mut answer = answer;
        if answer["query_id"] == "QUERY" {
            answer["query_id"] = json!(prompt.query_id);
        }
        sent.answer(&answer).await;
        let heard = world.hear(200).await;
        let text = heard.text();
        assert!(
            text.contains("No analysis: the oracle's answer is no report"),
            "{text}"
        );
        assert!(text.contains(reason), "{text}");
        one_alert(&heard, &prompt.query_id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_oracle_is_noticed_before_the_time_is_over() {
    let mut world = world(json!({})).await;
    world.ask(7, wanted()).await;
    let (prompt, sent) = world.question().await;
    sent.fail(AskError::EndpointLost {
        endpoint: ORACLE.parse().unwrap(),
    })
    .await;
    let heard = world.hear(9).await;
    assert!(
        heard
            .text()
            .contains("No analysis: the oracle oracle@n3 is gone")
    );
    one_alert(&heard, &prompt.query_id);
}

#[tokio::test(start_paused = true)]
async fn a_crash_with_a_question_open_is_settled_once() {
    let mut world = world(json!({})).await;
    world.ask(7, wanted()).await;
    let (prompt, _sent) = world.question().await;
    world.kit.crash().await;
    let heard = world.hear(200).await;
    let text = heard.text();
    assert!(text.contains("No analysis: interrupted"), "{text}");
    let last = heard.callbacks.last().unwrap();
    assert_eq!(
        (last.session_id.as_deref(), last.last, last.seq),
        (Some("s1"), true, 1)
    );
    one_alert(&heard, &prompt.query_id);
    world.kit.crash().await;
    let heard = world.hear(200).await;
    assert!(
        heard.alerts.is_empty() && heard.callbacks.is_empty(),
        "nothing was open"
    );
}

#[tokio::test(start_paused = true)]
async fn a_patrol_that_found_nothing_asks_nothing() {
    let mut world = world(json!({})).await;
    tokio::time::sleep(Duration::from_secs(6 * 3600)).await;
    assert!(world.next(3600).await.is_none());
    assert_eq!(open_questions(&world), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_same_command_twice_is_one_question() {
    let mut world = world(json!({})).await;
    world.ask(7, wanted()).await;
    let (prompt, _sent) = world.question().await;
    world.ask(7, wanted()).await;
    let heard = world.hear(200).await;
    one_alert(&heard, &prompt.query_id);
}

#[tokio::test(start_paused = true)]
async fn a_degraded_report_is_an_answer_that_says_so() {
    for (more, n_alerts) in [(json!({}), 0), (json!({"alert_on_degraded": 1}), 1)] {
        let mut world = world(more).await;
        world.ask(7, wanted()).await;
        let (prompt, sent) = world.question().await;
        let degraded = Report {
            degraded: Some("model timed out".to_owned()),
            ..report()
        };
        sent.answer(&response(&prompt.query_id, degraded)).await;
        let heard = world.hear(200).await;
        assert!(
            heard.text().contains("Degraded: model timed out"),
            "{}",
            heard.text()
        );
        assert_eq!(heard.alerts.len(), n_alerts);
    }
}

#[tokio::test(start_paused = true)]
async fn an_oracle_sees_the_evidence_that_a_person_left_out() {
    for format in [Format::Text, Format::Json] {
        let mut world = world(json!({})).await;
        world
            .ask(
                7,
                GenerateDigest {
                    include_details: false,
                    format,
                    ..wanted()
                },
            )
            .await;
        let mut heard = crate::world::Heard::default();
        let (prompt, sent) = loop {
            match world.next(60).await.unwrap() {
                crate::world::Said::Callback(callback) => heard.callbacks.push(*callback),
                crate::world::Said::Question(prompt, sent) => break (prompt, sent),
                other => panic!("{other:?}"),
            }
        };
        sent.answer(&response(&prompt.query_id, anomaly())).await;
        let rest = world.hear(200).await;
        assert_eq!(rest.alerts[0].evidence.len(), 1);
        assert!(
            !heard.text().contains("Failed password"),
            "{}",
            heard.text()
        );
        assert!(!rest.text().contains("Failed password"), "{}", rest.text());
        assert!(
            rest.text().contains("guessing of passwords"),
            "{}",
            rest.text()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_is_whole_with_what_came_of_asking() {
    let mut world = world(json!({})).await;
    world
        .ask(
            7,
            GenerateDigest {
                format: Format::Json,
                ..wanted()
            },
        )
        .await;
    let (prompt, _sent) = world.question().await;
    let document = world.hear(200).await.json();
    assert_eq!(document["collectors"]["sshd"]["totals"]["failed"], 2);
    assert_eq!(document["analysis"]["query_id"], prompt.query_id);
    assert_eq!(
        document["analysis"]["reason"],
        "the oracle did not answer within 60 s"
    );
}

#[tokio::test(start_paused = true)]
async fn a_patrols_question_has_its_watchdog_too() {
    let mut world = world(json!({})).await;
    append(&world.folder, &[ACCEPTED]);
    tokio::time::sleep(Duration::from_secs(6 * 3600)).await;
    let (prompt, _sent) = world.question().await;
    assert!(prompt.patrol && prompt.window.is_some());
    let heard = world.hear(200).await;
    one_alert(&heard, &prompt.query_id);
    assert!(
        heard.callbacks.is_empty(),
        "there is no door to offer it to"
    );
    let last = GenerateDigest {
        last: true,
        ..GenerateDigest::default()
    };
    world.ask(8, last).await;
    let text = world.hear(30).await.text();
    assert!(
        text.contains("No analysis: the oracle did not answer within 60 s"),
        "{text}"
    );
}
