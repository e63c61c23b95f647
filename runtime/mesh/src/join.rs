//! `skep-join/1`: one request, one answer, for a host that has no papers yet.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use quinn::{Connection, VarInt};
use skep_identity::{JOIN_REPLY_BYTES_MAX, JOIN_REQUEST_BYTES_MAX};
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout},
};

use crate::{CloseReason, MeshError, MeshEvent, link, mesh::Shared, tls, transport};

/// A request and its answer have so long, on both sides.
const JOIN_DEADLINE: Duration = Duration::from_secs(15);

/// A connected host has so long to send its request.
const REQUEST_DEADLINE: Duration = Duration::from_secs(3);

/// Most requests at a time; one more is told `busy`.
const JOINS_MAX: usize = 4;

/// Requests that may come at once after a quiet time.
const JOIN_BURST: f64 = 16.0;

/// Requests a second that may come for long.
const JOINS_PER_S: f64 = 1.0;

/// Why a host got no answer to its request to join.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinFailure {
    /// No socket could be made.
    #[error("cannot open a socket")]
    Socket(#[source] MeshError),
    /// The address is of no use.
    #[error("cannot dial {address}")]
    Address {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: quinn::ConnectError,
    },
    /// Nobody is there, or whoever is there hung up.
    #[error("no connection to {address}")]
    Connection {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: quinn::ConnectionError,
    },
    /// The swarm has too many requests now; try again in a minute.
    #[error("{address} is busy with other requests")]
    Busy {
        /// Where.
        address: SocketAddr,
    },
    /// The connection broke before the answer, or the answer is too long.
    #[error("{address} gave no whole answer")]
    Broken {
        /// Where.
        address: SocketAddr,
    },
    /// It took too long.
    #[error("{address} did not answer within {} s", JOIN_DEADLINE.as_secs())]
    Deadline {
        /// Where.
        address: SocketAddr,
    },
}

/// Sends an encoded [`JoinRequest`](skep_identity::JoinRequest) and yields the encoded answer.
///
/// Nothing about the answer is checked here: the server's certificate is not known yet, and the
/// caller believes the answer only if the authority that its token names has signed it
/// ([`Admission::open`](skep_identity::Admission::open)).
///
/// # Errors
/// [`JoinFailure`]; nothing has changed here, and the same request may be sent again.
pub async fn join(address: SocketAddr, request: Bytes) -> Result<Bytes, JoinFailure> {
    match timeout(JOIN_DEADLINE, ask(address, request)).await {
        Ok(result) => result,
        Err(_) => Err(JoinFailure::Deadline { address }),
    }
}

async fn ask(address: SocketAddr, request: Bytes) -> Result<Bytes, JoinFailure> {
    let local = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let endpoint = transport::endpoint(local, None).map_err(JoinFailure::Socket)?;
    let config = transport::client(tls::anonymous(tls::ALPN_JOIN).map_err(JoinFailure::Socket)?);
    let connecting = endpoint
        .connect_with(config, address, "join.skep")
        .map_err(|source| JoinFailure::Address { address, source })?;
    let lost = |source| match source {
        quinn::ConnectionError::ApplicationClosed(close)
            if close.error_code == CloseReason::Busy.code() =>
        {
            JoinFailure::Busy { address }
        }
        source => JoinFailure::Connection { address, source },
    };
    let connection = connecting.await.map_err(lost)?;
    let (mut tx, mut rx) = connection.open_bi().await.map_err(lost)?;
    let broken = || match connection.close_reason() {
        Some(source) => lost(source),
        None => JoinFailure::Broken { address },
    };
    tx.write_chunk(request).await.map_err(|_| broken())?;
    tx.finish().map_err(|_| broken())?;
    let answer = rx.read_to_end(JOIN_REPLY_BYTES_MAX).await;
    let answer = answer.map_err(|_| broken())?;
    connection.close(VarInt::from_u32(0), b"");
    endpoint.wait_idle().await;
    Ok(Bytes::from(answer))
}

/// How many requests may come.
pub(crate) struct JoinGate {
    at_once: Semaphore,
    tokens: Mutex<(f64, Instant)>,
}

impl JoinGate {
    pub(crate) fn new() -> Self {
        Self {
            at_once: Semaphore::new(JOINS_MAX),
            tokens: Mutex::new((JOIN_BURST, Instant::now())),
        }
    }

    fn take(&self, now: Instant) -> bool {
        let mut tokens = self
            .tokens
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let earned = now.duration_since(tokens.1).as_secs_f64() * JOINS_PER_S;
        *tokens = ((tokens.0 + earned).min(JOIN_BURST), now);
        let may = tokens.0 >= 1.0;
        if may {
            tokens.0 -= 1.0;
        }
        may
    }
}

/// Hands the request to the node and its answer back, or closes the connection.
pub(crate) async fn serve(shared: &Arc<Shared>, connection: Connection) {
    let permit = shared.joins.at_once.try_acquire();
    if permit.is_err() || !shared.joins.take(Instant::now()) {
        link::close(&connection, CloseReason::Busy);
        return;
    }
    let answered = shared
        .cancel
        .run_until_cancelled(answer(shared, &connection));
    match timeout(JOIN_DEADLINE, answered).await {
        Ok(Some(Some(()))) => link::close(&connection, CloseReason::Shutdown),
        _ => link::close(&connection, CloseReason::Protocol),
    }
}

async fn answer(shared: &Shared, connection: &Connection) -> Option<()> {
    let request = async {
        let (tx, mut rx) = connection.accept_bi().await.ok()?;
        Some((tx, rx.read_to_end(JOIN_REQUEST_BYTES_MAX).await.ok()?))
    };
    let (mut tx, request) = timeout(REQUEST_DEADLINE, request).await.ok()??;
    let (reply, answer) = oneshot::channel();
    let asked = MeshEvent::Join {
        remote: connection.remote_address(),
        request: Bytes::from(request),
        reply,
    };
    shared.events.tell(asked).await;
    let answer = answer.await.ok()?;
    tx.write_chunk(answer).await.ok()?;
    tx.finish().ok()?;
    // The host closes once it has all of it.
    connection.closed().await;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_come_in_a_burst_and_then_one_by_one() {
        let gate = JoinGate::new();
        let start = Instant::now();
        let n_taken = (0..100).filter(|_| gate.take(start)).count();
        assert_eq!(n_taken, 16);
        let later = start + Duration::from_secs(3);
        assert_eq!((0..100).filter(|_| gate.take(later)).count(), 3);
    }
}
