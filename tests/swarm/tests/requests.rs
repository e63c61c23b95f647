//! What a node believes of operators' requests when the router that brings them is not honest.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use skep_agent::{PlainReply, SealedReply};
use skep_identity::{
    EnvelopeError, EnvelopeReader, LoginTerms, OperatorBundle, OperatorTerms, PrivateKey,
    SESSION_KEY_BITS, Session,
};
use skep_node::Clock;
use skep_packet::{Inscription, Level, NodeId, Refusal, Token, WirePacket, decode_content};
use skep_tests_swarm::{Host, Rogue, World, until};

const PAYLOAD: &[u8] = br#"{"n":1}"#;

/// A swarm whose first operator has a session at a router that does not keep to the rules.
struct Siege {
    host: Host,
    rogue: Rogue,
    operator: OperatorBundle,
    /// The session's key.
    key: PrivateKey,
    session: Session,
    _world: World,
}

impl Siege {
    async fn begin(tag: &str) -> Self {
        let world = World::new(tag);
        let host = world.first("n1").await;
        let identity = world.papers(&host, "rogue").await;
        let address = host.node().listening().await.unwrap();
        let rogue = Rogue::connect(identity, host.node().name(), address).await;
        let operator = host.home().operator().unwrap().unwrap();
        let key = PrivateKey::generate(SESSION_KEY_BITS).unwrap();
        let session = session(&operator, &rogue.identity.node, &key);
        Self {
            host,
            rogue,
            operator,
            key,
            session,
            _world: world,
        }
    }

    fn proof(&self, service: &str, token: &str) -> Bytes {
        let now_ms = Clock::start().now().unix_ms;
        let token = Token::new(token).unwrap();
        self.session
            .request(service, PAYLOAD, &token, now_ms)
            .unwrap()
    }

    /// A packet that asks for `role` with this proof; sealed anew, and with a new id, each time.
    fn packet(&mut self, role: &str, token: &str, proof: &Bytes) -> WirePacket {
        let mut wire = self.rogue.packet();
        wire.packet.role = Some(role.parse().unwrap());
        wire.packet.token = Some(Token::new(token).unwrap());
        wire.packet.proof = Some(proof.clone());
        wire.packet.content = Bytes::from_static(PAYLOAD);
        wire
    }

    async fn taken(&mut self, role: &str, token: &str, proof: &Bytes) {
        let wire = self.packet(role, token, proof);
        let batch = self.rogue.seal(&[wire]);
        self.rogue.send(batch);
        self.rogue.acknowledged().await;
    }

    async fn refused(&mut self, reason: Refusal, role: &str, token: &str, proof: &Bytes) {
        let before = self.host.node().metrics().n_refused(reason);
        let wire = self.packet(role, token, proof);
        let batch = self.rogue.seal(&[wire]);
        self.rogue.send(batch);
        until(reason.name(), || {
            (self.host.node().metrics().n_refused(reason) == before + 1).then_some(())
        })
        .await;
    }
}

