//! What a node believes of operators' requests when the router that brings them is not honest.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use bytes::Bytes;
use skep_identity::{LoginTerms, OperatorBundle, PrivateKey, SESSION_KEY_BITS, Session};
use skep_node::Clock;
use skep_packet::{NodeId, Refusal, Token, WirePacket};
use skep_tests_swarm::{Host, Rogue, World, until};

const PAYLOAD: &[u8] = br#"{"n":1}"#;

/// A swarm whose first operator has a session at a router that does not keep to the rules.
struct Siege {
    host: Host,
    rogue: Rogue,
    operator: OperatorBundle,
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
        let session = session(&operator, &rogue.identity.node);
        Self {
            host,
            rogue,
            operator,
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

fn session(operator: &OperatorBundle, router: &NodeId) -> Session {
    let terms = LoginTerms {
        swarm: operator.swarm,
        nonce: Bytes::from_static(b"nonce"),
        router: router.clone(),
        binding: Bytes::from_static(b"unix"),
    };
    let key = PrivateKey::generate(SESSION_KEY_BITS).unwrap();
    let now_ms = Clock::start().now().unix_ms;
    Session::open(&operator.key, operator.passport.clone(), key, terms, now_ms).unwrap()
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
    siege.host.down().await;
    siege.host.up().await;
    let address = siege.host.node().listening().await.unwrap();
    let name = siege.host.node().name().clone();
    siege.rogue = Rogue::connect(siege.rogue.identity.clone(), &name, address).await;
    let reason = Refusal::RequestReplayed;
    siege.refused(reason, "test.echo", "t-1", &proof).await;
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
    siege.session = session(&siege.operator, &elsewhere);
    let proof = siege.proof("test.echo", "t-3");
    siege.refused(reason, "test.echo", "t-3", &proof).await;
    let truncated = proof.slice(..proof.len() / 2);
    siege
        .refused(Refusal::Truncated, "test.echo", "t-4", &truncated)
        .await;
    assert_eq!(siege.host.node().metrics().n_refused(reason), 3);
}
