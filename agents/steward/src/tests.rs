use std::sync::Mutex;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use skep_agent::{
    AuditPage, Deed, Done, HANDLER_REPLY, HANDLER_REPLY_ERROR, Order, SealedReply, Stewardship,
    testkit::{Sent, Testkit},
};
use skep_packet::{Class, Destination, Refusal, SessionKey};
use skep_protocol::callback::{CMD_CALLBACK, Callback, Enclosed, Status};

use super::*;

/// A node that writes down what it is ordered.
#[derive(Default)]
struct Node {
    orders: Mutex<Vec<Order>>,
}

/// The same node, lent.
struct Lent(Arc<Node>);

impl Stewardship for Lent {
    fn order(&self, order: Order) -> BoxFuture<'static, Result<Done, String>> {
        let is_good = order.deed != delete("oracle");
        self.0.orders.lock().unwrap().push(order);
        async move {
            // Long enough for a sign of work.
            tokio::time::sleep(std::time::Duration::from_secs(15)).await;
            match is_good {
                true => Ok(Done {
                    stopped: vec!["watcher".parse().unwrap()],
                    started: Vec::new(),
                    entry: Some(7),
                }),
                false => Err("oracle is stuck: everything is as before".to_owned()),
            }
        }
        .boxed()
    }

    fn audit(&self, after: u64, _: usize) -> Result<AuditPage, String> {
        Ok(AuditPage {
            entries: vec![Bytes::from(format!("entry {}", after + 1))],
            n_entries: 9,
        })
    }
}

fn delete(agent: &str) -> Deed {
    let agent = agent.parse().unwrap();
    Deed::Delete { agent }
}

async fn world() -> (Testkit<Steward>, Arc<Node>) {
    let node = Arc::new(Node::default());
    let lent = Arc::new(Lent(node.clone()));
    let world = Testkit::start_with(json!({}), |stage| stage.steward(lent)).await;
    (world, node)
}

fn operator(level: Level) -> Principal {
    let name = "ann".to_owned();
    Principal::Operator { name, level }
}

async fn order(world: &mut Testkit<Steward>, level: Level, content: &Value) {
    let request = world.command(CMD_STEWARD, content).from("console@n1");
    let request = request.principal(operator(level)).role("steward.n1");
    let request = request.token("t-1").reply_to("console@n1");
    request.proof(Bytes::from_static(b"proof")).deliver().await;
}

