//! What can go wrong when the mesh starts, and when a frame is sent.

use std::{io, net::SocketAddr};

use skep_identity::IdentityError;
use skep_packet::Lane;

/// Why the mesh could not start or take new papers. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeshError {
    /// The address is taken, not this host's, or needs privileges.
    #[error("cannot listen on {address}/udp")]
    Bind {
        /// What was to be listened on.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The node's key cannot be handed to TLS.
    #[error("cannot use the node's key")]
    Key(#[source] IdentityError),
    /// The node's certificate, key or root do not fit together.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// As many nodes are dialled already as may be.
    #[error("{max} nodes are dialled already")]
    TooManyPeers {
        /// The bound.
        max: usize,
    },
}

/// Why a frame was not taken; it was not sent, and nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no connection to that node.
    #[error("not connected")]
    NotConnected,
    /// The lane's queue is at its bound: the peer or the network is slower than we are.
    #[error("the {} lane is full", lane.name())]
    Full {
        /// Which lane.
        lane: Lane,
    },
    /// The frame is larger than any frame may be.
    #[error("a frame of {got} bytes, at most {max} are allowed")]
    Oversized {
        /// Its size.
        got: usize,
        /// The bound.
        max: usize,
    },
}
