//! What the oracle promises its askers, seen alone on a test's node.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use serde_json::{Value, json};
use skep_agent::{AgentSpec, testkit::Testkit};
use skep_oracle::Oracle;
use skep_packet::Destination;
use skep_protocol::{
    digest::{
        CollectorReport, DigestReport, EvidenceLine, HourCounts, Ordered, Row, Section, Table,
    },
    oracle::{HANDLER, OracleResponse, Prompt, RETURN_HANDLER, Window, check, evidence_ids},
    severity::Severity,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

type World = Testkit<Oracle>;

const HOUR_MS: u64 = 3_600_000;

fn digest(source: &str, n: u64) -> DigestReport {
    let text = format!(
        "Jan 15 08:00:00 web1 sshd[9]: Failed password for invalid user carol from {source} port 9 ssh2"
    );
    let accepted =
        "Jan 15 08:00:00 web1 sshd[9]: Accepted password for dave from 192.0.2.44 port 9 ssh2";
    let mail = "Jan 15 08:00:00 web1 app[1]: mail to eve@example.org failed, api_key=abcdef123456";
    let line = |n: u64, text: &str| EvidenceLine {
        id: format!("sshd/1:{n}"),
        text: text.to_owned(),
    };
    let lines = vec![line(1, &text), line(2, accepted), line(3, mail)];
    let row = Row {
        key: source.to_owned(),
        counts: vec![("count".to_owned(), n)],
    };
    let table = Table {
        field: "source.address".to_owned(),
        rows: vec![row],
        other: None,
    };
    let sshd = CollectorReport {
        headline: format!("{n} failed, 1 accepted"),
        lines_read: n + 2,
        totals: Ordered(vec![("failed".to_owned(), n), ("accepted".to_owned(), 1)]),
        tables: Ordered(vec![("by_source".to_owned(), table)]),
        sections: vec![Section {
            name: "failed".to_owned(),
            count: n,
            lines,
        }],
        ..CollectorReport::default()
    };
    DigestReport {
        collectors: Ordered(vec![("sshd".to_owned(), sshd)]),
    }
}

fn prompt(n: u64) -> Prompt {
    Prompt {
        within_ms: Some(30_000),
        ..Prompt::about("q1", "web1", &digest("203.0.113.9", n))
    }
}

async fn ask(world: &mut World, prompt: &Prompt) -> OracleResponse {
    world.command(HANDLER, prompt).token("q1").deliver().await;
    let sent = world.next_sent().await;
    let Destination::Agent(to, handler) = &sent.outgoing.to else {
        panic!("{sent:?}")
    };
    assert_eq!(
        (to.to_string().as_str(), handler.as_str()),
        ("tester@n2", RETURN_HANDLER)
    );
    let response: OracleResponse = sent.content();
    assert_eq!(response.query_id, "q1");
    if let Some(digest) = &prompt.digest {
        assert_eq!(check(&response.report, &evidence_ids(digest)), Ok(()));
    }
    response
}

async fn model() -> (TcpListener, Value) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let config = json!({ "backends": [
        { "type": "openai", "url": url, "model": "small", "api_key": "k" },
        { "type": "builtin" },
    ] });
    (listener, config)
}

/// Takes one request and answers it; the request's body.
async fn serve(listener: TcpListener, answer: String) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.unwrap().parse().unwrap() {
            stream.write_all(answer.as_bytes()).await.unwrap();
            return body.to_owned();
        }
    }
}

fn says(content: &Value) -> String {
    let body =
        json!({ "choices": [{ "message": { "content": content.to_string() } }] }).to_string();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test(start_paused = true)]
async fn counting_needs_nothing_and_answers() {
    let mut world = World::start(json!({})).await;
    let response = ask(&mut world, &prompt(212)).await;
    let report = &response.report;
    assert_eq!(
        (report.backend.as_str(), report.severity),
        ("builtin", Severity::Warning)
    );
    assert!(report.anomaly && report.degraded.is_none());
    assert!(
        response.response.contains("203.0.113.9 made 212 attempts"),
        "{}",
        response.response
    );
}

