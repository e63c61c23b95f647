//! What a node does with agents that fail.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::time::Duration;

use serde_json::json;
use skep_agent::{Outgoing, role};
use skep_directive::RestartPlan;
use skep_packet::{Address, AgentHealth, HandlerName};
use skep_tests_swarm::{Host, Probe, World, until};

const SOON: Duration = Duration::from_secs(20);

/// Tells the probe to misbehave; it has no time to answer.
async fn misbehave(host: &Host, how: &str) {
    let probe = host.probe().await;
    let handler = HandlerName::new("cmd_misbehave").unwrap();
    let address: Address = probe.address().clone();
    probe
        .send(Outgoing::to_agent(address, handler, &json!(how)))
        .await
        .unwrap();
}

async fn reaches(host: &Host, health: AgentHealth, incarnation: u32) {
    until("the health", || {
        let tree = host.node().view().tree();
        let card = &tree.nodes[0].agents[0].card;
        (card.health == health && card.incarnation == incarnation).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_agent_that_hangs_is_ended_and_started_again() {
    let world = World::new("hangs");
    let n1 = world
        .first_with("n1", |probe| probe.beacon_interval_ms = Some(300))
        .await;
    reaches(&n1, AgentHealth::Healthy, 1).await;
    misbehave(&n1, "hang").await;
    reaches(&n1, AgentHealth::Restarting, 1).await;
    // The thread it holds is the node's again, and its next copy may start.
    Probe::release(n1.node().name());
    reaches(&n1, AgentHealth::Healthy, 2).await;
    let probe = n1.probe().await;
    let asking = probe
        .ask(Outgoing::to_role(role("test.echo"), &"again"), SOON)
        .await
        .unwrap();
    assert!(asking.answer().await.is_ok());
    assert!(n1.node().view().readiness().ready);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loop_is_left_and_shown() {
    let world = World::new("loop");
    let restart = |probe: &mut skep_directive::AgentPlan| {
        let (intensity, period_s) = (Some(2), Some(60));
        probe.restart = Some(RestartPlan {
            policy: None,
            intensity,
            period_s,
        });
    };
    let n1 = world.first_with("n1", restart).await;
    for incarnation in 1..=3 {
        reaches(&n1, AgentHealth::Healthy, incarnation).await;
        misbehave(&n1, "panic").await;
    }
    reaches(&n1, AgentHealth::CrashLoop, 3).await;
    let readiness = n1.node().view().readiness();
    assert_eq!(
        (readiness.ready, readiness.reasons),
        (false, vec!["probe is crashloop".to_owned()])
    );
    // Nobody is sent to it any more: the error is named at once.
    let probe = n1.probe().await;
    let nobody = probe
        .send(Outgoing::to_role(role("test.echo"), &1))
        .await
        .unwrap_err();
    assert!(
        nobody.to_string().contains("nobody serves the role"),
        "{nobody}"
    );
}
