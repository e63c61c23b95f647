//! What is signed: batches, passports, operators' requests, and the request to join.
//!
//! The world these were signed in is committed without its private keys. So no input can be forged
//! except by a fault of the code, and each target says so where something is believed that nobody
//! signed.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use skep_identity::{
    Authority, Identity, Invite, InviteId, JoinRequest, Keyring, Lineage, LoginTerms, NodeTerms,
    PASSPORT_BYTES_MAX, Passport, PrivateKey, PublicKey, Purpose, RequestProof,
    SUCCESSION_BYTES_MAX, Sealer, Session, check_request,
};
use skep_packet::{
    Batch, BootId, Lane, Level, NodeId, Now, Packet, SealHeader, Signed, SwarmId, Token,
    WirePacket, decode, encode, limits::FRAME_BYTES_MAX,
};
use uuid::Uuid;

use super::packet::{plain, round_trip};
use crate::{Corpus, Outcome, Plant, Target, target::words_of};

pub(super) const PROOF: Target = Target {
    name: "proof",
    room: "runtime/identity",
    bytes_max: 8192,
    words: &["a", "b", "worker@b"],
    plant: batches,
    run: proof,
};

pub(super) const PASSPORT: Target = Target {
    name: "passport",
    room: "runtime/identity",
    bytes_max: 4096,
    words: &["Node", "Operator", "*", "a", "admin", "hive.*@cmd_x"],
    plant: passports,
    run: passport,
};

pub(super) const SUCCESSION: Target = Target {
    name: "succession",
    room: "runtime/identity",
    bytes_max: 8192,
    words: &["skep"],
    plant: successions,
    run: succession,
};

pub(super) const REQUEST: Target = Target {
    name: "request",
    room: "runtime/identity",
    bytes_max: 8192,
    words: &["Operator", "admin", "unix"],
    plant: requests,
    run: request,
};

pub(super) const JOIN: Target = Target {
    name: "join",
    room: "runtime/identity",
    bytes_max: 4096,
    words: &["V4", "V6"],
    plant: joins,
    run: join,
};

pub(super) const NOW_MS: u64 = 1_800_000_000_000;
const SWARM: SwarmId = SwarmId(Uuid::from_u128(5));
const BOOT_A: BootId = BootId(Uuid::from_u128(0xa));
const BOOT_B: BootId = BootId(Uuid::from_u128(0xb));
pub(super) const SERVICE: &str = "logwatch.generate.digest";
pub(super) const PAYLOAD: &[u8] = b"{}";

/// Genuine inputs begin so; what they hold is all that may ever be believed.
const GENUINE: &str = "genuine-";

// === what must hold ===

fn proof(bytes: &[u8]) -> Outcome {
    let world = world();
    let batch: Batch = match decode(bytes, FRAME_BYTES_MAX) {
        Ok(batch) => batch,
        Err(error) => return words_of(&error),
    };
    let node = NodeId::new("b").expect("a node's name");
    let mut opener = skep_identity::Opener::new(SWARM, node, BOOT_B);
    let opened = match opener.open(&batch, &world.keyring, NOW_MS) {
        Ok(opened) => opened,
        Err(refusal) => return refusal.name().to_owned(),
    };
    let mut outcome = String::from("opened");
    for packet in &opened.packets {
        match packet {
            Ok(wire) => {
                assert!(
                    world.packets.contains(&encode(wire)),
                    "a packet that nobody sealed is believed"
                );
                outcome.push_str(" good");
            }
            Err(refused) => outcome.push_str(&format!(" {}", refused.reason.name())),
        }
    }
    let again = opener.open(&batch, &world.keyring, NOW_MS);
    let is_again = again.is_ok_and(|opened| opened.packets.iter().any(Result::is_ok));
    assert!(!is_again, "a packet is believed twice");
    outcome
}

