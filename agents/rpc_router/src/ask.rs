//! From a client's request to the packets that ask.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::de::IgnoredAny;
use skep_agent::{Asking, Ctx, OperatorName, Outgoing, SendError};
use skep_identity::PROOF_BYTES_MAX;
use skep_packet::{Address, Destination, Refusal, RolePattern, Scope, Token};
use skep_protocol::{
    callback::{Callback, Format, Status},
    rpc::{Ask, Problem, ProblemCode, ServiceRequest},
};
use tokio::sync::oneshot;

use crate::{
    Event, RpcRouter,
    event::{Happened, Opened, stopping},
    request::Request,
};

/// Open requests of one session; at the bound the next one is refused.
const OPEN_MAX: usize = 64;

/// How long the door waits for origins that go on saying that they are at it.
const ASK_TIME_MAX: Duration = Duration::from_mins(15);

impl RpcRouter {
    /// Opens a session for one request, named by its token, and asks.
    pub(crate) async fn call(
        &mut self,
        ctx: &Ctx<Self>,
        operator: OperatorName,
        request: ServiceRequest,
    ) -> Result<Opened, Problem> {
        let token = request.token.clone();
        let id = token.to_string();
        if self.sessions.get(&id).is_some() || self.sessions.of_token(&token).is_some() {
            return Err(in_use().about(token));
        }
        let opened = self.sessions.open_named(ctx, operator, id.clone()).await?;
        if let Err(problem) = self.request(ctx, &id, request).await {
            self.sessions
                .delete(ctx, &id)
                .await
                .map_err(|_| stopping())?;
            return Err(problem);
        }
        Ok(opened)
    }

    /// Asks whoever serves a role, in the name of the person whose proof it carries.
    pub(crate) async fn request(
        &mut self,
        ctx: &Ctx<Self>,
        id: &str,
        request: ServiceRequest,
    ) -> Result<(), Problem> {
        let token = request.token.clone();
        let asked = self.forward(ctx, id, request).await;
        asked.map_err(|problem| problem.about(token))
    }

    async fn forward(
        &mut self,
        ctx: &Ctx<Self>,
        id: &str,
        request: ServiceRequest,
    ) -> Result<(), Problem> {
        let token = request.token.clone();
        match self.sessions.of_token(&token) {
            // The client does not know whether its request arrived: it did.
            Some(owner) if owner == id => return Ok(()),
            Some(_) => return Err(in_use()),
            None => {}
        }
        let session = self.sessions.get(id).ok_or_else(stopping)?;
        if session.n_open() >= OPEN_MAX {
            let message = format!("{OPEN_MAX} requests of this session are open already");
            return Err(Problem::new(ProblemCode::Bound, message).cure("wait for one to end"));
        }
        let choice = request.choice;
        let (service, outgoing) = outgoing(ctx.address(), request)?;
        let asking = ctx
            .ask(outgoing, ASK_TIME_MAX)
            .await
            .map_err(|error| refused(&error))?;
        let origins = asking.endpoints().to_vec();
        let ended = follow(ctx, id, &token, asking);
        let accepted = accepted(ctx, id, &token, &origins);
        let now_ns = ctx.now().mono_ns;
        let mut request = Request::new(service, choice, &origins, now_ns, ended);
        note_starts(ctx, &mut request);
        let kept = ctx.tx(|tx| {
            request.number = session.next_request(tx, id);
            request.write(tx, id, &token);
            session.requests.insert(token.clone(), request);
            session.append(tx, id, accepted);
            Ok(session.trim(tx, id))
        });
        let gone = kept.await.map_err(|_| stopping())?;
        session.is_committed(session.journal.newest());
        self.sessions.drop_tokens(gone);
        self.sessions.has_token(token, id);
        Ok(())
    }
}

/// Notes which starts of its origins a request was sent to.
pub(crate) fn note_starts(ctx: &Ctx<RpcRouter>, request: &mut Request) {
    request.started(&ctx.endpoints(&request.service, Scope::Swarm));
}

