//! The conversation with one client.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use base64::{Engine, engine::general_purpose::STANDARD};
use skep_agent::{LoginClaim, OperatorName};
use skep_protocol::rpc::{
    FromClient, FromDoor, LOGIN_TIME_MAX_S, PING_INTERVAL_S, Problem, ProblemCode, Resume, VERSION,
};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::{
    App, Connection, ask,
    bearers::Bearer,
    keys_made,
    reader::{Ended, Reader},
    tree,
};
use crate::{
    Event,
    event::{Happened, Opened, stopping},
};

/// How long a client may take to take one message; then it is cut off, and resumes when it can.
pub(super) const SEND_TIME_MAX: Duration = Duration::from_secs(20);

/// Pings without any answer after which a client is gone.
const PINGS_MAX: u32 = 3;

/// The connection is over; whatever was to be said was said.
struct Over;

/// One client, logged in.
struct Client {
    app: App,
    socket: WebSocket,
    reader: Reader,
    bye: bool,
}

/// Talks with a client until one of both has enough.
pub(super) async fn converse(app: App, connection: Connection, mut socket: WebSocket) {
    let session = match enter(&app, &connection, &mut socket).await {
        Ok(session) => session,
        Err(Over) => return,
    };
    let Entered {
        operator,
        opened,
        resumed_at,
        _bearer,
    } = session;
    let mut client = Client {
        app: app.clone(),
        socket,
        reader: Reader::new(&app.ctx, opened, resumed_at),
        bye: false,
    };
    tracing::debug!(operator = operator.name, "a session is connected");
    let ended: Result<(), Over> = client.talk().await;
    debug_assert!(ended.is_err(), "a conversation ends only when it is over");
    let (session, bye) = (client.reader.session, client.bye);
    app.ctx.post(Event(Happened::Closed { session, bye })).await;
}

struct Entered {
    operator: OperatorName,
    opened: Opened,
    resumed_at: u64,
    _bearer: Bearer,
}

/// Hello, login, welcome.
async fn enter(
    app: &App,
    connection: &Connection,
    socket: &mut WebSocket,
) -> Result<Entered, Over> {
    if let Err(problem) = keys_made(app).await {
        return refuse(socket, problem).await;
    }
    let (kind, binding) = (connection.binding_kind(), connection.binding().to_owned());
    let nonce = format!("{:032x}", app.ctx.random());
    let node = app.ctx.node().clone();
    let hello = FromDoor::Hello {
        version: VERSION,
        node,
        nonce: nonce.clone(),
        binding: kind,
    };
    send(socket, &hello).await?;
    let limit = Duration::from_secs(LOGIN_TIME_MAX_S);
    let Ok(first) = timeout(limit, receive(socket)).await else {
        return Err(Over);
    };
    let FromClient::Login { login, resume } = first? else {
        let problem = Problem::new(ProblemCode::Malformed, "the first message is a login");
        return refuse(socket, problem.closing()).await;
    };
    let claim = LoginClaim { nonce, binding };
    let operator = match check(app, &login, &claim) {
        Ok(operator) => operator,
        Err(why) => {
            tracing::warn!(why, "a login was refused");
            let problem = Problem::new(ProblemCode::Login, why);
            let cure = "is this bundle of this swarm, still valid, and this host's clock right?";
            return refuse(socket, problem.cure(cure).closing()).await;
        }
    };
    open(app, socket, operator, resume).await
}

fn check(app: &App, login: &str, claim: &LoginClaim) -> Result<OperatorName, String> {
    let login = STANDARD
        .decode(login)
        .map_err(|error| format!("the login is no base64: {error}"))?;
    app.door.check_login(&login, claim)
}

async fn open(
    app: &App,
    socket: &mut WebSocket,
    operator: OperatorName,
    resume: Option<Resume>,
) -> Result<Entered, Over> {
    let cursor = resume.as_ref().map_or(0, |resume| resume.cursor);
    let asked = operator.clone();
    let opened = ask(app, |answer| Happened::Open {
        operator: asked,
        resume,
        answer,
    })
    .await;
    let opened = match opened {
        Ok(opened) => opened,
        Err(problem) => return refuse(socket, problem.closing()).await,
    };
    let newest = *opened.committed.borrow();
    let bearer = app.bearers.issue(app.ctx.random());
    let welcome = FromDoor::Welcome {
        session_id: opened.session.clone(),
        operator: operator.name.clone(),
        level: operator.level,
        cursor: newest,
        bearer: bearer.text().to_owned(),
    };
    let entered = Entered {
        operator,
        resumed_at: cursor.min(newest),
        opened,
        _bearer: bearer,
    };
    if send(socket, &welcome).await.is_err() {
        let session = entered.opened.session;
        app.ctx
            .post(Event(Happened::Closed {
                session,
                bye: false,
            }))
            .await;
        return Err(Over);
    }
    Ok(entered)
}

