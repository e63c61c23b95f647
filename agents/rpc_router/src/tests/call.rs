//! `POST /call` on the control socket.

use base64::{Engine, engine::general_purpose::STANDARD};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    body::{Bytes, Incoming},
    client::conn::http1::handshake,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use skep_agent::testkit::Testkit;
use skep_identity::{LoginTerms, Session};
use skep_protocol::{
    callback::{Answering, Callback, Status, Thread},
    rpc::{FromDoor, Problem, ProblemCode},
};
use tokio::{net::UnixStream, task::JoinHandle};

use super::{
    ROLE, address, deliver, quiet,
    swarm::{NOW_MS, Swarm, node},
};
use crate::RpcRouter;

const TOKEN: &str = "0123456789abcdef";

/// The lines of an answer, as they come.
struct Lines {
    status: u16,
    body: Incoming,
    rest: Vec<u8>,
    /// Dropped, it hangs up.
    _connection: Connection,
}

struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Lines {
    async fn next(&mut self) -> Option<FromDoor> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = self.body.frame().await?.unwrap();
            self.rest.extend_from_slice(frame.data_ref().unwrap());
        }
    }

    async fn callback(&mut self) -> (u64, Callback) {
        super::callback(self.next().await.unwrap())
    }

    async fn refused(mut self) -> (u16, Problem) {
        let problem = super::refused(self.next().await.unwrap());
        assert!(self.next().await.is_none());
        (self.status, problem)
    }
}

fn session(swarm: &Swarm, nonce: &str, binding: &str) -> Session {
    let terms = LoginTerms {
        swarm: swarm.authority.swarm(),
        nonce: nonce.to_owned().into(),
        router: node(),
        binding: binding.to_owned().into(),
    };
    let passport = swarm.passport("ann");
    Session::open(&swarm.key, passport, swarm.key.clone(), terms, NOW_MS).unwrap()
}

/// A good call, and its proof.
fn call(swarm: &Swarm, payload: &str) -> Value {
    signed(&session(swarm, TOKEN, "unix"), payload)
}

fn signed(session: &Session, payload: &str) -> Value {
    let token = TOKEN.parse().unwrap();
    let proof = session.request(ROLE, payload.as_bytes(), &token, NOW_MS);
    json!({"service": ROLE, "payload": payload, "token": TOKEN, "proof": STANDARD.encode(proof.unwrap())})
}

async fn post(swarm: &Swarm, body: impl Into<Bytes>) -> Lines {
    let stream = UnixStream::connect(swarm.socket()).await.unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "the client's side of a connection"
    )]
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the door hung up");
        }
    });
    let request = Request::post("/call")
        .header("host", "localhost")
        .body(Full::new(body.into()))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    Lines {
        status: response.status().as_u16(),
        body: response.into_body(),
        rest: Vec::new(),
        _connection: Connection(driver),
    }
}

fn answering(origin: &str) -> Answering {
    let thread = Thread {
        session_id: Some(TOKEN.to_owned()),
        token: Some(TOKEN.parse().unwrap()),
        return_handler: None,
        reply_to: None,
        session_key: None,
    };
    Answering::new(thread, address(origin))
}

async fn leaves_nothing(world: &mut Testkit<RpcRouter>) {
    while !world.keys().is_empty() {
        world.idle().await;
    }
}

