//! A connection to a node, and what a login over it must be bound to.

use std::{io, path::Path, sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, OtherError,
    RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
    version::TLS13,
};
use skep_identity::server_name;
use skep_packet::NodeId;
use skep_protocol::rpc::{BINDING_UNIX, EXPORTER_BYTES, EXPORTER_LABEL};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::Route;
use crate::failure::{Failure, Kind};

/// How long a node may take to take a connection.
const DIAL_TIME_MAX: Duration = Duration::from_secs(10);

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection.
pub(crate) struct Dialled {
    pub(crate) stream: Box<dyn Stream>,
    /// What the request's `Host` says.
    pub(crate) host: String,
    /// What a login must hold.
    pub(crate) binding: String,
    /// The certificate that was shown; none on a control socket.
    certificate: Option<CertificateDer<'static>>,
}

impl Dialled {
    /// Whether the certificate is the one of this node.
    pub(crate) fn is_of(&self, node: &NodeId) -> bool {
        let Some(certificate) = &self.certificate else {
            return true;
        };
        let Ok(parsed) = ParsedCertificate::try_from(certificate) else {
            return false;
        };
        let name = ServerName::try_from(server_name(node));
        name.is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
    }
}

/// Connects; `ca` is the swarm's authority, the only root that is believed.
pub(crate) async fn dial(route: &Route, ca: &[u8]) -> Result<Dialled, Failure> {
    match route {
        Route::Control(path) => {
            let stream = control(path).await?;
            Ok(Dialled {
                stream: Box::new(stream),
                host: "localhost".to_owned(),
                binding: BINDING_UNIX.to_owned(),
                certificate: None,
            })
        }
        Route::People(address) => {
            let dialled = timeout(DIAL_TIME_MAX, people(address, ca)).await;
            let late = || io::Error::new(io::ErrorKind::TimedOut, "it took too long");
            dialled.unwrap_or_else(|_| Err(late())).map_err(|error| {
                Failure::new(
                    Kind::NoNode,
                    format!("no node of this swarm answers at {address}"),
                )
                .because(&error)
                .cure(
                    "is the node up, was it started with `skep up --listen ADDR`, and is this \
                         its people's port? Another one can be named with --at HOST:PORT",
                )
            })
        }
    }
}

/// The control socket of a home.
pub(crate) async fn control(path: &Path) -> Result<UnixStream, Failure> {
    UnixStream::connect(path).await.map_err(|error| {
        let cure = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "run as the node's user, or as a member of the group `skep`"
            }
            _ => "start a node with `skep up`, or name its home with --home DIR",
        };
        Failure::new(
            Kind::NoNode,
            format!("no node answers at {}", path.display()),
        )
        .because(&error)
        .cure(cure)
    })
}

async fn people(address: &str, ca: &[u8]) -> io::Result<Dialled> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let peer = stream.peer_addr()?;
    let config = config(ca).map_err(io::Error::other)?;
    let name = ServerName::from(peer.ip());
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    let (_, connection) = stream.get_ref();
    let label = EXPORTER_LABEL.as_bytes();
    let value = connection.export_keying_material([0; EXPORTER_BYTES], label, None);
    let binding = hex::encode(value.map_err(io::Error::other)?);
    let shown = connection
        .peer_certificates()
        .and_then(|chain| chain.first());
    let certificate = shown.map(|certificate| certificate.clone().into_owned());
    Ok(Dialled {
        stream: Box::new(stream),
        host: peer.to_string(),
        binding,
        certificate,
    })
}

fn config(ca: &[u8]) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(ca.to_vec()))?;
    let provider = Arc::new(default_provider());
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| TlsError::Other(OtherError(Arc::new(error))))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyNode(inner)))
        .with_no_client_auth();
    Ok(config)
}

/// Believes every node of the swarm, at whatever address it is reached: a node has no names but
/// its own, which is compared with what it says in its `hello`.
#[derive(Debug)]
struct AnyNode(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyNode {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        // The name is looked at last, when the chain and the time were found good.
        match self
            .0
            .verify_server_cert(end_entity, intermediates, name, ocsp, now)
        {
            Err(TlsError::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
