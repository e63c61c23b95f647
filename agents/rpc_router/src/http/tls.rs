//! TLS of people's port: the node's own certificate, renewed without a restart.

use std::sync::Arc;

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    version::TLS13,
};
use skep_agent::TlsIdentity;
use skep_protocol::rpc::{EXPORTER_BYTES, EXPORTER_LABEL};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Serves the certificate of this identity; TLS 1.3 only, no certificate asked of clients.
pub(super) fn acceptor(identity: TlsIdentity) -> Result<TlsAcceptor, rustls::Error> {
    let chain = identity
        .chain
        .into_iter()
        .map(CertificateDer::from)
        .collect();
    let key = PrivatePkcs8KeyDer::from(identity.key).into();
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What a login over this connection must hold.
pub(super) fn binding<S>(stream: &TlsStream<S>) -> Result<String, rustls::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (_, connection) = stream.get_ref();
    let label = EXPORTER_LABEL.as_bytes();
    let value = connection.export_keying_material([0; EXPORTER_BYTES], label, None)?;
    Ok(hex::encode(value))
}
