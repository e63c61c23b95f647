//! People's port: TCP with TLS, open as soon as the node's keys are made.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{
    App, Way, router,
    serve::{CONNECTIONS_MAX, serve},
    tls,
};
use crate::{Event, event::Happened};

/// Time between two looks for the node's keys.
const KEYS_INTERVAL: Duration = Duration::from_millis(100);

/// Time between two looks for a renewed certificate.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(60);

/// Time before a listener that failed is tried again.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// How long a client may take for the TLS handshake.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);

/// Ports tried after a default one that is taken; then the system chooses.
const PORTS_TRIED: u16 = 20;

/// Serves people's port until the agent stops.
pub(super) async fn run(app: App, listen: Option<SocketAddr>) {
    let mut keys = interval(KEYS_INTERVAL);
    while app.door.tls().is_none() {
        keys.tick().await;
    }
    let listener = loop {
        let (address, may_move) = match listen {
            Some(address) => (address, false),
            None => app.door.people(),
        };
        match bind(address, may_move).await {
            Ok(listener) => break listener,
            Err(error) => {
                let why = format!("cannot listen on {address}: {error}");
                tracing::error!(%address, %error, "people's port cannot be opened");
                app.ctx.post(Event(Happened::People(why))).await;
                sleep(RETRY_INTERVAL).await;
            }
        }
    };
    if let Ok(address) = listener.local_addr() {
        app.door.listening(&app.ctx.address().agent, address);
        app.ctx
            .post(Event(Happened::People(address.to_string())))
            .await;
    }
    accept(listener, app).await;
}

async fn bind(address: SocketAddr, may_move: bool) -> io::Result<TcpListener> {
    let first = TcpListener::bind(address).await;
    match &first {
        Err(error) if may_move && error.kind() == io::ErrorKind::AddrInUse => {}
        _ => return first,
    }
    for offset in 1..=PORTS_TRIED {
        let port = address.port().checked_add(offset).unwrap_or_default();
        if let Ok(listener) = TcpListener::bind(SocketAddr::new(address.ip(), port)).await {
            return Ok(listener);
        }
    }
    TcpListener::bind(SocketAddr::new(address.ip(), 0)).await
}

async fn accept(listener: TcpListener, app: App) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let router = router(app.clone());
    let mut certificate = Certificate::default();
    let mut renewal = interval(RENEWAL_INTERVAL);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next = permits.clone().acquire_owned().await.ok();
    loop {
        let accepted = tokio::select! {
            _ = renewal.tick() => {
                certificate.refresh(&app);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match (accepted, &certificate.acceptor, next.take()) {
            (Ok((stream, _)), Some(acceptor), Some(permit)) => {
                app.ctx.spawn(shake_hands(
                    stream,
                    acceptor.clone(),
                    router.clone(),
                    permit,
                ));
            }
            (Err(error), ..) => {
                tracing::warn!(%error, "people's port accepts nothing now");
                sleep(RETRY_INTERVAL).await;
            }
            _ => {}
        }
        if next.is_none() {
            next = permits.clone().acquire_owned().await.ok();
        }
    }
}

/// The certificate that is shown now.
#[derive(Default)]
struct Certificate {
    chain: Vec<Vec<u8>>,
    acceptor: Option<TlsAcceptor>,
}

impl Certificate {
    fn refresh(&mut self, app: &App) {
        let Some(identity) = app
            .door
            .tls()
            .filter(|identity| identity.chain != self.chain)
        else {
            return;
        };
        let chain = identity.chain.clone();
        match tls::acceptor(identity) {
            Ok(acceptor) => {
                self.chain = chain;
                self.acceptor = Some(acceptor);
            }
            Err(error) => tracing::error!(%error, "the node's certificate cannot be shown"),
        }
    }
}

async fn shake_hands(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    router: axum::Router,
    permit: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection without nodelay");
    }
    let stream = match timeout(HANDSHAKE_TIME_MAX, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "a handshake failed"),
        Err(_) => return tracing::debug!("a handshake took too long"),
    };
    match tls::binding(&stream) {
        Ok(binding) => serve(stream, router, Way::People { binding }, permit).await,
        Err(error) => tracing::warn!(%error, "a connection that logins cannot be bound to"),
    }
}
