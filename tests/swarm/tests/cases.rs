//! What several hosts report becomes one case and one alert, whatever happens to the detective, and
//! however late the oracle answers.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{fs, path::Path, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use skep_agent::{
    Access, Agent, AgentError, AgentSpec, Ctx, HandlerError, Handlers, Outgoing, Request, role,
};
use skep_alert::AlertAgent;
use skep_forensic_detective::ForensicDetective;
use skep_lines::format_utc;
use skep_log_watcher::LogWatcher;
use skep_node::Clock;
use skep_packet::{HandlerName, Scope};
use skep_protocol::{
    case::{self, Analysis, Case, Cases},
    oracle::{OracleResponse, Prompt, RETURN_HANDLER, Report},
    severity::Severity,
    status::{self, SeverityReport, StatusEvent},
};
use skep_tests_swarm::{Host, WAIT_MAX, World, until};

const SOON: Duration = Duration::from_secs(20);

const ATTACKER: &str = "203.0.113.9";

/// An oracle that answers only when it is told to.
#[derive(Debug, Default)]
struct Thinker {
    asked: Option<Request<Prompt>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct NoConfig {}

impl Agent for Thinker {
    const KIND: &'static str = "thinker";
    const SUMMARY: &'static str = "Answers when it is told to";
    const ROLES: &'static [&'static str] =
        &["hive.oracle@cmd_msg_prompt", "test.thinker@cmd_answer"];
    type Config = NoConfig;
    type Event = ();

    fn handlers() -> Handlers<Self> {
        Handlers::<Self>::new()
            .command("cmd_msg_prompt", Access::agents(), |agent, _, request| {
                Box::pin(agent.think(request))
            })
            .command("cmd_answer", Access::agents(), |agent, ctx, request| {
                Box::pin(agent.answer(ctx, request))
            })
    }

    fn new(_: NoConfig) -> Result<Self, AgentError> {
        Ok(Self::default())
    }

    async fn start(&mut self, _: &Ctx<Self>) -> Result<(), AgentError> {
        Ok(())
    }

    async fn on_event(&mut self, _: &Ctx<Self>, (): ()) -> Result<(), AgentError> {
        Ok(())
    }
}

impl Thinker {
    async fn think(&mut self, request: Request<Prompt>) -> Result<(), HandlerError> {
        self.asked = Some(request);
        Ok(())
    }

    async fn answer(&mut self, ctx: &Ctx<Self>, told: Request<()>) -> Result<(), HandlerError> {
        let asked = self.asked.take();
        let asked = asked.ok_or(HandlerError::Refused("nothing was asked".to_owned()))?;
        let response = OracleResponse {
            query_id: asked.content.query_id.clone(),
            response: String::new(),
            report: Report {
                severity: Severity::Warning,
                summary: "Somebody guesses passwords.".to_owned(),
                findings: Vec::new(),
                confidence: 90,
                advice: Vec::new(),
                backend: "thinker".to_owned(),
                degraded: None,
                unfounded: Vec::new(),
                anomaly: true,
            },
        };
        let handler = HandlerName::new(RETURN_HANDLER).unwrap();
        ctx.reply_at(&asked, &handler, &response).await?;
        Ok(ctx.reply(&told, &()).await?)
    }
}

/// A report of the same, as a log_watcher sends it.
fn guesses(now_ms: u64) -> StatusEvent {
    StatusEvent {
        origin: "log_watcher@web1".parse().unwrap(),
        subject: "sshd".to_owned(),
        state: "brute_force".to_owned(),
        severity: Severity::Warning,
        detail: String::new(),
        timestamp: now_ms,
        report: Some(SeverityReport {
            host: "web1".to_owned(),
            source: Some(ATTACKER.to_owned()),
            count: 40,
            first_ms: now_ms - 60_000,
            last_ms: now_ms,
            ..SeverityReport::default()
        }),
    }
}

/// A log in which somebody guesses passwords and, where `comes_in`, then logs in.
fn write_log(path: &Path, comes_in: bool) {
    let now_ms = i64::try_from(Clock::start().now().unix_ms).unwrap();
    let line = |n: i64, message: &str| {
        let time = format_utc((now_ms - 300_000 + n * 1000) * 1_000_000);
        let pid = 100 + n;
        format!("{time} host sshd[{pid}]: {message} from {ATTACKER} port 9 ssh2\n")
    };
    let guesses = (0..40).map(|n| line(n, "Failed password for root"));
    let mut log: String = guesses.collect();
    if comes_in {
        log.push_str(&line(60, "Accepted password for bob"));
    }
    fs::write(path, log).unwrap();
}

/// Has a host watch such a log from its next start on.
fn watch(host: &mut Host, path: &Path, comes_in: bool) {
    write_log(path, comes_in);
    let config = json!({
        "collectors": { "sshd": { "paths": [path] } },
        "report_to_role": "hive.forensics.data_feed",
    });
    host.beside(AgentSpec::of::<LogWatcher>(), config);
}

