//! `cmd_service_request`: agents of this node ask whoever serves a role, and get callbacks.
//!
//! A person's request never comes this way. What is asked here carries no proof and reaches its
//! handler as the word of an agent, never of an operator; and only agents of the door's own node
//! may ask, since it goes out under the door's name. So nobody gains a right by it that the node
//! does not have.

use std::{sync::Arc, time::Duration};

use skep_agent::{
    Answer, AskError, Asking, Ctx, HandlerError, Outgoing, Request as Packet, SendError,
};
use skep_packet::{Address, Destination, HandlerName, Kind, RoleName, RolePattern, Token};
use skep_protocol::{
    callback::{Answering, CMD_CALLBACK, Callback, ROLE_RPC, Status, Thread},
    rpc::Ask,
    service::{Accepted, ROLE_SERVICE, ServiceCall},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    RpcRouter,
    answers::{Outcome, outcome},
};

/// Requests of agents that may be open; at the bound the next one is refused.
const OPEN_MAX: usize = 256;

/// How long a request waits for plain replies unless it says so, and at most.
const TIME_MAX: Duration = Duration::from_mins(15);

/// The open requests of agents.
#[derive(Debug)]
pub(crate) struct Services(Arc<Semaphore>);

impl Default for Services {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(OPEN_MAX)))
    }
}

impl Services {
    pub(crate) fn n_open(&self) -> usize {
        OPEN_MAX - self.0.available_permits()
    }
}

impl RpcRouter {
    /// Asks for an agent of this node; it is told who will answer, and the rest by callbacks.
    pub(crate) async fn service_request(
        &mut self,
        ctx: &Ctx<Self>,
        packet: Packet<ServiceCall>,
    ) -> Result<(), HandlerError> {
        let service = check(ctx, &packet).map_err(HandlerError::Refused)?;
        let token = match packet.token.clone() {
            Some(token) if self.sessions.of_token(&token).is_some() => {
                return Err(HandlerError::Refused("this token is in use".to_owned()));
            }
            Some(token) => token,
            None => ctx.fresh_token(),
        };
        let permit = self.services.0.clone().try_acquire_owned();
        let permit = permit.map_err(|_| {
            HandlerError::Refused(format!("{OPEN_MAX} requests of agents are open already"))
        })?;
        let reply_to = packet.reply_to.clone().unwrap_or(packet.from.clone());
        let to_role = Outgoing::to_role(service, &packet.content.payload);
        let to_role = to_role.token(token.clone()).reply_to(reply_to.clone());
        let outgoing = match packet.content.choice {
            Ask::All => to_role.to_all(),
            Ask::One => to_role,
        };
        let within = Duration::from_secs(packet.content.within_s.unwrap_or(u64::MAX)).min(TIME_MAX);
        let asking = ctx.ask(outgoing, within).await?;
        let accepted = Accepted {
            token: token.clone(),
            origins: asking.endpoints().to_vec(),
        };
        let follow = Follow {
            ctx: ctx.clone(),
            reply_to,
            token,
            _permit: permit,
        };
        ctx.reply(&packet, &accepted).await?;
        ctx.spawn(follow.run(asking));
        Ok(())
    }
}

/// The service that is asked for, where this agent may ask for it here.
fn check(ctx: &Ctx<RpcRouter>, packet: &Packet<ServiceCall>) -> Result<RolePattern, String> {
    if packet.from.node != *ctx.node() {
        return Err(format!(
            "only agents of {} ask here: ask a door of your own node",
            ctx.node()
        ));
    }
    let service = &packet.content.service;
    let pattern: RolePattern = service
        .parse()
        .map_err(|error| format!("the service is not usable: {error}"))?;
    // Callbacks under a door's name would speak for the door.
    let is_door = |role: &str| RoleName::new(role).is_ok_and(|role| pattern.matches(&role));
    match is_door(ROLE_RPC) || is_door(ROLE_SERVICE) {
        true => Err(format!(
            "the service {service:?} covers the doors themselves"
        )),
        false => Ok(pattern),
    }
}

/// Passes plain replies on as callbacks.
struct Follow {
    ctx: Ctx<RpcRouter>,
    reply_to: Address,
    token: Token,
    _permit: OwnedSemaphorePermit,
}

impl Follow {
    async fn run(self, mut asking: Asking) {
        while let Some(answer) = asking.next().await {
            for callback in self.callbacks(answer) {
                if let Err(error) = self.send(&callback).await {
                    tracing::warn!(%error, to = %self.reply_to, "a callback could not be sent");
                    return;
                }
            }
        }
    }

    fn callbacks(&self, answer: Result<Answer, AskError>) -> Vec<Callback> {
        let thread = Thread {
            session_id: None,
            token: Some(self.token.clone()),
            return_handler: None,
            reply_to: None,
            session_key: None,
        };
        let now_ms = self.ctx.now().unix_ms;
        match outcome(answer) {
            Some((origin, Outcome::Said(text))) => {
                Answering::new(thread, origin).json(now_ms, &text, true)
            }
            Some((origin, Outcome::Failed(error))) => {
                vec![Answering::new(thread, origin).error(now_ms, error)]
            }
            Some((origin, Outcome::Lost(why))) => {
                let mut callback = Answering::new(thread, origin).working(now_ms, why);
                callback.status = Status::OriginLost;
                vec![callback]
            }
            None => Vec::new(),
        }
    }

    async fn send(&self, callback: &Callback) -> Result<(), SendError> {
        let handler = HandlerName::new(CMD_CALLBACK).expect("a name written in code is a name");
        let to = Destination::Agent(self.reply_to.clone(), handler);
        let content = skep_packet::encode_content(callback);
        let outgoing = Outgoing::new(to, content).kind(Kind::Callback).durable();
        self.ctx.send(outgoing).await.map(drop)
    }
}
