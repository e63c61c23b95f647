//! Dialling: a wanted node is tried until there is a link to it.

use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};

use rand::Rng as _;
use skep_identity::server_name;
use skep_packet::NodeId;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    CloseReason, MeshEvent,
    hello::{self, HelloError},
    link,
    mesh::Shared,
};

/// Most nodes that are dialled; [`Mesh::connect`](crate::Mesh::connect) refuses at the bound.
pub const WANTED_MAX: usize = 4096;

/// Most addresses of a node that are tried; the rest is ignored.
pub const ADDRESSES_MAX: usize = 8;

/// One address has so long to answer.
const DIAL_DEADLINE: Duration = Duration::from_secs(4);

/// First pause after a failure; each further one doubles it.
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A link that lasted so long was good: the pauses begin anew.
const STABLE_MIN: Duration = Duration::from_secs(10);

/// TLS's alerts for a certificate of an authority that is not trusted (RFC 8446 §6): unknown CA, and
/// decrypt error, for all authorities of a swarm have one name and only their keys differ.
const STRANGERS: [u8; 2] = [48, 51];

/// Why an address led nowhere.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("the address cannot be dialled")]
    Address(#[from] quinn::ConnectError),
    #[error("no connection")]
    Connection(#[from] quinn::ConnectionError),
    #[error("nothing answers")]
    Silent,
    #[error("not the node that was expected")]
    Hello(#[from] HelloError),
    #[error("no address is known")]
    Nowhere,
}

/// Keeps a link to `peer` until cancelled.
pub(crate) async fn keep(
    shared: Arc<Shared>,
    peer: NodeId,
    cancel: CancellationToken,
    changed: Arc<Notify>,
) {
    let work = async {
        let mut attempts = 0;
        loop {
            let since = Instant::now();
            attempts += 1;
            if !shared.is_connected(&peer)
                && let Err(error) = reach(&shared, &peer).await
            {
                tell(&shared, &peer, attempts, &error).await;
            }
            while shared.is_connected(&peer) {
                changed.notified().await;
            }
            if since.elapsed() >= DIAL_DEADLINE + STABLE_MIN {
                attempts = 0;
            }
            wait(&shared, &peer, pause(attempts), &changed).await;
        }
    };
    cancel.run_until_cancelled(work).await;
}

/// Waits out a pause, unless the peer dials us meanwhile.
async fn wait(shared: &Shared, peer: &NodeId, pause: Duration, changed: &Notify) {
    let end = Instant::now() + pause;
    while !shared.is_connected(peer) {
        tokio::select! {
            () = sleep_until(end) => return,
            () = changed.notified() => {}
        }
    }
}

async fn tell(shared: &Shared, peer: &NodeId, attempts: u32, error: &DialError) {
    let failed = MeshEvent::DialFailed {
        peer: peer.clone(),
        attempts,
        is_stranger: is_stranger(error),
        error: chain(error),
    };
    shared.events.tell(failed).await;
}

/// Whether TLS found that no authority of ours signed the other side's certificate.
fn is_stranger(error: &DialError) -> bool {
    let DialError::Connection(quinn::ConnectionError::TransportError(error)) = error else {
        return false;
    };
    let is_it = |alert| error.code == quinn::TransportErrorCode::crypto(alert);
    STRANGERS.into_iter().any(is_it)
}

/// The message of an error and of all that caused it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Doubles with each attempt, up to a bound, half of it to one and a half by chance.
fn pause(attempts: u32) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1 << attempts.saturating_sub(1).min(16));
    let by_chance = rand::rng().random_range(0.5..1.5);
    doubled.min(PAUSE_MAX).mul_f64(by_chance)
}

/// Tries each address in turn; done when there is a link, whoever dialled it.
async fn reach(shared: &Arc<Shared>, peer: &NodeId) -> Result<(), DialError> {
    let mut last = DialError::Nowhere;
    for address in shared.addresses(peer) {
        match dial(shared, peer, address).await {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn dial(shared: &Arc<Shared>, peer: &NodeId, address: SocketAddr) -> Result<(), DialError> {
    let config = shared.client();
    let name = server_name(peer);
    let connecting = shared.endpoint.connect_with(config, address, &name)?;
    let connection = timeout(DIAL_DEADLINE, connecting).await;
    let connection = connection.map_err(|_| DialError::Silent)??;
    match hello::meet(shared, &connection, Some(peer)).await {
        Ok(met) => {
            link::start(shared, connection, met, true).await;
            Ok(())
        }
        Err(error) => {
            shared
                .tell_refused(connection.remote_address(), &error)
                .await;
            link::close(&connection, CloseReason::Refused);
            Err(error.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_differ() {
        for attempts in 0..40 {
            let pause = pause(attempts);
            assert!(
                pause >= PAUSE_MIN / 2 && pause <= PAUSE_MAX * 3 / 2,
                "{pause:?}"
            );
        }
        assert!(pause(30) >= PAUSE_MAX / 2);
        let all: std::collections::HashSet<_> = (0..20).map(|_| pause(5)).collect();
        assert!(all.len() > 1);
    }
}
