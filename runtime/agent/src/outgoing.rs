//! What an agent wants to say.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use skep_packet::{
    Address, Class, Destination, HandlerName, Kind, Lane, PacketId, RoleName, RolePattern, Scope,
    Token, encode_content,
};

/// Which of a role's endpoints are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// One of them; the same one for the same token.
    #[default]
    One,
    /// Each of them.
    All,
}

/// What an agent wants to say: a packet without the parts its node fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Whom it is for.
    pub to: Destination,
    /// Which endpoints of a role.
    pub choice: Choice,
    /// How far to look for endpoints.
    pub scope: Scope,
    /// What it is.
    pub kind: Kind,
    /// What the sender is promised.
    pub class: Class,
    /// The stream it travels on.
    pub lane: Lane,
    /// The packet's id where a repeat must have the same one; else the node makes one.
    pub id: Option<PacketId>,
    /// Ties the answer to this packet, and keeps a conversation on one endpoint.
    pub token: Option<Token>,
    /// Where callbacks go.
    pub reply_to: Option<Address>,
    /// How long it is worth delivering.
    pub ttl: Duration,
    /// An operator's signature over the request, passed on unchanged.
    pub proof: Option<Bytes>,
    /// What only the handler decodes.
    pub content: Bytes,
}

/// How long a command is worth delivering unless its sender says otherwise.
const COMMAND_TTL: Duration = Duration::from_secs(30);

/// How long a durable packet is kept unless its sender says otherwise.
const DURABLE_TTL: Duration = Duration::from_hours(7 * 24);

impl Outgoing {
    /// A command for one endpoint of a role.
    pub fn to_role<T: Serialize>(role: impl Into<RolePattern>, content: &T) -> Self {
        Self::new(Destination::Role(role.into()), encode_content(content))
    }

    /// A command for one agent's handler.
    pub fn to_agent<T: Serialize>(address: Address, handler: HandlerName, content: &T) -> Self {
        Self::new(
            Destination::Agent(address, handler),
            encode_content(content),
        )
    }

    /// A command with content that is encoded already.
    #[must_use]
    pub fn new(to: Destination, content: Bytes) -> Self {
        Self {
            to,
            choice: Choice::One,
            scope: Scope::Swarm,
            kind: Kind::Command,
            class: Class::Accepted,
            lane: Lane::Command,
            id: None,
            token: None,
            reply_to: None,
            ttl: COMMAND_TTL,
            proof: None,
            content,
        }
    }

    /// The same, as another kind of packet.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The same, kept until its effect is committed, for up to seven days.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.class = Class::Durable;
        self.ttl = DURABLE_TTL;
        self
    }

    /// The same, not worth a retry.
    #[must_use]
    pub fn best_effort(mut self) -> Self {
        self.class = Class::BestEffort;
        self
    }

    /// The same, to each endpoint of the role.
    #[must_use]
    pub fn to_all(mut self) -> Self {
        self.choice = Choice::All;
        self
    }

    /// The same, only to endpoints of the sender's own node.
    #[must_use]
    pub fn on_this_node(mut self) -> Self {
        self.scope = Scope::Node;
        self
    }

    /// The same, with an id that a repeat would have too.
    #[must_use]
    pub fn id(mut self, id: PacketId) -> Self {
        self.id = Some(id);
        self
    }

    /// The same, tied to a token.
    #[must_use]
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// The same, with a place for callbacks.
    #[must_use]
    pub fn reply_to(mut self, address: Address) -> Self {
        self.reply_to = Some(address);
        self
    }

    /// The same, worth delivering for `ttl`.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// The same, with an operator's signature over the request.
    #[must_use]
    pub fn proof(mut self, proof: Option<Bytes>) -> Self {
        self.proof = proof;
        self
    }

    /// The role or pattern asked for, as text, for errors and metrics.
    #[must_use]
    pub fn wanted(&self) -> String {
        match &self.to {
            Destination::Role(pattern) => pattern.to_string(),
            Destination::Agent(address, _) => address.to_string(),
        }
    }
}

/// A role by its name, for the constants of a conversation.
///
/// # Panics
/// Where the text is no role name; meant for names written in code.
#[must_use]
pub fn role(text: &'static str) -> RolePattern {
    RolePattern::from(RoleName::new(text).expect("a role written in code is a role"))
}
