//! What the alert agent promises, seen alone on a test's node with files as its channels.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};
use skep_agent::{Level, Principal, testkit::Testkit};
use skep_alert::AlertAgent;
use skep_packet::Refusal;
use skep_protocol::{
    alert::{Alert, Alerts, DeliveryState, HANDLER, HANDLER_LIST, Record, question_id},
    severity::Severity,
};
use uuid::Uuid;

type World = Testkit<AlertAgent>;

const COOLDOWN: Duration = Duration::from_mins(10);

/// Channels that write to files of these names in `folder`.
fn config(folder: &Path, names: &[&str]) -> Value {
    let channel = |name: &&str| json!({ "type": "file", "path": folder.join(name) });
    json!({ "channels": names.iter().map(channel).collect::<Vec<_>>() })
}

fn alert(cause: &str, msg: &str) -> Alert {
    Alert::new(
        "log_watcher@web1".parse().unwrap(),
        Severity::Warning,
        cause,
        msg,
    )
}

async fn tell(world: &mut World, seq: u64, alert: &Alert) {
    let id = Uuid::from_u128(u128::from(seq) << 64);
    world
        .command(HANDLER, alert)
        .id(id)
        .durable(seq)
        .deliver()
        .await;
    world.idle().await;
}

async fn pass(world: &mut World, time: Duration) {
    tokio::time::sleep(time).await;
    world.idle().await;
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn viewer() -> Principal {
    Principal::Operator {
        name: "ann".to_owned(),
        level: Level::Viewer,
    }
}

async fn records(world: &mut World) -> Vec<Record> {
    let list = world
        .command(HANDLER_LIST, &Value::Null)
        .principal(viewer())
        .token("list");
    list.deliver().await;
    let alerts: Alerts = world.next_sent().await.content();
    alerts.alerts
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_told_at_once_and_kept_with_its_delivery() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::start(config(folder.path(), &["a"])).await;
    tell(&mut world, 1, &alert("brute force", "212 failed logins")).await;
    assert_eq!(world.settled().len(), 1);
    let told = lines(&folder.path().join("a"));
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("[warning] web1: brute force | 212 failed logins"),
        "{told:?}"
    );
    let records = records(&mut world).await;
    assert_eq!(records.len(), 1);
    let delivery = &records[0].deliveries[0];
    assert_eq!(
        (delivery.state, delivery.attempts),
        (DeliveryState::Delivered, 1)
    );
    assert!(records[0].notified);
}

#[tokio::test(start_paused = true)]
async fn a_cooldown_holds_back_counts_and_ends_with_one_message() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    let mut world = World::start(config(folder.path(), &["a"])).await;
    for seq in 1..=4 {
        tell(
            &mut world,
            seq,
            &alert("brute force", &format!("number {seq}")),
        )
        .await;
    }
    tell(&mut world, 5, &alert("disk full", "another cause")).await;
    let mut elsewhere = alert("brute force", "another origin");
    elsewhere.origin = "log_watcher@web2".parse().unwrap();
    tell(&mut world, 6, &elsewhere).await;
    assert_eq!(lines(&file).len(), 3, "{:?}", lines(&file));
    pass(&mut world, COOLDOWN).await;
    let told = lines(&file);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(
        told[3].contains("number 4 | This one and 2 more since 2027-01-15T08:0"),
        "{told:?}"
    );
    // That message opened a window of its own; one that held nothing back ends in silence.
    tell(&mut world, 7, &alert("brute force", "number 7")).await;
    assert_eq!(lines(&file).len(), 4);
    pass(&mut world, COOLDOWN).await;
    assert!(
        lines(&file)[4].contains("number 7 | Held back since"),
        "{:?}",
        lines(&file)
    );
    pass(&mut world, COOLDOWN * 3).await;
    assert_eq!(lines(&file).len(), 5);
    tell(&mut world, 8, &alert("brute force", "number 8")).await;
    assert!(
        lines(&file)[5].contains("number 8 | from"),
        "{:?}",
        lines(&file)
    );
    assert!(
        records(&mut world)
            .await
            .iter()
            .all(|record| record.notified)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_graver_does_not_wait_for_a_cooldown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    let mut world = World::start(config(folder.path(), &["a"])).await;
    let grave = |level: Severity, msg: &str| {
        let mut alert = alert("brute force", msg);
        alert.level = level;
        alert
    };
    tell(&mut world, 1, &grave(Severity::Warning, "one")).await;
    tell(&mut world, 2, &grave(Severity::Warning, "two")).await;
    assert_eq!(lines(&file).len(), 1);
    tell(&mut world, 3, &grave(Severity::Critical, "three")).await;
    tell(&mut world, 4, &grave(Severity::Critical, "four")).await;
    let told = lines(&file);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].contains("[critical] web1: brute force | three"));
    pass(&mut world, COOLDOWN).await;
    let told = lines(&file);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[2].contains("four | This one and 1 more"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn stories_have_cooldowns_of_their_own_and_a_new_revision_is_news() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    let mut world = World::start(config(folder.path(), &["a"])).await;
    let case = |n: u128, revision: u32, msg: &str| {
        let mut alert = alert("unit failed", msg);
        alert.id = Some(Uuid::from_u128(n));
        alert.group = Some(format!("case {n}"));
        alert.revision = revision;
        alert
    };
    tell(&mut world, 1, &case(1, 0, "first")).await;
    tell(&mut world, 2, &case(2, 0, "second")).await;
    assert_eq!(lines(&file).len(), 2, "two stories with one cause");
    tell(&mut world, 3, &case(1, 0, "first again")).await;
    pass(&mut world, COOLDOWN).await;
    assert_eq!(lines(&file).len(), 2, "a repeat is no news");
    tell(&mut world, 4, &case(1, 1, "on another host too")).await;
    tell(&mut world, 5, &case(1, 0, "late")).await;
    pass(&mut world, COOLDOWN).await;
    let told = lines(&file);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[2].contains("on another host too"), "{told:?}");
    assert_eq!(records(&mut world).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_letter_is_told_by_its_title_and_its_html_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    let mut world = World::start(config(folder.path(), &["a"])).await;
    let mut letter = alert("digest", "a long text\nof many lines");
    letter.title = Some("Digest of web1: nothing new".to_owned());
    letter.html = Some("<p>nothing new</p>".to_owned());
    tell(&mut world, 1, &letter).await;
    let told = lines(&file);
    assert!(
        told[0].contains("web1: digest | Digest of web1: nothing new | from"),
        "{told:?}"
    );
    assert_eq!(records(&mut world).await[0].alert.html, None);
}

