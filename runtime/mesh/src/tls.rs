//! TLS 1.3, with certificates of the swarm's authority on both sides; while one authority follows
//! another, of either.
//!
//! The server does not insist on a client certificate while TLS is set up, because one port serves
//! two protocols: `skep/1`, where a connection without one is closed right after, and
//! `skep-join/1`, where nobody has one yet. Sessions are never resumed: every connection proves
//! anew that it holds its key.

use std::sync::{Arc, RwLock};

use bytes::Bytes;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
    client::{
        ResolvesClientCert, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
    version::TLS13,
};
use skep_identity::PrivateKey;

use crate::MeshError;

/// The protocol between nodes.
pub(crate) const ALPN_MESH: &[u8] = b"skep/1";

/// The protocol of a host that asks to join.
pub(crate) const ALPN_JOIN: &[u8] = b"skep-join/1";

/// This node's certificate as TLS uses it; it may be exchanged while connections stand.
#[derive(Debug)]
pub(crate) struct OwnCertificate {
    current: RwLock<Arc<CertifiedKey>>,
}

impl OwnCertificate {
    /// `chain` is the node's own certificate, and what leads from it to a root.
    pub(crate) fn new(key: &PrivateKey, chain: &[Bytes]) -> Result<Arc<Self>, MeshError> {
        let current = RwLock::new(certified(key, chain)?);
        Ok(Arc::new(Self { current }))
    }

    pub(crate) fn set(&self, key: &PrivateKey, chain: &[Bytes]) -> Result<(), MeshError> {
        let next = certified(key, chain)?;
        *self
            .current
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = next;
        Ok(())
    }

    fn get(&self) -> Arc<CertifiedKey> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

fn certified(key: &PrivateKey, chain: &[Bytes]) -> Result<Arc<CertifiedKey>, MeshError> {
    let pkcs8 = key.to_pkcs8().map_err(MeshError::Key)?;
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.as_slice()));
    let signing = aws_lc_rs::sign::any_supported_type(&der).map_err(MeshError::Tls)?;
    let chain = chain.iter().map(|der| CertificateDer::from(der.to_vec()));
    let certified = CertifiedKey::new(chain.collect(), signing);
    certified.keys_match().map_err(MeshError::Tls)?;
    Ok(Arc::new(certified))
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

impl ResolvesClientCert for OwnCertificate {
    fn resolve(
        &self,
        _root_hints: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

pub(crate) fn roots(authorities: &[Bytes]) -> Result<Arc<RootCertStore>, MeshError> {
    let mut roots = RootCertStore::empty();
    for ca in authorities {
        let added = roots.add(CertificateDer::from(ca.to_vec()));
        added.map_err(MeshError::Tls)?;
    }
    Ok(Arc::new(roots))
}

pub(crate) fn server(
    own: Arc<OwnCertificate>,
    roots: Arc<RootCertStore>,
) -> Result<QuicServerConfig, MeshError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
        .allow_unauthenticated()
        .build()
        .map_err(|error| MeshError::Tls(rustls::Error::General(error.to_string())))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(MeshError::Tls)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(own);
    config.alpn_protocols = vec![ALPN_MESH.to_vec(), ALPN_JOIN.to_vec()];
    config.send_tls13_tickets = 0;
    Ok(QuicServerConfig::try_from(config).expect("aws-lc-rs has the initial cipher suite"))
}

pub(crate) fn client(
    own: Arc<OwnCertificate>,
    roots: Arc<RootCertStore>,
) -> Result<QuicClientConfig, MeshError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(MeshError::Tls)?
        .with_root_certificates(roots)
        .with_client_cert_resolver(own);
    config.alpn_protocols = vec![ALPN_MESH.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(QuicClientConfig::try_from(config).expect("aws-lc-rs has the initial cipher suite"))
}

/// For a host that asks to join: without a certificate, and it knows none yet.
pub(crate) fn anonymous(alpn: &[u8]) -> Result<QuicClientConfig, MeshError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(MeshError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider())))
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(QuicClientConfig::try_from(config).expect("aws-lc-rs has the initial cipher suite"))
}

/// Takes any certificate whose key is held by the server.
///
/// A joining host knows only the authority's key id, from its token. It sends nothing secret (a MAC
/// under the token's secret, and its public key) and believes the answer only if that authority
/// signed it for its key, so whoever else answers learns and gains nothing.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        None
    }
}
