//! The agents of this node, as the switch sees them.

use std::collections::HashMap;

use prometheus_client::metrics::counter::Counter;
use skep_agent::HandlerInfo;
use skep_packet::{AgentCard, AgentHealth, AgentName, BootId};
use skep_swarm::{
    asks::{AskInput, AskedEndpoint},
    delivery,
};
use tokio::sync::mpsc;

use super::{MailboxUp, Switch};
use crate::metrics::OfAgent;

/// The mailboxes of running agents.
#[derive(Default)]
pub(super) struct Local {
    pub(super) mailboxes: HashMap<AgentName, Mailbox>,
}

/// The mailbox of a running agent.
pub(super) struct Mailbox {
    pub(super) sender: mpsc::Sender<skep_agent::Delivery>,
    pub(super) handlers: Vec<HandlerInfo>,
    /// Counts what reached it.
    pub(super) delivered: Counter,
}

impl Switch {
    pub(super) fn mailbox_up(&mut self, up: MailboxUp) {
        let MailboxUp {
            agent,
            incarnation,
            mailbox,
            handlers,
        } = up;
        let label = OfAgent {
            agent: agent.to_string(),
        };
        self.metrics.agent_starts.get_or_create(&label).inc();
        let delivered = self.metrics.packets_delivered.get_or_create(&label).clone();
        self.local.mailboxes.insert(
            agent.clone(),
            Mailbox {
                sender: mailbox,
                handlers,
                delivered,
            },
        );
        self.members.change_card(&agent, |card| {
            card.incarnation = incarnation;
            card.health = AgentHealth::Starting;
        });
        self.own_changed();
        let now = self.now();
        let endpoint = self.own_endpoint(&agent, self.me.boot, incarnation);
        self.asks.handle(now, AskInput::AgentAt(endpoint));
    }

    pub(super) fn mailbox_down(&mut self, agent: &AgentName) {
        self.local.mailboxes.remove(agent);
        let now = self.now();
        self.delivery.handle(
            now,
            delivery::Input::MailboxLost {
                agent: agent.clone(),
            },
        );
        self.asks.handle(now, AskInput::AskerGone(agent.clone()));
    }

    pub(super) fn agent_health(&mut self, agent: &AgentName, health: AgentHealth) {
        tracing::info!(%agent, ?health, "agent's health changed");
        self.members.change_card(agent, |card| card.health = health);
        self.own_changed();
        if !health.serves() {
            let address = skep_packet::Address::new(agent.clone(), self.me.node.clone());
            let now = self.now();
            self.asks.handle(now, AskInput::AgentGone(address));
        }
    }

    /// The node's agents are others from now on; those that stay are as they were.
    pub(super) fn set_agents(&mut self, mut cards: Vec<AgentCard>) {
        for card in &mut cards {
            if let Some(known) = self.members.card(&card.agent) {
                card.health = known.health;
                card.incarnation = known.incarnation;
            }
        }
        self.members.own.agents = cards;
        self.own_changed();
    }

    fn own_endpoint(&self, agent: &AgentName, boot: BootId, incarnation: u32) -> AskedEndpoint {
        let address = skep_packet::Address::new(agent.clone(), self.me.node.clone());
        AskedEndpoint {
            address,
            boot,
            agent_incarnation: incarnation,
        }
    }
}
