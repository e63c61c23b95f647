//! The folder, its keys and papers, its store.

use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::Arc, time::Duration};

use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use skep_identity::{
    Identity, OperatorBundle, PASSPORT_BYTES_MAX, Passport, Purpose, open_object, server_name,
};
use skep_node::{home::Home, store};

use super::super::facts::{self, Guarded, Operator, Papers, Store};

/// Files of a home that are for its owner alone.
const SECRETS: &[&str] = &[
    "identity",
    "authority",
    "operator",
    "register",
    "successions",
    "invites",
    "store.redb",
];

pub(super) fn guarded(path: &Path) -> Option<Guarded> {
    let meta = fs::metadata(path).ok()?;
    Some(Guarded {
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
    })
}

pub(super) fn folder(home: &Home) -> facts::Home {
    let secret = |name: &&'static str| Some((*name, guarded(&home.path().join(name))?));
    facts::Home {
        path: home.path().to_owned(),
        folder: guarded(home.path()),
        secrets: SECRETS.iter().filter_map(secret).collect(),
    }
}

pub(super) fn papers(home: &Home, now_ms: u64) -> Papers {
    let identity = match home.identity() {
        Ok(Some(identity)) => identity,
        Ok(None) => return Papers::None,
        Err(error) => return Papers::Broken(skep_agent::one_line(&error)),
    };
    Papers::Whole {
        not_before_ms: identity.passport.not_before_ms,
        not_after_ms: identity.passport.not_after_ms,
        replaced_ms: replaced_ms(home, &identity),
        certificate: certificate(&identity, now_ms),
        is_authority: home.path().join("authority").exists(),
        has_members: home.path().join("enrolled").exists(),
        operator: operator(home, &identity),
    }
}

/// Until when the authority of the node's papers counts, where another one has replaced it.
fn replaced_ms(home: &Home, identity: &Identity) -> Option<u64> {
    let lineage = home.lineage(identity).ok()?;
    lineage.followed_ms(identity.authority.id())
}

/// Why TLS would not believe the node's certificate, asked of the library that would.
fn certificate(identity: &Identity, now_ms: u64) -> Option<String> {
    let believed = || {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(identity.ca.to_vec()))
            .map_err(|error| error.to_string())?;
        let provider = Arc::new(default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build().map_err(|error| error.to_string())?;
        let name = ServerName::try_from(server_name(&identity.node));
        let name = name.map_err(|error| error.to_string())?;
        let certificate = CertificateDer::from(identity.credentials.certificate.to_vec());
        let now = UnixTime::since_unix_epoch(Duration::from_millis(now_ms));
        verifier
            .verify_server_cert(&certificate, &[], &name, &[], now)
            .map_err(|error| error.to_string())
    };
    believed().err()
}

fn operator(home: &Home, identity: &Identity) -> Operator {
    let bundle = match home.operator() {
        Ok(Some(bundle)) => bundle,
        Ok(None) => return Operator::None,
        Err(error) => return Operator::Broken(skep_agent::one_line(&error)),
    };
    let OperatorBundle { name, passport, .. } = bundle;
    let lineage = match home.lineage(identity) {
        Ok(lineage) => lineage,
        Err(error) => return Operator::Broken(skep_agent::one_line(&error)),
    };
    let authority = lineage.authority(passport.signer, &identity.ca);
    let authority = authority.map_or(identity.authority.clone(), |(key, _)| key);
    let opened =
        open_object::<Passport>(Purpose::Passport, &passport, &authority, PASSPORT_BYTES_MAX);
    match opened {
        Ok(passport) if passport.key_id() != bundle.key.id() => {
            Operator::Broken(format!("{name}'s key is not the one of its passport"))
        }
        Ok(passport) => Operator::Whole {
            name,
            not_after_ms: passport.not_after_ms,
        },
        Err(refusal) => {
            Operator::Broken(format!("{name}'s passport is refused: {}", refusal.name()))
        }
    }
}

pub(super) fn store_bytes(home: &Home) -> Option<u64> {
    fs::metadata(home.store()).ok().map(|meta| meta.len())
}

/// Opens a store that no node holds.
pub(super) fn store(home: &Home, bytes: u64) -> Store {
    match store::Store::look(&home.store()) {
        Ok(_) => Store::Good { bytes },
        Err(store::OpenError::InUse { .. }) => Store::Held { bytes },
        Err(error) => Store::Bad {
            why: skep_agent::one_line(&error),
            cure: error.cure(),
        },
    }
}
