//! How an order is answered: by callbacks where it names a session, else by one reply.

use std::{future::Future, pin::pin, time::Duration};

use serde_json::Value;
use skep_agent::{Ctx, Outgoing, Request, SendError};
use skep_packet::{Address, Destination, HandlerName, Kind, encode_content};
use skep_protocol::{
    callback::{Answering, CMD_CALLBACK, Callback, Thread, WORKING_INTERVAL_S},
    steward::StewardOrder,
};
use tokio::time::interval;

use crate::Steward;

pub(crate) struct Answer {
    ctx: Ctx<Steward>,
    /// Where callbacks go, and their numbers.
    session: Option<(Address, Answering)>,
}

impl Answer {
    pub(crate) fn new(ctx: &Ctx<Steward>, request: &Request<StewardOrder>) -> Self {
        let session = request
            .content
            .session_id
            .clone()
            .zip(request.reply_to.clone());
        let session = session.map(|(session_id, reply_to)| {
            let thread = Thread {
                session_id: Some(session_id),
                token: request.token.clone(),
                return_handler: None,
                reply_to: Some(reply_to.clone()),
                session_key: request.session_key.clone(),
            };
            (reply_to, Answering::new(thread, ctx.address().clone()))
        });
        let ctx = ctx.clone();
        Self { ctx, session }
    }

    /// Says that it is at it, until `work` is done.
    pub(crate) async fn working_until<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut signs = interval(Duration::from_secs(WORKING_INTERVAL_S));
        signs.reset();
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = signs.tick() => self.working().await,
            }
        }
    }

    async fn working(&mut self) {
        let now_ms = self.ctx.now().unix_ms;
        let Some((to, answering)) = &mut self.session else {
            return;
        };
        let callback = answering.working(now_ms, "changing what runs");
        if let Err(error) = send(&self.ctx, to, &answering.thread, callback).await {
            tracing::debug!(%error, "a sign of work could not be sent");
        }
    }

    /// The final word.
    pub(crate) async fn end(
        self,
        ctx: &Ctx<Steward>,
        request: &Request<StewardOrder>,
        done: Result<Value, String>,
    ) -> Result<(), SendError> {
        let Some((to, mut answering)) = self.session else {
            return match done {
                Ok(value) => ctx.reply(request, &value).await,
                Err(error) => ctx.reply_error(request, &error).await,
            };
        };
        let now_ms = ctx.now().unix_ms;
        let callbacks = match done {
            Ok(value) => answering.json(now_ms, &value.to_string(), true),
            Err(error) => vec![answering.error(now_ms, error)],
        };
        for callback in callbacks {
            send(ctx, &to, &answering.thread, callback).await?;
        }
        Ok(())
    }
}

async fn send(
    ctx: &Ctx<Steward>,
    to: &Address,
    thread: &Thread,
    callback: Callback,
) -> Result<(), SendError> {
    let callback = callback.sealed(thread, |key, about, content| {
        ctx.enclose(key, about, content)
    })?;
    let handler = HandlerName::new(CMD_CALLBACK).expect("a name written in code is a name");
    let to = Destination::Agent(to.clone(), handler);
    let outgoing = Outgoing::new(to, encode_content(&callback));
    ctx.send(outgoing.kind(Kind::Callback).durable())
        .await
        .map(drop)
}
