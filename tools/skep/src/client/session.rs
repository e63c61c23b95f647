//! A session: logged in, asked, and resumed when the connection breaks.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use skep_identity::{LoginTerms, PrivateKey, SESSION_KEY_BITS, Session as Signer};
use skep_node::Clock;
use skep_packet::{NodeId, Token};
use skep_protocol::rpc::{
    Ask, CLIENT_BYTES_MAX, DOOR_BYTES_MAX, FromClient, FromDoor, Problem, ProblemCode, Resume,
    ServiceRequest, VERSION,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};
use uuid::Uuid;

use super::{
    Access,
    dial::{Stream, dial},
    envelopes::Envelopes,
};
use crate::failure::{Failure, Kind};

/// How long the door may take for its part of the login; a new node makes its keys first.
const WELCOME_TIME_MAX: Duration = Duration::from_secs(45);

/// Longest silence of the door, which pings every 15 s; then the connection counts as broken.
const SILENCE_MAX: Duration = Duration::from_secs(50);

/// How long the door may take to hear that the session ends.
const BYE_TIME_MAX: Duration = Duration::from_secs(2);

/// Waits before each attempt to come back after a connection broke, in milliseconds.
const COME_BACK_MS: &[u64] = &[100, 500, 1_000, 2_000, 4_000, 8_000];

type Socket = WebSocketStream<Box<dyn Stream>>;

/// A session at a door.
pub(crate) struct Session {
    talk: Talk,
    /// Ctrl-C; heard from the moment that the door keeps something for us.
    interrupt: Signal,
}

/// What is said in a session, over one connection after the other.
struct Talk {
    access: Access,
    clock: Clock,
    key: PrivateKey,
    /// Opens what is for that key.
    envelopes: Envelopes,
    link: Link,
    session_id: String,
    /// The newest callback that came.
    cursor: u64,
}

/// One connection of a session.
struct Link {
    socket: Socket,
    signer: Signer,
    node: NodeId,
}

impl Session {
    /// Logs in.
    pub(crate) async fn open(access: Access) -> Result<Self, Failure> {
        let clock = Clock::start();
        let key = tokio::task::spawn_blocking(|| PrivateKey::generate(SESSION_KEY_BITS)).await;
        let key = key
            .map_err(|error| Failure::of(Kind::Login, &error))?
            .map_err(|error| Failure::of(Kind::Login, &error))?;
        let (link, session_id) = enter(&access, &key, clock, None).await?;
        let interrupt = signal(SignalKind::interrupt());
        let interrupt = interrupt.map_err(|error| Failure::of(Kind::Node, &error))?;
        let envelopes = Envelopes::new(access.bundle.swarm, &key)?;
        let talk = Talk {
            access,
            clock,
            key,
            envelopes,
            link,
            session_id,
            cursor: 0,
        };
        Ok(Self { talk, interrupt })
    }

    /// The session's name, for payloads whose handlers answer by callbacks.
    pub(crate) fn id(&self) -> &str {
        &self.talk.session_id
    }

    /// The node that is asked.
    pub(crate) fn node(&self) -> &NodeId {
        &self.talk.link.node
    }

    /// A token that nobody else has.
    pub(crate) fn token() -> Token {
        Token::from(Uuid::new_v4())
    }

    /// Asks whoever serves a role.
    pub(crate) async fn request(
        &mut self,
        service: &str,
        payload: String,
        token: &Token,
        choice: Ask,
    ) -> Result<(), Failure> {
        let now_ms = self.talk.clock.now().unix_ms;
        let proof = self
            .talk
            .link
            .signer
            .request(service, payload.as_bytes(), token, now_ms);
        let proof = proof.map_err(|error| Failure::of(Kind::Login, &error))?;
        let request = ServiceRequest {
            service: service.to_owned(),
            payload,
            token: token.clone(),
            proof: STANDARD.encode(&proof),
            choice,
        };
        self.say(&FromClient::Request(request)).await
    }

    pub(crate) async fn say(&mut self, message: &FromClient) -> Result<(), Failure> {
        say(&mut self.talk.link.socket, message).await
    }

