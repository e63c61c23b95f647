//! What reaches a handler.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skep_packet::{
    Address, Destination, HandlerName, Inscription, Kind, NodeId, OutboxMark, Packet, PacketId,
    RoleName, SessionKey, Token, encode_content,
};

use crate::{NodePort, Outgoing, Principal, SendError};

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
    /// The key of the person's session, where a person asked: what is answered is for it alone.
    pub session_key: Option<SessionKey>,
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
    /// The handler it names.
    pub handler: HandlerName,
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
    /// The key of the person's session, where a person asked: what is answered is for it alone.
    pub session_key: Option<SessionKey>,
    /// Whether it answers an ask that had ended already.
    pub late: bool,
    /// Whether it is kept by its sender until the handler's transaction has committed.
    pub durable: bool,
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
            handler: packet.handler.clone(),
            from: packet.from.clone(),
            principal: delivery.principal.clone(),
            role: packet.role.clone(),
            token: packet.token.clone(),
            reply_to: packet.reply_to.clone(),
            proof: packet.proof.clone(),
            session_key: delivery.session_key.clone(),
            late: delivery.late,
            durable: delivery.durable.is_some(),
            bytes: packet.content.clone(),
            content: (),
        }
    }
}

/// The handler name of an answer.
pub const HANDLER_REPLY: &str = "reply";

/// The handler name of an answer that says why there is none.
pub const HANDLER_REPLY_ERROR: &str = "reply_error";

/// A plain reply to a person, as the door that carries it sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedReply {
    /// The envelope, base64. On it stand the token, the origin, the number 0, and no session; in
    /// it is a [`PlainReply`] as JSON.
    pub sealed: String,
}

/// What is in the envelope of a plain reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlainReply {
    /// The answer, a JSON document as text.
    Said(String),
    /// Why there is none.
    Failed(String),
}

impl<T> Request<T> {
    /// The answer to this request; `None` where it carries no token. What a person asked is
    /// answered for that person's session alone.
    pub(crate) fn answer(
        &self,
        port: &dyn NodePort,
        origin: &Address,
        handler: &str,
        content: Bytes,
    ) -> Result<Option<Outgoing>, SendError> {
        let Some(token) = self.token.clone() else {
            return Ok(None);
        };
        let (handler, content) = match &self.session_key {
            None => (handler, content),
            Some(key) => {
                let about = Inscription {
                    session: None,
                    token: token.clone(),
                    origin: origin.clone(),
                    seq: 0,
                };
                (HANDLER_REPLY, sealed(port, key, &about, handler, &content)?)
            }
        };
        let Ok(handler) = HandlerName::new(handler) else {
            return Ok(None);
        };
        let to = Destination::Agent(self.from.clone(), handler);
        let answer = Outgoing::new(to, content).kind(Kind::Reply).token(token);
        Ok(Some(answer))
    }

    /// The same request with other content.
    pub fn with<U>(self, content: U) -> Request<U> {
        Request {
            id: self.id,
            handler: self.handler,
            from: self.from,
            principal: self.principal,
            role: self.role,
            token: self.token,
            reply_to: self.reply_to,
            proof: self.proof,
            session_key: self.session_key,
            late: self.late,
            durable: self.durable,
            bytes: self.bytes,
            content,
        }
    }
}

fn sealed(
    port: &dyn NodePort,
    key: &SessionKey,
    about: &Inscription,
    handler: &str,
    content: &[u8],
) -> Result<Bytes, SendError> {
    let text = String::from_utf8_lossy(content).into_owned();
    let reply = match handler {
        HANDLER_REPLY_ERROR => {
            let error = skep_packet::decode_content(content);
            PlainReply::Failed(error.unwrap_or(text))
        }
        _ => PlainReply::Said(text),
    };
    let envelope = port.enclose(key, about, &encode_content(&reply))?;
    Ok(encode_content(&SealedReply { sealed: envelope }))
}