fn passport(bytes: &[u8]) -> Outcome {
    let signed: Signed = match decode(bytes, 2 * PASSPORT_BYTES_MAX) {
        Ok(signed) => signed,
        Err(error) => return words_of(&error),
    };
    let body = round_trip::<Passport>(&signed.body, PASSPORT_BYTES_MAX);
    match world().keyring.check(&signed, NOW_MS) {
        Ok(_) => {
            assert!(
                world().passports.contains(&signed.body),
                "a passport that nobody signed is believed"
            );
            "believed".to_owned()
        }
        Err(refusal) => format!("{} {body}", refusal.name()),
    }
}

fn succession(bytes: &[u8]) -> Outcome {
    let signed: Signed = match decode(bytes, 2 * SUCCESSION_BYTES_MAX) {
        Ok(signed) => signed,
        Err(error) => return words_of(&error),
    };
    let mut lineage = world().keyring.lineage().clone();
    let before = lineage.current().id();
    let outcome = match lineage.follow(&signed, NOW_MS) {
        Ok(_) => {
            assert!(
                world().successions.contains(&signed.body),
                "an authority that nobody named is believed"
            );
            "believed".to_owned()
        }
        Err(refusal) => {
            assert_eq!(lineage.current().id(), before, "what was refused counts");
            refusal.name().to_owned()
        }
    };
    let roots = lineage.trust(&Bytes::new(), NOW_MS).roots.len();
    // Where the authority was followed already, nothing else comes to count.
    let mut later = world().followed.clone();
    let after = later.current().id();
    let again = match later.follow(&signed, NOW_MS) {
        Ok(_) => "known",
        Err(refusal) => refusal.name(),
    };
    assert_eq!(
        later.current().id(),
        after,
        "an authority is followed twice"
    );
    format!("{outcome} {roots} {again}")
}

fn request(bytes: &[u8]) -> Outcome {
    let token = Token::new("t").expect("a token");
    let service = SERVICE.parse().expect("a role");
    match check_request(bytes, &world().keyring, NOW_MS, &service, PAYLOAD, &token) {
        Ok(_) => {
            let proof: RequestProof = decode(bytes, usize::MAX).expect("it was read a moment ago");
            assert!(
                world().requests.contains(&encode(&proof)),
                "a request that nobody signed is believed"
            );
            "believed".to_owned()
        }
        Err(refusal) => {
            let shape = round_trip::<RequestProof>(bytes, usize::MAX);
            format!("{} {shape}", refusal.name())
        }
    }
}

fn join(bytes: &[u8]) -> Outcome {
    let request = match JoinRequest::from_bytes(bytes) {
        Ok(request) => request,
        Err(refusal) => return words_of(&refusal),
    };
    match request.check(&invite()) {
        Ok(()) => {
            assert!(
                world().joins.contains(&encode(&request)),
                "a host that was not invited is believed"
            );
            "believed".to_owned()
        }
        Err(refusal) => words_of(&refusal),
    }
}

// === the world ===

/// What is committed of the world beside its genuine inputs.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    authority: PublicKey,
    nodes: Vec<Signed>,
}

/// Whom the node `b` believes, and all that was ever said to it.
pub(super) struct World {
    pub(super) keyring: Keyring,
    packets: HashSet<Bytes>,
    passports: HashSet<Bytes>,
    successions: HashSet<Bytes>,
    /// What a node knows that heard of the first succession.
    followed: Lineage,
    requests: HashSet<Bytes>,
    joins: HashSet<Bytes>,
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime/identity/corpus/world")
}