#[tokio::test(start_paused = true)]
async fn a_window_survives_a_kill_and_ends_on_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    let mut world = World::start(config(folder.path(), &["a"])).await;
    tell(&mut world, 1, &alert("brute force", "one")).await;
    tell(&mut world, 2, &alert("brute force", "two")).await;
    pass(&mut world, COOLDOWN / 2).await;
    world.crash().await;
    tell(&mut world, 3, &alert("brute force", "three")).await;
    assert_eq!(lines(&file).len(), 1);
    pass(&mut world, COOLDOWN / 2).await;
    let told = lines(&file);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].contains("three | This one and 1 more"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn one_id_is_one_record_however_often_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    let mut world = World::start(config(folder.path(), &["a"])).await;
    let timeout = alert("oracle timeout", "no analysis").about_question("q1");
    tell(&mut world, 1, &timeout).await;
    tell(&mut world, 2, &timeout).await;
    world.crash().await;
    tell(&mut world, 3, &timeout).await;
    pass(&mut world, COOLDOWN * 2).await;
    assert_eq!(lines(&file).len(), 1, "a repeat is no news");
    let kept = records(&mut world).await;
    assert_eq!(
        (kept.len(), kept[0].times, kept[0].id),
        (1, 3, question_id("q1"))
    );
    // A late answer brings the record up to date in silence; a graver one is told.
    let mut late = alert("analysis came late", "nothing of note").about_question("q1");
    late.quiet = true;
    tell(&mut world, 4, &late).await;
    assert_eq!(lines(&file).len(), 1);
    let mut graver = alert("anomaly in the logs", "somebody got in").about_question("q1");
    graver.level = Severity::Critical;
    tell(&mut world, 5, &graver).await;
    assert_eq!(lines(&file).len(), 2);
    tell(&mut world, 6, &late).await;
    let kept = records(&mut world).await;
    assert_eq!(
        (kept.len(), kept[0].alert.level),
        (1, Severity::Critical),
        "never milder"
    );
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_fails_is_tried_again_and_delays_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (
        folder.path().join("good"),
        folder.path().join("no/such/bad"),
    );
    let mut world = World::start(config(folder.path(), &["no/such/bad", "good"])).await;
    tell(&mut world, 1, &alert("one", "first")).await;
    tell(&mut world, 2, &alert("two", "second")).await;
    assert_eq!(lines(&good).len(), 2);
    pass(&mut world, Duration::from_mins(2)).await;
    let kept = records(&mut world).await;
    let waiting = &kept[1].deliveries[0];
    assert_eq!(waiting.state, DeliveryState::Waiting);
    // 1, 2, 4 … seconds apart, each less some chance: six to eleven tries in two minutes.
    assert!((6..=11).contains(&waiting.attempts), "{waiting:?}");
    assert!(
        waiting.error.as_ref().unwrap().contains("No such file"),
        "{waiting:?}"
    );
    fs::create_dir_all(bad.parent().unwrap()).unwrap();
    pass(&mut world, Duration::from_mins(10)).await;
    assert_eq!(lines(&bad).len(), 2, "in order, each once");
    assert!(lines(&bad)[0].contains("first") && lines(&bad)[1].contains("second"));
    assert_eq!(lines(&good).len(), 2);
    let kept = records(&mut world).await;
    let states: Vec<_> = kept.iter().flat_map(|record| &record.deliveries).collect();
    assert!(
        states
            .iter()
            .all(|delivery| delivery.state == DeliveryState::Delivered)
    );
    assert!(
        !world
            .keys()
            .iter()
            .any(|key| key.starts_with("out/") || key.starts_with("message/"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_restart_in_the_middle_of_a_retry_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("no/bad");
    let mut world = World::start(config(folder.path(), &["no/bad"])).await;
    tell(&mut world, 1, &alert("one", "first")).await;
    pass(&mut world, Duration::from_secs(20)).await;
    fs::create_dir_all(bad.parent().unwrap()).unwrap();
    world.crash().await;
    world.idle().await;
    assert_eq!(lines(&bad).len(), 1, "tried again at once");
    pass(&mut world, Duration::from_hours(1)).await;
    world.restart().await;
    world.idle().await;
    assert_eq!(lines(&bad).len(), 1, "and never twice");
    let kept = records(&mut world).await;
    assert!(
        kept[0].deliveries[0].attempts > 3,
        "{:?}",
        kept[0].deliveries
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_never_delivered_is_given_up_after_a_week_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::start(config(folder.path(), &["no/bad"])).await;
    tell(&mut world, 1, &alert("one", "first")).await;
    pass(&mut world, Duration::from_hours(7 * 24 + 1)).await;
    let kept = records(&mut world).await;
    assert_eq!(kept[0].deliveries[0].state, DeliveryState::Failed);
    assert!(
        !world
            .keys()
            .iter()
            .any(|key| key.starts_with("out/") || key.starts_with("message/"))
    );
    let state = world.status().state();
    assert_eq!(state["channels"][0]["seen"]["given_up"], 1);
}

#[tokio::test(start_paused = true)]
async fn records_are_bounded_and_the_newest_stay() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), &["a"]);
    config["cooldown_s"] = json!(0);
    let mut world = World::start(config).await;
    for seq in 1..=1010 {
        tell(&mut world, seq, &alert("c", &format!("number {seq}"))).await;
    }
    assert_eq!(
        lines(&folder.path().join("a")).len(),
        1010,
        "without a cooldown each is told"
    );
    let kept = world
        .keys()
        .iter()
        .filter(|key| key.starts_with("record/"))
        .count();
    assert_eq!(kept, 1000);
    let newest = records(&mut world).await;
    assert_eq!(
        (newest.len(), newest[0].alert.msg.as_str()),
        (20, "number 1010")
    );
}

#[tokio::test(start_paused = true)]
async fn only_agents_raise_alerts_and_only_people_list_them() {
    let mut world = World::start(json!({})).await;
    let raised = alert("c", "m");
    assert_eq!(
        world
            .command(HANDLER, &raised)
            .principal(viewer())
            .refusal(),
        Some(Refusal::Denied)
    );
    assert_eq!(world.command(HANDLER, &raised).refusal(), None);
    assert_eq!(
        world.command(HANDLER_LIST, &Value::Null).refusal(),
        Some(Refusal::Denied)
    );
    let list = world
        .command(HANDLER_LIST, &json!({"limit": 3}))
        .principal(viewer());
    assert_eq!(list.refusal(), None);
}

#[test]
fn a_config_is_checked_before_anything_starts() {
    let check = |config: Value| {
        let spec = skep_agent::AgentSpec::of::<AlertAgent>();
        (spec.check)(config).err().map(|error| error.to_string())
    };
    assert_eq!(check(json!({})), None);
    assert_eq!(
        check(json!({"channels": [
            {"type": "stdout"},
            {"type": "file", "path": "alerts.log"},
            {"type": "webhook", "url": "https://example.org/hook", "headers": {"x-key": "k"}},
            {"type": "smtp", "server": "127.0.0.1", "port": 25, "from": "a@b", "to": ["c@d"]},
        ], "cooldown_s": 60})),
        None
    );
    let wrong = |config: Value, expected: &str| assert_eq!(check(config).unwrap(), expected);
    wrong(
        json!({"channels": []}),
        "config: channels: name at least one, such as {\"type\": \"stdout\"}",
    );
    wrong(
        json!({"channels": [{"type": "stdout"}, {"type": "stdout"}]}),
        "config: channels: stdout is named twice",
    );
    wrong(
        json!({"channels": [{"type": "webhook", "url": "file:///etc/passwd"}]}),
        "config: webhook: url: it must begin with http:// or https://",
    );
    assert!(
        check(json!({"channels": [{"type": "pager"}]}))
            .unwrap()
            .contains("unknown variant")
    );
    assert!(
        check(json!({"cool_down": 1}))
            .unwrap()
            .contains("unknown field")
    );
}
