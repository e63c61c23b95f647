//! A digest as a mail each day.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use skep_protocol::alert::Alert;
use skep_protocol::severity::Severity;

use crate::world::FAILED;
use crate::world::Said;
use crate::world::World;
use crate::world::append;

/// The zone of the host this runs on may be any: the letters' time is found in a day, not at a
/// moment.
async fn world(more: Value) -> World {
    let mut config = json!({"mail_digest": {"at": "07:00", "cover": "48h"}});
    let Value::Object(more) = more else {
        panic!("an object")
    };
    config.as_object_mut().unwrap().extend(more);
    World::start(config).await
}

/// The letters of the next so many hours.
async fn letters(world: &mut World, hours: u32) -> Vec<Alert> {
    tokio::time::sleep(hours * Duration::from_secs(3600)).await;
    world.kit.idle().await;
    let mut letters = Vec::new();
    while let Some(said) = world.next(1).await {
        match said {
            Said::Alert(alert) => letters.push(*alert),
            Said::Callback(_) => {}
            other => panic!("{other:?} instead of letters"),
        }
    }
    letters
}

#[tokio::test(start_paused = true)]
async fn each_day_brings_one_letter_and_the_first_tells_no_past() {
    let mut world = world(json!({})).await;
    assert_eq!(letters(&mut world, 0).await, []);
    let first = letters(&mut world, 24).await;
    assert_eq!(first.len(), 1, "{first:?}");
    append(&world.folder, &[FAILED; 150]);
    let second = letters(&mut world, 24).await;
    assert_eq!(second.len(), 1, "{second:?}");
    assert_ne!(first[0].id, second[0].id);
    assert_ne!(first[0].group, second[0].group);
}

#[tokio::test(start_paused = true)]
async fn a_letter_is_no_alarm_and_is_text_and_page() {
    let mut world = world(json!({})).await;
    append(&world.folder, &[FAILED; 150]);
    let letters = letters(&mut world, 24).await;
    let [letter] = letters.as_slice() else {
        panic!("{letters:?}")
    };
    assert_eq!(
        (letter.level, letter.cause.as_str()),
        (Severity::Info, "digest")
    );
    let title = letter.title.as_deref().unwrap();
    assert_eq!(title, "[warning] Digest of n1: 2 things need a person");
    assert!(
        letter.msg.contains("[warning] sshd: wrong passwords: 152"),
        "{}",
        letter.msg
    );
    assert!(letter.msg.contains("SSHD Begin"), "{}", letter.msg);
    let page = letter.html.as_deref().unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("203.0.113.9"));
    assert!(page.len() < 100 * 1024);
}

/// A node that was down when a letter was due posts it when it is back, and only once.
#[tokio::test(start_paused = true)]
async fn a_restart_loses_no_letter_and_repeats_none() {
    let mut world = world(json!({})).await;
    assert_eq!(letters(&mut world, 24).await.len(), 1);
    world.kit.restart().await;
    assert_eq!(letters(&mut world, 0).await, []);
    assert_eq!(letters(&mut world, 24).await.len(), 1);
}
