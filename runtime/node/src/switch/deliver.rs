//! Packets into mailboxes: the checks that every packet passes, from near or far.

use bytes::Bytes;
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
use crate::store::{Op, Table};

/// An operator's request that waits until it is on disk that it ran.
pub(crate) struct Noted {
    ticket: Ticket,
    delivery: Delivery,
    mark: RequestMark,
}

/// Who stands behind a packet.
struct Caller {
    principal: Principal,
    /// Where a person asks: the key that the operator's own signature vouches for.
    session_key: Option<SessionKey>,
    mark: Option<RequestMark>,
}

impl Switch {
    /// Puts a packet into its agent's mailbox, or says why not; an operator's request only once it is
    /// on disk that it ran.
    pub(super) fn deliver(&mut self, ticket: Ticket, packet: Packet, durable: Option<OutboxMark>) {
        let outcome = match self.hand_over(ticket, packet, durable) {
            Ok(Some(outcome)) => outcome,
            Ok(None) => return,
            Err(reason) => self.refusal(reason),
        };
        self.delivery
            .handle(self.now(), delivery::Input::Delivered { ticket, outcome });
    }

    fn refusal(&self, reason: Refusal) -> Outcome {
        self.metrics.refused(reason);
        Outcome::Refused(reason)
    }

    /// `None` where the outcome is told later.
    fn hand_over(
        &mut self,
        ticket: Ticket,
        packet: Packet,
        durable: Option<OutboxMark>,
    ) -> Result<Option<Outcome>, Refusal> {
        let mut late = false;
        let mut packet = packet;
        if packet.kind == Kind::Reply {
            let Some(unasked) = self.settle(packet)? else {
                return Ok(Some(Outcome::Queued));
            };
            (packet, late) = (unasked, true);
        }
        let Caller {
            principal,
            session_key,
            mark,
        } = self.admitted(&packet)?;
        let sender = packet.from.node.clone();
        let durable = durable.map(|mark| DurableRef { sender, mark });
        let delivery = Delivery {
            packet,
            principal,
            session_key,
            durable,
            late,
        };
        match mark {
            None => self.mail(delivery).map(|()| Some(Outcome::Queued)),
            Some(mark) => self.note(ticket, delivery, mark).map(|()| None),
        }
    }

    /// Has it written down that a request ran, before it does: a crash must not let it run again.
    fn note(
        &mut self,
        ticket: Ticket,
        delivery: Delivery,
        mark: RequestMark,
    ) -> Result<(), Refusal> {
        self.requests.ran(&mark);
        let first = self.requests.first_row().to_vec();
        let ops = vec![
            Op::DeleteRange(Table::Requests, Vec::new(), first),
            Op::Put(Table::Requests, mark.row().to_vec(), Bytes::new()),
        ];
        let noted = Noted {
            ticket,
            delivery,
            mark,
        };
        if self.commits.note(ops, noted) {
            return Ok(());
        }
        self.requests.did_not_run(&mark);
        Err(Refusal::MailboxFull)
    }

    /// It is on disk that the request ran: now it does.
    pub(super) fn noted(&mut self, noted: Noted) {
        let Noted {
            ticket,
            delivery,
            mark,
        } = noted;
        let outcome = match self.mail(delivery) {
            Ok(()) => Outcome::Queued,
            Err(reason) => {
                self.requests.did_not_run(&mark);
                let delete = Op::Delete(Table::Requests, mark.row().to_vec());
                self.commits.later([delete]);
                self.refusal(reason)
            }
        };
        self.delivery
            .handle(self.now(), delivery::Input::Delivered { ticket, outcome });
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
                        .any(|info| info.name == packet.handler)
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

    /// Whether the packet may reach its agent, in whose name, and what marks an operator's request.
    fn admitted(&mut self, packet: &Packet) -> Result<Caller, Refusal> {
        self.check_served(packet)?;
        let mut who = self.caller(packet)?;
        let mailbox = self.local.mailboxes.get(&packet.target.agent);
        let mailbox = mailbox.ok_or(Refusal::AgentDown)?;
        admit(&mailbox.handlers, &packet.handler, &who.principal)?;
        who.mark = who
            .mark
            .map(|mark| mark.at(&packet.target.agent, &packet.handler));
        if let Some(mark) = &who.mark {
            self.requests.check(self.clock.now().unix_ms, mark)?;
        }
        Ok(who)
    }

    fn mail(&self, delivery: Delivery) -> Result<(), Refusal> {
        let mailbox = self.local.mailboxes.get(&delivery.packet.target.agent);
        let mailbox = mailbox.ok_or(Refusal::AgentDown)?;
        match mailbox.sender.try_send(delivery) {
            Ok(()) => {
                mailbox.delivered.inc();
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
        if who.router != packet.from.node || !who.may_call(role, &packet.handler) {
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