pub(super) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let bytes = fs::read(path()).expect("the world is committed beside the corpora");
        let kept: Kept = decode(&bytes, usize::MAX)
            .expect("the format of keys or passports changed: run cargo xtask fuzz --plant");
        let mut keyring = Keyring::new(SWARM, kept.authority);
        for node in &kept.nodes {
            keyring
                .admit(node, NOW_MS)
                .expect("the world's passports are good");
        }
        let batches = genuine(&PROOF)
            .into_iter()
            .filter_map(|bytes| decode::<Batch>(&bytes, usize::MAX).ok());
        let signed = |target| {
            let read = |bytes: Bytes| decode::<Signed>(&bytes, usize::MAX).ok();
            let found = genuine(target).into_iter().filter_map(read);
            found.map(|signed| signed.body).collect()
        };
        let packets = batches.flat_map(|batch| {
            let packets = batch.packets.iter().map(Bytes::copy_from_slice);
            packets.collect::<Vec<_>>()
        });
        let first = genuine(&SUCCESSION).into_iter().next();
        let first = first.and_then(|bytes| decode::<Signed>(&bytes, usize::MAX).ok());
        let mut followed = keyring.lineage().clone();
        if let Some(first) = first {
            let is_good = followed.follow(&first, NOW_MS);
            assert_eq!(is_good, Ok(true), "the world's succession is good");
        }
        World {
            followed,
            keyring,
            packets: packets.collect(),
            passports: signed(&PASSPORT),
            successions: signed(&SUCCESSION),
            requests: genuine(&REQUEST).into_iter().collect(),
            joins: genuine(&JOIN).into_iter().collect(),
        }
    })
}

/// What the world's operator signed.
pub(super) fn requests_of_world() -> Vec<Bytes> {
    genuine(&REQUEST)
}

fn genuine(target: &Target) -> Vec<Bytes> {
    let inputs = Corpus::of(target).inputs().unwrap_or_default();
    let genuine = inputs
        .into_iter()
        .filter(|(name, _)| name.starts_with(GENUINE));
    genuine.map(|(_, bytes)| Bytes::from(bytes)).collect()
}

// === planting ===

/// The keys of a new world; they are never written down.
struct Minted {
    authority: Authority,
    a: Identity,
    b: Identity,
    operator: PrivateKey,
    papers: Signed,
    /// The same person's, limited to some handlers.
    limited: Signed,
}

fn key() -> PrivateKey {
    PrivateKey::generate(2048).expect("aws-lc makes keys")
}

fn minted() -> &'static Minted {
    static MINTED: OnceLock<Minted> = OnceLock::new();
    MINTED.get_or_init(|| {
        let authority = Authority::mint(SWARM, key(), NOW_MS).expect("an authority");
        let node = |name: &str| {
            let terms = NodeTerms::any(NodeId::new(name).expect("a node's name"));
            Identity::mint(&authority, key(), &terms, NOW_MS).expect("an identity")
        };
        let (a, b, operator) = (node("a"), node("b"), key());
        let any = skep_identity::OperatorTerms::any("ann", Level::Admin);
        let papers = authority.admit_operator(&any, operator.public(), NOW_MS);
        let some = skep_identity::OperatorTerms {
            only: "logwatch.*,hive.oracle@cmd_msg_prompt".parse().ok(),
            ..any
        };
        let limited = authority.admit_operator(&some, operator.public(), NOW_MS);
        Minted {
            a,
            b,
            papers: papers.expect("a passport"),
            limited: limited.expect("a passport"),
            operator,
            authority,
        }
    })
}

/// Writes what of a new world is committed.
pub(crate) fn write_world() -> io::Result<()> {
    let minted = minted();
    let kept = Kept {
        authority: minted.authority.key().public().clone(),
        nodes: [&minted.a, &minted.b]
            .map(|node| node.credentials.passport.clone())
            .to_vec(),
    };
    if let Some(folder) = path().parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path(), encode(&kept))
}