fn session(operator: &OperatorBundle, router: &NodeId, key: &PrivateKey) -> Session {
    let terms = LoginTerms {
        swarm: operator.swarm,
        nonce: Bytes::from_static(b"nonce"),
        router: router.clone(),
        binding: Bytes::from_static(b"unix"),
    };
    let now_ms = Clock::start().now().unix_ms;
    let passport = operator.passport.clone();
    Session::open(&operator.key, passport, key.clone(), terms, now_ms).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_request_runs_once_however_often_its_router_sends_it() {
    let mut siege = Siege::begin("replayed").await;
    let proof = siege.proof("test.echo", "t-1");
    siege.taken("test.echo", "t-1", &proof).await;
    for _ in 0..2 {
        let reason = Refusal::RequestReplayed;
        siege.refused(reason, "test.echo", "t-1", &proof).await;
    }
    // Another request of the same session is another one.
    let proof = siege.proof("test.echo", "t-2");
    siege.taken("test.echo", "t-2", &proof).await;
    until("two echoes", || {
        let tree = siege.host.node().view().tree();
        let state = tree.nodes[0].agents[0].state.clone()?;
        (state["n_echoes"] == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_does_not_make_a_node_forget_what_it_ran() {
    let mut siege = Siege::begin("replayed-later").await;
    let proof = siege.proof("test.echo", "t-1");
    siege.taken("test.echo", "t-1", &proof).await;
    // The node would dial it at its old address, and keep that connection.
    siege.rogue.leave().await;
    // Signed before the start, as by somebody whose clock is behind.
    let early = siege.proof("test.echo", "t-0");
    siege.host.down().await;
    siege.host.up().await;
    let address = siege.host.node().listening().await.unwrap();
    let name = siege.host.node().name().clone();
    siege.rogue = Rogue::connect(siege.rogue.identity.clone(), &name, address).await;
    let reason = Refusal::RequestReplayed;
    siege.refused(reason, "test.echo", "t-1", &proof).await;
    siege.taken("test.echo", "t-0", &early).await;
    siege.refused(reason, "test.echo", "t-0", &early).await;
    let proof = siege.proof("test.echo", "t-2");
    siege.taken("test.echo", "t-2", &proof).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_is_good_for_the_roles_that_it_covers() {
    let mut siege = Siege::begin("pattern").await;
    let proof = siege.proof("other.role, test.e*", "t-1");
    siege.taken("test.echo", "t-1", &proof).await;
    let reason = Refusal::RequestReplayed;
    siege.refused(reason, "test.echo", "t-1", &proof).await;
    let proof = siege.proof("other.*", "t-2");
    let reason = Refusal::Denied;
    siege.refused(reason, "test.echo", "t-2", &proof).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_proof_is_counted_and_the_asker_is_denied() {
    let mut siege = Siege::begin("proofs").await;
    let proof = siege.proof("test.echo", "t-1");
    let reason = Refusal::Denied;
    siege.refused(reason, "test.echo", "t-2", &proof).await;
    let elsewhere = NodeId::new("another-router").unwrap();
    siege.session = session(&siege.operator, &elsewhere, &siege.key);
    let proof = siege.proof("test.echo", "t-3");
    siege.refused(reason, "test.echo", "t-3", &proof).await;
    let truncated = proof.slice(..proof.len() / 2);
    siege
        .refused(Refusal::Truncated, "test.echo", "t-4", &truncated)
        .await;
    assert_eq!(siege.host.node().metrics().n_refused(reason), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_answered_so_that_the_router_can_not_read_it() {
    let mut siege = Siege::begin("sealed").await;
    let proof = siege.proof("test.echo", "t-1");
    siege.taken("test.echo", "t-1", &proof).await;
    let reply = siege.rogue.reply().await;
    let text = std::str::from_utf8(&reply.content).unwrap();
    assert!(!text.contains("echo") && !text.contains("admin"), "{text}");
    let SealedReply { sealed } = decode_content(&reply.content).unwrap();
    let envelope = STANDARD.decode(sealed).unwrap();
    let about = |token: &str| Inscription {
        session: None,
        token: Token::new(token).unwrap(),
        origin: reply.from.clone(),
        seq: 0,
    };
    let mut reader = EnvelopeReader::new(siege.operator.swarm, &siege.key).unwrap();
    let opened = reader.open(&about("t-1"), &envelope).unwrap();
    let PlainReply::Said(said) = decode_content(&opened).unwrap() else {
        panic!("the probe did not fail")
    };
    assert!(said.contains("echo") && said.contains("admin"), "{said}");
    let swapped = reader.open(&about("t-2"), &envelope);
    assert_eq!(swapped, Err(EnvelopeError::Changed));
    let routers = &siege.rogue.identity.key;
    let mut router = EnvelopeReader::new(siege.operator.swarm, routers).unwrap();
    let opened = router.open(&about("t-1"), &envelope);
    assert_eq!(opened, Err(EnvelopeError::WrongKey));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_calls_no_handler_that_the_passport_does_not_name() {
    let mut siege = Siege::begin("only").await;
    let check = async |siege: &mut Siege, only: &str, token: &str, is_let: bool| {
        let terms = OperatorTerms {
            only: Some(only.parse().unwrap()),
            ..OperatorTerms::any("eve", Level::Admin)
        };
        let now_ms = Clock::start().now().unix_ms;
        let eve = siege.host.home().add_operator(&terms, now_ms).unwrap();
        siege.session = session(&eve, &siege.rogue.identity.node, &siege.key);
        let proof = siege.proof("test.echo", token);
        match is_let {
            true => siege.taken("test.echo", token, &proof).await,
            false => {
                let reason = Refusal::Denied;
                siege.refused(reason, "test.echo", token, &proof).await;
            }
        }
    };
    check(&mut siege, "test.*@cmd_echo", "t-1", true).await;
    check(&mut siege, "test.echo", "t-2", true).await;
    check(&mut siege, "test.echo@cmd_add", "t-3", false).await;
    check(&mut siege, "hive.*, test.add", "t-4", false).await;
}
