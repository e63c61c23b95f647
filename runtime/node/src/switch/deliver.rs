//! Packets into mailboxes: the checks that every packet passes, from near or far.

use skep_agent::{
    Answer, AskError, AskEvent, Delivery, DurableRef, HANDLER_REPLY_ERROR, Principal, admit,
};
use skep_identity::{RequestMark, check_request};
use skep_packet::{Kind, OutboxMark, Packet, Refusal, Scope, SessionKey, decode_content};
use skep_swarm::{
    asks::ReplyVerdict,
    delivery::{self, Outcome, Ticket},
};
use tokio::sync::mpsc::error::TrySendError;

use super::Switch;

/// Who stands behind a packet.
struct Caller {
    principal: Principal,
    /// Where a person asks: the key that the operator's own signature vouches for.
    session_key: Option<SessionKey>,
    mark: Option<RequestMark>,
}

impl Switch {
    /// Puts a packet into its agent's mailbox, or says why not.
    pub(super) fn deliver(&mut self, ticket: Ticket, packet: Packet, durable: Option<OutboxMark>) {
        let outcome = match self.hand_over(packet, durable) {
            Ok(()) => Outcome::Queued,
            Err(reason) => {
                self.metrics.refused(reason);
                Outcome::Refused(reason)
            }
        };
        self.delivery
            .handle(self.now(), delivery::Input::Delivered { ticket, outcome });
    }

    fn hand_over(&mut self, packet: Packet, durable: Option<OutboxMark>) -> Result<(), Refusal> {
        let mut late = false;
        if packet.kind == Kind::Reply {
            let Some(unasked) = self.settle(packet)? else {
                return Ok(());
            };
            late = true;
            return self.mail(unasked, durable, late);
        }
        self.mail(packet, durable, late)
    }

    /// Gives an answer to whoever asked; hands it back where it came too late.
    fn settle(&mut self, packet: Packet) -> Result<Option<Packet>, Refusal> {
        let token = packet.token.as_ref().ok_or(Refusal::Malformed)?;
        let verdict = self.asks.reply(&packet.target.agent, token, &packet.from);
        let (id, ends) = match verdict {
            ReplyVerdict::Settles(id) => (id, true),
            ReplyVerdict::Part(id) => (id, false),
            ReplyVerdict::NotAsked => return Err(Refusal::Denied),
            ReplyVerdict::Late | ReplyVerdict::Unknown => {
                let handlers = self.local.mailboxes.get(&packet.target.agent);
                let named = handlers.is_some_and(|mailbox| {
                    mailbox
                        .handlers
                        .iter()
                        .any(|info| info.name == packet.handler.as_str())
                });
                // An agent that has no handler for late answers does not want them.
                return Ok(named.then_some(packet));
            }
        };
        let event = if packet.handler.as_str() == HANDLER_REPLY_ERROR {
            let message = decode_content(&packet.content).unwrap_or_default();
            AskEvent::Failed(AskError::Handler {
                endpoint: packet.from,
                message,
            })
        } else {
            AskEvent::Answer(Answer {
                from: packet.from,
                content: packet.content,
            })
        };
        self.tell_asker(id, event, ends);
        Ok(None)
    }

    fn mail(
        &mut self,
        packet: Packet,
        durable: Option<OutboxMark>,
        late: bool,
    ) -> Result<(), Refusal> {
        self.check_served(&packet)?;
        let who = self.caller(&packet)?;
        let mailbox = self.local.mailboxes.get(&packet.target.agent);
        let mailbox = mailbox.ok_or(Refusal::AgentDown)?;
        admit(&mailbox.handlers, &packet.handler, &who.principal)?;
        let mark = who
            .mark
            .map(|mark| mark.at(&packet.target.agent, &packet.handler));
        if let Some(mark) = &mark {
            self.requests.check(self.clock.now().unix_ms, mark)?;
        }
        let sender = packet.from.node.clone();
        let durable = durable.map(|mark| DurableRef { sender, mark });
        match mailbox.sender.try_send(Delivery {
            packet,
            principal: who.principal,
            session_key: who.session_key,
            durable,
            late,
        }) {
            Ok(()) => {
                mailbox.delivered.inc();
                if let Some(mark) = &mark {
                    self.requests.ran(mark);
                }
                Ok(())
            }
            Err(TrySendError::Full(_)) => Err(Refusal::MailboxFull),
            Err(TrySendError::Closed(_)) => Err(Refusal::AgentDown),
        }
    }

    /// The agent is of this node, and serves the role it was found by, for this sender; and no other
    /// one serves it instead.
    fn check_served(&self, packet: &Packet) -> Result<(), Refusal> {
        let card = self
            .members
            .card(&packet.target.agent)
            .ok_or(Refusal::NotServed)?;
        let Some(role) = &packet.role else {
            return Ok(());
        };
        let near = packet.from.node == self.me.node;
        let serves = card.roles.iter().any(|served| {
            served.role == *role
                && served.handler == packet.handler
                && (near || served.scope == Scope::Swarm)
        });
        if !serves {
            return Err(Refusal::NotServed);
        }
        // By this node's own view: a sender whose view is another one chooses again.
        if self.roles.load().stands_by(&packet.target, role) {
            return Err(Refusal::StandsBy);
        }
        Ok(())
    }

    /// Who stands behind a packet: the operator whose proof it carries, else the agent that sent it.
    fn caller(&self, packet: &Packet) -> Result<Caller, Refusal> {
        let Some(proof) = &packet.proof else {
            return Ok(Caller {
                principal: Principal::Agent(packet.from.clone()),
                session_key: None,
                mark: None,
            });
        };
        let seat = self.seat.as_ref().ok_or(Refusal::Denied)?;
        let token = packet.token.as_ref().ok_or(Refusal::Denied)?;
        let role = packet.role.as_ref().ok_or(Refusal::Denied)?;
        let now_ms = self.now().unix_ms;
        let checked = check_request(proof, &seat.keyring, now_ms, role, &packet.content, token);
        let (who, mark) = checked.map_err(|reason| {
            // Its sender must not seal it again: what is wrong with a proof stays wrong.
            if reason != Refusal::Denied {
                self.metrics.refused(reason);
                tracing::warn!(reason = reason.name(), from = %packet.from, "an operator's proof was not believed");
            }
            Refusal::Denied
        })?;
        if who.router != packet.from.node {
            return Err(Refusal::Denied);
        }
        Ok(Caller {
            principal: Principal::Operator {
                name: who.name,
                level: who.level,
            },
            session_key: Some(SessionKey(who.session_key.spki().clone())),
            mark: Some(mark),
        })
    }
}
