//! Papers end, are renewed, and are taken back, on real nodes.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::time::Duration;

use serde_json::{Value, json};
use skep_agent::{AskError, Outgoing};
use skep_identity::Who;
use skep_packet::{Address, AgentName, HandlerName, Refusal, Scope, encode};
use skep_tests_swarm::{Host, World, until};

const SOON: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn echo_at(host: &Host) -> Outgoing {
    let address = Address::new(AgentName::new("probe").unwrap(), host.node().name().clone());
    Outgoing::to_agent(address, HandlerName::new("cmd_echo").unwrap(), &json!(1))
}

/// Takes a node's papers back on the host with the authority, as `skep revoke` does.
fn revoke(world: &World, first: &Host, who: &Host) {
    let who = Who::Node(who.node().name().clone());
    let made = first.home().revoke(&who, world.now_ms()).unwrap();
    assert_eq!(first.node().view().revoke(&encode(&made)), Ok(1));
}

/// Starts a node anew: it dials at once, whatever its last attempts came to.
async fn anew(host: &mut Host) {
    host.down().await;
    host.up().await;
}

fn lists(host: &Host, other: &Host) -> bool {
    let tree = host.node().view().tree();
    tree.nodes
        .iter()
        .any(|node| node.node == *other.node().name())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_node_is_cut_everywhere_and_stays_out() {
    let world = World::new("revoked");
    let mut n1 = world.first("n1").await;
    let mut n2 = world.join(&n1, "n2").await;
    let mut n3 = world.join(&n1, "n3").await;
    n3.sees(&n2).await;
    n2.sees(&n3).await;
    let probe = n3.probe().await;
    let asking = probe.ask(echo_at(&n2), SOON).await.unwrap();
    asking.answer().await.unwrap();

    revoke(&world, &n1, &n2);
    for host in [&n1, &n3] {
        until("the cut", || (!lists(host, &n2)).then_some(())).await;
    }
    let endpoints = probe.endpoints(&"test.echo".parse().unwrap(), Scope::Swarm);
    let name = n2.node().name();
    assert!(
        endpoints
            .iter()
            .all(|endpoint| endpoint.address.node != *name),
        "nobody sends to it"
    );

    // What was taken back stays so over a restart, of who took it back and of who was told.
    n3.down().await;
    n1.down().await;
    n1.up().await;
    n3.up().await;
    n1.sees(&n3).await;
    anew(&mut n2).await;
    for host in [&n1, &n3] {
        until("a refusal after a restart", || {
            let n_refused = host.node().metrics().n_refused(Refusal::RevokedSigner);
            (n_refused > 0).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_away_learns_of_a_revocation_when_it_comes_back() {
    let world = World::new("away");
    let n1 = world.first("n1").await;
    let mut n2 = world.join(&n1, "n2").await;
    let mut n3 = world.join(&n1, "n3").await;
    n3.sees(&n2).await;
    // It knows where to knock, also when nobody tells it any more.
    n2.sees(&n3).await;
    n3.down().await;
    revoke(&world, &n1, &n2);
    n3.up().await;
    n3.sees(&n1).await;
    until("the revocation", || (!lists(&n3, &n2)).then_some(())).await;
    anew(&mut n2).await;
    until("a refusal", || {
        let n_refused = n3.node().metrics().n_refused(Refusal::RevokedSigner);
        (n_refused > 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_host_comes_back_under_its_name_with_another_key() {
    let world = World::new("again");
    let n1 = world.first("n1").await;
    let mut n2 = world.join(&n1, "n2").await;
    n1.sees(&n2).await;
    let old_key = n2.home().identity().unwrap().unwrap().key.id();
    revoke(&world, &n1, &n2);
    until("the cut", || (!lists(&n1, &n2)).then_some(())).await;
    n2.down().await;
    std::fs::remove_dir_all(n2.home().path()).unwrap();
    let n2 = world.join(&n1, "n2").await;
    assert_ne!(n2.home().identity().unwrap().unwrap().key.id(), old_key);
    n1.sees(&n2).await;
    let probe = n1.probe().await;
    let asking = probe.ask(echo_at(&n2), SOON).await.unwrap();
    let answer: Result<Value, AskError> = asking.answer().await.map(|a| a.decode().unwrap());
    assert_eq!(answer.unwrap()["echo"], json!(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn papers_are_renewed_while_the_node_works() {
    let world = World::new("renewed");
    let n1 = world.first("n1").await;
    // Two thirds of 30 days are over.
    let n2 = world.join_long_ago(&n1, "n2", 21 * DAY).await;
    let before = n2.home().identity().unwrap().unwrap();
    n1.sees(&n2).await;
    let after = until("new papers", || {
        let identity = n2.home().identity().unwrap().unwrap();
        (identity.passport.serial > before.passport.serial).then_some(identity)
    })
    .await;
    assert_eq!(after.key.id(), before.key.id(), "the key stays");
    let days = |ms: u64| ms / u64::try_from(DAY.as_millis()).unwrap();
    let left_ms = after.passport.not_after_ms - world.now_ms();
    assert!((29..=30).contains(&days(left_ms)), "{left_ms}");
    // What it signs is still believed, on the connection that stands and on a new one.
    for _ in 0..2 {
        let probe = n1.probe().await;
        let asking = probe.ask(echo_at(&n2), SOON).await.unwrap();
        asking.answer().await.unwrap();
    }
    // They are renewed, not multiplied: no node gets papers twice in an hour.
    let signer = after.credentials.passport.signer;
    let again = n1
        .home()
        .renew(&after.passport, signer, Vec::new(), world.now_ms());
    assert!(again.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn papers_are_renewed_through_a_hub_where_the_authority_accepts_no_connection_either() {
    let world = World::new("renewed-through");
    let mut n1 = world.first("n1").await;
    let hub = world.join(&n1, "hub").await;
    n1.sees(&hub).await;
    hub.sees(&n1).await;
    let mut n2 = world.dialling_long_ago(&n1, &hub, "n2", 21 * DAY);
    let before = n2.home().identity().unwrap().unwrap();
    n1.accepts_nothing();
    anew(&mut n1).await;
    n2.up().await;
    let after = until("new papers", || {
        let identity = n2.home().identity().unwrap().unwrap();
        (identity.passport.serial > before.passport.serial).then_some(identity)
    })
    .await;
    assert_eq!(after.key.id(), before.key.id(), "the key stays");
    assert!(hub.node().metrics().n_relayed_bytes() > 0);
}
