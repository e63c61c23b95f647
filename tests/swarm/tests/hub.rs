//! Nodes that accept no connection: they are reached through one that they are connected to.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::time::Duration;

use serde_json::{Value, json};
use skep_agent::{Ctx, Outgoing};
use skep_packet::{Address, AgentName, HandlerName, NodeId};
use skep_tests_swarm::{Host, Probe, World, until};

const SOON: Duration = Duration::from_secs(20);

fn at(node: &NodeId, handler: &str, content: &Value) -> Outgoing {
    let address = Address::new(AgentName::new("probe").unwrap(), node.clone());
    Outgoing::to_agent(address, HandlerName::new(handler).unwrap(), content)
}

/// Asks the probe of another node.
async fn ask(from: &Ctx<Probe>, to: &NodeId) {
    let asking = from.ask(at(to, "cmd_echo", &json!("hi")), SOON).await;
    let answer = asking.unwrap().answer().await.unwrap();
    let answer: Value = answer.decode().unwrap();
    assert_eq!(answer["by"], format!("probe@{to}"));
}

/// Sends durable numbers and waits until the other's sum has grown by them, and nothing is owed.
async fn add(from: &Host, to: &Host, numbers: &[u64]) {
    let (sender, receiver) = (from.probe().await, to.probe().await);
    let before = Probe::received(&receiver).total;
    for n in numbers {
        let add = at(to.node().name(), "cmd_add", &json!(n)).durable();
        sender.send(add).await.unwrap();
    }
    let expected = before + numbers.iter().sum::<u64>();
    until("the sum", || {
        (Probe::received(&receiver).total >= expected).then_some(())
    })
    .await;
    assert_eq!(Probe::received(&receiver).total, expected);
    from.owes_nothing().await;
}

/// The hub that `asked` sees for `host`.
fn hub(asked: &Host, host: &Host) -> Option<NodeId> {
    let tree = asked.node().view().tree();
    let node = tree
        .nodes
        .into_iter()
        .find(|node| node.node == *host.node().name())?;
    node.hub
}

async fn until_hub(asked: &Host, host: &Host, expected: &Host) {
    let expected = expected.node().name();
    until("the hub", || {
        (hub(asked, host).as_ref() == Some(expected)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_accept_nothing_talk_through_their_hub_and_through_another_when_it_is_killed()
 {
    let world = World::new("hub");
    let mut n1 = world.first("n1").await;
    let a = world.join_dialling(&n1, "a").await;
    let b = world.join_dialling(&n1, "b").await;
    until_hub(&b, &a, &n1).await;
    until_hub(&a, &b, &n1).await;
    // It comes later, so that it is nobody's hub.
    let n2 = world.join(&n1, "n2").await;
    for host in [&n1, &a, &b] {
        host.sees(&n2).await;
    }
    for host in [&n1, &n2, &b] {
        host.sees(&a).await;
    }
    for host in [&n1, &n2, &a] {
        host.sees(&b).await;
    }
    let (of_a, of_b) = (a.probe().await, b.probe().await);
    ask(&of_a, b.node().name()).await;
    ask(&of_b, a.node().name()).await;
    ask(&n2.probe().await, a.node().name()).await;
    add(&a, &b, &[1, 2, 3]).await;
    add(&b, &a, &[10, 20]).await;
    assert!(n1.node().metrics().n_relayed_bytes() > 0);
    assert_eq!(n2.node().metrics().n_relayed_bytes(), 0);

    n1.kill();
    until_hub(&n2, &a, &n2).await;
    until_hub(&b, &a, &n2).await;
    until_hub(&a, &b, &n2).await;
    ask(&of_a, b.node().name()).await;
    ask(&of_b, a.node().name()).await;
    add(&a, &b, &[4]).await;
    add(&b, &a, &[40]).await;
    assert!(n2.node().metrics().n_relayed_bytes() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_accepts_nothing_lets_nobody_join() {
    let world = World::new("closed");
    let n1 = world.first("n1").await;
    let a = world.join_dialling(&n1, "a").await;
    n1.sees(&a).await;
    let address = a.node().listening().await.unwrap();
    let address = (std::net::Ipv4Addr::LOCALHOST, address.port()).into();
    let refused = skep_mesh::join(address, Vec::new().into()).await;
    assert!(refused.is_err());
    let tree = n1.node().view().tree();
    let shown = tree.nodes.iter().find(|node| node.node == *a.node().name());
    assert!(shown.unwrap().addresses.is_empty());
}
