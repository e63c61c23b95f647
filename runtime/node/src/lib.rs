//! The node: assembles the runtime, supervises agents, owns the store file.
//!
//! It knows no agent: it takes a checked plan and a list of agent specs.
//!
//! ```text
//!   agents ──port──► switch ◄──► delivery · asks · membership · roles     (pure cores)
//!     ▲                │ ▲
//!     └──mailboxes─────┘ │         store: one committer, many commits an fsync
//!   supervisor           └────────► seat: sealer · signer · opener · mesh
//! ```

#![warn(missing_docs)]

mod clock;
mod door;
mod envelopes;
pub mod home;
mod metrics;
mod node;
mod port;
mod secrets;
mod signer;
mod steward;
pub mod store;
mod supervisor;
mod switch;
mod threads;

pub use clock::Clock;
pub use metrics::Metrics;
pub use node::{
    Ending, Node, NodeConfig, NodeError, NodeSettings, PEOPLE_PORT, SWARM_PORT, outward,
};
pub use secrets::{SecretError, find_secret};
pub use steward::{LiveDirective, ReadPlan};
pub use threads::runtime;
