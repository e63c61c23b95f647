//! QUIC between nodes: the only listening swarm sockets.
//!
//! One connection per pair of nodes, mutual TLS 1.3 under the swarm's own CA, and three long-lived
//! streams per direction, one for each [`Lane`](skep_packet::Lane), that carry length-prefixed
//! frames. The mesh moves frames and says who is at the other end; what they mean, others decide.
//! A second protocol on the same port, `skep-join/1`, lets a host without papers ask for them.
//!
//! ```text
//!  connect ─► dialler (backoff) ─┐            ┌─ writer ◄─ lane queue ◄─ send
//!                                ├─ Hello ─ link
//!  socket ──► accept ────────────┘            └─ reader ─► events ─────► node
//! ```

#![warn(missing_docs)]

mod accept;
mod budget;
mod config;
mod dial;
mod error;
mod event;
mod hello;
mod join;
mod lane;
mod link;
mod mesh;
mod reader;
mod table;
mod tls;
mod transport;

pub use budget::{BULK_IN_FLIGHT_MAX, BULK_STALL_MAX};
pub use config::{Gate, MeshConfig};
pub use dial::{ADDRESSES_MAX, WANTED_MAX};
pub use error::{MeshError, SendError};
pub use event::{CloseReason, DownReason, MeshEvent, MeshEvents};
pub use join::{JoinFailure, join};
pub use lane::lane_bytes_max;
pub use mesh::Mesh;
