//! Plain answers: what a handler replies becomes the one callback of its origin.

use serde_json::Value;
use skep_agent::{Answer, AskError, Ctx, HandlerError, Request as Packet, SealedReply, StoreError};
use skep_packet::{Address, Refusal, Token};
use skep_protocol::callback::{Answering, Callback, Enclosed, Status, Thread};

use crate::{
    RpcRouter,
    ask::{accepted, note_starts, own},
    request::{Heard, OriginState},
    session::Session,
};

impl RpcRouter {
    /// An ask of ours yields something.
    pub(crate) async fn answered(
        &mut self,
        ctx: &Ctx<Self>,
        id: &str,
        token: &Token,
        answer: Result<Answer, AskError>,
    ) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get(id) else {
            return Ok(());
        };
        let Some(request) = session.requests.get_mut(token) else {
            return Ok(());
        };
        let mut ends: Vec<_> = outcome(answer)
            .map(|(from, outcome)| ended(ctx, id, token, from, outcome))
            .into_iter()
            .collect();
        for (from, state, parts) in &mut ends {
            if *state != OriginState::Done {
                continue;
            }
            match request.heard(from, ctx.now().mono_ns) {
                Heard::InTime => {}
                Heard::Late => parts.iter_mut().for_each(|part| part.late = true),
                // The packet went to another endpoint than it was first meant for.
                Heard::Joined => {
                    note_starts(ctx, request);
                    parts.insert(0, accepted(ctx, id, token, &request.answering()));
                }
            }
        }
        end(ctx, session, id, token, ends).await
    }

    /// An answer that comes after its ask: still shown, marked late.
    pub(crate) async fn late_reply(
        &mut self,
        ctx: &Ctx<Self>,
        packet: Packet<Value>,
    ) -> Result<(), HandlerError> {
        let text = packet.content.to_string();
        let part = |answering: &mut Answering, now_ms| said(answering, now_ms, &text);
        self.late(ctx, packet.token.as_ref(), &packet.from, part)
            .await
    }

    /// An error that comes after its ask.
    pub(crate) async fn late_error(
        &mut self,
        ctx: &Ctx<Self>,
        packet: Packet<String>,
    ) -> Result<(), HandlerError> {
        let error = packet.content;
        let part = |answering: &mut Answering, now_ms| vec![answering.error(now_ms, error)];
        self.late(ctx, packet.token.as_ref(), &packet.from, part)
            .await
    }

    async fn late(
        &mut self,
        ctx: &Ctx<Self>,
        token: Option<&Token>,
        from: &Address,
        parts: impl FnOnce(&mut Answering, u64) -> Vec<Callback>,
    ) -> Result<(), HandlerError> {
        let Some(token) = token else { return Ok(()) };
        let Some(id) = self.sessions.of_token(token).cloned() else {
            return Ok(());
        };
        let Some(session) = self.sessions.get(&id) else {
            return Ok(());
        };
        let Some(request) = session.requests.get(token) else {
            return Ok(());
        };
        if !request.origins.iter().any(|origin| origin.address == *from) {
            return Ok(());
        }
        let parts = parts(&mut answering(&id, token, from), now_ms(ctx));
        let kept = ctx.tx(|tx| {
            for mut part in parts {
                part.late = true;
                session.append(tx, &id, part);
            }
            Ok(())
        });
        kept.await?;
        session.is_committed(session.journal.newest());
        Ok(())
    }
}

/// Ends origins of a request with the callbacks that say so; of those that ended before, only what
/// is marked late is kept.
pub(crate) async fn end(
    ctx: &Ctx<RpcRouter>,
    session: &mut Session,
    id: &str,
    token: &Token,
    ends: Vec<(Address, OriginState, Vec<Callback>)>,
) -> Result<(), StoreError> {
    let Some(request) = session.requests.get_mut(token) else {
        return Ok(());
    };
    let ends: Vec<_> = ends
        .into_iter()
        .filter(|(address, state, parts)| {
            request.end(address, *state) || parts.iter().any(|part| part.late)
        })
        .flat_map(|(_, _, callbacks)| callbacks)
        .collect();
    if ends.is_empty() {
        return Ok(());
    }
    let kept = ctx.tx(|tx| {
        if let Some(request) = session.requests.get(token) {
            request.write(tx, id, token);
        }
        for callback in ends {
            session.append(tx, id, callback);
        }
        Ok(())
    });
    kept.await?;
    session.is_committed(session.journal.newest());
    Ok(())
}

