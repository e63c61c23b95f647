//! The socket, and quinn's settings.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use quinn::{
    Endpoint, EndpointConfig, IdleTimeout, ServerConfig, TokioRuntime, TransportConfig, VarInt,
    udp::UdpSocketState,
};

use crate::MeshError;

/// What the socket buffers are asked to hold, in bytes; the kernel gives what `rmem_max` and
/// `wmem_max` allow. Larger ones only move the queue to where no priority reaches it.
const SOCKET_BYTES: usize = 2 * 1024 * 1024;

/// Streams that a peer may open: one for each lane.
const STREAMS_MAX: u32 = 3;

/// Most bytes of one stream that wait unread.
const STREAM_WINDOW: u32 = 1024 * 1024;

/// Most bytes of one connection that wait unread, and most that were sent and not acknowledged by
/// QUIC; well above the bulk lane's own bound, so that bulk never closes it for the others.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// A silent connection says so often that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// A connection ends when nothing was heard for so long.
const IDLE_MS: u32 = 5_000;

/// Connections that wait to be accepted; at the bound new ones are refused.
const INCOMING_MAX: usize = 256;

/// Binds the socket and starts quinn on it.
pub(crate) fn endpoint(
    address: SocketAddr,
    server: Option<ServerConfig>,
) -> Result<Endpoint, MeshError> {
    let fail = |source| MeshError::Bind { address, source };
    let socket = UdpSocket::bind(address).map_err(fail)?;
    enlarge(&socket).map_err(fail)?;
    let runtime = Arc::new(TokioRuntime);
    Endpoint::new(EndpointConfig::default(), server, socket, runtime).map_err(fail)
}

fn enlarge(socket: &UdpSocket) -> io::Result<()> {
    let state = UdpSocketState::new(socket.into())?;
    state.set_recv_buffer_size(socket.into(), SOCKET_BYTES)?;
    state.set_send_buffer_size(socket.into(), SOCKET_BYTES)
}

pub(crate) fn server(crypto: quinn::crypto::rustls::QuicServerConfig) -> ServerConfig {
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(settings());
    config.max_incoming(INCOMING_MAX);
    config
}

pub(crate) fn client(crypto: quinn::crypto::rustls::QuicClientConfig) -> quinn::ClientConfig {
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(settings());
    config
}

/// `send_fairness` stays on: off, a bulk stream once begun would hold up every other one.
fn settings() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_MAX))
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(u64::from(CONNECTION_WINDOW))
        .datagram_receive_buffer_size(None)
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_MS))));
    Arc::new(config)
}
