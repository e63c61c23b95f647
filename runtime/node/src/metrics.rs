//! The node's counters, in the OpenMetrics text format.

use std::fmt;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use skep_packet::Refusal;

/// A counter by reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Reason {
    pub(crate) reason: &'static str,
}

/// A counter by agent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfAgent {
    pub(crate) agent: String,
}

/// The node's counters; cheap to read, never reset.
pub struct Metrics {
    registry: Registry,
    /// Packets that were sealed and handed to the mesh.
    pub(crate) packets_sent: Counter,
    /// Packets that arrived with a good seal.
    pub(crate) packets_received: Counter,
    /// RSA signatures over batches of packets.
    pub(crate) batches_signed: Counter,
    /// Packets and frames that were refused here, by reason.
    pub(crate) packets_refused: Family<Reason, Counter>,
    /// Packets that reached a mailbox, by agent.
    pub(crate) packets_delivered: Family<OfAgent, Counter>,
    /// Bytes of sealed frames that were passed on for others.
    pub(crate) relayed_bytes: Counter,
    /// Sealed frames of others that were not passed on, by reason.
    pub(crate) relays_dropped: Family<Reason, Counter>,
    /// Durable packets that found no way.
    pub(crate) dead_letters: Family<Reason, Counter>,
    /// Durable packets that are not settled yet.
    pub(crate) outbox_packets: Gauge,
    /// Questions that wait for an answer.
    pub(crate) asks_open: Gauge,
    /// Nodes with a connection.
    pub(crate) peers_connected: Gauge,
    /// Transactions that are on disk.
    pub(crate) transactions: Counter,
    /// Keys that were taken back, as this node learned of them.
    pub(crate) revocations: Counter,
    /// Starts of agents.
    pub(crate) agent_starts: Family<OfAgent, Counter>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("skep"),
            packets_sent: Counter::default(),
            packets_received: Counter::default(),
            batches_signed: Counter::default(),
            packets_refused: Family::default(),
            packets_delivered: Family::default(),
            relayed_bytes: Counter::default(),
            relays_dropped: Family::default(),
            dead_letters: Family::default(),
            outbox_packets: Gauge::default(),
            asks_open: Gauge::default(),
            peers_connected: Gauge::default(),
            transactions: Counter::default(),
            revocations: Counter::default(),
            agent_starts: Family::default(),
        };
        metrics.register();
        for reason in Refusal::ALL {
            // A counter that is there from the start can be alerted on.
            drop(metrics.packets_refused.get_or_create(&Reason {
                reason: reason.name(),
            }));
        }
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        let sent = "Packets that were sealed and handed to the mesh";
        registry.register("packets_sent", sent, self.packets_sent.clone());
        let received = "Packets that arrived with a good seal";
        registry.register("packets_received", received, self.packets_received.clone());
        let signed = "RSA signatures over batches of packets";
        registry.register("batches_signed", signed, self.batches_signed.clone());
        let refused = "Packets and frames that were refused here";
        registry.register("packets_refused", refused, self.packets_refused.clone());
        let delivered = "Packets that reached a mailbox";
        registry.register(
            "packets_delivered",
            delivered,
            self.packets_delivered.clone(),
        );
        let relayed = "Bytes of sealed frames that were passed on for others";
        registry.register("relayed_bytes", relayed, self.relayed_bytes.clone());
        let dropped = "Sealed frames of others that were not passed on";
        registry.register("relays_dropped", dropped, self.relays_dropped.clone());
        let dead = "Durable packets that found no way";
        registry.register("dead_letters", dead, self.dead_letters.clone());
        let outbox = "Durable packets that are not settled yet";
        registry.register("outbox_packets", outbox, self.outbox_packets.clone());
        let asks = "Questions that wait for an answer";
        registry.register("asks_open", asks, self.asks_open.clone());
        let peers = "Nodes with a connection";
        registry.register("peers_connected", peers, self.peers_connected.clone());
        let transactions = "Transactions that are on disk";
        registry.register("transactions", transactions, self.transactions.clone());
        let revocations = "Keys that were taken back, as this node learned of them";
        registry.register("revocations", revocations, self.revocations.clone());
        let starts = "Starts of agents";
        registry.register("agent_starts", starts, self.agent_starts.clone());
    }

    pub(crate) fn refused(&self, reason: Refusal) {
        self.packets_refused
            .get_or_create(&Reason {
                reason: reason.name(),
            })
            .inc();
    }

    /// How often `reason` was the reason of a refusal.
    #[must_use]
    pub fn n_refused(&self, reason: Refusal) -> u64 {
        self.packets_refused
            .get_or_create(&Reason {
                reason: reason.name(),
            })
            .get()
    }

    /// How many bytes were passed on for others.
    #[must_use]
    pub fn n_relayed_bytes(&self) -> u64 {
        self.relayed_bytes.get()
    }

    /// How many RSA signatures over batches were made.
    #[must_use]
    pub fn n_batches_signed(&self) -> u64 {
        self.batches_signed.get()
    }

    /// Every counter as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to memory does not fail");
        text
    }
}
