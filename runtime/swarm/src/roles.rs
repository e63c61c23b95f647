//! Who serves what: an immutable index of roles, as one node sees the swarm.
//!
//! A [`RoleIndex`] is built from one [`NodeEntry`] per node and shared behind an atomic pointer;
//! a change makes a new index that shares everything it did not touch.

mod choose;
mod endpoint;
mod index;
mod newcomer;
mod slice;

pub use choose::{Choice, NEAR_MAX, NoEndpoint};
pub use endpoint::{Endpoint, NodeEntry};
pub use index::RoleIndex;
pub use newcomer::{NEWCOMER_TIME, Newcomer};

#[cfg(test)]
mod tests;
