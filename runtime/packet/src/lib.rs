//! Packets, frames, ids and their codec: the words every other room speaks.
//!
//! A [`Packet`] goes from an agent to an agent; a [`Frame`] goes from a node to the next one it is
//! connected to. This room is pure: no clock, no socket, no random source.

#![warn(missing_docs)]

mod codec;
mod descriptor;
mod frame;
mod handlers;
mod ids;
mod inscription;
mod level;
pub mod limits;
mod packed;
mod packet;
mod role;
mod text;
mod time;

pub use codec::{CodecError, decode, decode_content, encode, encode_content, encode_into};
pub use descriptor::{AgentCard, AgentHealth, Descriptor, Scope, ServedRole};
pub use frame::{
    Batch, BatchStatement, Frame, Hello, LaneAck, MemberState, NodeVersion, Refusal, Refused,
    Rumor, Settled, Signed, Swim,
};
pub use handlers::HandlerPattern;
pub use ids::{
    Address, AgentName, BootId, HandlerName, Hash, IdError, KeyId, NodeId, PacketId, RoleName,
    SwarmId, Token,
};
pub use inscription::{Inscription, SessionKey};
pub use level::Level;
pub use packed::{Packed, Packing};
pub use packet::{Class, Destination, Kind, Lane, OutboxMark, Packet, SealHeader, WirePacket};
pub use role::{RoleBinding, RolePattern};
pub use time::Now;