    /// What the door says next; comes back by itself when the connection breaks. Ctrl-C ends the
    /// session, so that the door keeps nothing for somebody who is gone.
    pub(crate) async fn next(&mut self) -> Result<FromDoor, Failure> {
        tokio::select! {
            message = self.talk.next() => message,
            _ = self.interrupt.recv() => {
                self.talk.leave().await;
                Err(Failure::interrupted())
            }
        }
    }

    /// Ends the session; what the door keeps of it goes.
    pub(crate) async fn bye(mut self) {
        self.talk.leave().await;
    }
}

impl Talk {
    async fn next(&mut self) -> Result<FromDoor, Failure> {
        loop {
            match hear(&mut self.link.socket, SILENCE_MAX).await {
                Ok(FromDoor::Callback { cursor, callback }) => {
                    // After a resume the door sends only what is newer; should it not, it is old.
                    if cursor > self.cursor {
                        self.cursor = cursor;
                        let callback = self.envelopes.open(callback)?;
                        return Ok(FromDoor::Callback { cursor, callback });
                    }
                }
                Ok(FromDoor::Refused(problem)) if problem.code == ProblemCode::Stopping => {
                    self.come_back().await?;
                }
                Ok(FromDoor::Gap { from, to }) => {
                    self.cursor = self.cursor.max(to);
                    return Ok(FromDoor::Gap { from, to });
                }
                Ok(message) => return Ok(message),
                Err(Broken::Link(reason)) => {
                    tracing::warn!(reason, "the connection broke");
                    self.come_back().await?;
                }
                Err(Broken::Protocol(failure)) => return Err(failure),
            }
        }
    }

    async fn come_back(&mut self) -> Result<(), Failure> {
        let mut last = None;
        for wait_ms in COME_BACK_MS {
            sleep(Duration::from_millis(*wait_ms)).await;
            let resume = Resume {
                session_id: self.session_id.clone(),
                cursor: self.cursor,
            };
            match enter(&self.access, &self.key, self.clock, Some(resume)).await {
                Ok((link, _)) => {
                    self.link = link;
                    return Ok(());
                }
                Err(failure) => {
                    tracing::debug!(%failure, "not back yet");
                    last = Some(failure);
                }
            }
        }
        let lost = Failure::new(Kind::NoNode, "the node is gone and does not come back");
        Err(last.map_or(lost, |failure| {
            Failure::new(Kind::NoNode, "the node is gone and does not come back").because(&failure)
        }))
    }

    async fn leave(&mut self) {
        let bye = async {
            let said = say(&mut self.link.socket, &FromClient::Bye {}).await;
            let closed = self.link.socket.close(None).await;
            said.is_ok() && closed.is_ok()
        };
        let is_told = timeout(BYE_TIME_MAX, bye).await.unwrap_or(false);
        tracing::debug!(is_told, "the session ended");
    }
}

/// Connects and logs in; yields the session's name too.
async fn enter(
    access: &Access,
    key: &PrivateKey,
    clock: Clock,
    resume: Option<Resume>,
) -> Result<(Link, String), Failure> {
    match timeout(WELCOME_TIME_MAX, greet(access, key, clock, resume)).await {
        Ok(entered) => entered,
        Err(_) => Err(Failure::new(
            Kind::NoNode,
            "the node did not let us in in time",
        )),
    }
}

