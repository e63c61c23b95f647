//! Too much, too slow, or never right: what it costs, and whom it does not harm.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{fs, time::Duration};

use serde_json::{Value, json};
use skep_agent::{Ctx, Outgoing, SendError, role};
use skep_packet::{Address, AgentName, HandlerName, Refusal};
use skep_tests_swarm::{Host, Probe, Rogue, World, until};

/// What a good peer waits for an answer at most, whatever a bad one does.
const SOON: Duration = Duration::from_secs(10);
/// Bad batches of a flood.
const FLOOD: u64 = 3_000;
/// How far the process may grow under it: rogue, peer and victim together, queues and all.
const GROWTH_MAX: u64 = 64 * 1024 * 1024;

fn to_probe(host: &Host, handler: &str, content: &Value) -> Outgoing {
    let agent = AgentName::new("probe").unwrap();
    let address = Address::new(agent, host.node().name().clone());
    Outgoing::to_agent(address, HandlerName::new(handler).unwrap(), content)
}

/// Bytes of memory that this process holds.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

async fn echoes(probe: &Ctx<Probe>, host: &Host) {
    let asking = probe.ask(to_probe(host, "cmd_echo", &json!("there?")), SOON);
    let answer = asking.await.unwrap().answer().await;
    answer.unwrap_or_else(|error| panic!("a good peer got no answer: {error}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_bad_packets_is_refused_within_bounds_and_harms_no_good_peer() {
    let world = World::new("flood");
    let host = world.first("n1").await;
    let peer = world.join(&host, "n2").await;
    peer.sees(&host).await;
    let probe = peer.probe().await;
    echoes(&probe, &host).await;
    let identity = world.papers(&host, "rogue").await;
    let address = host.node().listening().await.unwrap();
    let mut rogue = Rogue::connect(identity, host.node().name(), address).await;
    let packet = rogue.packet();
    let mut forged = rogue.seal(&[packet]);
    forged.statement.issued_at_ms += 1;
    let refused = || host.node().metrics().n_refused(Refusal::BadSignature);
    let (before, mut sent) = (resident(), 0);
    let mut n_echoes = 0;
    while refused() < FLOOD {
        // Its lane takes only so much; the rest the rogue must keep itself.
        while sent < FLOOD && rogue.try_send(forged.clone()) {
            sent += 1;
        }
        echoes(&probe, &host).await;
        n_echoes += 1;
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < GROWTH_MAX, "{grown} bytes more");
    assert_eq!(refused(), FLOOD, "each was counted once");
    assert!(n_echoes > 0);
    // It was not only the rogue's connection that went on: what is good from it is still taken.
    let good = rogue.packet();
    let good = rogue.seal(&[good]);
    rogue.send(good);
    rogue.acknowledged().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn durable_packets_for_a_slow_receiver_wait_and_take_effect_once() {
    const N: u64 = 3_000;
    let world = World::new("slow");
    let n1 = world.first("n1").await;
    let n2 = world.join(&n1, "n2").await;
    n1.sees(&n2).await;
    let probe = n1.probe().await;
    // More than its mailbox holds comes while it takes nothing.
    probe
        .send(to_probe(&n2, "cmd_misbehave", &json!("block")))
        .await
        .unwrap();
    for _ in 0..N {
        probe
            .send(to_probe(&n2, "cmd_add", &json!(1)).durable())
            .await
            .unwrap();
    }
    let there = n2.probe().await;
    until("all of them", || {
        (Probe::received(&there).n >= N).then_some(())
    })
    .await;
    n1.owes_nothing().await;
    assert_eq!(Probe::received(&n2.probe().await).total, N);
    assert!(n1.node().view().tree().state.dead_letters.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_packet_ends_as_a_dead_letter_and_holds_nobody_up() {
    let world = World::new("poison");
    let n1 = world.first("n1").await;
    let n2 = world.join(&n1, "n2").await;
    n1.sees(&n2).await;
    let probe = n1.probe().await;
    for n in [13_u64, 1, 2] {
        probe
            .send(to_probe(&n2, "cmd_add", &json!(n)).durable())
            .await
            .unwrap();
    }
    let there = n2.probe().await;
    until("the good ones", || {
        (Probe::received(&there).total == 3).then_some(())
    })
    .await;
    let letters = until("the dead letter", || {
        let letters = n1.node().view().tree().state.dead_letters;
        (!letters.is_empty()).then_some(letters)
    })
    .await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(
        (letters[0].1.as_str(), letters[0].2),
        ("poison", 1),
        "{letters:?}"
    );
    n1.owes_nothing().await;
    assert_eq!(Probe::received(&there).n, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_outbox_refuses_by_name_and_keeps_what_it_has() {
    const AT_ONCE: usize = 1_500;
    // A role that nobody serves: nothing ever leaves.
    let world = World::new("full");
    let n1 = world.first("n1").await;
    let probe = n1.probe().await;
    let letter = || Outgoing::to_role(role("test.nobody"), &json!("x"));
    let mut kept = 0_usize;
    let refused = loop {
        let many = probe.tx(|tx| {
            (0..AT_ONCE).for_each(|_| tx.send(letter()));
            Ok(())
        });
        match many.await {
            Ok(()) => kept += AT_ONCE,
            Err(error) => break error,
        }
        assert!(kept < 200_000, "there is no bound");
    };
    let skep_agent::StoreError::Send(SendError::OutboxFull { .. }) = refused else {
        panic!("{refused:?}");
    };
    let waiting: usize = n1
        .node()
        .view()
        .tree()
        .state
        .outbox
        .iter()
        .map(|(_, n)| usize::try_from(*n).unwrap())
        .sum();
    assert_eq!(waiting, kept, "nothing of the refused transaction was kept");
}
