//! `cmd_service_request`: agents that ask through the door.

use serde_json::{Value, json};
use skep_agent::{
    AskError, HANDLER_REPLY, HANDLER_REPLY_ERROR,
    testkit::{Sent, Testkit},
};
use skep_packet::{Class, Destination, Kind, Refusal};
use skep_protocol::{
    callback::{CMD_CALLBACK, Callback, Status},
    service::{Accepted, CMD_SERVICE},
};

use super::{ROLE, address, quiet};
use crate::RpcRouter;

/// Asks as an agent; yields what the door sends because of it.
async fn ask(world: &mut Testkit<RpcRouter>, from: &str, content: &Value) -> Sent {
    let request = world.command(CMD_SERVICE, content).from(from).token("t-1");
    request.deliver().await;
    world.next_sent().await
}

fn to(sent: &Sent) -> (String, String) {
    match &sent.outgoing.to {
        Destination::Agent(address, handler) => (address.to_string(), handler.to_string()),
        Destination::Role(role) => (role.to_string(), String::new()),
    }
}

async fn next_callback(world: &mut Testkit<RpcRouter>) -> Callback {
    let sent = world.next_sent().await;
    let there = ("bridge@n1".to_owned(), CMD_CALLBACK.to_owned());
    assert_eq!(to(&sent), there);
    assert_eq!(
        (sent.outgoing.kind, sent.outgoing.class),
        (Kind::Callback, Class::Durable)
    );
    sent.content()
}

#[tokio::test]
async fn an_agent_is_told_who_answers_and_gets_plain_replies_as_callbacks() {
    let (mut world, _swarm) = quiet().await;
    let content = json!({"service": "logwatch.*", "payload": {"last": true}});
    let asked = ask(&mut world, "bridge@n1", &content).await;
    assert_eq!(to(&asked).0, "logwatch.*");
    assert_eq!(&asked.outgoing.content[..], br#"{"last":true}"#);
    assert_eq!(asked.outgoing.proof, None);
    assert_eq!(asked.outgoing.reply_to, Some(address("bridge@n1")));
    assert_eq!(asked.outgoing.token.as_ref().unwrap().as_str(), "t-1");
    let reply = world.next_sent().await;
    assert_eq!(
        to(&reply),
        ("bridge@n1".to_owned(), HANDLER_REPLY.to_owned())
    );
    let accepted: Accepted = reply.content();
    assert_eq!(
        accepted.origins,
        [address("watcher@n1"), address("watcher@n2")]
    );

    asked.answer(&json!({"n": 1})).await;
    let last = next_callback(&mut world).await;
    assert_eq!((&last.origin, last.last), (&address("watcher@n1"), true));
    assert_eq!(last.lines, [r#"{"n":1}"#]);
    assert_eq!(last.token.unwrap().as_str(), "t-1");
    let endpoint = address("watcher@n2");
    let reason = Refusal::AgentDown;
    asked.fail(AskError::Refused { endpoint, reason }).await;
    let lost = next_callback(&mut world).await;
    assert_eq!(
        (lost.status, lost.origin),
        (Status::OriginLost, address("watcher@n2"))
    );
}

#[tokio::test]
async fn callbacks_go_where_the_agent_wants_them() {
    let (mut world, _swarm) = quiet().await;
    let content = json!({"service": ROLE, "payload": {}, "choice": "one"});
    let request = world.command(CMD_SERVICE, &content).from("other@n1");
    request.token("t-1").reply_to("bridge@n1").deliver().await;
    let asked = world.next_sent().await;
    assert_eq!(asked.endpoints.len(), 1);
    assert_eq!(to(&world.next_sent().await).0, "other@n1");
    let endpoint = address("watcher@n1");
    let message = "no such collector".to_owned();
    asked.fail(AskError::Handler { endpoint, message }).await;
    let last = next_callback(&mut world).await;
    assert_eq!(last.error.as_deref(), Some("no such collector"));
}

#[tokio::test]
async fn what_an_agent_may_not_ask_for_is_refused_with_the_reason() {
    let (mut world, _swarm) = quiet().await;
    let mut check = async |from: &str, content: Value, expected: &str| {
        let refused = ask(&mut world, from, &content).await;
        assert_eq!(
            to(&refused),
            (from.to_owned(), HANDLER_REPLY_ERROR.to_owned())
        );
        let error: String = refused.content();
        assert!(error.contains(expected), "{error}");
    };
    let plain = |service: &str| json!({"service": service, "payload": {}});
    check("bridge@n2", plain(ROLE), "only agents of n1 ask here").await;
    check("bridge@n1", plain("hive.rpc"), "the doors themselves").await;
    check("bridge@n1", plain("other, hive.*"), "the doors themselves").await;
    check("bridge@n1", plain("a role"), "the service is not usable").await;
    check("bridge@n1", plain("no.such"), "nobody serves the role").await;
    let proof = json!({"service": ROLE, "payload": {}, "proof": "AA=="});
    check("bridge@n1", proof, "unknown field `proof`").await;
}
