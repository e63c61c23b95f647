//! What two real nodes do for their agents.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::time::Duration;

use serde_json::{Value, json};
use skep_agent::{AskError, Outgoing, SendError, role};
use skep_packet::{Address, AgentName, HandlerName, Refusal};
use skep_tests_swarm::{Host, Probe, World, until};

const SOON: Duration = Duration::from_secs(20);

fn probe_of(host: &Host) -> Address {
    Address::new(AgentName::new("probe").unwrap(), host.node().name().clone())
}

fn at(host: &Host, handler: &str, content: &Value) -> Outgoing {
    let handler = HandlerName::new(handler).unwrap();
    Outgoing::to_agent(probe_of(host), handler, content)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_serves_its_own_agents_before_its_keys_are_made() {
    let world = World::new("alone");
    let n1 = world.first("n1").await;
    let probe = n1.probe().await;
    let asking = probe
        .ask(Outgoing::to_role(role("test.echo"), &"hi"), SOON)
        .await
        .unwrap();
    let answer: Value = asking.answer().await.unwrap().decode().unwrap();
    assert_eq!(answer["echo"], "hi");
    let nobody = probe
        .send(Outgoing::to_role(role("test.ecco"), &1))
        .await
        .unwrap_err();
    let SendError::NoEndpoint { role, hint } = nobody else {
        panic!("{nobody:?}")
    };
    assert_eq!(
        (role.as_str(), hint.contains("test.echo")),
        ("test.ecco", true)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_of_two_nodes_ask_each_other() {
    let world = World::new("two");
    let n1 = world.first("n1").await;
    let n2 = world.join(&n1, "n2").await;
    n1.sees(&n2).await;
    n2.sees(&n1).await;
    let probe = n1.probe().await;
    let asking = probe
        .ask(at(&n2, "cmd_echo", &json!({ "n": 1 })), SOON)
        .await
        .unwrap();
    let answer: Value = asking.answer().await.unwrap().decode().unwrap();
    assert_eq!(answer["by"], format!("probe@{}", n2.node().name()));
    assert_eq!(answer["echo"], json!({ "n": 1 }));
    let all = Outgoing::to_role(role("test.echo"), &"all").to_all();
    let mut asking = probe.ask(all, SOON).await.unwrap();
    assert_eq!(asking.endpoints().len(), 2);
    let mut by = vec![
        asking.next().await.unwrap().unwrap().from.node,
        asking.next().await.unwrap().unwrap().from.node,
    ];
    by.sort();
    assert_eq!(by, [n1.node().name().clone(), n2.node().name().clone()]);
    assert!(asking.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_far_away_is_told_by_its_name() {
    let world = World::new("refused");
    let n1 = world.first("n1").await;
    let n2 = world.join(&n1, "n2").await;
    n1.sees(&n2).await;
    let probe = n1.probe().await;
    let check = async |handler: &str, reason: Refusal| {
        let asking = probe.ask(at(&n2, handler, &json!(1)), SOON).await.unwrap();
        let endpoint = probe_of(&n2);
        let refused = AskError::Refused { endpoint, reason };
        assert_eq!(asking.answer().await, Err(refused));
        assert_eq!(n2.node().metrics().n_refused(reason), 1);
    };
    check("cmd_admin", Refusal::Denied).await;
    check("cmd_no_such", Refusal::NoHandler).await;
    let error = probe
        .ask(at(&n2, "cmd_misbehave", &json!("sing")), SOON)
        .await
        .unwrap();
    let Err(AskError::Handler { message, .. }) = error.answer().await else {
        panic!("an answer")
    };
    assert_eq!(message, "cannot sing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn durable_packets_wait_for_a_node_that_is_down_and_take_effect_once() {
    let world = World::new("durable");
    let n1 = world.first("n1").await;
    let mut n2 = world.join(&n1, "n2").await;
    n1.sees(&n2).await;
    let probe = n1.probe().await;
    for n in 1..=20_u64 {
        probe
            .send(at(&n2, "cmd_add", &json!(n)).durable())
            .await
            .unwrap();
    }
    n2.down().await;
    for n in 21..=40_u64 {
        if n == 30 {
            n2.up().await;
        }
        if n != 13 {
            probe.send(at_name(&n2, n).durable()).await.unwrap();
        }
    }
    let expected: u64 = (1..=40).filter(|n| *n != 13).sum();
    until("the sum", || {
        let there = Probe::on(&skep_node_name("n2-durable"))?;
        (Probe::received(&there).total == expected).then_some(())
    })
    .await;
    n1.owes_nothing().await;
    let there = n2.probe().await;
    assert_eq!(Probe::received(&there).n, 39);
}

fn skep_node_name(name: &str) -> skep_packet::NodeId {
    skep_packet::NodeId::new(name).unwrap()
}

fn at_name(_: &Host, n: u64) -> Outgoing {
    let address = Address::new(
        AgentName::new("probe").unwrap(),
        skep_node_name("n2-durable"),
    );
    Outgoing::to_agent(address, HandlerName::new("cmd_add").unwrap(), &n)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_the_agent_and_not_the_node() {
    let world = World::new("panic");
    let n1 = world.first("n1").await;
    let probe = n1.probe().await;
    let misbehave = at(&n1, "cmd_misbehave", &json!("panic"));
    let asking = probe.ask(misbehave, SOON).await.unwrap();
    // The asker is the agent that panics: its ask ends with it.
    drop(asking);
    until("the restart", || {
        let tree = n1.node().view().tree();
        let card = &tree.nodes[0].agents[0].card;
        (card.incarnation == 2 && card.health == skep_packet::AgentHealth::Healthy).then_some(())
    })
    .await;
    let probe = n1.probe().await;
    let asking = probe
        .ask(Outgoing::to_role(role("test.echo"), &"again"), SOON)
        .await
        .unwrap();
    assert!(asking.answer().await.is_ok());
}
