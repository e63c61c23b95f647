//! Who the simulated nodes are, and their cheap signatures.
//!
//! Passports and keys are real; the private keys were thrown away when the file was made, and nodes
//! sign with a secret of their own hashed with the statement. Whoever lacks the secret can no more
//! sign than without an RSA key.

use std::{fs, io, path::PathBuf, sync::OnceLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use skep_identity::{Authority, Keyring, NodeTerms, PrivateKey, PublicKey};
use skep_packet::{KeyId, Refusal, Signed, decode, encode};

use crate::{
    clock::EPOCH_MS,
    node::{name, swarm},
};

/// Most nodes of a scenario.
const NODES_MAX: usize = 5;

/// Nobody's key.
pub(crate) const STRANGER: KeyId = KeyId([9; 32]);

/// What is committed: the authority's public key and the nodes' passports.
#[derive(Debug, Serialize, Deserialize)]
struct Papers {
    authority: PublicKey,
    nodes: Vec<Signed>,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("papers")
}

/// A keyring that knows every node.
pub(crate) fn keyring() -> &'static Keyring {
    static KEYRING: OnceLock<Keyring> = OnceLock::new();
    KEYRING.get_or_init(|| {
        let bytes = fs::read(path()).expect("the papers are committed beside the sources");
        let papers: Papers = decode(&bytes, usize::MAX)
            .expect("the format of passports changed: run cargo run -p skep-tests-sim -- papers");
        let mut keyring = Keyring::new(swarm(), papers.authority);
        for passport in &papers.nodes {
            keyring
                .admit(passport, EPOCH_MS.unsigned_abs())
                .expect("the papers are good");
        }
        keyring
    })
}

/// The key of a node.
pub(crate) fn key_of(idx: usize) -> KeyId {
    let peer = keyring().node(&name(idx));
    peer.expect("every node has a passport").passport.key_id()
}

/// Signs as the holder of `key` does.
pub(crate) fn sign(key: KeyId, statement: &[u8]) -> Bytes {
    let mut hash = Sha256::new();
    hash.update(b"secret of ");
    hash.update(key.0);
    hash.update(statement);
    Bytes::copy_from_slice(&hash.finalize())
}

/// Whether the holder of the key signed.
pub(crate) fn verify(key: &PublicKey, statement: &[u8], signature: &[u8]) -> Result<(), Refusal> {
    let is_good = sign(key.id(), statement) == signature;
    is_good.then_some(()).ok_or(Refusal::BadSignature)
}

/// Makes new papers, after a format has changed.
///
/// # Errors
/// The file cannot be written.
pub fn write_papers() -> io::Result<()> {
    let key = || PrivateKey::generate(2048).expect("aws-lc makes keys");
    let now_ms = EPOCH_MS.unsigned_abs();
    let authority = Authority::mint(swarm(), key(), now_ms).expect("an authority");
    let admit = |idx| {
        let terms = NodeTerms::any(name(idx));
        let papers = authority.admit_node(&terms, key().public(), now_ms);
        papers.expect("a passport").passport
    };
    let papers = Papers {
        authority: authority.key().public().clone(),
        nodes: (0..NODES_MAX).map(admit).collect(),
    };
    fs::write(path(), encode(&papers))
}
