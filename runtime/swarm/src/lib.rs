//! The node's mind: membership, roles, delivery, asks.
