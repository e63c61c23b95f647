//! What agents want to send and ask.

use std::time::Duration;

use bytes::Bytes;
use futures_channel::mpsc;
use skep_agent::{AskError, AskEvent, Choice, Outgoing, SendError};
use skep_packet::{Address, AgentName, PacketId, Token};
use skep_swarm::{
    asks::{AskId, AskInput, AskOutput, AskedEndpoint, Gather, Lost, OpenAsk},
    delivery::{self, Draft, SendRefused, Spread, Target},
};
use uuid::Uuid;

use super::{
    Switch,
    handle::{Ask, Send},
};

/// Answers of one ask that may wait for its asker; at the bound the ask counts as given up.
const ANSWERS_MAX: usize = 256;

impl Switch {
    pub(super) fn send(&mut self, send: Send) {
        let Send {
            from,
            outgoing,
            done,
        } = send;
        let send = |outgoing| {
            let targets = self.send_now(&from, outgoing)?;
            Ok(targets.into_iter().map(|target| target.address).collect())
        };
        let sent = outgoing.into_iter().map(send).collect();
        if done.send(sent).is_err() {
            tracing::debug!(agent = %from, "the sender no longer waits");
        }
    }

    pub(super) fn send_now(
        &mut self,
        from: &AgentName,
        outgoing: Outgoing,
    ) -> Result<Vec<Target>, SendError> {
        let outgoing = self.draft(from, outgoing);
        self.delivery.send(self.now(), outgoing).map_err(send_error)
    }

    /// The packet as delivery takes it.
    pub(super) fn draft(&self, from: &AgentName, outgoing: Outgoing) -> delivery::Outgoing {
        let id = outgoing.id.unwrap_or_else(|| PacketId(Uuid::now_v7()));
        let sticky = match &outgoing.token {
            Some(token) => Bytes::copy_from_slice(token.as_str().as_bytes()),
            None => Bytes::copy_from_slice(id.0.as_bytes()),
        };
        delivery::Outgoing {
            draft: Draft {
                id,
                kind: outgoing.kind,
                from: Address::new(from.clone(), self.me.node.clone()),
                token: outgoing.token,
                reply_to: outgoing.reply_to,
                class: outgoing.class,
                lane: outgoing.lane,
                proof: outgoing.proof,
                content: outgoing.content,
            },
            to: outgoing.to,
            scope: outgoing.scope,
            spread: match outgoing.choice {
                Choice::One => Spread::One { sticky },
                Choice::All => Spread::All,
            },
            ttl: outgoing.ttl,
        }
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        let Ask {
            from,
            outgoing,
            within,
            done,
        } = ask;
        let opened = self.open_ask(&from, outgoing, within);
        if let Err(Ok((_, _))) = done.send(opened) {
            tracing::debug!(agent = %from, "the asker no longer waits");
        }
    }

    fn open_ask(
        &mut self,
        from: &AgentName,
        mut outgoing: Outgoing,
        within: Duration,
    ) -> Result<skep_agent::OpenAsk, SendError> {
        let token = outgoing
            .token
            .get_or_insert_with(|| Token::from(Uuid::new_v4()))
            .clone();
        let id = *outgoing.id.get_or_insert_with(|| PacketId(Uuid::now_v7()));
        let gather = match outgoing.choice {
            Choice::One => Gather::First,
            Choice::All => Gather::Each,
        };
        let targets = self.send_now(from, outgoing)?;
        let ask = OpenAsk {
            asker: from.clone(),
            token,
            packet: id,
            deadline_ns: self.now().mono_after(within),
            endpoints: targets.iter().map(asked).collect(),
            gather,
        };
        // Nothing is handed out before this returns, so that no answer can be faster.
        let ask = self.asks.open(ask).map_err(|_| SendError::Stopping)?;
        let (events, answers) = mpsc::channel(ANSWERS_MAX);
        self.askers.insert(ask, events);
        Ok((
            targets.into_iter().map(|target| target.address).collect(),
            answers,
        ))
    }

    /// Hands the asker what came; one that dropped its end cancels the ask.
    pub(super) fn tell_asker(&mut self, id: AskId, event: AskEvent, ends: bool) {
        let sent = self.askers.get_mut(&id).map(|asker| asker.try_send(event));
        if ends {
            self.askers.remove(&id);
        } else if !matches!(sent, Some(Ok(()))) {
            self.askers.remove(&id);
            let now = self.now();
            self.asks.handle(now, AskInput::Cancel(id));
        }
    }

    pub(super) fn ask_output(&mut self, output: AskOutput) {
        match output {
            AskOutput::TimedOut(id) => {
                self.tell_asker(id, AskEvent::Failed(AskError::TimedOut), true);
            }
            AskOutput::EndpointLost(id, endpoint, lost) => {
                self.tell_asker(id, AskEvent::Failed(ask_error(endpoint, lost)), false);
            }
            AskOutput::Failed(id, endpoint, lost) => {
                self.tell_asker(id, AskEvent::Failed(ask_error(endpoint, lost)), true);
            }
        }
    }
}

pub(super) fn asked(target: &Target) -> AskedEndpoint {
    AskedEndpoint {
        address: target.address.clone(),
        boot: target.boot,
        agent_incarnation: target.agent_incarnation,
    }
}

fn ask_error(endpoint: Address, lost: Lost) -> AskError {
    match lost {
        Lost::Refused(reason) => AskError::Refused { endpoint, reason },
        Lost::Unreachable | Lost::NodeDead | Lost::NodeRestarted | Lost::AgentRestarted => {
            AskError::EndpointLost { endpoint }
        }
    }
}

pub(super) fn send_error(error: SendRefused) -> SendError {
    match error {
        SendRefused::NoEndpoint(nobody) => SendError::NoEndpoint {
            role: nobody.role.to_string(),
            hint: nobody.hint(),
        },
        SendRefused::TooLarge { got, max } => SendError::TooLarge { got, max },
        SendRefused::OutboxFull { max } => SendError::OutboxFull { max },
        _ => SendError::Stopping,
    }
}