impl Client {
    async fn talk(&mut self) -> Result<(), Over> {
        let period = Duration::from_secs(PING_INTERVAL_S);
        let mut pings = interval_at(Instant::now() + period, period);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut n_unanswered = 0;
        self.show().await?;
        loop {
            tokio::select! {
                more = self.reader.more() => match more {
                    Ok(()) => self.show().await?,
                    Err(Ended) => return refuse(&mut self.socket, stopping()).await,
                },
                message = self.socket.recv() => {
                    n_unanswered = 0;
                    self.hear(message).await?;
                }
                _ = pings.tick() => {
                    if n_unanswered >= PINGS_MAX {
                        return Err(Over);
                    }
                    n_unanswered += 1;
                    transmit(&mut self.socket, Message::Ping(bytes::Bytes::new())).await?;
                }
            }
        }
    }

    /// Sends every callback that is on disk and that the client does not have.
    async fn show(&mut self) -> Result<(), Over> {
        loop {
            let messages = match self.reader.next() {
                Ok(messages) => messages,
                Err(error) => {
                    tracing::error!(%error, "callbacks cannot be read");
                    return refuse(&mut self.socket, stopping()).await;
                }
            };
            if messages.is_empty() {
                return Ok(());
            }
            for message in messages {
                send(&mut self.socket, &message).await?;
            }
        }
    }

    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), Over> {
        let said = match parse(message)? {
            Heard::Said(said) => said,
            Heard::Nothing => return Ok(()),
            Heard::Malformed(problem) => return refuse(&mut self.socket, problem).await,
        };
        let session = self.reader.session.clone();
        let done = match said {
            FromClient::Request(request) => {
                ask(&self.app, |answer| Happened::Request {
                    session,
                    request,
                    answer,
                })
                .await
            }
            FromClient::Subscribe { on } => {
                ask(&self.app, |answer| Happened::Subscribe {
                    session,
                    on,
                    answer,
                })
                .await
            }
            FromClient::Tree {} => return self.tree().await,
            FromClient::Bye {} => {
                self.bye = true;
                return Err(Over);
            }
            FromClient::Login { .. } => Err(Problem::new(
                ProblemCode::Malformed,
                "this connection is logged in already",
            )),
        };
        match done {
            Ok(()) => Ok(()),
            Err(problem) if problem.closing => refuse(&mut self.socket, problem).await,
            Err(problem) => send(&mut self.socket, &FromDoor::Refused(problem)).await,
        }
    }

    async fn tree(&mut self) -> Result<(), Over> {
        let unwritten = |error: serde_json::Error| {
            tracing::error!(%error, "the tree cannot be written");
            Over
        };
        let mut parts = tree::parts(self.app.door.tree())
            .map_err(unwritten)?
            .into_iter();
        while let Some(part) = parts.next() {
            let tree = serde_json::to_value(part).map_err(unwritten)?;
            let more = parts.len() > 0;
            send(&mut self.socket, &FromDoor::Tree { tree, more }).await?;
        }
        Ok(())
    }
}

enum Heard {
    Said(FromClient),
    Nothing,
    Malformed(Problem),
}

fn parse(message: Option<Result<Message, axum::Error>>) -> Result<Heard, Over> {
    let malformed =
        |why: String| Heard::Malformed(Problem::new(ProblemCode::Malformed, why).closing());
    Ok(match message {
        None | Some(Err(_) | Ok(Message::Close(_))) => return Err(Over),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Heard::Nothing,
        Some(Ok(Message::Binary(_))) => malformed("messages are text".to_owned()),
        Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
            Ok(said) => Heard::Said(said),
            Err(error) => malformed(format!("no message of this conversation: {error}")),
        },
    })
}

async fn receive(socket: &mut WebSocket) -> Result<FromClient, Over> {
    loop {
        match parse(socket.recv().await)? {
            Heard::Said(said) => return Ok(said),
            Heard::Nothing => {}
            Heard::Malformed(problem) => return refuse(socket, problem).await,
        }
    }
}

async fn refuse<T>(socket: &mut WebSocket, problem: Problem) -> Result<T, Over> {
    send(socket, &FromDoor::Refused(problem)).await?;
    transmit(socket, Message::Close(None)).await?;
    Err(Over)
}

async fn send(socket: &mut WebSocket, message: &FromDoor) -> Result<(), Over> {
    let text = serde_json::to_string(message).map_err(|error| {
        tracing::error!(%error, "a message cannot be written");
        Over
    })?;
    transmit(socket, Message::Text(text.into())).await
}

async fn transmit(socket: &mut WebSocket, message: Message) -> Result<(), Over> {
    match timeout(SEND_TIME_MAX, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Over),
    }
}
