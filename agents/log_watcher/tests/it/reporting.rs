use serde_json::json;
use skep_packet::Class;
use skep_packet::Kind;
use skep_protocol::severity::Severity;
use skep_protocol::status::StatusEvent;

use crate::world::ACCEPTED;
use crate::world::FAILED;
use crate::world::World;
use crate::world::append;
use crate::world::went_to;

#[tokio::test(start_paused = true)]
async fn each_patrol_reports_what_is_grave_once_also_over_a_crash() {
    let more = json!({"report_to_role": "hive.forensics.data_feed"});
    let mut world = World::start(more).await;
    let first = reports(&mut world).await;
    assert_eq!(first, ["info login"]);
    let attack: Vec<&str> = std::iter::repeat_n(FAILED, 30).collect();
    append(&world.folder, &attack);
    world.kit.crash().await;
    let second = reports(&mut world).await;
    assert_eq!(second, ["warning brute_force"]);
    world.kit.crash().await;
    assert!(reports(&mut world).await.is_empty(), "told already");
}

#[tokio::test(start_paused = true)]
async fn without_a_role_nothing_is_reported() {
    let mut world = World::start(json!({})).await;
    append(&world.folder, &[ACCEPTED]);
    world.kit.crash().await;
    assert!(reports(&mut world).await.is_empty());
}

async fn reports(world: &mut World) -> Vec<String> {
    let mut told = Vec::new();
    let minute = std::time::Duration::from_secs(60);
    while let Some(sent) = world.kit.next_sent_within(minute).await {
        assert_eq!(
            (sent.outgoing.kind, sent.outgoing.class),
            (Kind::Status, Class::Durable)
        );
        assert_eq!(went_to(&sent), "hive.forensics.data_feed");
        let event: StatusEvent = sent.content();
        assert!(event.severity < Severity::Critical);
        told.push(format!("{} {}", event.severity, event.state));
    }
    told
}
