//! What the mesh tells the node.

use std::net::SocketAddr;

use bytes::Bytes;
use quinn::{ConnectionError, VarInt};
use skep_identity::Passport;
use skep_packet::{BootId, Frame, Hello, Lane, NodeId, Refusal};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Most events that wait for the node, for each lane; at the bound the readers of that lane wait,
/// each in its turn, and with them their senders. The control lane carries everything that is not
/// a frame, too.
const EVENTS_MAX: [usize; 3] = [256, 128, 32];

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum MeshEvent {
    /// A connection stands and its papers are good. Comes before its first frame.
    Up {
        /// Who.
        peer: NodeId,
        /// What the peer says about itself.
        hello: Box<Hello>,
        /// What the authority says about it.
        passport: Box<Passport>,
        /// From where.
        remote: SocketAddr,
    },
    /// A connection ended. A frame that was read before may still come.
    Down {
        /// Who.
        peer: NodeId,
        /// Which start of it.
        boot: BootId,
        /// Why.
        reason: DownReason,
    },
    /// A frame arrived.
    Frame {
        /// From whom.
        peer: NodeId,
        /// On which lane.
        lane: Lane,
        /// What it says.
        frame: Frame,
    },
    /// Bytes arrived that are no frame.
    BadFrame {
        /// From whom.
        peer: NodeId,
        /// On which lane.
        lane: Lane,
        /// What is wrong with them.
        refusal: Refusal,
    },
    /// Somebody was not let in.
    ///
    /// `unknown_signer` also where TLS found no certificate of this swarm, `wrong_signer` where
    /// the certificate's key is not the passport's.
    Refused {
        /// From where.
        remote: SocketAddr,
        /// Who it says it is, where it came to that.
        node: Option<NodeId>,
        /// Why.
        refusal: Refusal,
    },
    /// A node could not be reached; it is tried again after a growing pause.
    DialFailed {
        /// Whom.
        peer: NodeId,
        /// How often in a row.
        attempts: u32,
        /// Whether its certificate is from no authority that is trusted here.
        is_stranger: bool,
        /// What went wrong last, for people.
        error: String,
    },
    /// A host asks to join; dropping `reply` closes its connection.
    Join {
        /// From where.
        remote: SocketAddr,
        /// The encoded request, at most
        /// [`JOIN_REQUEST_BYTES_MAX`](skep_identity::JOIN_REQUEST_BYTES_MAX) bytes.
        request: Bytes,
        /// Where the encoded answer goes.
        reply: oneshot::Sender<Bytes>,
    },
}

/// Why this side closes a connection; the other side sees it as [`DownReason::ByPeer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// This node stops.
    Shutdown,
    /// Another connection between the two nodes is kept.
    Duplicate,
    /// The papers are not good, or not there.
    Refused,
    /// The peer's key was revoked.
    Revoked,
    /// A frame was announced that is larger than any may be.
    Oversized,
    /// The peer does not keep to the protocol.
    Protocol,
    /// Too many requests to join.
    Busy,
    /// A code of a later version.
    Other(u32),
}

impl CloseReason {
    pub(crate) fn code(self) -> VarInt {
        VarInt::from_u32(match self {
            Self::Shutdown => 0,
            Self::Duplicate => 1,
            Self::Refused => 2,
            Self::Revoked => 3,
            Self::Oversized => 4,
            Self::Protocol => 5,
            Self::Busy => 6,
            Self::Other(code) => code,
        })
    }

    pub(crate) fn from_code(code: VarInt) -> Self {
        match u32::try_from(code.into_inner()).unwrap_or(u32::MAX) {
            0 => Self::Shutdown,
            1 => Self::Duplicate,
            2 => Self::Refused,
            3 => Self::Revoked,
            4 => Self::Oversized,
            5 => Self::Protocol,
            6 => Self::Busy,
            code => Self::Other(code),
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownReason {
    /// This side closed it.
    Here(CloseReason),
    /// The other side closed it.
    ByPeer(CloseReason),
    /// Nothing was heard from the peer for five seconds.
    TimedOut,
    /// Another connection to the same node took its place; its `Up` follows.
    Replaced,
    /// The peer's process is another one, or the network broke it.
    Lost(String),
}

impl DownReason {
    pub(crate) fn of(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => {
                Self::ByPeer(CloseReason::from_code(close.error_code))
            }
            ConnectionError::TimedOut => Self::TimedOut,
            ConnectionError::LocallyClosed => Self::Here(CloseReason::Shutdown),
            other => Self::Lost(other.to_string()),
        }
    }
}

/// Where the node takes its events from, the urgent lanes first.
#[derive(Debug)]
pub struct MeshEvents {
    lanes: [mpsc::Receiver<MeshEvent>; 3],
    cancel: CancellationToken,
}

impl MeshEvents {
    /// The next event; none once the mesh has shut down and all events are taken.
    ///
    /// Control comes first; command and bulk take turns.
    ///
    /// Cancel: nothing is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<MeshEvent> {
        let [control, command, bulk] = &mut self.lanes;
        let others = async {
            tokio::select! {
                event = command.recv() => event,
                event = bulk.recv() => event,
            }
        };
        let event = tokio::select! {
            biased;
            event = control.recv() => event,
            event = others => event,
            () = self.cancel.cancelled() => None,
        };
        event.or_else(|| self.try_recv())
    }

    /// The next event if one waits already.
    pub fn try_recv(&mut self) -> Option<MeshEvent> {
        self.lanes.iter_mut().find_map(|lane| lane.try_recv().ok())
    }
}

/// The other end, held by every task of the mesh.
#[derive(Debug, Clone)]
pub(crate) struct EventSender {
    lanes: [mpsc::Sender<MeshEvent>; 3],
    cancel: CancellationToken,
}

impl EventSender {
    /// Waits for room; a node that stops or no longer listens gets nothing.
    pub(crate) async fn tell(&self, event: MeshEvent) {
        self.put(Lane::Control, event).await;
    }

    /// As [`EventSender::tell`], in the queue of `lane`. False when nobody listens any more.
    pub(crate) async fn put(&self, lane: Lane, event: MeshEvent) -> bool {
        let send = self.lanes[lane.index()].send(event);
        let sent = self.cancel.run_until_cancelled(send).await;
        sent.is_some_and(|sent| sent.is_ok())
    }
}

pub(crate) fn channel(cancel: CancellationToken) -> (EventSender, MeshEvents) {
    let [control, command, bulk] = EVENTS_MAX.map(mpsc::channel);
    (
        EventSender {
            lanes: [control.0, command.0, bulk.0],
            cancel: cancel.clone(),
        },
        MeshEvents {
            lanes: [control.1, command.1, bulk.1],
            cancel,
        },
    )
}
