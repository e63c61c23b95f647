//! Taking connections in: a bounded number at a time, each under a deadline.

use std::{sync::Arc, time::Duration};

use quinn::{Connection, ConnectionError, Incoming, crypto::rustls::HandshakeData};
use skep_packet::Refusal;
use tokio::time::timeout;

use crate::{
    CloseReason, MeshEvent,
    hello::{self, HelloError},
    join, link,
    mesh::Shared,
    tls::ALPN_JOIN,
};

/// Most connections that are between their first byte and their hello; at the bound new ones are
/// refused. Above half of it a new one must first prove that it holds its address.
pub(crate) const HANDSHAKES_MAX: usize = 64;

/// A new connection has so long to finish TLS.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);

/// Accepts until the endpoint is closed.
pub(crate) async fn run(shared: Arc<Shared>) {
    while let Some(incoming) = shared.endpoint.accept().await {
        let n_free = shared.handshakes.available_permits();
        let pressed = n_free <= HANDSHAKES_MAX / 2;
        if pressed && !incoming.remote_address_validated() && incoming.may_retry() {
            // It cannot fail: this incoming may retry.
            incoming.retry().ok();
            continue;
        }
        match Arc::clone(&shared.handshakes).try_acquire_owned() {
            Err(_) => incoming.refuse(),
            Ok(permit) => {
                let inner = Arc::clone(&shared);
                shared.tasks.spawn(async move {
                    let cancel = inner.cancel.clone();
                    let welcomed = welcome(&inner, incoming);
                    if let Some(Some(connection)) = cancel.run_until_cancelled(welcomed).await {
                        drop(permit);
                        join::serve(&inner, connection).await;
                    }
                });
            }
        }
    }
}

/// Finishes TLS and, between nodes, the papers; yields a connection that asks to join.
async fn welcome(shared: &Arc<Shared>, incoming: Incoming) -> Option<Connection> {
    let remote = incoming.remote_address();
    let connecting = incoming.accept().ok()?;
    let connection = match timeout(HANDSHAKE_DEADLINE, connecting).await {
        Err(_) => return None,
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => {
            if is_tls(&error) {
                let refused = MeshEvent::Refused {
                    remote,
                    node: None,
                    refusal: Refusal::UnknownSigner,
                };
                shared.events.tell(refused).await;
            }
            return None;
        }
    };
    if protocol(&connection).is_some_and(|alpn| alpn == ALPN_JOIN) {
        return Some(connection);
    }
    if connection.peer_identity().is_none() {
        let error = HelloError::Refused {
            node: None,
            refusal: Refusal::UnknownSigner,
        };
        shared.tell_refused(remote, &error).await;
        link::close(&connection, CloseReason::Refused);
        return None;
    }
    match hello::meet(shared, &connection, None).await {
        Ok(met) => {
            link::start(shared, connection, met, false).await;
        }
        Err(error) => {
            shared.tell_refused(remote, &error).await;
            link::close(&connection, CloseReason::Refused);
        }
    }
    None
}

/// Whether TLS itself said no, here or there.
fn is_tls(error: &ConnectionError) -> bool {
    matches!(
        error,
        ConnectionError::TransportError(_) | ConnectionError::ConnectionClosed(_)
    )
}

fn protocol(connection: &Connection) -> Option<Vec<u8>> {
    let any = connection.handshake_data()?;
    any.downcast::<HandshakeData>().ok()?.protocol
}