/// Starts a host's node again.
async fn restart(host: &mut Host) {
    host.down().await;
    host.up().await;
}

async fn ask<T: DeserializeOwned>(host: &Host, what: &'static str, content: &Value) -> Option<T> {
    let outgoing = Outgoing::to_role(role(what), content);
    let asking = host.probe().await.ask(outgoing, SOON).await;
    let answer = asking.ok()?.answer().await.ok()?;
    Some(answer.decode().unwrap())
}

/// The only case there is, once it is as wanted.
async fn only_case(host: &Host, what: &str, is_wanted: impl Fn(&Case) -> bool) -> Case {
    let give_up = tokio::time::Instant::now() + WAIT_MAX;
    loop {
        let cases: Option<Cases> = ask(host, case::ROLE_LIST, &json!({})).await;
        let cases = cases.unwrap_or_default().cases;
        assert!(cases.len() <= 1, "{cases:#?}");
        let mut seen = None;
        if let [only] = cases.as_slice() {
            seen = ask::<Case>(host, case::ROLE_SHOW, &json!({ "id": only.id })).await;
            if let Some(case) = seen.take_if(|case| is_wanted(case)) {
                return case;
            }
        }
        assert!(tokio::time::Instant::now() < give_up, "{what}: {seen:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn told(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Has a host make cases, and tell people into a file.
fn detect(host: &mut Host, config: Value, alerts: &Path) {
    host.beside(AgentSpec::of::<ForensicDetective>(), config);
    let channels = json!({ "channels": [{ "type": "file", "path": alerts }] });
    host.beside(AgentSpec::of::<AlertAgent>(), channels);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_of_two_nodes_are_one_case_though_the_detective_was_away_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = folder.path().join("alerts.log");
    let world = World::new("cases");
    let mut n1 = world.first("n1").await;
    let mut n2 = world.join(&n1, "n2").await;
    let mut n3 = world.join(&n1, "n3").await;
    detect(&mut n1, json!({ "enable_oracle": false }), &alerts);
    restart(&mut n1).await;
    watch(&mut n2, &folder.path().join("n2.log"), false);
    restart(&mut n2).await;
    let first = only_case(&n1, "n2's report", |_| true).await;
    assert_eq!(first.cause.rule, "brute_force");
    let n_told = |n: usize| (told(&alerts).len() == n).then_some(());
    until("the first alert", || n_told(1)).await;
    // Whoever reports now finds nobody; the report waits, and so does its order.
    n1.down().await;
    watch(&mut n3, &folder.path().join("n3.log"), true);
    restart(&mut n3).await;
    n1.up().await;
    let second = only_case(&n1, "n3's reports", |case| case.cause.rule == "break_in").await;
    assert_eq!((second.id, second.severity), (first.id, Severity::Critical));
    assert_eq!(second.hosts.len(), 2);
    assert_eq!(second.sources, [ATTACKER]);
    assert_eq!(second.users, ["bob"]);
    until("the update", || n_told(2)).await;
    let lines = told(&alerts);
    let id = format!("id={}", first.id);
    assert!(lines.iter().all(|line| line.ends_with(&id)), "{lines:#?}");
    assert!(lines[1].contains("[critical]"), "{lines:#?}");
    for host in [n1, n2, n3] {
        let mut host = host;
        host.down().await;
    }
    assert_eq!(told(&alerts), lines, "and nothing was told twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_late_from_another_node_is_shown_as_late() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = folder.path().join("alerts.log");
    let world = World::new("late");
    let mut n1 = world.first("n1").await;
    let mut n2 = world.join(&n1, "n2").await;
    detect(&mut n1, json!({ "oracle_timeout": 1 }), &alerts);
    restart(&mut n1).await;
    n2.beside(AgentSpec::of::<Thinker>(), json!({}));
    restart(&mut n2).await;
    let probe = n1.probe().await;
    until("somebody to ask", || {
        let oracle = probe.endpoints(&role("hive.oracle"), Scope::Swarm);
        (!oracle.is_empty()).then_some(())
    })
    .await;
    let event = guesses(world.now_ms());
    let sent = probe.tx(|tx| {
        tx.send(Outgoing::to_role(role(status::ROLE), &event).durable());
        Ok(())
    });
    sent.await.unwrap();
    let missing = |case: &Case| matches!(case.analysis, Analysis::Missing { .. });
    let case = only_case(&n1, "an end without an answer", missing).await;
    let Analysis::Missing { reason } = &case.analysis else {
        panic!("{case:#?}")
    };
    assert_eq!(reason, "no answer within 1 s");
    let done: Option<()> = ask(&n1, "test.thinker", &Value::Null).await;
    assert_eq!(done, Some(()));
    let is_late = |case: &Case| matches!(case.analysis, Analysis::Report { late: true, .. });
    only_case(&n1, "the late answer", is_late).await;
    assert_eq!(told(&alerts).len(), 1, "no news: {:#?}", told(&alerts));
    n1.down().await;
    n2.down().await;
}