/// Checks what the client says, and makes a packet of it; the payload stays as it was signed.
fn outgoing(door: &Address, request: ServiceRequest) -> Result<(RolePattern, Outgoing), Problem> {
    let malformed = |what: &str, why: String| {
        Problem::new(
            ProblemCode::Malformed,
            format!("the {what} is not usable: {why}"),
        )
    };
    let service: RolePattern = request
        .service
        .parse()
        .map_err(|error| malformed("service", format!("{error}")))?;
    let is_json = serde_json::from_str::<IgnoredAny>(&request.payload);
    is_json.map_err(|error| malformed("payload", error.to_string()))?;
    let proof = STANDARD
        .decode(&request.proof)
        .map_err(|error| malformed("proof", error.to_string()))?;
    if proof.len() > PROOF_BYTES_MAX {
        let why = format!(
            "{} bytes where at most {PROOF_BYTES_MAX} are allowed",
            proof.len()
        );
        return Err(malformed("proof", why));
    }
    let to = Destination::Role(service.clone());
    let outgoing = Outgoing::new(to, Bytes::from(request.payload))
        .token(request.token)
        .reply_to(door.clone())
        .proof(Some(Bytes::from(proof)));
    let outgoing = match request.choice {
        Ask::All => outgoing.to_all(),
        Ask::One => outgoing,
    };
    Ok((service, outgoing))
}

fn in_use() -> Problem {
    Problem::new(ProblemCode::Bound, "this token is in use").cure("take a random one")
}

fn refused(error: &SendError) -> Problem {
    let message = error.to_string();
    match error {
        SendError::NoEndpoint { .. } => Problem::new(ProblemCode::NoEndpoint, message)
            .cure("`skep tree` shows who serves what; start an agent that serves this role"),
        SendError::TooLarge { .. } => Problem::new(ProblemCode::Bound, message),
        SendError::Stopping => stopping(),
        SendError::Refused(Refusal::Denied) => denied(message),
        _ => Problem::new(ProblemCode::Refused, message),
    }
}

fn denied(message: String) -> Problem {
    Problem::new(ProblemCode::Refused, message)
        .cure("this operator may not do that; ask an admin for a bundle with a higher role")
}

/// Tells the agent what comes back, until the request ends and drops what this returns.
fn follow(
    ctx: &Ctx<RpcRouter>,
    id: &str,
    token: &Token,
    mut asking: Asking,
) -> oneshot::Sender<()> {
    let (ended, mut has_ended) = oneshot::channel::<()>();
    let (events, session, token) = (ctx.clone(), id.to_owned(), token.clone());
    ctx.spawn(async move {
        loop {
            let next = tokio::select! {
                biased;
                _ = &mut has_ended => return,
                next = asking.next() => next,
            };
            let Some(answer) = next else { return };
            let (session, token) = (session.clone(), token.clone());
            events
                .post(Event(Happened::Answered {
                    session,
                    token,
                    answer,
                }))
                .await;
        }
    });
    ended
}

/// The door's own first word: who will answer.
pub(crate) fn accepted(
    ctx: &Ctx<RpcRouter>,
    id: &str,
    token: &Token,
    origins: &[Address],
) -> Callback {
    let mut callback = own(ctx, id, token, ctx.address(), Status::Accepted);
    callback.origins = origins.to_vec();
    callback
}

/// A word of the door's own; it stands outside of its origin's numbers.
pub(crate) fn own(
    ctx: &Ctx<RpcRouter>,
    id: &str,
    token: &Token,
    origin: &Address,
    status: Status,
) -> Callback {
    Callback {
        session_id: Some(id.to_owned()),
        token: Some(token.clone()),
        return_handler: None,
        origin: origin.clone(),
        seq: 0,
        status,
        format: Format::Text,
        start_line: 0,
        lines: Vec::new(),
        next_offset: 0,
        timestamp: ctx.now().unix_ms,
        last: false,
        late: false,
        error: None,
        origins: Vec::new(),
        note: None,
        sealed: None,
    }
}
