//! Another authority takes the place of the swarm's, on real nodes.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::time::Duration;

use serde_json::json;
use skep_agent::Outgoing;
use skep_identity::PASSPORT_LIFE_MS;
use skep_node::home::{OVERLAP_MIN_MS, Rotation};
use skep_packet::{Address, AgentName, HandlerName, KeyId, MemberState, limits::SKEW_MAX_MS};
use skep_tests_swarm::{Host, World, until};

const SOON: Duration = Duration::from_secs(20);

/// How long two authorities count in a test that waits for the end of it.
const REST_MS: u64 = 20_000;

/// Replaces the authority as `skep authority rotate` does.
fn rotate(host: &Host, overlap_ms: u64, now_ms: u64) -> Rotation {
    let rotation = host.home().rotate(overlap_ms, now_ms).unwrap();
    host.node().view().renew();
    rotation
}

/// The authority of a node's papers.
fn authority(host: &Host) -> KeyId {
    host.home().identity().unwrap().unwrap().authority.id()
}

async fn has_papers_of(host: &Host, key: KeyId) {
    until("papers of the new authority", || {
        (authority(host) == key).then_some(())
    })
    .await;
}

async fn asks(host: &Host, other: &Host) {
    let address = Address::new(
        AgentName::new("probe").unwrap(),
        other.node().name().clone(),
    );
    let handler = HandlerName::new("cmd_echo").unwrap();
    let asking = Outgoing::to_agent(address, handler, &json!(1));
    let asking = host.probe().await.ask(asking, SOON).await.unwrap();
    asking.answer().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_gets_papers_of_the_new_authority_while_it_works() {
    let world = World::new("rotated");
    let n1 = world.first("n1").await;
    let mut n2 = world.join(&n1, "n2").await;
    let n3 = world.join(&n1, "n3").await;
    n3.sees(&n2).await;
    let rotation = rotate(&n1, PASSPORT_LIFE_MS, world.now_ms());
    for host in [&n1, &n2, &n3] {
        has_papers_of(host, rotation.authority).await;
    }
    until("a register without old papers", || {
        let outdated = n1.home().outdated(world.now_ms()).unwrap();
        outdated.is_empty().then_some(())
    })
    .await;
    asks(&n2, &n3).await;
    // It is kept: a start changes nothing, and new connections stand.
    n2.down().await;
    n2.up().await;
    n2.sees(&n3).await;
    asks(&n2, &n3).await;
    // Who comes now knows only the new one.
    let n4 = world.join(&n1, "n4").await;
    assert_eq!(authority(&n4), rotation.authority);
    n4.sees(&n3).await;
    asks(&n4, &n3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_within_the_overlap_hears_of_the_new_authority() {
    let world = World::new("rotated-away");
    let n1 = world.first("n1").await;
    let mut n2 = world.join(&n1, "n2").await;
    n1.sees(&n2).await;
    n2.down().await;
    let rotation = rotate(&n1, PASSPORT_LIFE_MS, world.now_ms());
    has_papers_of(&n1, rotation.authority).await;
    assert_ne!(authority(&n2), rotation.authority);
    n2.up().await;
    has_papers_of(&n2, rotation.authority).await;
    n2.sees(&n1).await;
    asks(&n2, &n1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_overlap_only_the_new_authority_counts() {
    let world = World::new("rotated-over");
    let n1 = world.first("n1").await;
    let mut n2 = world.join(&n1, "n2").await;
    let mut n3 = world.join(&n1, "n3").await;
    n1.sees(&n3).await;
    n3.sees(&n1).await;
    n3.down().await;
    // An overlap that began an hour ago, and ends in a moment.
    let then_ms = world.now_ms() + REST_MS - OVERLAP_MIN_MS - SKEW_MAX_MS;
    let rotation = rotate(&n1, OVERLAP_MIN_MS, then_ms);
    has_papers_of(&n1, rotation.authority).await;
    has_papers_of(&n2, rotation.authority).await;
    let end_ms = rotation.until_ms + SKEW_MAX_MS;
    until("the end of the overlap", || {
        (world.now_ms() > end_ms).then_some(())
    })
    .await;
    asks(&n1, &n2).await;

    // A node that was away all the time is told so, with the cure.
    n3.up().await;
    let told = until("what became of the swarm", || {
        let reasons = n3.node().view().readiness().reasons;
        reasons.into_iter().find(|why| why.contains("skep join"))
    })
    .await;
    assert!(told.contains("authority"), "{told}");
    let knows = |host: &Host| {
        let mut nodes = host.node().view().tree().nodes.into_iter();
        nodes.any(|node| node.node == *n3.node().name() && node.state == MemberState::Alive)
    };
    assert!(!knows(&n1), "the old papers are not believed");

    // The cure works: same name, same key, same store.
    let key = n3.home().identity().unwrap().unwrap().key.id();
    n3.down().await;
    world.join_again(&n1, &n3).await;
    n3.up().await;
    assert_eq!(authority(&n3), rotation.authority);
    assert_eq!(n3.home().identity().unwrap().unwrap().key.id(), key);
    n3.sees(&n1).await;
    asks(&n3, &n1).await;
    assert!(n3.node().view().readiness().reasons.is_empty());

    // Over starts too: nobody needs the old one.
    n2.down().await;
    n2.up().await;
    n2.sees(&n1).await;
    asks(&n2, &n1).await;
}
