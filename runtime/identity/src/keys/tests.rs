use rsa::{
    RsaPrivateKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey},
    pss::{BlindedSigningKey, Signature, VerifyingKey},
    signature::{RandomizedSigner, SignatureEncoding, Verifier},
};
use sha2::{Digest, Sha256};

use super::*;
use crate::testkit::key;

#[test]
fn the_rsa_crate_reads_our_keys_and_believes_our_signatures() {
    let ours = key();
    let theirs = RsaPrivateKey::from_pkcs8_der(&ours.to_pkcs8().unwrap()).unwrap();
    let signature = ours.sign(Purpose::Batch, b"hello").unwrap();
    let signature = Signature::try_from(&signature[..]).unwrap();
    let verifier = VerifyingKey::<Sha256>::new(theirs.to_public_key());
    assert!(verifier.verify(b"skep/1/batch\0hello", &signature).is_ok());
    assert!(verifier.verify(b"hello", &signature).is_err());
}

#[test]
fn we_read_the_rsa_crates_keys_and_believe_its_signatures() {
    let ours = key();
    let theirs = RsaPrivateKey::from_pkcs8_der(&ours.to_pkcs8().unwrap()).unwrap();
    let der = theirs.to_pkcs8_der().unwrap();
    let again = PrivateKey::from_pkcs8(der.as_bytes()).unwrap();
    assert_eq!(again.id(), ours.id());
    let signer = BlindedSigningKey::<Sha256>::new(theirs);
    let mut rng = rsa::rand_core::OsRng;
    let signature = signer
        .sign_with_rng(&mut rng, b"skep/1/audit\0hello")
        .to_vec();
    let public = ours.public();
    assert_eq!(public.verify(Purpose::Audit, b"hello", &signature), Ok(()));
    let refused = Err(Refusal::BadSignature);
    assert_eq!(public.verify(Purpose::Audit, b"hallo", &signature), refused);
}

#[test]
fn a_signature_serves_one_purpose() {
    let key = key();
    for made_for in Purpose::ALL {
        let signature = key.sign(made_for, b"bytes").unwrap();
        for read_as in Purpose::ALL {
            let result = key.public().verify(read_as, b"bytes", &signature);
            assert_eq!(
                result.is_ok(),
                made_for == read_as,
                "{made_for:?} {read_as:?}"
            );
        }
    }
}

#[test]
fn a_key_id_is_the_hash_of_its_spki() {
    let key = key();
    let hash = Sha256::digest(key.public().spki());
    assert_eq!(key.id().0[..], hash[..]);
    assert_eq!(format!("{key:?}"), format!("PrivateKey({})", key.id()));
}

#[test]
fn keys_of_other_sizes_and_forms_are_refused() {
    let error = PrivateKey::generate(1024).unwrap_err();
    assert!(matches!(error, IdentityError::KeySize { bits: 1024 }));
    let small = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
    let small = small.to_public_key().to_public_key_der().unwrap();
    let spki = key().public().spki().to_vec();
    let cut = &spki[..spki.len() - 1];
    let trailing = [&spki[..], &[0]].concat();
    for bytes in [small.as_bytes(), cut, &trailing, b"", &[0x30; 700]] {
        let error = PublicKey::from_spki(bytes).unwrap_err();
        assert!(matches!(error, IdentityError::KeyRejected { form: "SPKI" }));
    }
    assert!(PrivateKey::from_pkcs8(b"no key").is_err());
}

#[test]
fn another_encoding_of_the_same_key_is_refused() {
    // The outer length in three bytes where two suffice: BER reads it, DER does not allow it.
    let spki = key().public().spki().to_vec();
    assert_eq!(spki[..2], [0x30, 0x82]);
    let longer = [&[0x30, 0x83, 0], &spki[2..]].concat();
    assert!(PublicKey::from_spki(&longer).is_err());
}