fn sealed(packets: &[(Lane, Packet)]) -> Vec<Batch> {
    let minted = minted();
    let mut sealer = Sealer::new(SWARM, minted.a.key.id(), BOOT_A);
    for (seq, (lane, packet)) in (1..).zip(packets) {
        let seal = SealHeader {
            to_boot: BOOT_B,
            seq,
            outbox: None,
        };
        let packet = Packet {
            lane: *lane,
            ..packet.clone()
        };
        let wire = encode(&WirePacket { seal, packet });
        sealer
            .push(&minted.b.node, *lane, &wire)
            .expect("room in the sealer");
    }
    let now = Now {
        mono_ns: 1,
        unix_ms: NOW_MS,
    };
    let job = sealer.poll(now).expect("something to sign");
    let signature = minted
        .a
        .key
        .sign(Purpose::Batch, &job.statement)
        .expect("a signature");
    let batches = sealer.signed(now, job.id, &signature);
    batches.into_iter().map(|(_, batch)| batch).collect()
}

fn batches() -> Vec<Plant> {
    let good = plain("boss@a", "worker@b");
    let old = Packet {
        issued_at_ms: 1,
        ..good.clone()
    };
    let early = Packet {
        issued_at_ms: u64::MAX,
        ..good.clone()
    };
    let made = [
        vec![(Lane::Command, good.clone())],
        vec![
            (Lane::Command, good.clone()),
            (Lane::Command, old),
            (Lane::Command, early),
        ],
        vec![
            (Lane::Bulk, good.clone()),
            (Lane::Command, good.clone()),
            (Lane::Control, plain("boss@a", "worker@c")),
            (Lane::Control, plain("boss@c", "worker@b")),
        ],
    ];
    let batches = made.iter().flat_map(|packets| sealed(packets));
    let plant = |(n, batch): (i32, Batch)| (format!("{GENUINE}{n}"), encode(&batch).to_vec());
    (1..).zip(batches).map(plant).collect()
}

fn passports() -> Vec<Plant> {
    let minted = minted();
    let all = [
        ("a", &minted.a.credentials.passport),
        ("b", &minted.b.credentials.passport),
        ("operator", &minted.papers),
        ("limited", &minted.limited),
    ];
    let plant =
        |(name, signed): (&str, &Signed)| (format!("{GENUINE}{name}"), encode(signed).to_vec());
    all.into_iter().map(plant).collect()
}

/// The authority is followed by another one, and then by a rival of that.
fn successions() -> Vec<Plant> {
    let day_ms = 24 * 3_600_000;
    let followed = |now_ms| {
        let next = minted().authority.hand_over(key(), day_ms, now_ms);
        let next = next.expect("a successor");
        encode(&next.successions()[0]).to_vec()
    };
    vec![
        (format!("{GENUINE}1"), followed(NOW_MS)),
        (format!("{GENUINE}rival"), followed(NOW_MS + 1)),
        ("over".to_owned(), followed(NOW_MS - 9 * day_ms)),
    ]
}

fn requests() -> Vec<Plant> {
    let minted = minted();
    let terms = LoginTerms {
        swarm: SWARM,
        nonce: Bytes::from_static(b"nonce"),
        router: minted.b.node.clone(),
        binding: Bytes::from_static(b"unix"),
    };
    let session = Session::open(
        &minted.operator,
        minted.papers.clone(),
        key(),
        terms,
        NOW_MS,
    );
    let token = Token::new("t").expect("a token");
    let proof = session.and_then(|session| session.request(SERVICE, PAYLOAD, &token, NOW_MS));
    vec![(format!("{GENUINE}1"), proof.expect("a signature").to_vec())]
}

/// The invitation's secret is no secret: it was made for this corpus.
fn invite() -> Invite {
    Invite {
        id: InviteId(1),
        secret: [7; 32],
        authority: skep_packet::KeyId([1; 32]),
        swarm: SWARM,
        address: "10.0.0.1:7400".to_owned(),
        expires_ms: NOW_MS,
    }
}

fn joins() -> Vec<Plant> {
    let node = NodeId::new("c").expect("a node's name");
    let addresses = vec![([10, 0, 0, 3], 7400).into()];
    let request = JoinRequest::new(&invite(), &key(), node, addresses).expect("a signature");
    vec![(format!("{GENUINE}1"), encode(&request).to_vec())]
}
