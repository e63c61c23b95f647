//! TLS certificates: the same keys as the passports, in the form that TLS wants.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use bytes::Bytes;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};
use rustls::{pki_types::CertificateDer, server::ParsedCertificate};
use skep_packet::{KeyId, NodeId, Refusal, SwarmId};

use crate::{IdentityError, PrivateKey, PublicKey, merkle};

/// How long the authority's own certificate is valid, in milliseconds: 30 years.
const CA_LIFE_MS: u64 = 30 * 365 * 24 * 3_600_000;

/// Longest label of a DNS name, in bytes (RFC 1035 §2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// The DNS name that a node's certificate carries for its id.
///
/// Lower case; what a DNS label may not hold becomes `-`. Two ids may so share a name: which node
/// it is, its passport says, not its certificate's name.
#[must_use]
pub fn server_name(node: &NodeId) -> String {
    let labels: Vec<String> = node
        .as_str()
        .split('.')
        .map(label)
        .filter(|label| !label.is_empty())
        .collect();
    match labels.is_empty() {
        true => "node".to_owned(),
        // A name that ends in a number would read as an address.
        false => format!("{}.skep", labels.join(".")),
    }
}

fn label(text: &str) -> String {
    let mapped: String = text
        .chars()
        .take(LABEL_BYTES_MAX)
        .map(|c| match c {
            'a'..='z' | '0'..='9' => c,
            'A'..='Z' => c.to_ascii_lowercase(),
            _ => '-',
        })
        .collect();
    mapped.trim_matches('-').to_owned()
}

/// The id of the key that a certificate (DER) is for; its signature is not checked here.
///
/// # Errors
/// [`Refusal::Malformed`] when it is no certificate.
pub fn certificate_key(certificate: &[u8]) -> Result<KeyId, Refusal> {
    let certificate = CertificateDer::from(certificate);
    let parsed = ParsedCertificate::try_from(&certificate).map_err(|_| Refusal::Malformed)?;
    let spki = parsed.subject_public_key_info();
    Ok(KeyId(merkle::sha256(&[spki.as_ref()]).0))
}

/// The key that a certificate (DER) is for; its signature is not checked here.
///
/// # Errors
/// [`Refusal::Malformed`] when it is no certificate, or not for an RSA key of ours.
pub(crate) fn certificate_public_key(certificate: &[u8]) -> Result<PublicKey, Refusal> {
    let certificate = CertificateDer::from(certificate);
    let parsed = ParsedCertificate::try_from(&certificate).map_err(|_| Refusal::Malformed)?;
    let spki = parsed.subject_public_key_info();
    PublicKey::from_spki(spki.as_ref()).map_err(|_| Refusal::Malformed)
}

/// The authority's own certificate.
pub(crate) fn authority(
    swarm: SwarmId,
    key: &PrivateKey,
    now_ms: u64,
) -> Result<Bytes, IdentityError> {
    let mut params = authority_params(swarm);
    set_validity(&mut params, now_ms, now_ms.saturating_add(CA_LIFE_MS));
    params.serial_number = Some(serial(key.id(), now_ms));
    let certificate = params
        .self_signed(key)
        .map_err(IdentityError::Certificate)?;
    Ok(Bytes::copy_from_slice(certificate.der()))
}

/// A certificate for the key of the authority that comes, by the one that goes: who trusts only the
/// old one follows it to the new one's nodes while both count.
pub(crate) fn bridge(
    swarm: SwarmId,
    old: &PrivateKey,
    new: &PublicKey,
    (not_before_ms, not_after_ms): (u64, u64),
) -> Result<Bytes, IdentityError> {
    let mut params = authority_params(swarm);
    set_validity(&mut params, not_before_ms, not_after_ms);
    params.serial_number = Some(serial(new.id(), not_before_ms));
    let issuer = Issuer::new(authority_params(swarm), old);
    let certificate = params
        .signed_by(new, &issuer)
        .map_err(IdentityError::Certificate)?;
    Ok(Bytes::copy_from_slice(certificate.der()))
}

/// What a node's certificate says.
pub(crate) struct NodeCertificate<'a> {
    pub(crate) node: &'a NodeId,
    pub(crate) addresses: &'a [IpAddr],
    pub(crate) key: &'a PublicKey,
    pub(crate) not_before_ms: u64,
    pub(crate) not_after_ms: u64,
}

/// A certificate for a node's own key, which this side does not have.
pub(crate) fn node(
    swarm: SwarmId,
    authority: &PrivateKey,
    said: &NodeCertificate<'_>,
) -> Result<Bytes, IdentityError> {
    let mut params = CertificateParams::new(vec![server_name(said.node), "localhost".to_owned()])
        .map_err(IdentityError::Certificate)?;
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let addresses = loopback.iter().chain(said.addresses);
    params
        .subject_alt_names
        .extend(addresses.map(|address| SanType::IpAddress(*address)));
    params.distinguished_name = name(said.node.as_str());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(serial(said.key.id(), said.not_before_ms));
    set_validity(&mut params, said.not_before_ms, said.not_after_ms);
    let issuer = Issuer::new(authority_params(swarm), authority);
    let certificate = params
        .signed_by(said.key, &issuer)
        .map_err(IdentityError::Certificate)?;
    Ok(Bytes::copy_from_slice(certificate.der()))
}

fn authority_params(swarm: SwarmId) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(&format!("skep swarm {swarm}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn name(text: &str) -> DistinguishedName {
    // RFC 5280 allows 64 characters.
    let text: String = text.chars().take(64).collect();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

fn set_validity(params: &mut CertificateParams, not_before_ms: u64, not_after_ms: u64) {
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_millis(not_before_ms);
    params.not_after = epoch + Duration::from_millis(not_after_ms);
}

/// Unique per key and issue, positive, 16 bytes (RFC 5280 §4.1.2.2).
fn serial(key: KeyId, issued_ms: u64) -> SerialNumber {
    let hash = merkle::sha256(&[&key.0, &issued_ms.to_be_bytes()]);
    let mut bytes = hash.0[..16].to_vec();
    bytes[0] &= 0x7f;
    SerialNumber::from(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(node: &str, expected: &str) {
        assert_eq!(server_name(&NodeId::new(node).unwrap()), expected);
    }

    #[test]
    fn every_node_id_has_a_dns_name() {
        check("web-1", "web-1.skep");
        check("Web_1.example.org", "web-1.example.org.skep");
        check("10.0.0.1", "10.0.0.1.skep");
        check("..", "node");
        check("-_-", "node");
        check(&"x".repeat(96), &format!("{}.skep", "x".repeat(63)));
    }

    #[test]
    fn what_is_no_certificate_has_no_key() {
        assert_eq!(certificate_key(b"no"), Err(Refusal::Malformed));
    }
}
