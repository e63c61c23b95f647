//! Every decoder that bytes from outside reach.

mod audit;
mod directive;
mod external;
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
    identity::SUCCESSION,
    identity::REQUEST,
    identity::JOIN,
    audit::AUDIT,
    directive::DIRECTIVE,
    rpc::CLIENT,
    rpc::DOOR,
    rpc::CALL,
    external::EXTERNAL,
];
