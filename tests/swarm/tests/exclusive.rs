//! A role that one endpoint of the swarm serves at a time, and how it changes hands.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::time::Duration;

use serde_json::{Value, json};
use skep_agent::{Ctx, Outgoing, role};
use skep_directive::{AgentPlan, RolePlan};
use skep_packet::{HandlerName, NodeId, RoleName};
use skep_tests_swarm::{Host, Probe, WAIT_MAX, World, until};

const SOON: Duration = Duration::from_secs(20);

const SOLE: &str = "test.sole";

/// The probe serves an exclusive role too.
fn sole(plan: &mut AgentPlan) {
    for (name, handler) in [(SOLE, "cmd_echo"), ("test.sole.add", "cmd_add")] {
        let handler = HandlerName::new(handler).unwrap();
        let role = RolePlan::plain(RoleName::new(name).unwrap(), handler);
        plan.endpoints.push(RolePlan {
            exclusive: true,
            ..role
        });
    }
}

fn serves(probe: &Ctx<Probe>) -> bool {
    probe.serves(&RoleName::new(SOLE).unwrap())
}

async fn answered_by(probe: &Ctx<Probe>) -> String {
    let ask = Outgoing::to_role(role(SOLE), &"who");
    let asking = probe.ask(ask, SOON).await.unwrap();
    let answer: Value = asking.answer().await.unwrap().decode().unwrap();
    answer["by"].as_str().unwrap().to_owned()
}

async fn until_serving(host: &Host) {
    let probe = host.probe().await;
    until("the role", || serves(&probe).then_some(())).await;
}

/// What `host` leaves to others, as `asked` shows it.
fn stands_by(asked: &Host, host: &NodeId) -> Vec<String> {
    let tree = asked.node().view().tree();
    let node = tree.nodes.iter().find(|node| node.node == *host);
    let agents = node.into_iter().flat_map(|node| &node.agents);
    agents
        .flat_map(|agent| agent.stands_by.iter().map(ToString::to_string))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_serves_and_the_next_takes_over_when_it_is_killed() {
    let world = World::new("sole");
    let mut n1 = world.first_with("n1", sole).await;
    let n2 = world.join_with(&n1, "n2", sole).await;
    n1.sees(&n2).await;
    n2.sees(&n1).await;
    let (one, two) = (n1.probe().await, n2.probe().await);
    let expected = [SOLE.to_owned(), "test.sole.add".to_owned()];
    until("the other to stand by", || {
        (stands_by(&n1, n2.node().name()) == expected).then_some(())
    })
    .await;
    until("the first to serve", || {
        (stands_by(&n2, n1.node().name()).is_empty() && serves(&one)).then_some(())
    })
    .await;
    assert!(!serves(&two));
    assert_eq!(
        answered_by(&two).await,
        format!("probe@{}", n1.node().name())
    );

    // What was sent to the one that is killed goes to the next one.
    n1.kill();
    for n in [1_u64, 2, 3] {
        let add = Outgoing::to_role(role("test.sole.add"), &n).durable();
        two.send(add).await.unwrap();
    }
    until_serving(&n2).await;
    let by = answered_by(&two).await;
    assert_eq!(by, format!("probe@{}", n2.node().name()));
    until("the sum", || {
        (Probe::received(&two).total == 6).then_some(())
    })
    .await;
    assert_eq!(Probe::received(&two).n, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_that_comes_first_takes_over_and_who_leaves_hands_back() {
    let world = World::new("rank");
    let n2 = world.first_with("n2", sole).await;
    until_serving(&n2).await;
    let mut n1 = world.join_with(&n2, "n1", sole).await;
    // It listens first: it might be the one that is outranked.
    assert!(!serves(&n1.probe().await));
    until_serving(&n1).await;
    let two = n2.probe().await;
    until("the other to stand by", || (!serves(&two)).then_some(())).await;
    let first = format!("probe@{}", n1.node().name());
    assert_eq!(answered_by(&two).await, first);

    n1.down().await;
    until_serving(&n2).await;
    let second = format!("probe@{}", n2.node().name());
    assert_eq!(answered_by(&two).await, second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_cannot_serve_hands_over() {
    let world = World::new("crash");
    let n1 = world.first_with("n1", sole).await;
    let n2 = world.join_with(&n1, "n2", sole).await;
    n1.sees(&n2).await;
    n2.sees(&n1).await;
    // A crash alone keeps the role: it is back within a second. A crash loop does not.
    let two = n2.probe().await;
    let address = n1.probe().await.address().clone();
    let handler = HandlerName::new("cmd_misbehave").unwrap();
    let crashes = async {
        while !serves(&two) {
            let panic = Outgoing::to_agent(address.clone(), handler.clone(), &json!("panic"));
            let asking = two.ask(panic, SOON).await.unwrap();
            asking.answer().await.unwrap_err();
        }
    };
    tokio::time::timeout(WAIT_MAX, crashes).await.unwrap();
    assert_eq!(answered_by(&two).await, two.address().to_string());
}
