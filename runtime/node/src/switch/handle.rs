//! The way to the switch, for ports, keepers and the mesh's driver.

use std::time::Duration;

use skep_agent::{
    CommitTicket, Delivery, DurableRef, HandlerInfo, OpenAsk, Outgoing, SendError, SendResult,
    StoreError, TxBuffer,
};
use skep_packet::{AgentCard, AgentHealth, AgentName};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::seat::SeatInput;

/// Inputs that may wait for the switch; at the bound whoever has one waits.
pub(crate) const SWITCH_QUEUE_MAX: usize = 8192;

/// What the switch is told.
pub(crate) enum Input {
    Send(Send),
    Ask(Ask),
    Commit(CommitRequest),
    DurableFailed {
        agent: AgentName,
        durable: DurableRef,
        error: String,
    },
    MailboxUp(MailboxUp),
    MailboxDown(AgentName),
    Health(AgentName, AgentHealth),
    /// The node runs these agents from now on.
    Agents(Vec<AgentCard>),
    Seat(SeatInput),
}

/// An agent wants to send.
pub(crate) struct Send {
    pub(crate) from: AgentName,
    pub(crate) outgoing: Vec<Outgoing>,
    pub(crate) done: oneshot::Sender<Vec<SendResult>>,
}

/// An agent wants to ask.
pub(crate) struct Ask {
    pub(crate) from: AgentName,
    pub(crate) outgoing: Outgoing,
    pub(crate) within: Duration,
    pub(crate) done: oneshot::Sender<Result<OpenAsk, SendError>>,
}

/// An agent wants a transaction committed.
pub(crate) struct CommitRequest {
    pub(crate) agent: AgentName,
    pub(crate) buffer: TxBuffer,
    /// Held until the commit is on disk; bounds how many may wait.
    pub(crate) permit: OwnedSemaphorePermit,
    pub(crate) queued: oneshot::Sender<Result<CommitTicket, StoreError>>,
}

/// An agent's task is about to run.
pub(crate) struct MailboxUp {
    pub(crate) agent: AgentName,
    pub(crate) incarnation: u32,
    pub(crate) mailbox: mpsc::Sender<Delivery>,
    pub(crate) handlers: Vec<HandlerInfo>,
}

/// The way to the switch.
#[derive(Clone)]
pub(crate) struct Handle {
    inputs: mpsc::Sender<Input>,
}

impl Handle {
    pub(crate) fn new(inputs: mpsc::Sender<Input>) -> Self {
        Self { inputs }
    }

    /// Waits for room; false when the switch has ended.
    pub(crate) async fn tell(&self, input: Input) -> bool {
        self.inputs.send(input).await.is_ok()
    }

    /// The same, from a thread.
    pub(crate) fn tell_blocking(&self, input: Input) -> bool {
        self.inputs.blocking_send(input).is_ok()
    }

    /// The same, without waiting.
    pub(crate) fn try_tell(&self, input: Input) -> bool {
        self.inputs.try_send(input).is_ok()
    }

    pub(crate) async fn mailbox_up(&self, up: MailboxUp) {
        self.tell(Input::MailboxUp(up)).await;
    }

    pub(crate) async fn mailbox_down(&self, agent: AgentName) {
        self.tell(Input::MailboxDown(agent)).await;
    }

    pub(crate) async fn health(&self, agent: AgentName, health: AgentHealth) {
        self.tell(Input::Health(agent, health)).await;
    }

    pub(crate) async fn agents(&self, cards: Vec<AgentCard>) {
        self.tell(Input::Agents(cards)).await;
    }
}