async fn greet(
    access: &Access,
    key: &PrivateKey,
    clock: Clock,
    resume: Option<Resume>,
) -> Result<(Link, String), Failure> {
    let mut dialled = dial(&access.route, &access.bundle.ca).await?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(DOOR_BYTES_MAX))
        .max_frame_size(Some(DOOR_BYTES_MAX));
    let url = format!("ws://{}/rpc", dialled.host);
    let stream = std::mem::replace(&mut dialled.stream, Box::new(tokio::io::empty()));
    let opened = client_async_with_config(url, stream, Some(config)).await;
    let (mut socket, _) = opened.map_err(|error| Failure::of(Kind::Protocol, &error))?;
    let (node, nonce) = match expect(&mut socket).await? {
        FromDoor::Hello {
            version: VERSION,
            node,
            nonce,
            ..
        } => (node, nonce),
        FromDoor::Hello { version, .. } => {
            let message = format!("the node speaks version {version}, this program {VERSION}");
            return Err(Failure::new(Kind::Protocol, message).cure("update the older of both"));
        }
        other => return Err(unexpected(other)),
    };
    if !dialled.is_of(&node) {
        let message = format!("{node} shows another node's certificate");
        return Err(Failure::new(Kind::Login, message));
    }
    let terms = LoginTerms {
        swarm: access.bundle.swarm,
        nonce: nonce.into(),
        router: node.clone(),
        binding: dialled.binding.into(),
    };
    let now_ms = clock.now().unix_ms;
    let passport = access.bundle.passport.clone();
    let signer = Signer::open(&access.bundle.key, passport, key.clone(), terms, now_ms);
    let signer = signer.map_err(|error| Failure::of(Kind::Login, &error))?;
    let login = STANDARD.encode(signer.login());
    say(&mut socket, &FromClient::Login { login, resume }).await?;
    match expect(&mut socket).await? {
        FromDoor::Welcome { session_id, .. } => {
            let link = Link {
                socket,
                signer,
                node,
            };
            Ok((link, session_id))
        }
        other => Err(unexpected(other)),
    }
}

async fn say(socket: &mut Socket, message: &FromClient) -> Result<(), Failure> {
    let text = serde_json::to_string(message).expect("our own types encode into memory");
    if text.len() > CLIENT_BYTES_MAX {
        let message = format!(
            "{} bytes where a message may have {CLIENT_BYTES_MAX}",
            text.len()
        );
        return Err(Failure::new(Kind::Input, message));
    }
    let sent = socket.send(Message::text(text)).await;
    sent.map_err(|error| Failure::new(Kind::NoNode, "the connection broke").because(&error))
}

/// Why nothing was heard.
enum Broken {
    /// The connection is gone; another one may do.
    Link(String),
    /// It makes no sense to come back.
    Protocol(Failure),
}

async fn hear(socket: &mut Socket, silence_max: Duration) -> Result<FromDoor, Broken> {
    loop {
        let message = match timeout(silence_max, socket.next()).await {
            Err(_) => return Err(Broken::Link("the door is silent".to_owned())),
            Ok(None) => return Err(Broken::Link("the door hung up".to_owned())),
            Ok(Some(Err(error))) => return Err(Broken::Link(error.to_string())),
            Ok(Some(Ok(message))) => message,
        };
        match message {
            Message::Text(text) => {
                return serde_json::from_str(&text).map_err(|error| {
                    let message = "the door says something that is not of this protocol";
                    Broken::Protocol(Failure::new(Kind::Protocol, message).because(&error))
                });
            }
            Message::Close(_) => return Err(Broken::Link("the door hung up".to_owned())),
            _ => {}
        }
    }
}

async fn expect(socket: &mut Socket) -> Result<FromDoor, Failure> {
    match hear(socket, SILENCE_MAX).await {
        Ok(message) => Ok(message),
        Err(Broken::Link(reason)) => Err(Failure::new(Kind::NoNode, reason)),
        Err(Broken::Protocol(failure)) => Err(failure),
    }
}

fn unexpected(message: FromDoor) -> Failure {
    match message {
        FromDoor::Refused(problem) => refused(&problem),
        _ => Failure::new(Kind::Protocol, "the door does not keep to the protocol"),
    }
}

/// The failure of a refusal.
pub(crate) fn refused(problem: &Problem) -> Failure {
    let kind = match problem.code {
        ProblemCode::Login | ProblemCode::NoSession => Kind::Login,
        ProblemCode::NotReady | ProblemCode::Stopping | ProblemCode::Deadline => Kind::NoNode,
        ProblemCode::Malformed => Kind::Protocol,
        ProblemCode::NoEndpoint | ProblemCode::Bound | ProblemCode::Refused => Kind::Role,
    };
    Failure::new(kind, problem.message.clone()).cure(problem.cure.clone())
}
