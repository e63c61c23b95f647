use std::{sync::Arc, time::Duration};

use rustls::{
    RootCertStore,
    client::WebPkiServerVerifier,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::WebPkiClientVerifier,
};
use skep_packet::Level;

use super::*;
use crate::{
    server_name,
    testkit::{NOW_MS, key, world},
};

fn roots(ca: &Bytes) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(ca.to_vec())).unwrap();
    Arc::new(roots)
}

/// What rustls says about `certificate` under `ca`, as a server of that name and as a client.
fn tls_accepts(ca: &Bytes, certificate: &Bytes, name: &str, now_ms: u64) -> (bool, bool) {
    let certificate = CertificateDer::from(certificate.to_vec());
    let now = UnixTime::since_unix_epoch(Duration::from_millis(now_ms));
    let provider = Arc::new(default_provider());
    let server = WebPkiServerVerifier::builder_with_provider(roots(ca), Arc::clone(&provider))
        .build()
        .unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let client = WebPkiClientVerifier::builder_with_provider(roots(ca), provider)
        .build()
        .unwrap();
    (
        rustls::client::danger::ServerCertVerifier::verify_server_cert(
            &*server,
            &certificate,
            &[],
            &name,
            &[],
            now,
        )
        .is_ok(),
        client.verify_client_cert(&certificate, &[], now).is_ok(),
    )
}

#[test]
fn tls_believes_a_nodes_certificate_as_server_and_client() {
    let world = world();
    let (ca, own) = (&world.a.ca, &world.a.credentials.certificate);
    let check = |name: &str, now_ms, expected| {
        assert_eq!(
            tls_accepts(ca, own, name, now_ms),
            expected,
            "{name} at {now_ms}"
        );
    };
    check(&server_name(&world.a.node), NOW_MS, (true, true));
    check("localhost", NOW_MS, (true, true));
    check("127.0.0.1", NOW_MS, (true, true));
    check(&server_name(&world.b.node), NOW_MS, (false, true));
    check(
        "localhost",
        world.a.passport.not_after_ms + 1_000,
        (false, false),
    );
    check(
        "localhost",
        world.a.passport.not_before_ms - 1_000,
        (false, false),
    );
    let stranger = Authority::mint(world.a.swarm(), world.stranger.clone(), NOW_MS).unwrap();
    assert_eq!(
        tls_accepts(stranger.certificate(), own, "localhost", NOW_MS),
        (false, false)
    );
}

#[test]
fn a_certificate_names_the_addresses_it_was_given() {
    let world = world();
    let mut terms = NodeTerms::any(world.a.node.clone());
    terms.addresses = vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
    let issued = world
        .authority
        .admit_node(&terms, world.a.key.public(), NOW_MS)
        .unwrap();
    for name in ["192.0.2.7", "2001:db8::7", "::1"] {
        let accepted = tls_accepts(&world.a.ca, &issued.certificate, name, NOW_MS);
        assert_eq!(accepted, (true, true), "{name}");
    }
}

#[test]
fn passport_and_certificate_hold_the_same_key() {
    let world = world();
    let key = certificate_key(&world.a.credentials.certificate).unwrap();
    assert_eq!(key, world.a.passport.key_id());
    assert_eq!(
        certificate_key(&world.a.ca).unwrap(),
        world.a.authority.id()
    );
}

#[test]
fn an_identity_of_parts_that_do_not_belong_together_is_refused() {
    let world = world();
    let (a, b) = (&world.a, &world.b);
    let check = |key: &PrivateKey, credentials: &Credentials, ca: &Bytes, expected: &str| {
        let made = Identity::new(
            key.clone(),
            credentials.clone(),
            ca.clone(),
            a.authority.clone(),
        );
        match made.unwrap_err() {
            IdentityError::Refused { what, .. } => assert_eq!(what, expected),
            other => panic!("{other}"),
        }
    };
    check(&b.key, &a.credentials, &a.ca, "passport");
    let mut mixed = a.credentials.clone();
    mixed.certificate = b.credentials.certificate.clone();
    check(&a.key, &mixed, &a.ca, "certificate");
    check(
        &a.key,
        &a.credentials,
        &b.credentials.certificate,
        "authority's certificate",
    );
}

#[test]
fn what_is_kept_in_files_comes_back() {
    let world = world();
    let bytes = world.a.to_bytes().unwrap();
    let back = Identity::from_bytes(&bytes).unwrap();
    assert_eq!(back.key.id(), world.a.key.id());
    assert_eq!(back.passport, world.a.passport);
    assert_eq!(back.node, world.a.node);
    assert!(Identity::from_bytes(&bytes[..bytes.len() - 1]).is_err());

    let bytes = world.authority.to_bytes().unwrap();
    let back = Authority::from_bytes(&bytes).unwrap();
    assert_eq!(back.key().id(), world.authority.key().id());
    assert_eq!(back.certificate(), world.authority.certificate());

    let key = key();
    let admitted = world.authority.admit_operator(
        &crate::OperatorTerms::any("ann", Level::Admin),
        key.public(),
        NOW_MS,
    );
    let bundle = OperatorBundle {
        key,
        passport: admitted.unwrap(),
        authority: world.a.authority.clone(),
        ca: world.a.ca.clone(),
        swarm: world.a.swarm(),
        name: "ann".to_owned(),
        address: "n1:7480".to_owned(),
    };
    let back = OperatorBundle::from_bytes(&bundle.to_bytes().unwrap()).unwrap();
    assert_eq!(back.key.id(), bundle.key.id());
    assert_eq!((back.name, back.address), (bundle.name, bundle.address));
    assert!(OperatorBundle::from_bytes(b"").is_err());
}
