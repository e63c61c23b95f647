//! One session, another one, and what a relay may do to an envelope between them.

use std::sync::OnceLock;

use proptest::prelude::*;
use skep_packet::Token;
use uuid::Uuid;

use super::*;
use crate::SESSION_KEY_BITS;

const SWARM: SwarmId = SwarmId(Uuid::from_u128(5));

fn keys() -> &'static [PrivateKey; 2] {
    static KEYS: OnceLock<[PrivateKey; 2]> = OnceLock::new();
    KEYS.get_or_init(|| [(); 2].map(|()| PrivateKey::generate(SESSION_KEY_BITS).unwrap()))
}

fn maker() -> EnvelopeMaker {
    EnvelopeMaker::new(keys()[0].public()).unwrap()
}

fn reader() -> EnvelopeReader {
    EnvelopeReader::new(SWARM, &keys()[0]).unwrap()
}

fn inscription() -> Inscription {
    Inscription {
        session: Some("s".to_owned()),
        token: Token::new("t").unwrap(),
        origin: "log_watcher@n1".parse().unwrap(),
        seq: 7,
    }
}

#[test]
fn only_the_sessions_key_opens_an_envelope() {
    let bytes = maker()
        .enclose(SWARM, &inscription(), b"root from 203.0.113.9")
        .unwrap();
    assert!(!bytes.windows(4).any(|part| part == b"root"));
    let opened = reader().open(&inscription(), &bytes);
    assert_eq!(opened.unwrap(), b"root from 203.0.113.9");
    let mut other = EnvelopeReader::new(SWARM, &keys()[1]).unwrap();
    assert_eq!(
        other.open(&inscription(), &bytes),
        Err(EnvelopeError::WrongKey)
    );
}

#[test]
fn what_stands_on_an_envelope_is_authenticated() {
    let bytes = maker().enclose(SWARM, &inscription(), b"content").unwrap();
    let check = |change: fn(&mut Inscription)| {
        let mut changed = inscription();
        change(&mut changed);
        let opened = reader().open(&changed, &bytes);
        assert_eq!(opened, Err(EnvelopeError::Changed), "{changed:?}");
    };
    check(|said| said.session = Some("another".to_owned()));
    check(|said| said.session = None);
    check(|said| said.token = Token::new("another").unwrap());
    check(|said| said.origin = "log_watcher@n2".parse().unwrap());
    check(|said| said.seq = 8);
    let elsewhere = SwarmId(Uuid::from_u128(6));
    let mut reader = EnvelopeReader::new(elsewhere, &keys()[0]).unwrap();
    assert_eq!(
        reader.open(&inscription(), &bytes),
        Err(EnvelopeError::Changed)
    );
}

#[test]
fn parts_of_two_envelopes_make_none() {
    let (one, two) = (maker(), maker());
    let read = |bytes: Bytes| decode::<Envelope>(&bytes, ENVELOPE_BYTES_MAX).unwrap();
    let first = read(one.enclose(SWARM, &inscription(), b"first").unwrap());
    let again = read(one.enclose(SWARM, &inscription(), b"first").unwrap());
    let other = read(two.enclose(SWARM, &inscription(), b"other").unwrap());
    assert_eq!(first.key, again.key, "a key is wrapped once");
    assert_ne!(first.nonce, again.nonce, "no nonce is used twice");
    assert_ne!(first.body, again.body);
    let mixed = Envelope {
        key: other.key,
        ..first.clone()
    };
    let mut reader = reader();
    let mut open = |envelope: &Envelope| reader.open(&inscription(), &encode(envelope));
    assert_eq!(open(&mixed), Err(EnvelopeError::Changed));
    let short = Envelope {
        nonce: Bytes::from_static(b"short"),
        ..first.clone()
    };
    assert_eq!(open(&short), Err(EnvelopeError::Malformed));
    assert_eq!(open(&first).unwrap(), b"first");
}

#[test]
fn a_reader_remembers_a_bounded_number_of_keys() {
    let mut reader = reader();
    for seq in 0..(CONTENT_KEYS_MAX as u64 + 3) {
        let said = Inscription {
            seq,
            ..inscription()
        };
        let bytes = maker().enclose(SWARM, &said, b"x").unwrap();
        assert_eq!(reader.open(&said, &bytes).unwrap(), b"x");
    }
    assert_eq!(reader.known.len(), CONTENT_KEYS_MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_content_comes_back(content in proptest::collection::vec(any::<u8>(), 0..3000), seq: u64) {
        let said = Inscription { seq, ..inscription() };
        let bytes = maker().enclose(SWARM, &said, &content).unwrap();
        prop_assert_eq!(reader().open(&said, &bytes).unwrap(), content);
    }

    #[test]
    fn a_changed_bit_opens_nothing(place: prop::sample::Index, bit in 0_u8..8) {
        let mut bytes = maker().enclose(SWARM, &inscription(), b"content").unwrap().to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        prop_assert!(reader().open(&inscription(), &bytes).is_err());
    }

    #[test]
    fn rubbish_opens_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(reader().open(&inscription(), &bytes).is_err());
    }
}
