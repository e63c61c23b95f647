//! `POST /call`: one request, its proof with it; the callbacks come back as lines.

mod progress;

use std::time::Duration;

use axum::{
    Extension,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::stream;
use skep_agent::{LoginClaim, OperatorName};
use skep_identity::{PROOF_BYTES_MAX, RequestProof};
use skep_packet::{Token, decode, encode};
use skep_protocol::rpc::{
    CALL_TOKEN_CHARS, CLIENT_BYTES_MAX, CallRequest, FromDoor, LOGIN_TIME_MAX_S, Problem,
    ProblemCode,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use self::progress::Progress;
use super::{
    App, Connection, ask, keys_made,
    reader::{Ended, Reader},
    socket::SEND_TIME_MAX,
};
use crate::{
    Event,
    event::{Happened, Opened, stopping},
};

/// Lines that wait for a client that reads slowly; then the call waits with the next one.
const LINES_MAX: usize = 4;

/// Answers one request, and ends when all of its answer is there or its time is over.
pub(super) async fn call(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Response {
    match begin(&app, &connection, request).await {
        Ok((opened, within)) => {
            let (lines, body) = mpsc::channel(LINES_MAX);
            let call = Running {
                reader: Reader::new(&app.ctx, opened, 0),
                progress: Progress::default(),
                lines,
                deadline: Instant::now() + within,
                cut: connection.cut.clone(),
            };
            app.ctx.spawn(call.run(app.clone()));
            respond(StatusCode::OK, lines_of(body))
        }
        Err(problem) => {
            let status = status(problem.code);
            respond(status, Body::from(line(&FromDoor::Refused(problem))))
        }
    }
}

fn respond(status: StatusCode, body: Body) -> Response {
    let kind = "application/x-ndjson";
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}

fn lines_of(lines: mpsc::Receiver<Bytes>) -> Body {
    let next = |mut lines: mpsc::Receiver<Bytes>| async move {
        let line = lines.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(line), lines))
    };
    Body::from_stream(stream::unfold(lines, next))
}

fn line(message: &FromDoor) -> Bytes {
    let mut line = serde_json::to_vec(message).unwrap_or_else(|error| {
        tracing::error!(%error, "a message cannot be written");
        Vec::new()
    });
    line.push(b'\n');
    line.into()
}

const fn status(code: ProblemCode) -> StatusCode {
    match code {
        ProblemCode::Malformed => StatusCode::BAD_REQUEST,
        ProblemCode::Login | ProblemCode::NoSession => StatusCode::UNAUTHORIZED,
        ProblemCode::Refused => StatusCode::FORBIDDEN,
        ProblemCode::Bound => StatusCode::TOO_MANY_REQUESTS,
        ProblemCode::Deadline => StatusCode::REQUEST_TIMEOUT,
        ProblemCode::NoEndpoint | ProblemCode::NotReady | ProblemCode::Stopping => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// Reads the request, believes its operator, and sends it out.
async fn begin(
    app: &App,
    connection: &Connection,
    request: Request,
) -> Result<(Opened, Duration), Problem> {
    let call = read(request).await?;
    keys_made(app).await?;
    let within = call.within().ok_or_else(|| {
        let message = "within_s is a number of seconds from 1 to 900";
        Problem::new(ProblemCode::Malformed, message)
    })?;
    let operator = operator(app, connection, &call)?;
    let request = call.request();
    let opened = ask(app, |answer| Happened::Call {
        operator,
        request,
        answer,
    })
    .await?;
    Ok((opened, within))
}

async fn read(request: Request) -> Result<CallRequest, Problem> {
    let malformed = |why: String| Problem::new(ProblemCode::Malformed, why);
    let limit = Duration::from_secs(LOGIN_TIME_MAX_S);
    let body = timeout(limit, to_bytes(request.into_body(), CLIENT_BYTES_MAX)).await;
    let body = body.map_err(|_| {
        let message = format!("the request did not come within {LOGIN_TIME_MAX_S} s");
        Problem::new(ProblemCode::Deadline, message)
    })?;
    let body = body.map_err(|error| {
        malformed(format!(
            "the body is not to be had, or has more than {CLIENT_BYTES_MAX} bytes: {error}"
        ))
    })?;
    let call: CallRequest = serde_json::from_slice(&body)
        .map_err(|error| malformed(format!("no request of this protocol: {error}")))?;
    if !is_session_name(&call.token) {
        let message = "the token of a call is 16 to 64 letters, digits and hyphens";
        return Err(malformed(message.to_owned()));
    }
    Ok(call)
}

/// The token names the session of the call too, also in the store's keys.
fn is_session_name(token: &Token) -> bool {
    let text = token.as_str();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    CALL_TOKEN_CHARS.contains(&text.len()) && text.chars().all(is_plain)
}

/// Who asks: the login stands in the proof. It is bound to this node, to this connection and to the
/// token, which takes the place of a nonce: a token is good once.
fn operator(
    app: &App,
    connection: &Connection,
    call: &CallRequest,
) -> Result<OperatorName, Problem> {
    let malformed = |why: String| Problem::new(ProblemCode::Malformed, why);
    let proof = STANDARD
        .decode(&call.proof)
        .map_err(|error| malformed(format!("the proof is no base64: {error}")))?;
    let proof: RequestProof = decode(&proof, PROOF_BYTES_MAX)
        .map_err(|error| malformed(format!("the proof is not usable: {error}")))?;
    let claim = LoginClaim {
        nonce: call.token.to_string(),
        binding: connection.binding().to_owned(),
    };
    let who = app.door.check_login(&encode(&proof.login), &claim);
    who.map_err(|why| {
        tracing::warn!(why, "a call's login was refused");
        let cure = "a call's login has the token as its nonce; is the bundle of this swarm, still \
                    valid, and this host's clock right?";
        Problem::new(ProblemCode::Login, why).cure(cure)
    })
}

/// A call whose answer is on its way.
struct Running {
    reader: Reader,
    progress: Progress,
    lines: mpsc::Sender<Bytes>,
    deadline: Instant,
    /// Ends the connection.
    cut: CancellationToken,
}

/// The call is over; whatever was to be said was said.
struct Over;

impl Running {
    async fn run(mut self, app: App) {
        let ended: Result<(), Over> = self.stream().await;
        debug_assert!(ended.is_err(), "a call ends only when it is over");
        let session = self.reader.session;
        let happened = Happened::Closed { session, bye: true };
        app.ctx.post(Event(happened)).await;
    }

    async fn stream(&mut self) -> Result<(), Over> {
        loop {
            self.show().await?;
            if self.progress.is_done() {
                return Err(Over);
            }
            tokio::select! {
                more = self.reader.more() => if let Err(Ended) = more {
                    return self.refuse(stopping()).await;
                },
                () = sleep_until(self.deadline) => {
                    let problem = Problem::new(ProblemCode::Deadline, "the time of this call is over");
                    let cure = "ask with a larger within_s, or over the WebSocket at /rpc";
                    return self.refuse(problem.cure(cure).closing()).await;
                }
                () = self.lines.closed() => return Err(Over),
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
                    return self.refuse(stopping()).await;
                }
            };
            if messages.is_empty() {
                return Ok(());
            }
            for message in messages {
                self.progress.take(&message);
                self.say(&message).await?;
            }
        }
    }

    async fn refuse(&self, problem: Problem) -> Result<(), Over> {
        self.say(&FromDoor::Refused(problem)).await?;
        Err(Over)
    }

    async fn say(&self, message: &FromDoor) -> Result<(), Over> {
        match timeout(SEND_TIME_MAX, self.lines.send(line(message))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Over),
            Err(_) => {
                // What was handed over already would wait for the client without an end.
                self.cut.cancel();
                Err(Over)
            }
        }
    }
}
