//! Who is there: failure detection and gossip in SWIM's words (Das et al., 2002).
//!
//! A core of our own rather than a library's: it speaks Skep's frames over connections that are
//! authenticated already, tells of descriptor versions beside liveness, and repairs by push-pull
//! what gossip lost. Gossip is protected hop by hop, not signed: an enrolled node can lie about
//! another one's liveness, but the subject refutes, and what a node offers is in its own signed
//! descriptor.

mod config;
mod core;
mod fetch;
mod gossip;
mod member;
mod probe;
mod table;

pub use self::core::{Input, Membership, Output};
pub use config::{MEMBERS_MAX, MembershipConfig};
pub use member::MemberView;

#[cfg(test)]
mod tests;