#[tokio::test(start_paused = true)]
async fn bare_words_are_a_question_too_and_none_are_refused() {
    let mut world = World::start(json!({})).await;
    let words: Prompt = serde_json::from_value(json!({
        "query_id": "q1",
        "messages": [{ "role": "user", "content": "Failed password for root from 203.0.113.9 port 1 ssh2" }],
    }))
    .unwrap();
    let response = ask(&mut world, &words).await;
    assert_eq!(response.report.severity, Severity::Info);
    world
        .command(HANDLER, &json!({ "query_id": "q1" }))
        .token("q1")
        .deliver()
        .await;
    let refused: String = world.next_sent().await.content();
    assert!(
        refused.starts_with("a prompt, messages or a digest"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_model_sees_no_names_and_its_words_come_back_with_them() {
    let (listener, config) = model().await;
    let mut world = World::start(config).await;
    // The newest line comes first: E3 is the oldest.
    let opinion = json!({
        "summary": "X-addr-1 tries names",
        "findings": [{ "title": "X-addr-1 tries X-user-2", "severity": "warning",
            "evidence": ["E3"], "confidence": 70, "advice": "" }],
        "confidence": 70,
    });
    let answer = says(&opinion);
    let prompt = prompt(3);
    let (response, asked) = tokio::join!(ask(&mut world, &prompt), serve(listener, answer));
    for raw in [
        "203.0.113.9",
        "192.0.2.44",
        "carol",
        "dave",
        "web1",
        "eve@",
        "abcdef123456",
    ] {
        assert!(!asked.contains(raw), "{raw} left the host: {asked}");
    }
    let report = response.report;
    assert_eq!(
        (report.backend.as_str(), report.severity),
        ("openai small", Severity::Warning)
    );
    assert!(
        report
            .summary
            .contains("The model says: 203.0.113.9 tries names"),
        "{report:?}"
    );
    assert!(report.degraded.is_none() && !report.anomaly);
}

#[tokio::test]
async fn a_model_that_fails_leaves_the_count_and_the_reason() {
    for (answer, reason) in [
        (
            "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "the model's server says HTTP 503: ",
        ),
        (
            says(&json!("I cannot help with that.")),
            "the model's answer is no report",
        ),
    ] {
        let (listener, config) = model().await;
        let mut world = World::start(config).await;
        let prompt = prompt(212);
        let (response, _) = tokio::join!(ask(&mut world, &prompt), serve(listener, answer));
        let degraded = response.report.degraded.unwrap();
        assert!(degraded.starts_with(reason), "{degraded}");
        assert_eq!(
            (response.report.backend.as_str(), response.report.severity),
            ("builtin", Severity::Warning)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_hangs_leaves_the_asker_two_seconds() {
    let (_listener, config) = model().await;
    let mut world = World::start(config).await;
    let started = tokio::time::Instant::now();
    let response = ask(&mut world, &prompt(212)).await;
    assert_eq!(
        response.report.degraded.as_deref(),
        Some("the model did not answer in time")
    );
    assert_eq!(started.elapsed().as_secs(), 28);
    let hurried = Prompt {
        within_ms: Some(1500),
        ..prompt(212)
    };
    let response = ask(&mut world, &hurried).await;
    assert!(response.report.degraded.is_some());
    assert_eq!(
        started.elapsed().as_secs(),
        28,
        "no time for a model: at once"
    );
}

#[tokio::test(start_paused = true)]
async fn questions_that_wait_are_bounded_and_all_are_answered() {
    let (_listener, config) = model().await;
    let mut world = World::start(config).await;
    for _ in 0..80 {
        world
            .command(HANDLER, &prompt(1))
            .token("q1")
            .deliver()
            .await;
    }
    let mut reasons = Vec::new();
    for _ in 0..80 {
        let response: OracleResponse = world.next_sent().await.content();
        reasons.push(response.report.degraded.unwrap());
    }
    let crowded = reasons
        .iter()
        .filter(|reason| *reason == "too many questions at a time")
        .count();
    assert_eq!((crowded, reasons.len()), (16, 80));
}

#[tokio::test(start_paused = true)]
async fn patrols_teach_what_is_usual_and_that_survives_a_kill() {
    let at = |day: u64, accepted: u64| {
        let from_ms = 1_800_000_000_000 + day * 24 * HOUR_MS;
        let mut prompt = prompt(2);
        let counts = [("lines", 60), ("accepted", accepted)];
        let hour = HourCounts {
            hour: from_ms / HOUR_MS,
            counts: Ordered(counts.map(|(name, n)| (name.to_owned(), n)).into()),
        };
        let digest = prompt.digest.as_mut().unwrap();
        digest.collectors.0[0].1.traces.hours = vec![hour];
        prompt.window = Some(Window {
            from_ms,
            until_ms: from_ms + HOUR_MS,
        });
        prompt
    };
    let mut world = World::start(json!({})).await;
    for day in 0..8 {
        let patrol = true;
        ask(
            &mut world,
            &Prompt {
                patrol,
                ..at(day, 1)
            },
        )
        .await;
        world.crash().await;
    }
    assert_eq!(world.keys(), ["learned/web1/sshd"]);
    let response = ask(&mut world, &at(8, 400)).await;
    let titles: Vec<&String> = response.report.findings.iter().map(|f| &f.title).collect();
    assert_eq!(
        titles,
        ["sshd: 400 accepted in an hour, where 1 are usual at this time"]
    );
}

#[test]
fn a_config_is_checked_before_anything_starts() {
    let check = |config: Value| {
        let spec = AgentSpec::of::<Oracle>();
        (spec.check)(config).err().map(|error| error.to_string())
    };
    assert_eq!(check(json!({})), None);
    assert_eq!(
        check(json!({
            "openai": { "api_key": "k" }, "model": "m", "temperature": 0.2,
            "response_mode": "verbose", "dump_incoming_prompts": false,
            "redact": { "users": false },
        })),
        None
    );
    let bad = json!({ "backends": [{ "type": "openai", "url": "nowhere", "model": "m" }] });
    assert!(check(bad).unwrap().starts_with("config: openai: url:"));
    assert!(check(json!({ "backends": [{ "type": "oracle_of_delphi" }] })).is_some());
    assert!(
        check(json!({ "modell": "m" }))
            .unwrap()
            .contains("unknown field")
    );
}
