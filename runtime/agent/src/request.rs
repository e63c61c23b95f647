//! What reaches a handler.

use bytes::Bytes;
use skep_packet::{
    Address, Destination, HandlerName, Kind, NodeId, OutboxMark, Packet, PacketId, RoleName, Token,
};

use crate::{Outgoing, Principal};

/// Which outbox row a durable packet settles when its handler's transaction commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurableRef {
    /// The node whose outbox holds it; may be this node.
    pub sender: NodeId,
    /// Its place there.
    pub mark: OutboxMark,
}

/// A packet on its way into an agent's mailbox; its seal was verified, its caller identified.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The packet.
    pub packet: Packet,
    /// Who stands behind it.
    pub principal: Principal,
    /// Set where the packet is durable.
    pub durable: Option<DurableRef>,
    /// Whether it answers an ask that had ended already.
    pub late: bool,
}

/// What a handler is given: the decoded content and where it came from.
#[derive(Debug, Clone)]
pub struct Request<T> {
    /// The packet's id, the same over every retry.
    pub id: PacketId,
    /// The agent that sent it.
    pub from: Address,
    /// Who stands behind it.
    pub principal: Principal,
    /// The role that was asked for.
    pub role: Option<RoleName>,
    /// Ties an answer to it.
    pub token: Option<Token>,
    /// Where callbacks go.
    pub reply_to: Option<Address>,
    /// An operator's signature over the request.
    pub proof: Option<Bytes>,
    /// Whether it answers an ask that had ended already.
    pub late: bool,
    /// The content as it came, for whoever keeps what was signed.
    pub bytes: Bytes,
    /// What it says.
    pub content: T,
}

impl Request<()> {
    pub(crate) fn of(delivery: &Delivery) -> Self {
        let packet = &delivery.packet;
        Self {
            id: packet.id,
            from: packet.from.clone(),
            principal: delivery.principal.clone(),
            role: packet.role.clone(),
            token: packet.token.clone(),
            reply_to: packet.reply_to.clone(),
            proof: packet.proof.clone(),
            late: delivery.late,
            bytes: packet.content.clone(),
            content: (),
        }
    }
}

/// The handler name of an answer.
pub const HANDLER_REPLY: &str = "reply";

/// The handler name of an answer that says why there is none.
pub const HANDLER_REPLY_ERROR: &str = "reply_error";

impl<T> Request<T> {
    /// The answer to this request; `None` where it carries no token.
    pub(crate) fn answer(&self, handler: &str, content: Bytes) -> Option<Outgoing> {
        let token = self.token.clone()?;
        let handler = HandlerName::new(handler).ok()?;
        let to = Destination::Agent(self.from.clone(), handler);
        Some(Outgoing::new(to, content).kind(Kind::Reply).token(token))
    }

    /// The same request with other content.
    pub fn with<U>(self, content: U) -> Request<U> {
        Request {
            id: self.id,
            from: self.from,
            principal: self.principal,
            role: self.role,
            token: self.token,
            reply_to: self.reply_to,
            proof: self.proof,
            late: self.late,
            bytes: self.bytes,
            content,
        }
    }
}