/// What an ask yields of one origin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its reply.
    Said(String),
    /// It could not do it, or may not be asked for it.
    Failed(String),
    /// It will not answer.
    Lost(String),
}

/// What an ask yields of which origin; `None` where it says nothing of one: upkeep names whoever is
/// silent, the rest goes on without the ask.
pub(crate) fn outcome(answer: Result<Answer, AskError>) -> Option<(Address, Outcome)> {
    match answer {
        Ok(answer) => {
            let text = String::from_utf8_lossy(&answer.content).into_owned();
            Some((answer.from, Outcome::Said(text)))
        }
        Err(AskError::Handler { endpoint, message }) => Some((endpoint, Outcome::Failed(message))),
        Err(AskError::Refused { endpoint, reason }) => Some((endpoint, refused(reason))),
        Err(AskError::EndpointLost { endpoint }) => {
            let why = "its node or agent is gone".to_owned();
            Some((endpoint, Outcome::Lost(why)))
        }
        Err(AskError::TimedOut | AskError::Stopping) => None,
        Err(error) => {
            tracing::warn!(error = %error, "an ask ended for a reason unknown here");
            None
        }
    }
}

/// An origin whose node refused the request: its answer is no, or it cannot take it.
fn refused(reason: Refusal) -> Outcome {
    match reason {
        Refusal::NotServed | Refusal::StandsBy | Refusal::AgentDown | Refusal::MailboxFull => {
            Outcome::Lost(format!("it did not take the request: {}", reason.name()))
        }
        Refusal::Denied => {
            Outcome::Failed("refused: denied, this operator may not do that".to_owned())
        }
        Refusal::RequestReplayed => {
            Outcome::Failed("refused: this request was run before".to_owned())
        }
        reason => Outcome::Failed(format!("refused: {}", reason.name())),
    }
}

/// The end of an origin, and the callbacks that say so.
fn ended(
    ctx: &Ctx<RpcRouter>,
    id: &str,
    token: &Token,
    from: Address,
    outcome: Outcome,
) -> (Address, OriginState, Vec<Callback>) {
    let mut answering = answering(id, token, &from);
    let (state, parts) = match outcome {
        Outcome::Said(text) => (OriginState::Done, said(&mut answering, now_ms(ctx), &text)),
        Outcome::Failed(error) => (OriginState::Done, vec![answering.error(now_ms(ctx), error)]),
        Outcome::Lost(why) => (OriginState::Lost, vec![lost(ctx, id, token, &from, &why)]),
    };
    (from, state, parts)
}

/// What an origin replied; an envelope is passed on as it is.
fn said(answering: &mut Answering, now_ms: u64, text: &str) -> Vec<Callback> {
    match serde_json::from_str::<SealedReply>(text) {
        Ok(SealedReply { sealed }) => {
            let mut parts = answering.json(now_ms, "", true);
            for part in &mut parts {
                part.sealed = Some(Box::new(Enclosed::Reply(sealed.clone())));
            }
            parts
        }
        Err(_) => answering.json(now_ms, text, true),
    }
}

/// The door's own word on an origin that will not answer.
pub(crate) fn lost(
    ctx: &Ctx<RpcRouter>,
    id: &str,
    token: &Token,
    origin: &Address,
    why: &str,
) -> Callback {
    let mut callback = own(ctx, id, token, origin, Status::OriginLost);
    callback.note = Some(why.to_owned());
    callback
}

fn answering(id: &str, token: &Token, origin: &Address) -> Answering {
    let thread = Thread {
        session_id: Some(id.to_owned()),
        token: Some(token.clone()),
        return_handler: None,
        reply_to: None,
        session_key: None,
    };
    Answering::new(thread, origin.clone())
}

fn now_ms(ctx: &Ctx<RpcRouter>) -> u64 {
    ctx.now().unix_ms
}
