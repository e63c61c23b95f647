//! Every decoder that bytes from outside reach.

mod directive;
mod identity;
mod packet;
mod rpc;

pub(crate) use self::identity::write_world;
use crate::Target;

/// All of them.
pub const TARGETS: &[Target] = &[
    packet::PACKET,
    packet::FRAME,
    packet::DESCRIPTOR,
    identity::PROOF,
    identity::PASSPORT,
    identity::REQUEST,
    identity::JOIN,
    directive::DIRECTIVE,
    rpc::CLIENT,
    rpc::DOOR,
];
