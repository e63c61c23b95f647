//! One connection of HTTP/1.1, whatever it runs over.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::OwnedSemaphorePermit,
};
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::{Connection, Way};

/// Connections that one listener serves at a time; more wait to be accepted.
pub(super) const CONNECTIONS_MAX: usize = 256;

/// How long a client may take to send a request's head, and may be idle between two.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// Largest head of a request, in bytes; larger ones are refused with 431.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Serves a connection until it ends.
pub(super) async fn serve<I>(io: I, app: Router, way: Way, permit: OwnedSemaphorePermit)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let cut = CancellationToken::new();
    let connection = Connection {
        way,
        cut: cut.clone(),
        _permit: Arc::new(permit),
    };
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        app.clone().call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    match cut.run_until_cancelled(served).await {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::debug!(%error, "a connection ended early"),
        None => tracing::debug!("a connection that took nothing any more was ended"),
    }
}