fn to(sent: &Sent) -> String {
    match &sent.outgoing.to {
        Destination::Agent(address, handler) => format!("{address}/{handler}"),
        Destination::Role(role) => role.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_goes_to_the_node_as_it_was_signed_and_one_reply_comes_back() {
    let (mut world, node) = world().await;
    let content = json!({"node": "n1", "deed": {"delete": {"agent": "watcher"}}, "dry_run": true});
    order(&mut world, Level::Admin, &content).await;
    let reply = world.next_sent().await;
    assert_eq!(to(&reply), format!("console@n1/{HANDLER_REPLY}"));
    let expected =
        json!({"node": "n1", "dry_run": true, "stopped": ["watcher"], "started": [], "entry": 7});
    assert_eq!(reply.content::<Value>(), expected);
    let orders = node.orders.lock().unwrap();
    assert_eq!(
        (&orders[0].deed, orders[0].dry_run),
        (&delete("watcher"), true)
    );
    let word = &orders[0].word;
    assert_eq!(
        (word.role.as_str(), word.token.as_str()),
        ("steward.n1", "t-1")
    );
    assert_eq!(&word.proof[..], b"proof");
    assert_eq!(
        serde_json::from_slice::<Value>(&word.payload).unwrap(),
        content
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_is_told_that_it_takes_time_and_why_it_failed() {
    let (mut world, _node) = world().await;
    let content = json!({"node": "n1", "deed": {"delete": {"agent": "oracle"}}, "session_id": "s"});
    order(&mut world, Level::Admin, &content).await;
    let mut callbacks = Vec::new();
    for _ in 0..2 {
        let sent = world.next_sent().await;
        assert_eq!(to(&sent), format!("console@n1/{CMD_CALLBACK}"));
        assert_eq!(sent.outgoing.class, Class::Durable);
        callbacks.push(sent.content::<Callback>());
    }
    assert_eq!(
        (callbacks[0].status, callbacks[0].seq),
        (Status::Working, 0)
    );
    assert_eq!((callbacks[1].last, callbacks[1].seq), (true, 1));
    let why = "oracle is stuck: everything is as before";
    assert_eq!(callbacks[1].error.as_deref(), Some(why));
    assert_eq!(callbacks[1].session_id.as_deref(), Some("s"));
}

/// What stands in the readable envelope of a testkit, and that it is for the person's key.
fn enclosed(envelope: &str) -> Value {
    let envelope: Value = serde_json::from_str(envelope).unwrap();
    assert_eq!(envelope["for"], "6b6579");
    serde_json::from_str(envelope["content"].as_str().unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_person_is_told_nothing_in_the_clear() {
    let (mut world, _node) = world().await;
    for session in [json!("s"), Value::Null] {
        let deed = json!({"delete": {"agent": "oracle"}});
        let content = json!({"node": "n1", "deed": deed, "session_id": session});
        let request = world.command(CMD_STEWARD, &content).from("console@n1");
        let request = request.principal(operator(Level::Admin)).role("steward.n1");
        let request = request.token("t-1").reply_to("console@n1");
        let request = request.proof(Bytes::from_static(b"proof"));
        let key = SessionKey(Bytes::from_static(b"key"));
        request.session_key(key).deliver().await;
        let why = "oracle is stuck: everything is as before";
        if session.is_null() {
            let reply = world.next_sent().await;
            assert_eq!(to(&reply), format!("console@n1/{HANDLER_REPLY}"));
            let sealed: SealedReply = reply.content();
            assert_eq!(enclosed(&sealed.sealed), json!({ "failed": why }));
            continue;
        }
        for (seq, word) in [(0, "note"), (1, "error")] {
            let outer: Callback = world.next_sent().await.content();
            let clear = outer.note.is_some() || outer.error.is_some() || !outer.lines.is_empty();
            assert!(!clear && outer.seq == seq, "{outer:?}");
            let Some(Enclosed::Callback(envelope)) = outer.sealed.as_deref() else {
                panic!("it is not sealed")
            };
            assert!(enclosed(envelope)[word].is_string(), "{envelope}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_audit_log_is_shown() {
    let (mut world, node) = world().await;
    let content = json!({"node": "n1", "deed": {"audit": {"after": 3}}});
    order(&mut world, Level::Operator, &content).await;
    let expected = json!({"node": "n1", "entries": ["ZW50cnkgNA=="], "n_entries": 9});
    assert_eq!(world.next_sent().await.content::<Value>(), expected);
    assert!(node.orders.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_order_it_is_told_so() {
    let (mut world, node) = world().await;
    let mut check = async |level: Level, content: Value, expected: &str| {
        order(&mut world, level, &content).await;
        let refused = world.next_sent().await;
        assert_eq!(to(&refused), format!("console@n1/{HANDLER_REPLY_ERROR}"));
        let text: String = refused.content();
        assert!(text.contains(expected), "{text}");
    };
    let delete = json!({"node": "n1", "deed": {"delete": {"agent": "a"}}});
    check(
        Level::Operator,
        delete,
        "ann is operator; this takes the level admin",
    )
    .await;
    let other = json!({"node": "n2", "deed": {"restart": {"agent": "a"}}});
    check(Level::Admin, other, "this is n1, not n2").await;
    let agent = json!({"x": "y".repeat(ORDER_BYTES_MAX)});
    let large = json!({"node": "n1", "deed": {"inject": {"agent": agent}}});
    check(Level::Admin, large, "an order has at most").await;
    assert!(node.orders.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_agent_and_no_viewer_gives_orders() {
    let (mut world, _node) = world().await;
    let content = json!({"node": "n1", "deed": {"restart": {"agent": "a"}}});
    for principal in [
        operator(Level::Viewer),
        Principal::Agent("a@n1".parse().unwrap()),
    ] {
        let request = world.command(CMD_STEWARD, &content).principal(principal);
        assert_eq!(request.refusal(), Some(Refusal::Denied));
    }
}
