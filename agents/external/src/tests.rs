//! Real children: well-behaved ones, and all the others.

mod hostile;

use std::time::Duration;

use serde_json::{Value, json};
use skep_agent::{
    AskError, Exit, HANDLER_REPLY, HANDLER_REPLY_ERROR, Level, Principal,
    testkit::{Sent, Stage, Testkit},
};
use skep_packet::{Class, Destination, Refusal};
use skep_protocol::callback::{CMD_CALLBACK, Callback, Status};

use super::*;

/// A child as it should be; what it does with a line stands in the place of DO, as cases of sh.
const CHILD: &str = r#"
say() { printf '%s\n' "$1"; }
read -r hello
say '{"type":"ready","version":1}'
while read -r line; do
    n=${line#*\"call\":}; n=${n%%[,\}]*}
    case "$line" in
    *'"type":"beacon"'*) say '{"type":"beacon"}' ;;
    *'"type":"stop"'*) exit 0 ;;
    DO
    esac
done
"#;

/// Answers with what the caller sent.
const ECHO: &str = r#"*'"type":"call"'*)
    content=${line##*\"content\":}
    say "{\"type\":\"reply\",\"call\":$n,\"content\":${content%\}}}" ;;"#;

fn config(script: &str) -> Value {
    json!({
        "command": "/bin/sh",
        "args": ["-c", script],
        "env": {"GREETING": "hello"},
        "handlers": {
            "cmd_do": {"agents": true, "operators": "viewer"},
            "cmd_admin": {"operators": "admin"},
            "cmd_nobody": {},
        },
        "uses": ["hive.alert", "demo.*"],
    })
}

fn child(cases: &str) -> Value {
    config(&CHILD.replace("DO", cases))
}

async fn world(config: Value) -> Testkit<External> {
    Testkit::start_with(config, prepare).await
}

fn prepare(stage: &Stage) {
    stage.beacon(Duration::from_secs(1));
    stage.serve("hive.alert", "alert@n2", "cmd_alert");
    stage.serve("demo.a", "a@n2", "cmd_a");
    stage.serve("demo.b", "b@n3", "cmd_b");
}

fn to(sent: &Sent) -> String {
    match &sent.outgoing.to {
        Destination::Agent(address, handler) => format!("{address}/{handler}"),
        Destination::Role(role) => role.to_string(),
    }
}

async fn do_it(world: &mut Testkit<External>, content: &Value) {
    let request = world.command("cmd_do", content).token("t-1");
    request.deliver().await;
}

async fn replied(world: &mut Testkit<External>) -> Value {
    let sent = world.next_sent().await;
    assert_eq!(to(&sent), format!("tester@n2/{HANDLER_REPLY}"));
    sent.content()
}

/// Waits until the agent shows a state like this.
async fn shows(world: &Testkit<External>, what: impl Fn(&Value) -> bool) -> Value {
    loop {
        let state = world.status().state();
        if what(&state) {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn operator(level: Level) -> Principal {
    let name = "ann".to_owned();
    Principal::Operator { name, level }
}

#[tokio::test]
async fn a_call_reaches_the_child_and_its_reply_the_caller() {
    let mut world = world(child(ECHO)).await;
    for content in [json!({"a": [1, "ä\n"]}), json!("text"), Value::Null] {
        do_it(&mut world, &content).await;
        assert_eq!(replied(&mut world).await, content);
    }
    let state = shows(&world, |state| state["calls"] == 3).await;
    assert_eq!(
        (&state["open_calls"], &state["bad_lines"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn the_config_says_who_may_call_what() {
    let mut world = world(child(ECHO)).await;
    let agent = || Principal::Agent("a@n1".parse().unwrap());
    let mut check = |handler: &str, principal: Principal, expected: Option<Refusal>| {
        let request = world.command(handler, &1).principal(principal);
        assert_eq!(request.refusal(), expected, "{handler}");
    };
    check("cmd_do", agent(), None);
    check("cmd_do", operator(Level::Viewer), None);
    check("cmd_admin", agent(), Some(Refusal::Denied));
    check(
        "cmd_admin",
        operator(Level::Operator),
        Some(Refusal::Denied),
    );
    check("cmd_admin", operator(Level::Admin), None);
    check("cmd_nobody", agent(), Some(Refusal::Denied));
    check("cmd_nobody", operator(Level::Admin), Some(Refusal::Denied));
    check(
        "cmd_other",
        operator(Level::Admin),
        Some(Refusal::NoHandler),
    );
}

#[tokio::test]
async fn a_session_gets_parts_and_then_the_last() {
    let cases = r#"*'"parts":true'*)
        say "{\"type\":\"working\",\"call\":$n,\"note\":\"counting\"}"
        say "{\"type\":\"part\",\"call\":$n,\"text\":\"one\\ntwo\"}"
        say "{\"type\":\"reply\",\"call\":$n,\"content\":\"three\"}" ;;"#;
    let mut world = world(child(cases)).await;
    let content = json!({"session_id": "s"});
    let request = world.command("cmd_do", &content).token("t-1");
    let request = request.principal(operator(Level::Viewer));
    request.reply_to("console@n1").deliver().await;
    let mut story = Vec::new();
    for _ in 0..3 {
        let sent = world.next_sent().await;
        assert_eq!(to(&sent), format!("console@n1/{CMD_CALLBACK}"));
        assert_eq!(sent.outgoing.class, Class::Durable);
        let callback: Callback = sent.content();
        assert_eq!(callback.session_id.as_deref(), Some("s"));
        story.push((callback.seq, callback.status, callback.note, callback.lines));
    }
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        story,
        [
            (0, Status::Working, Some("counting".to_owned()), Vec::new()),
            (1, Status::Part, None, lines("one two")),
            (2, Status::Last, None, lines("three")),
        ]
    );
}

#[tokio::test]
async fn a_caller_is_told_what_went_wrong() {
    let cases = r#"*'"content":"refuse"'*)
        say "{\"type\":\"error\",\"call\":$n,\"error\":\"not today\"}" ;;
    *'"content":"part"'*)
        say "{\"type\":\"part\",\"call\":$n,\"text\":\"a\"}" ;;
    *'"type":"refused"'*)
        why=${line##*\"reason\":}
        say "{\"type\":\"state\",\"state\":${why%\}}}" ;;
    *'"type":"cancel"'*) say '{"type":"state","state":"cancelled"}' ;;"#;
    let mut config = child(cases);
    config["call_time_s"] = json!(1);
    let mut world = world(config).await;
    let mut error = async |content: &str| {
        do_it(&mut world, &json!(content)).await;
        let sent = world.next_sent().await;
        assert_eq!(to(&sent), format!("tester@n2/{HANDLER_REPLY_ERROR}"));
        sent.content::<String>()
    };
    assert_eq!(error("refuse").await, "not today");
    assert_eq!(error("say nothing").await, "no answer within 1 s");
    shows(&world, |state| state["child"] == "cancelled").await;
    do_it(&mut world, &json!("part")).await;
    shows(&world, |state| {
        state["child"] == "the caller of 3 takes no parts"
    })
    .await;
}

#[tokio::test]
async fn the_child_asks_and_sends_what_the_directive_allows() {
    let cases = r#"*'"content":"ask"'*) call=$n
        say '{"type":"ask","ask":7,"role":"demo.*","content":{"q":1},"all":true,"within_s":9}' ;;
    *'"content":"forbidden"'*) call=$n
        say '{"type":"ask","ask":8,"role":"steward.n1"}' ;;
    *'"content":"send"'*) call=$n
        say '{"type":"send","send":9,"role":"hive.alert","content":"fire","durable":true}' ;;
    *'"type":"answer"'*'"last":false'*) ;;
    *'"type":"answer"'*|*'"type":"failed"'*|*'"type":"sent"'*)
        say "{\"type\":\"reply\",\"call\":$call,\"content\":$line}" ;;"#;
    let mut world = world(child(cases)).await;

    do_it(&mut world, &json!("ask")).await;
    let asked = world.next_sent().await;
    assert_eq!(
        (to(&asked), asked.endpoints.len()),
        ("demo.*".to_owned(), 2)
    );
    assert_eq!(asked.content::<Value>(), json!({"q": 1}));
    asked.answer(&"yes").await;
    asked.fail(AskError::TimedOut).await;
    let last = json!({"type": "failed", "ask": 7, "error": "no answer in time", "last": true});
    assert_eq!(replied(&mut world).await, last);

    do_it(&mut world, &json!("forbidden")).await;
    let failed = replied(&mut world).await;
    let why = "the directive does not say that it uses steward.n1";
    assert_eq!(
        (&failed["error"], &failed["last"]),
        (&json!(why), &json!(true))
    );

    do_it(&mut world, &json!("send")).await;
    let sent = world.next_sent().await;
    assert_eq!(
        (to(&sent), sent.outgoing.class),
        ("hive.alert".to_owned(), Class::Durable)
    );
    assert_eq!(sent.content::<Value>(), json!("fire"));
    assert_eq!(
        replied(&mut world).await,
        json!({"type": "sent", "send": 9})
    );
}

#[tokio::test]
async fn a_durable_call_comes_again_until_it_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    // The first time it dies over the call, the second time it does it.
    let cases = r#"*'"durable":true'*)
        if [ ! -e SEEN ]; then printf '%s' "$line" > SEEN; exit 1; fi
        say "{\"type\":\"reply\",\"call\":$n}" ;;"#;
    let cases = cases.replace("SEEN", &seen.display().to_string());
    let mut world = world(child(&cases)).await;
    let request = world.command("cmd_do", &json!("pay")).durable(4);
    request.deliver().await;
    while !seen.exists() || world.settled().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The packet is settled, so it is ours to keep.
    assert_eq!(world.keys().len(), 1);
    let told = std::fs::read_to_string(&seen).unwrap();
    assert!(told.contains(r#""content":"pay""#), "{told}");
    world.crash().await;
    while !world.keys().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(world.failed().is_empty());
}

#[tokio::test]
async fn the_child_has_what_the_directive_gives_and_nothing_of_the_nodes() {
    let cases = r#"*'"content":"env"'*)
        all=$(env | grep -v -e '^PWD=' -e '^_=' -e '^SHLVL=' -e '^OLDPWD=' | sort | tr '\n' ' ')
        say "{\"type\":\"reply\",\"call\":$n,\"content\":\"$all\"}" ;;
    *'"content":"fds"'*)
        all=$(for fd in /proc/$$/fd/*; do readlink $fd; done | tr '\n' ' ')
        say "{\"type\":\"reply\",\"call\":$n,\"content\":\"$all\"}" ;;
    *'"content":"dumpable"'*)
        all=$(grep NoNewPrivs /proc/$$/status | tr '\t' ' ')
        say "{\"type\":\"reply\",\"call\":$n,\"content\":\"$all\"}" ;;"#;
    let secret = tempfile::NamedTempFile::new().unwrap();
    let mut world = world(child(cases)).await;
    let mut ask = async |content: &str| {
        do_it(&mut world, &json!(content)).await;
        replied(&mut world).await
    };
    let path = config::PATH;
    assert_eq!(
        ask("env").await,
        json!(format!("GREETING=hello PATH={path} "))
    );
    let open = ask("fds").await;
    let open = open.as_str().unwrap();
    let secret_path = secret.path().display().to_string();
    // Its three pipes, and neither our files nor what our runtime polls.
    assert!(
        open.starts_with("pipe:") && !open.contains(&secret_path),
        "{open}"
    );
    assert!(
        !open.contains("eventpoll") && !open.contains("eventfd"),
        "{open}"
    );
    if std::path::Path::new("/usr/bin/setpriv").exists() {
        assert_eq!(ask("dumpable").await, json!("NoNewPrivs: 1"));
    }
}

#[tokio::test]
async fn the_child_comes_to_an_end_in_order_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let tidied = folder.path().join("tidied");
    let script = format!(
        "{CHILD}\nexit 9",
        CHILD = CHILD
            .replace(
                "exit 0",
                &format!("echo yes > {}; exit 0", tidied.display())
            )
            .replace("DO", "")
    );
    let mut world = world(config(&script)).await;
    world.restart().await;
    assert_eq!(std::fs::read_to_string(tidied).unwrap(), "yes\n");
}

#[tokio::test]
async fn configs_that_make_no_sense_are_refused() {
    let check = |key: &str, value: Value, part: &str| {
        let mut config = config("true");
        config[key] = value;
        let error = (SPEC.check)(config).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    check("command", json!(""), "command is empty");
    check("args", json!(["a\0b"]), "zero byte");
    check("env", json!({"A=B": "c"}), "is no name of a variable");
    check(
        "handlers",
        json!({"reply": {"agents": true}}),
        "the name of an answer",
    );
    check(
        "handlers",
        json!({"cmd_do": {"people": "viewer"}}),
        "unknown field",
    );
    check("uses", json!(["a b"]), "uses:");
    check("call_time_s", json!(0), "call_time_s");
    check("ready_time_s", json!(30), "ready_time_s");
    check("rlimits", json!({"memory": 1}), "unknown field");
}