#[tokio::test]
async fn a_call_streams_its_callbacks_and_ends_with_the_last_origin() {
    let (mut world, swarm) = quiet().await;
    let call = call(&swarm, r#"{"use_oracle":true}"#);
    let proof = call["proof"].clone();
    let mut lines = post(&swarm, call.to_string()).await;
    assert_eq!(lines.status, 200);
    let sent = world.next_sent().await;
    assert_eq!(&sent.outgoing.content[..], br#"{"use_oracle":true}"#);
    let carried = STANDARD.encode(sent.outgoing.proof.as_ref().unwrap());
    assert_eq!(json!(carried), proof);
    let (cursor, accepted) = lines.callback().await;
    assert_eq!((cursor, accepted.status), (1, Status::Accepted));
    assert_eq!(accepted.origins.len(), 2);
    // Streamed: the working comes before anything else is there.
    let mut first = answering("watcher@n1");
    deliver(&mut world, 1, &first.working(5, "reading")).await;
    assert_eq!(lines.callback().await.1.status, Status::Working);
    deliver(&mut world, 2, &first.text(6, "a", true)[0]).await;
    assert_eq!(lines.callback().await.1.lines, ["a"]);
    let endpoint = address("watcher@n2");
    sent.fail(skep_agent::AskError::EndpointLost { endpoint })
        .await;
    assert_eq!(lines.callback().await.1.status, Status::OriginLost);
    assert!(lines.next().await.is_none());
    leaves_nothing(&mut world).await;
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_says_so() {
    let (mut world, swarm) = quiet().await;
    let mut call = call(&swarm, "{}");
    call["within_s"] = json!(1);
    let mut lines = post(&swarm, call.to_string()).await;
    assert_eq!(lines.callback().await.1.status, Status::Accepted);
    let problem = super::refused(lines.next().await.unwrap());
    assert_eq!(
        (problem.code, problem.closing),
        (ProblemCode::Deadline, true)
    );
    assert!(lines.next().await.is_none());
    leaves_nothing(&mut world).await;
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_nothing() {
    let (mut world, swarm) = quiet().await;
    let mut lines = post(&swarm, call(&swarm, "{}").to_string()).await;
    assert_eq!(lines.callback().await.1.status, Status::Accepted);
    assert!(!world.keys().is_empty());
    drop(lines);
    leaves_nothing(&mut world).await;
}

#[tokio::test]
async fn the_same_call_again_is_refused_while_the_first_runs() {
    let (_world, swarm) = quiet().await;
    let call = call(&swarm, "{}").to_string();
    let mut lines = post(&swarm, call.clone()).await;
    assert_eq!(lines.callback().await.1.status, Status::Accepted);
    let (status, problem) = post(&swarm, call).await.refused().await;
    assert_eq!((status, problem.code), (429, ProblemCode::Bound));
}

#[tokio::test]
async fn a_login_for_something_else_is_refused() {
    let (_world, swarm) = quiet().await;
    for (nonce, binding) in [("another-nonce-of-16", "unix"), (TOKEN, "0a0b")] {
        let call = signed(&session(&swarm, nonce, binding), "{}");
        let (status, problem) = post(&swarm, call.to_string()).await.refused().await;
        assert_eq!(
            (status, problem.code),
            (401, ProblemCode::Login),
            "{nonce} {binding}"
        );
    }
}

#[tokio::test]
async fn what_is_no_call_is_refused_with_its_reason() {
    let (world, swarm) = quiet().await;
    let check = async |change: &dyn Fn(&mut Value), status: u16, code: ProblemCode| {
        let mut call = call(&swarm, "{}");
        change(&mut call);
        let (got, problem) = post(&swarm, call.to_string()).await.refused().await;
        assert_eq!((got, problem.code), (status, code), "{call}");
    };
    let malformed = ProblemCode::Malformed;
    check(&|call| call["proof"] = json!("no base64"), 400, malformed).await;
    check(&|call| call["proof"] = json!("AAAA"), 400, malformed).await;
    check(&|call| call["within_s"] = json!(0), 400, malformed).await;
    check(&|call| call["within_s"] = json!(901), 400, malformed).await;
    check(&|call| call["deep"] = json!(true), 400, malformed).await;
    check(&|call| call["token"] = json!("short"), 400, malformed).await;
    check(
        &|call| call["token"] = json!("a/0123456789abcdef"),
        400,
        malformed,
    )
    .await;
    check(&|call| call["payload"] = json!("{"), 400, malformed).await;
    let too_long = vec![b' '; skep_protocol::rpc::CLIENT_BYTES_MAX + 1];
    let (status, problem) = post(&swarm, too_long).await.refused().await;
    assert_eq!((status, problem.code), (400, malformed));
    world.retire(ROLE);
    check(&|_| {}, 503, ProblemCode::NoEndpoint).await;
    assert_eq!(world.keys(), Vec::<String>::new());
}
