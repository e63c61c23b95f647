use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use skep_agent::testkit::Testkit;
use skep_log_watcher::LogWatcher;
use skep_protocol::callback::Format;
use skep_protocol::digest::GenerateDigest;

use crate::world::ACCEPTED;
use crate::world::FAILED;
use crate::world::World;
use crate::world::append;
use crate::world::config;
use crate::world::folder;

async fn last(world: &mut World) -> Value {
    let last = GenerateDigest {
        last: true,
        format: Format::Json,
        ..Default::default()
    };
    world.ask(99, last).await;
    world.hear(30).await.json()
}

async fn hours(world: &mut World, n: u64) {
    tokio::time::sleep(Duration::from_secs(n * 3600)).await;
    world.kit.idle().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_digest_comes_at_once_and_waits_for_nobody() {
    let mut world = World::start(json!({})).await;
    assert_eq!(
        world.kit.keys(),
        ["digest/000000000001", "patrol/checkpoint"]
    );
    let digest = last(&mut world).await;
    assert_eq!(digest["collectors"]["sshd"]["totals"]["failed"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_patrol_covers_exactly_what_came_since_the_last_one() {
    let mut world = World::start(json!({})).await;
    append(&world.folder, &[FAILED, ACCEPTED, ACCEPTED]);
    hours(&mut world, 6).await;
    let digest = last(&mut world).await;
    let sshd = &digest["collectors"]["sshd"];
    assert_eq!(
        (&sshd["totals"]["failed"], &sshd["totals"]["accepted"]),
        (&json!(1), &json!(2))
    );
    hours(&mut world, 6).await;
    assert_eq!(
        last(&mut world).await["collectors"]["sshd"]["lines_read"],
        0
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_a_patrol_goes_on_where_the_last_one_was_committed() {
    let mut world = World::start(json!({})).await;
    append(&world.folder, &[ACCEPTED]);
    let log = world.folder.path().join("auth.log");
    std::fs::rename(&log, log.with_extension("log.1")).unwrap();
    append(&world.folder, &[FAILED]);
    world.kit.crash().await;
    world.kit.idle().await;
    let digest = last(&mut world).await;
    let totals = &digest["collectors"]["sshd"]["totals"];
    assert_eq!(
        (&totals["failed"], &totals["accepted"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_patrol_looks_back_one_interval() {
    let mut world = World::start(json!({"patrol_interval_hours": 0.01})).await;
    let digest = last(&mut world).await;
    let sshd = &digest["collectors"]["sshd"];
    assert_eq!(sshd["coverage"]["lines"]["outside"], 3);
    assert_eq!(sshd["totals"]["failed"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_digests_are_kept() {
    let mut world = World::start(json!({"patrol_interval_hours": 1})).await;
    hours(&mut world, 120).await;
    let kept: Vec<String> = world
        .kit
        .keys()
        .into_iter()
        .filter(|key| key.starts_with("digest/"))
        .collect();
    assert_eq!(kept.len(), 100);
    assert!(kept.contains(&"digest/000000000121".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_doors_get_what_a_patrol_found() {
    let folder = folder();
    let config = config(&folder, json!({}));
    let kit: Testkit<LogWatcher> = Testkit::start_with(config, |stage| {
        stage.serve("hive.rpc", "router@n9", "cmd_rpc_callback");
        stage.serve("hive.rpc", "router@n8", "cmd_rpc_callback");
    })
    .await;
    let mut world = World { folder, kit };
    let heard = world.hear(30).await;
    assert_eq!(heard.callbacks.len(), 2);
    assert!(
        heard
            .callbacks
            .iter()
            .all(|callback| callback.session_id.is_none() && callback.last)
    );
    let text = heard.text();
    let heading = "what came from 2027-01-15T02:00:00Z to 2027-01-15T08:00:00Z";
    assert!(text.contains(heading), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_door_that_comes_up_a_little_later_gets_the_first_digest_too() {
    let mut world = World::start(json!({})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.kit.serve("hive.rpc", "screen@n1", "cmd_rpc_callback");
    assert_eq!(world.hear(30).await.callbacks.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_not_there_is_named_and_its_section_printed() {
    let world = tempfile::tempdir().unwrap();
    let path = world.path().join("none.log");
    let config = json!({"collectors": {"httpd": {"paths": [path]}}});
    let mut kit: Testkit<LogWatcher> = Testkit::start(config).await;
    kit.idle().await;
    let mut world = World { folder: world, kit };
    world.ask(1, GenerateDigest::default()).await;
    let text = world.hear(30).await.text();
    assert!(text.contains("HTTPD Begin"), "{text}");
    assert!(text.contains("none.log"), "{text}");
    assert!(text.contains("no such file"), "{text}");
}
