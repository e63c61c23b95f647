//! Whole swarms of the pure cores in one thread, on virtual time, driven by one seed.
//!
//! A [`World`] wires membership, roles, delivery and asks of each node the way a node does: through
//! a sealer that takes its time, a network that loses, delays, doubles and reorders, mailboxes, and
//! a disk whose writes count only after their fsync. Nodes crash with and without their disk,
//! partitions come and go, clocks step. After each step the world checks what must always hold,
//! and at its end, when all is healed, what must have become of every packet.
//!
//! Packets are sealed and opened by the real rules; only RSA is replaced by a hash over a secret.
//! Somebody on the wire forges what they can, and nothing of it may be handled.

mod clock;
mod disk;
mod forger;
mod gossip;
mod handle;
mod ledger;
mod lookup;
mod network;
mod node;
mod outputs;
mod papers;
mod seal;
mod sole;
mod trace;
mod world;

pub use gossip::{BYTES_PER_S_MAX, CHANGE_WINDOW, GossipReport, KNOWN_MAX, measure_gossip};
pub use ledger::Violation;
pub use lookup::{LOOKUP_NS_MAX, LookupReport, measure_lookup};
pub use papers::write_papers;
pub use world::{Broken, Report, Scenario, World, run, run_aloud};
