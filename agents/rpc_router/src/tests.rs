//! The door as its clients see it: real sockets, a node made for tests behind it.

mod call;
mod client;
mod http;
mod service;
mod swarm;

use serde_json::{Value, json};
use skep_agent::testkit::{Sent, Testkit};
use skep_packet::{Address, Destination};
use skep_protocol::{
    callback::{Answering, CMD_CALLBACK, Callback, PART_BYTES_MAX, Status, Thread},
    rpc::{Ask, FromClient, FromDoor, Problem, ProblemCode, Resume},
};

use self::{client::Client, swarm::Swarm};
use crate::RpcRouter;

const ROLE: &str = "logwatch.generate.digest";
const HANDLER: &str = "cmd_generate_system_log_digest";

/// A door with a swarm of its own, and two endpoints of a role.
async fn world(config: Value) -> (Testkit<RpcRouter>, Swarm) {
    let swarm = Swarm::new();
    let door = swarm.door();
    let world = Testkit::<RpcRouter>::start_with(config, |stage| stage.door(door)).await;
    for address in ["watcher@n1", "watcher@n2"] {
        world.serve(ROLE, address, HANDLER);
    }
    (world, swarm)
}

async fn quiet() -> (Testkit<RpcRouter>, Swarm) {
    world(json!({ "console": true })).await
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn answering(client: &Client, origin: &str) -> Answering {
    let thread = Thread {
        session_id: Some(client.session_id.clone()),
        token: Some("t-1".parse().unwrap()),
        return_handler: None,
        reply_to: None,
        session_key: None,
    };
    Answering::new(thread, address(origin))
}

async fn deliver(world: &mut Testkit<RpcRouter>, seq: u64, callback: &Callback) {
    let origin = callback.origin.to_string();
    world
        .command(CMD_CALLBACK, callback)
        .from(&origin)
        .durable(seq)
        .deliver()
        .await;
}

fn callback(message: FromDoor) -> (u64, Callback) {
    match message {
        FromDoor::Callback { cursor, callback } => (cursor, callback),
        other => panic!("no callback: {other:?}"),
    }
}

fn refused(message: FromDoor) -> Problem {
    match message {
        FromDoor::Refused(problem) => problem,
        other => panic!("nothing was refused: {other:?}"),
    }
}

/// A client that asked, what the door sent, and the `accepted` it got.
async fn asked(world: &mut Testkit<RpcRouter>, swarm: &Swarm) -> (Client, Sent, Callback) {
    let mut client = Client::login(swarm, "ann", None).await;
    client
        .request(ROLE, r#"{"use_oracle":true}"#, "t-1", Ask::All)
        .await;
    let sent = world.next_sent().await;
    let (cursor, accepted) = callback(client.next().await);
    assert_eq!((cursor, accepted.status), (1, Status::Accepted));
    (client, sent, accepted)
}

#[tokio::test]
async fn a_request_travels_with_its_own_proof_and_comes_back_as_callbacks() {
    let (mut world, swarm) = quiet().await;
    let (mut client, sent, accepted) = asked(&mut world, &swarm).await;
    let outgoing = &sent.outgoing;
    assert_eq!(outgoing.to, Destination::Role(ROLE.parse().unwrap()));
    assert_eq!(&outgoing.content[..], br#"{"use_oracle":true}"#);
    assert_eq!(outgoing.proof, client.last_proof);
    assert_eq!(outgoing.reply_to.as_ref(), Some(world.address()));
    assert_eq!(
        accepted.origins,
        [address("watcher@n1"), address("watcher@n2")]
    );

    let mut first = answering(&client, "watcher@n1");
    deliver(&mut world, 1, &first.working(5, "reading")).await;
    for (seq, part) in (2..).zip(first.text(6, "a\nb", true)) {
        deliver(&mut world, seq, &part).await;
    }
    let (cursor, working) = callback(client.next().await);
    assert_eq!((cursor, working.status), (2, Status::Working));
    let (cursor, last) = callback(client.next().await);
    assert_eq!((cursor, last.last, last.late), (3, true, false));
    assert_eq!(last.lines, ["a", "b"]);
    assert_eq!(world.settled().len(), 2);
}

#[tokio::test]
async fn the_same_request_again_is_the_same_request() {
    let (mut world, swarm) = quiet().await;
    let (mut client, ..) = asked(&mut world, &swarm).await;
    client
        .request(ROLE, r#"{"use_oracle":true}"#, "t-1", Ask::All)
        .await;
    client.say(&FromClient::Tree {}).await;
    assert!(matches!(client.next().await, FromDoor::Tree { .. }));
    let more = world
        .next_sent_within(std::time::Duration::from_millis(50))
        .await;
    assert!(more.is_none());
    let mut other = Client::login(&swarm, "bob", None).await;
    other.request(ROLE, "{}", "t-1", Ask::All).await;
    assert_eq!(refused(other.next().await).code, ProblemCode::Bound);
}

#[tokio::test]
async fn nobody_to_ask_is_said_at_once() {
    let (_world, swarm) = quiet().await;
    let mut client = Client::login(&swarm, "ann", None).await;
    client.request("no.such.role", "{}", "t-9", Ask::All).await;
    let problem = refused(client.next().await);
    assert_eq!(problem.code, ProblemCode::NoEndpoint);
    assert_eq!(
        problem.message,
        "nobody serves the role \"no.such.role\" now"
    );
    assert_eq!(problem.token.unwrap().as_str(), "t-9");
    client.request("a role", "{}", "t-9", Ask::All).await;
    assert_eq!(refused(client.next().await).code, ProblemCode::Malformed);
    client.request(ROLE, "{", "t-9", Ask::All).await;
    assert_eq!(refused(client.next().await).code, ProblemCode::Malformed);
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed_and_nothing_twice() {
    let (mut world, swarm) = quiet().await;
    let (client, ..) = asked(&mut world, &swarm).await;
    let mut origin = answering(&client, "watcher@n1");
    let session_id = client.session_id.clone();
    client.cut();
    deliver(&mut world, 1, &origin.working(5, "reading")).await;
    world.idle().await;
    world.restart().await;
    deliver(&mut world, 2, &origin.text(6, "a", true)[0]).await;
    world.idle().await;

    let resume = Resume {
        session_id: session_id.clone(),
        cursor: 1,
    };
    let mut client = Client::login(&swarm, "ann", Some(resume.clone())).await;
    assert_eq!(client.session_id, session_id);
    let (cursor, working) = callback(client.next().await);
    assert_eq!((cursor, working.status), (2, Status::Working));
    let (cursor, last) = callback(client.next().await);
    assert_eq!((cursor, last.last), (3, true));

    let problem = refused(Client::refused(&swarm, "bob", Some(resume)).await);
    assert_eq!(
        (problem.code, problem.closing),
        (ProblemCode::NoSession, true)
    );
}

#[tokio::test]
async fn a_client_away_for_too_long_is_told_what_is_gone() {
    let (mut world, swarm) = world(json!({ "console": true, "journal_bytes_max": 131_072 })).await;
    let (client, ..) = asked(&mut world, &swarm).await;
    let text = format!("{}\n", "x".repeat(PART_BYTES_MAX - 1)).repeat(6);
    let parts = answering(&client, "watcher@n1").text(6, &text, true);
    assert_eq!(parts.len(), 6);
    let resume = Resume {
        session_id: client.session_id.clone(),
        cursor: 1,
    };
    client.cut();
    for (seq, part) in (1..).zip(&parts) {
        deliver(&mut world, seq, part).await;
    }
    world.idle().await;
    let mut client = Client::login(&swarm, "ann", Some(resume)).await;
    let FromDoor::Gap { from, to } = client.next().await else {
        panic!("no gap")
    };
    assert_eq!((from, to), (2, 4));
    for expected in 5..=7 {
        assert_eq!(callback(client.next().await).0, expected);
    }
}

#[tokio::test]
async fn an_endpoint_that_leaves_is_named_and_what_it_still_says_is_late() {
    let (mut world, swarm) = quiet().await;
    let (mut client, ..) = asked(&mut world, &swarm).await;
    let part = answering(&client, "watcher@n2").text(6, "a", true);
    world.retire(ROLE);
    world.serve(ROLE, "watcher@n1", HANDLER);
    let (_, lost) = callback(client.next().await);
    assert_eq!(
        (lost.status, lost.origin),
        (Status::OriginLost, address("watcher@n2"))
    );
    deliver(&mut world, 1, &part[0]).await;
    let (_, late) = callback(client.next().await);
    assert!(late.late && late.last);
    let part = answering(&client, "watcher@n1").text(6, "b", true);
    deliver(&mut world, 2, &part[0]).await;
    let (_, in_time) = callback(client.next().await);
    assert!(!in_time.late);
}

#[tokio::test]
async fn a_plain_reply_or_error_is_the_last_callback_of_its_origin() {
    let (mut world, swarm) = quiet().await;
    let (mut client, sent, _) = asked(&mut world, &swarm).await;
    sent.answer(&json!({ "n": 1 })).await;
    let (_, last) = callback(client.next().await);
    assert_eq!(
        (last.last, last.lines.concat()),
        (true, r#"{"n":1}"#.to_owned())
    );
    let endpoint = address("watcher@n2");
    let message = "no such collector".to_owned();
    sent.fail(skep_agent::AskError::Handler { endpoint, message })
        .await;
    let (_, last) = callback(client.next().await);
    assert_eq!(last.error.as_deref(), Some("no such collector"));
}

#[tokio::test]
async fn another_endpoint_may_answer_in_the_place_of_the_one_that_was_asked() {
    let (mut world, swarm) = quiet().await;
    let mut client = Client::login(&swarm, "ann", None).await;
    client.request(ROLE, "{}", "t-1", Ask::One).await;
    world.next_sent().await;
    let (_, accepted) = callback(client.next().await);
    assert_eq!(accepted.origins, [address("watcher@n1")]);
    let part = answering(&client, "watcher@n2").text(6, "a", true);
    deliver(&mut world, 1, &part[0]).await;
    let (_, accepted) = callback(client.next().await);
    assert_eq!(
        (accepted.status, accepted.origins),
        (Status::Accepted, vec![address("watcher@n2")])
    );
    let (_, last) = callback(client.next().await);
    assert!(last.last && !last.late);
}

#[tokio::test]
async fn a_plain_answer_after_its_origin_was_lost_is_late() {
    let (mut world, swarm) = quiet().await;
    let (mut client, sent, _) = asked(&mut world, &swarm).await;
    let endpoint = address("watcher@n1");
    sent.fail(skep_agent::AskError::EndpointLost { endpoint })
        .await;
    let (_, lost) = callback(client.next().await);
    assert_eq!(lost.status, Status::OriginLost);
    sent.answer(&json!({ "n": 1 })).await;
    let (_, late) = callback(client.next().await);
    assert!(late.late && late.last);
}

#[tokio::test]
async fn a_refusal_ends_its_origin_at_once_and_no_other() {
    use skep_packet::Refusal;
    let (mut world, swarm) = quiet().await;
    let (mut client, sent, _) = asked(&mut world, &swarm).await;
    let refuse = async |origin: &str, reason| {
        let endpoint = address(origin);
        sent.fail(skep_agent::AskError::Refused { endpoint, reason })
            .await;
    };
    refuse("watcher@n2", Refusal::Denied).await;
    let (_, last) = callback(client.next().await);
    assert_eq!((&last.origin, last.last), (&address("watcher@n2"), true));
    let error = "refused: denied, this operator may not do that";
    assert_eq!(last.error.as_deref(), Some(error));
    refuse("watcher@n1", Refusal::AgentDown).await;
    let (_, lost) = callback(client.next().await);
    assert_eq!(
        (lost.status, lost.origin, lost.note.as_deref()),
        (
            Status::OriginLost,
            address("watcher@n1"),
            Some("it did not take the request: agent_down")
        )
    );
}

#[tokio::test]
async fn nobody_speaks_in_another_ones_name() {
    let (mut world, swarm) = quiet().await;
    let (mut client, ..) = asked(&mut world, &swarm).await;
    let forged = answering(&client, "watcher@n1").text(6, "a", true);
    world
        .command(CMD_CALLBACK, &forged[0])
        .from("watcher@n2")
        .durable(1)
        .deliver()
        .await;
    let honest = answering(&client, "watcher@n2").text(6, "b", true);
    deliver(&mut world, 2, &honest[0]).await;
    let (_, heard) = callback(client.next().await);
    assert_eq!(heard.lines, ["b"]);
    assert_eq!(world.settled().len(), 2);
}

#[tokio::test]
async fn what_nobody_asked_for_goes_to_those_who_want_it() {
    let (mut world, swarm) = quiet().await;
    let mut wants = Client::login(&swarm, "ann", None).await;
    wants.say(&FromClient::Subscribe { on: true }).await;
    wants.say(&FromClient::Tree {}).await;
    assert!(matches!(wants.next().await, FromDoor::Tree { .. }));
    let mut other = Client::login(&swarm, "bob", None).await;
    let thread = Thread {
        session_id: None,
        token: None,
        return_handler: None,
        reply_to: None,
        session_key: None,
    };
    let patrol = Answering::new(thread, address("watcher@n2")).text(6, "patrol", true);
    deliver(&mut world, 1, &patrol[0]).await;
    assert_eq!(callback(wants.next().await).1.lines, ["patrol"]);
    other.say(&FromClient::Tree {}).await;
    assert!(matches!(other.next().await, FromDoor::Tree { .. }));
}

#[tokio::test]
async fn a_session_ends_with_bye_and_leaves_nothing() {
    let (mut world, swarm) = quiet().await;
    let (mut client, ..) = asked(&mut world, &swarm).await;
    assert!(!world.keys().is_empty());
    client.say(&FromClient::Bye {}).await;
    client.ended().await;
    while !world.keys().is_empty() {
        world.idle().await;
    }
    let resume = Resume {
        session_id: client.session_id.clone(),
        cursor: 1,
    };
    let problem = refused(Client::refused(&swarm, "ann", Some(resume)).await);
    assert_eq!(problem.code, ProblemCode::NoSession);
}

#[tokio::test]
async fn what_is_not_on_disk_is_not_shown() {
    let (mut world, swarm) = quiet().await;
    let (mut client, ..) = asked(&mut world, &swarm).await;
    world.fail_commits();
    let part = answering(&client, "watcher@n1").text(6, "a", true);
    deliver(&mut world, 1, &part[0]).await;
    world.idle().await;
    client.say(&FromClient::Tree {}).await;
    assert!(matches!(client.next().await, FromDoor::Tree { .. }));
}

#[tokio::test]
async fn a_client_that_does_not_keep_to_the_conversation_is_shown_out() {
    let (_world, swarm) = quiet().await;
    for text in ["{}", "nonsense", r#"{"type":"bye"}"#] {
        let mut client = Client::connect(&swarm).await;
        client.say_text(text).await;
        let problem = refused(client.next().await);
        assert_eq!(
            (problem.code, problem.closing),
            (ProblemCode::Malformed, true),
            "{text}"
        );
        client.ended().await;
    }
    let mut client = Client::login(&swarm, "ann", None).await;
    client.say_text(r#"{"type":"tree","deep":true}"#).await;
    assert!(refused(client.next().await).closing);
    client.ended().await;
    let mut client = Client::login(&swarm, "ann", None).await;
    client
        .say_text(&" ".repeat(skep_protocol::rpc::CLIENT_BYTES_MAX + 1))
        .await;
    client.ended().await;
}

#[tokio::test]
async fn a_login_is_good_for_one_connection_of_one_node() {
    let (_world, swarm) = quiet().await;
    let mut first = Client::connect(&swarm).await;
    let (login, _) = first.proof_of_login(&swarm, "ann");
    let mut second = Client::connect(&swarm).await;
    second
        .say(&FromClient::Login {
            login,
            resume: None,
        })
        .await;
    let problem = refused(second.next().await);
    assert_eq!((problem.code, problem.closing), (ProblemCode::Login, true));
    first
        .say(&FromClient::Login {
            login: "not base64".to_owned(),
            resume: None,
        })
        .await;
    assert_eq!(refused(first.next().await).code, ProblemCode::Login);
}

#[tokio::test]
async fn a_config_that_makes_no_sense_says_why() {
    let check = (crate::SPEC.check)(json!({ "listen": "7480" }));
    let error = check.unwrap_err().to_string();
    assert!(
        error.starts_with("config: listen: \"7480\" is not an address and a port"),
        "{error}"
    );
    assert!((crate::SPEC.check)(json!({ "journal_bytes_max": 1 })).is_err());
    assert!((crate::SPEC.check)(json!({ "lisen": "[::]:7480" })).is_err());
    assert!((crate::SPEC.check)(json!({ "listen": "[::]:7480" })).is_ok());
}

#[tokio::test]
async fn a_restarted_door_says_at_once_that_an_origin_was_started_anew() {
    let (mut world, swarm) = quiet().await;
    let (client, ..) = asked(&mut world, &swarm).await;
    let resume = Resume {
        session_id: client.session_id.clone(),
        cursor: 1,
    };
    client.cut();
    world.started_anew("watcher@n2");
    world.restart().await;
    let mut client = Client::login(&swarm, "ann", Some(resume)).await;
    let (_, lost) = callback(client.next().await);
    assert_eq!(
        (lost.status, lost.origin, lost.note.as_deref()),
        (
            Status::OriginLost,
            address("watcher@n2"),
            Some("it was started anew")
        )
    );
}
