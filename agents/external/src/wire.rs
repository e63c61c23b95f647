//! Between packets and the child's words: calls to the child, and what it answers.

use std::time::Duration;

use serde_json::Value;
use skep_agent::{
    AgentError, Ctx, HandlerError, Outgoing, Principal, Request, SendError, StoreError, Tx,
};
use skep_packet::{Address, Destination, HandlerName, Kind, encode_content};
use skep_protocol::{
    callback::{CMD_CALLBACK, Callback, Thread},
    external::{Call, Caller as Person, ToChild},
};

use crate::{
    External,
    calls::{CALLS_MAX, Caller, Open},
};

impl External {
    /// Somebody calls one of the config's handlers.
    pub(crate) fn call(
        &mut self,
        ctx: &Ctx<Self>,
        tx: &mut Tx,
        request: Request<Value>,
    ) -> Result<(), HandlerError> {
        if request.durable {
            return self.keep(ctx, tx, request);
        }
        let within = Duration::from_secs(self.config.call_time_s);
        let caller = Caller::of(&request, ctx.address());
        let parts = matches!(caller, Caller::Session(..));
        let full = || refused(format!("{CALLS_MAX} calls are open already"));
        let call = self
            .calls
            .open(ctx.now(), caller, Some(within))
            .ok_or_else(full)?;
        let operator = principal(&request.principal);
        let is_told = self.tell(&ToChild::Call(Call {
            call,
            handler: request.handler,
            role: request.role,
            id: request.id,
            from: request.from,
            operator,
            durable: false,
            parts,
            within_ms: u64::try_from(within.as_millis()).ok(),
            content: request.content,
        }));
        if is_told {
            return Ok(());
        }
        drop(self.calls.end(call));
        Err(refused("the command does not keep up".to_owned()))
    }

    /// Ends a call with its result, or with why there is none.
    pub(crate) async fn answer(
        &mut self,
        ctx: &Ctx<Self>,
        open: Open,
        result: Result<Value, String>,
    ) -> Result<(), AgentError> {
        let sent = match open.caller {
            Caller::Plain(request) => match &result {
                Ok(content) => match ctx.reply(&request, content).await {
                    Err(error @ SendError::TooLarge { .. }) => {
                        ctx.reply_error(&request, &error.to_string()).await
                    }
                    sent => sent,
                },
                Err(why) => ctx.reply_error(&request, why).await,
            },
            Caller::Session(to, mut answering) => {
                let now_ms = ctx.now().unix_ms;
                let callbacks = match result {
                    Ok(Value::String(text)) => answering.text(now_ms, &text, true),
                    Ok(content) => answering.json(now_ms, &content.to_string(), true),
                    Err(why) => vec![answering.error(now_ms, why)],
                };
                call_back(ctx, &to, &answering.thread, callbacks).await
            }
            Caller::Kept(key) => {
                if let Err(why) = result {
                    tracing::error!(agent = %ctx.address(), why, "a durable call was not done");
                }
                self.done(ctx, &key).await?;
                self.hand_out(ctx)?;
                Ok(())
            }
        };
        if let Err(error) = sent {
            tracing::debug!(agent = %ctx.address(), %error, "the caller could not be told");
        }
        Ok(())
    }

    /// Tells a session that its call is being worked on.
    pub(crate) async fn working(&mut self, ctx: &Ctx<Self>, call: u64) -> Result<(), String> {
        let now_ms = ctx.now().unix_ms;
        let open = self.calls.get(call).ok_or_else(|| not_open(call))?;
        let Caller::Session(to, answering) = &mut open.caller else {
            // Only its note is new; nobody is told.
            return Ok(());
        };
        let callback = answering.working(now_ms, open.note.clone());
        told(call_back(ctx, to, &answering.thread, vec![callback]).await)
    }

    /// Sends a session some lines of its result.
    pub(crate) async fn part(
        &mut self,
        ctx: &Ctx<Self>,
        call: u64,
        text: &str,
    ) -> Result<(), String> {
        let now_ms = ctx.now().unix_ms;
        let open = self.calls.get(call).ok_or_else(|| not_open(call))?;
        let Caller::Session(to, answering) = &mut open.caller else {
            return Err(format!("the caller of {call} takes no parts"));
        };
        let parts = answering.text(now_ms, text, false);
        told(call_back(ctx, to, &answering.thread, parts).await)
    }

    /// Ends what is overdue, and tells sessions that the rest is not forgotten.
    pub(crate) async fn upkeep(&mut self, ctx: &Ctx<Self>) -> Result<(), AgentError> {
        for (call, open) in self.calls.overdue(ctx.now()) {
            let cancelled = self.tell(&ToChild::Cancel { call });
            tracing::debug!(call, cancelled, "a call took too long");
            let why = format!("no answer within {} s", self.config.call_time_s);
            self.answer(ctx, open, Err(why)).await?;
        }
        for call in self.calls.working(ctx.now()) {
            if let Err(why) = self.working(ctx, call).await {
                tracing::debug!(call, why, "a sign of work could not be sent");
            }
        }
        self.hand_out(ctx).map_err(StoreError::into)
    }
}

fn told(sent: Result<(), SendError>) -> Result<(), String> {
    sent.map_err(|error| error.to_string())
}

pub(crate) fn not_open(call: u64) -> String {
    format!("no call {call} is open")
}

pub(crate) fn refused(why: String) -> HandlerError {
    HandlerError::Refused(why)
}

/// The person behind a request.
pub(crate) fn principal(principal: &Principal) -> Option<Person> {
    match principal {
        Principal::Agent(_) => None,
        Principal::Operator { name, level } => Some(Person {
            name: name.clone(),
            level: *level,
        }),
    }
}

async fn call_back(
    ctx: &Ctx<External>,
    to: &Address,
    thread: &Thread,
    callbacks: Vec<Callback>,
) -> Result<(), SendError> {
    let handler = HandlerName::new(CMD_CALLBACK).expect("a name written in code is a name");
    for callback in callbacks {
        // What a person asked is for that person's session alone.
        let callback = callback.sealed(thread, |key, about, content| {
            ctx.enclose(key, about, content)
        })?;
        let to = Destination::Agent(to.clone(), handler.clone());
        let outgoing = Outgoing::new(to, encode_content(&callback));
        ctx.send(outgoing.kind(Kind::Callback).durable()).await?;
    }
    Ok(())
}
