use serde_json::json;
use skep_packet::Class;
use skep_protocol::callback::Format;
use skep_protocol::callback::Status;
use skep_protocol::digest::GenerateDigest;
use skep_protocol::digest::HANDLER;

use crate::world::ACCEPTED;
use crate::world::FAILED;
use crate::world::ROUTER;
use crate::world::Said;
use crate::world::World;
use crate::world::append;
use crate::world::went_to;

#[tokio::test(start_paused = true)]
async fn a_person_gets_the_digest_at_the_door_they_came_through() {
    let mut world = World::start(json!({})).await;
    world.ask(1, GenerateDigest::default()).await;
    let sent = world.kit.next_sent().await;
    assert_eq!(went_to(&sent), "router@n9/cmd_rpc_callback");
    assert_eq!(sent.outgoing.class, Class::Durable);
    let callback: skep_protocol::callback::Callback = sent.content();
    assert_eq!(callback.session_id.as_deref(), Some("s1"));
    assert_eq!(callback.token.unwrap().as_str(), "t1");
    assert_eq!(
        (callback.seq, callback.start_line, callback.last),
        (0, 0, true)
    );
    assert_eq!(callback.next_offset, callback.lines.len() as u64);
    assert_eq!(callback.status, Status::Last);
    let text = callback.lines.join("\n");
    assert!(
        text.starts_with("Digest of n1, made 2027-01-15T08:00:"),
        "{text}"
    );
    assert!(
        text.contains("--------------------- SSHD Begin ------------------------"),
        "{text}"
    );
    assert!(
        text.contains("---------------------- SSHD End -------------------------"),
        "{text}"
    );
    assert!(text.contains("203.0.113.9"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_program_gets_one_document() {
    let mut world = World::start(json!({})).await;
    let request = GenerateDigest {
        format: Format::Json,
        ..GenerateDigest::default()
    };
    world.ask(1, request).await;
    let digest = world.hear(30).await.json();
    let sshd = &digest["collectors"]["sshd"];
    assert_eq!(sshd["lines_read"], 3);
    assert_eq!(sshd["totals"]["failed"], 2);
    assert_eq!(sshd["totals"]["accepted"], 1);
    assert_eq!(sshd["by_source"][0]["source.address"], "203.0.113.9");
    assert!(digest.get("analysis").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_large_digest_comes_in_parts_that_follow_each_other() {
    let mut world = World::start(json!({})).await;
    let names: Vec<String> = (0..3000)
        .map(|n| FAILED.replace("bob", &format!("bob{n}")))
        .collect();
    append(
        &world.folder,
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let request = GenerateDigest {
        format: Format::Json,
        ..GenerateDigest::default()
    };
    world.ask(1, request).await;
    let heard = world.hear(30).await;
    assert!(heard.callbacks.len() > 1);
    assert_eq!(heard.json()["collectors"]["sshd"]["totals"]["failed"], 3002);
    let mut line = 0;
    for (n, callback) in heard.callbacks.iter().enumerate() {
        assert_eq!((callback.seq, callback.start_line), (n as u64, line));
        assert_eq!(callback.last, n + 1 == heard.callbacks.len());
        line = callback.next_offset;
    }
}

#[tokio::test(start_paused = true)]
async fn details_are_left_out_on_request() {
    let mut world = World::start(json!({})).await;
    let request = GenerateDigest {
        include_details: false,
        ..GenerateDigest::default()
    };
    world.ask(1, request).await;
    let text = world.hear(30).await.text();
    assert!(!text.contains("Failed password"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_asks_gets_a_plain_reply() {
    let mut world = World::start(json!({})).await;
    let request = GenerateDigest::default();
    world
        .kit
        .command(HANDLER, &request)
        .token("ask-1")
        .deliver()
        .await;
    let Some(Said::Other(sent)) = world.next(30).await else {
        panic!("a reply")
    };
    assert_eq!(went_to(&sent), "tester@n2/reply");
    let digest: serde_json::Value = sent.content();
    assert_eq!(digest["collectors"]["sshd"]["totals"]["failed"], 2);
    // A door that passes a plain question on names itself, and gets a plain reply too.
    let last = GenerateDigest {
        last: true,
        ..request
    };
    world
        .kit
        .command(HANDLER, &last)
        .token("ask-2")
        .reply_to(ROUTER)
        .deliver()
        .await;
    let Some(Said::Other(sent)) = world.next(30).await else {
        panic!("a reply")
    };
    let digest: serde_json::Value = sent.content();
    assert_eq!(digest["collectors"]["sshd"]["totals"]["failed"], 2);
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_done_is_said() {
    let mut world = World::start(json!({})).await;
    let unknown = GenerateDigest {
        collectors: vec!["ftpd".to_owned()],
        ..Default::default()
    };
    world.ask(1, unknown).await;
    let Some(Said::Other(sent)) = world.next(30).await else {
        panic!("an error reply")
    };
    let error: String = sent.content();
    assert_eq!(
        error,
        "there is no collector \"ftpd\" here; there are: sshd"
    );
    world
        .ask(
            2,
            GenerateDigest {
                use_oracle: true,
                ..Default::default()
            },
        )
        .await;
    let Some(Said::Other(sent)) = world.next(30).await else {
        panic!("an error reply")
    };
    assert!(sent.content::<String>().contains("enable_oracle"));
}

#[tokio::test(start_paused = true)]
async fn a_digest_on_demand_does_not_move_the_patrols() {
    let mut world = World::start(json!({})).await;
    append(&world.folder, &[ACCEPTED]);
    world.ask(1, GenerateDigest::default()).await;
    world.hear(30).await;
    tokio::time::sleep(std::time::Duration::from_secs(6 * 3600)).await;
    world.kit.idle().await;
    let last = GenerateDigest {
        last: true,
        format: Format::Json,
        ..Default::default()
    };
    world.ask(2, last).await;
    let digest = world.hear(30).await.json();
    assert_eq!(digest["collectors"]["sshd"]["lines_read"], 1);
}

/// The second digest of a kind tells what changed since the first; another kind does not mix in.
#[tokio::test(start_paused = true)]
async fn a_digest_tells_what_changed_since_the_last_of_its_kind() {
    let mut world = World::start(json!({})).await;
    let request = |since_s| GenerateDigest {
        since_s,
        format: Format::Json,
        ..GenerateDigest::default()
    };
    world.ask(1, request(Some(3600))).await;
    let first = world.hear(30).await.json();
    assert_eq!(first["overview"]["changes"], json!([]));
    assert_eq!(first["overview"].get("compared_with"), None);
    assert_eq!(first["host"], "n1");
    append(&world.folder, &[FAILED; 40]);
    world.ask(2, request(None)).await;
    let other = world.hear(30).await.json();
    assert_eq!(other["overview"]["changes"], json!([]));
    world.ask(3, request(Some(3600))).await;
    let second = world.hear(30).await.json();
    assert_eq!(second["overview"]["changes"][0]["text"], "failed 42, was 2");
    assert_eq!(second["overview"]["compared_with"], first["window"]);
    assert_eq!(second["overview"]["severity"], "warning");
    assert_eq!(second["overview"]["decided_by"], "rules");
}

/// Lines before the span are left out, though their file is read.
#[tokio::test(start_paused = true)]
async fn a_digest_covers_the_span_that_was_asked_for() {
    let mut world = World::start(json!({})).await;
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    for (id, since_s, failed) in [(1, 1800, 0), (2, 7200, 2)] {
        let request = GenerateDigest {
            since_s: Some(since_s),
            format: Format::Json,
            ..GenerateDigest::default()
        };
        world.ask(id, request).await;
        let digest = world.hear(30).await.json();
        assert_eq!(digest["collectors"]["sshd"]["totals"]["failed"], failed);
        let window = &digest["window"];
        let span = window["until_ms"].as_u64().unwrap() - window["from_ms"].as_u64().unwrap();
        assert_eq!(span, since_s * 1000);
    }
}
