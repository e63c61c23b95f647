use std::{
    collections::HashMap,
    sync::Mutex as StdMutex,
    time::{SystemTime, UNIX_EPOCH},
};

use skep_identity::{
    Admission, Authority, Identity, Invite, InviteId, Invites, JoinRequest, Keyring, NodeTerms,
};
use skep_packet::{BootId, Refusal, Settled, SwarmId};
use uuid::Uuid;

use super::*;
use crate::{JoinFailure, hello, join};

/// Nothing in these tests takes longer, even on a busy host; a wait that does fails the test.
const LONG: Duration = Duration::from_secs(30);

#[expect(
    clippy::disallowed_methods,
    reason = "TLS compares certificates with the host's clock"
)]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

fn key() -> PrivateKey {
    PrivateKey::generate(2048).unwrap()
}

fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

struct Swarm {
    authority: Authority,
    identities: StdMutex<HashMap<String, Identity>>,
}

impl Swarm {
    fn new() -> Self {
        let swarm = SwarmId(Uuid::from_u128(5));
        Self {
            authority: Authority::mint(swarm, key(), now_ms()).unwrap(),
            identities: StdMutex::default(),
        }
    }

    fn identity(&self, name: &str) -> Identity {
        let mut identities = self.identities.lock().unwrap();
        let made = identities.entry(name.to_owned()).or_insert_with(|| {
            let terms = NodeTerms::any(node(name));
            Identity::mint(&self.authority, key(), &terms, now_ms()).unwrap()
        });
        made.clone()
    }

    fn config(&self, name: &str, boot: u128) -> MeshConfig {
        let identity = self.identity(name);
        let keyring = identity.keyring();
        let gate: Gate = Arc::new(move |hello: &Hello| keyring.check(&hello.passport, now_ms()));
        let boot = BootId(Uuid::from_u128(boot));
        MeshConfig::new(&identity, boot, "127.0.0.1:0".parse().unwrap(), gate)
    }

    fn start(&self, name: &str) -> Running {
        Running::start(self.config(name, 1))
    }
}

struct Running {
    mesh: Mesh,
    events: MeshEvents,
    node: NodeId,
}

impl Running {
    fn start(config: MeshConfig) -> Self {
        let node = config.node.clone();
        let (mesh, events) = Mesh::bind(config).unwrap();
        Self { mesh, events, node }
    }

    fn address(&self) -> SocketAddr {
        self.mesh.local_addr().unwrap()
    }

    fn dial(&self, other: &Self) {
        self.mesh.connect(&other.node, &[other.address()]).unwrap();
    }

    async fn next(&mut self) -> MeshEvent {
        let event = timeout(LONG, self.events.recv()).await;
        event.expect("an event in time").expect("a mesh that runs")
    }

    /// The first event that `pick` takes; others are passed over.
    async fn until<T>(&mut self, mut pick: impl FnMut(MeshEvent) -> Option<T>) -> T {
        loop {
            if let Some(found) = pick(self.next().await) {
                return found;
            }
        }
    }

    async fn up(&mut self) -> Hello {
        self.until(|event| match event {
            MeshEvent::Up { hello, .. } => Some(*hello),
            _ => None,
        })
        .await
    }

    async fn down(&mut self) -> DownReason {
        self.until(|event| match event {
            MeshEvent::Down { reason, .. } => Some(reason),
            _ => None,
        })
        .await
    }

    async fn refusal(&mut self) -> (Option<NodeId>, Refusal) {
        self.until(|event| match event {
            MeshEvent::Refused { node, refusal, .. } => Some((node, refusal)),
            _ => None,
        })
        .await
    }

    async fn frame(&mut self) -> (Lane, Frame) {
        self.until(|event| match event {
            MeshEvent::Frame { lane, frame, .. } => Some((lane, frame)),
            _ => None,
        })
        .await
    }

    fn send(&self, to: &Self, lane: Lane, epoch: u64) {
        self.mesh.send(&to.node, lane, &numbered(epoch, 0)).unwrap();
    }

    /// A connection with papers exchanged, for a test to do with as it likes.
    async fn rogue(&self, other: &Self) -> (quinn::Connection, hello::Met) {
        let shared = &self.mesh.shared;
        let name = skep_identity::server_name(&other.node);
        let config = shared.client();
        let connecting = shared.endpoint.connect_with(config, other.address(), &name);
        let connection = connecting.unwrap().await.unwrap();
        let met = hello::meet(shared, &connection, Some(&other.node))
            .await
            .unwrap();
        (connection, met)
    }

    fn dialled_here(&self, other: &Self) -> Option<bool> {
        let table = self.mesh.shared.table();
        table.link(&other.node).map(|link| link.dialled_here)
    }
}

/// A frame that is known again, padded with `n` numbers.
fn numbered(epoch: u64, n: usize) -> Frame {
    let seqs = vec![u64::MAX; n];
    Frame::Settled(Settled { epoch, seqs })
}

fn number(frame: &Frame) -> u64 {
    match frame {
        Frame::Settled(settled) => settled.epoch,
        other => panic!("{other:?}"),
    }
}

async fn linked(swarm: &Swarm) -> (Running, Running) {
    let (mut a, mut b) = (swarm.start("a"), swarm.start("b"));
    a.dial(&b);
    a.up().await;
    b.up().await;
    (a, b)
}

#[tokio::test]
async fn frames_arrive_on_every_lane_in_order() {
    let swarm = Swarm::new();
    let (mut a, mut b) = linked(&swarm).await;
    for epoch in 0..300 {
        for lane in Lane::ALL {
            a.send(&b, lane, epoch);
        }
    }
    let mut seen: [Vec<u64>; 3] = Default::default();
    while seen.iter().map(Vec::len).sum::<usize>() < 900 {
        let (lane, frame) = b.frame().await;
        seen[lane.index()].push(number(&frame));
    }
    let expected: Vec<u64> = (0..300).collect();
    assert_eq!(seen, [expected.clone(), expected.clone(), expected]);
    b.send(&a, Lane::Command, 7);
    assert_eq!(number(&a.frame().await.1), 7);
    assert_eq!(a.mesh.peers(), [b.node.clone()]);
    let stranger = a.mesh.send(&node("c"), Lane::Command, &Frame::Goodbye);
    assert_eq!(stranger, Err(SendError::NotConnected));
}

#[tokio::test]
async fn both_sides_know_who_is_there() {
    let swarm = Swarm::new();
    let (mut a, mut b) = (swarm.start("a"), swarm.start("b"));
    let announced: SocketAddr = "192.0.2.1:7400".parse().unwrap();
    a.mesh.set_announce(vec![announced]);
    a.dial(&b);
    let at_b = b.up().await;
    assert_eq!((at_b.node, at_b.listen), (a.node.clone(), vec![announced]));
    assert_eq!(a.up().await.node, b.node);
}

#[tokio::test]
async fn what_is_queued_arrives_before_the_mesh_stops() {
    let swarm = Swarm::new();
    let (a, mut b) = linked(&swarm).await;
    for epoch in 0..100 {
        a.send(&b, Lane::Command, epoch);
    }
    let stopping = a.mesh.clone();
    let stop = async move { stopping.shutdown().await };
    let receive = async {
        let mut n = 0;
        loop {
            match b.next().await {
                MeshEvent::Frame { .. } => n += 1,
                MeshEvent::Down { reason, .. } => break (n, reason),
                _ => {}
            }
        }
    };
    let (_, (n, reason)) = tokio::join!(stop, receive);
    // Down overtakes frames that wait in the command queue; they are there all the same.
    let waiting = std::iter::from_fn(|| b.events.try_recv()).count();
    assert_eq!(n + waiting, 100);
    assert_eq!(reason, DownReason::ByPeer(CloseReason::Shutdown));
    let mut a = a;
    assert!(
        timeout(LONG, async { while a.events.recv().await.is_some() {} })
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn nodes_of_another_authority_are_refused() {
    let (ours, theirs) = (Swarm::new(), Swarm::new());
    let (mut a, mut b) = (ours.start("a"), theirs.start("b"));
    a.dial(&b);
    let error = a
        .until(|event| match event {
            MeshEvent::DialFailed {
                error,
                attempts,
                is_stranger,
                ..
            } => Some((attempts, error, is_stranger)),
            MeshEvent::Up { .. } => panic!("a stranger was let in"),
            _ => None,
        })
        .await;
    assert!(
        error.0 == 1 && error.1.contains("no connection: ") && error.2,
        "{error:?}"
    );
    assert_eq!(b.refusal().await, (None, Refusal::UnknownSigner));
}

#[tokio::test]
async fn a_certificate_with_another_key_than_the_passport_is_refused() {
    let swarm = Swarm::new();
    let mut b = swarm.start("b");
    // Mallory holds a good certificate of her own and shows c's passport beside it.
    let mut config = swarm.config("mallory", 1);
    config.node = node("c");
    config.credentials.passport = swarm.identity("c").credentials.passport;
    let mallory = Running::start(config);
    mallory.dial(&b);
    assert_eq!(b.refusal().await, (Some(node("c")), Refusal::WrongSigner));

    // Or she shows her own and calls herself c.
    let mut config = swarm.config("mallory", 1);
    config.node = node("c");
    let mallory = Running::start(config);
    mallory.dial(&b);
    assert_eq!(b.refusal().await, (Some(node("c")), Refusal::WrongSigner));
    assert!(!b.mesh.is_connected(&node("c")));
}

#[tokio::test]
async fn a_connection_without_certificate_is_refused() {
    let swarm = Swarm::new();
    let mut b = swarm.start("b");
    let endpoint = transport::endpoint("127.0.0.1:0".parse().unwrap(), None).unwrap();
    let config = transport::client(tls::anonymous(tls::ALPN_MESH).unwrap());
    let connecting = endpoint
        .connect_with(config, b.address(), "b.skep")
        .unwrap();
    let connection = connecting.await.unwrap();
    assert_eq!(b.refusal().await, (None, Refusal::UnknownSigner));
    let closed = timeout(LONG, connection.closed()).await.unwrap();
    let expected = DownReason::ByPeer(CloseReason::Refused);
    assert_eq!(DownReason::of(&closed), expected);
}

#[tokio::test]
async fn whom_the_gate_refuses_stays_out() {
    let swarm = Swarm::new();
    let revoked = swarm.identity("a");
    let mut config = swarm.config("b", 1);
    let mut keyring: Keyring = swarm.identity("b").keyring();
    let who = skep_identity::Who::Node(revoked.node.clone());
    let revocation = swarm.authority.revoke(revoked.key.id(), &who, now_ms());
    keyring.revoke(&revocation.unwrap(), now_ms()).unwrap();
    config.gate = Arc::new(move |hello: &Hello| keyring.check(&hello.passport, now_ms()));
    let mut b = Running::start(config);
    let mut a = swarm.start("a");
    a.dial(&b);
    assert_eq!(b.refusal().await, (Some(node("a")), Refusal::RevokedSigner));
    a.until(|event| match event {
        MeshEvent::DialFailed { .. } => Some(()),
        MeshEvent::Down { reason, .. } => {
            assert_eq!(reason, DownReason::ByPeer(CloseReason::Refused));
            Some(())
        }
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn another_node_than_was_dialled_is_refused() {
    let swarm = Swarm::new();
    let (mut a, b) = (swarm.start("a"), swarm.start("b"));
    a.mesh.connect(&node("c"), &[b.address()]).unwrap();
    let error = a
        .until(|event| match event {
            MeshEvent::DialFailed { error, .. } => Some(error),
            _ => None,
        })
        .await;
    assert!(error.contains("certificate"), "{error}");
    assert!(a.mesh.peers().is_empty());
}

#[tokio::test]
async fn an_oversized_frame_closes_the_connection() {
    let swarm = Swarm::new();
    let (a, mut b) = (swarm.start("a"), swarm.start("b"));
    let (connection, mut met) = a.rogue(&b).await;
    b.up().await;
    let command = &mut met.senders[Lane::Command.index()];
    command.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    let closed = timeout(LONG, connection.closed()).await.unwrap();
    let expected = DownReason::ByPeer(CloseReason::Oversized);
    assert_eq!(DownReason::of(&closed), expected);
    let (mut refused, mut reason) = (None, None);
    while refused.is_none() || reason.is_none() {
        match b.next().await {
            MeshEvent::BadFrame { lane, refusal, .. } => refused = Some((lane, refusal)),
            MeshEvent::Down { reason: why, .. } => reason = Some(why),
            _ => {}
        }
    }
    assert_eq!(refused, Some((Lane::Command, Refusal::Oversized)));
    assert_eq!(reason, Some(DownReason::Here(CloseReason::Oversized)));
}

#[tokio::test]
async fn bytes_that_are_no_frames_are_counted_and_then_cut_off() {
    let swarm = Swarm::new();
    let (a, mut b) = (swarm.start("a"), swarm.start("b"));
    let (connection, mut met) = a.rogue(&b).await;
    b.up().await;
    let mut bytes = bytes::BytesMut::new();
    let hello = encode(&Frame::Hello(met.hello.clone()));
    for bad in std::iter::once(&hello[..]).chain([&[0xc1][..]; 16]) {
        crate::lane::put(&mut bytes, bad);
    }
    let control = &mut met.senders[0];
    control.write_all(&bytes).await.unwrap();
    let closed = timeout(LONG, connection.closed()).await.unwrap();
    let expected = DownReason::ByPeer(CloseReason::Protocol);
    assert_eq!(DownReason::of(&closed), expected);
    for _ in 0..17 {
        let refusal = b
            .until(|event| match event {
                MeshEvent::BadFrame { refusal, .. } => Some(refusal),
                _ => None,
            })
            .await;
        assert_eq!(refusal, Refusal::Malformed);
    }
}

#[tokio::test]
async fn a_restarted_peer_is_found_again() {
    let swarm = Swarm::new();
    let (mut a, b) = linked(&swarm).await;
    let address = b.address();
    b.mesh.shutdown().await;
    drop(b);
    assert_eq!(a.down().await, DownReason::ByPeer(CloseReason::Shutdown));
    let mut config = swarm.config("b", 2);
    config.listen = address;
    // quinn lets go of the socket in a task of its own.
    let free = async {
        while std::net::UdpSocket::bind(address).is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, free).await.unwrap();
    let mut b = Running::start(config);
    let hello = a.up().await;
    assert_eq!(hello.boot, BootId(Uuid::from_u128(2)));
    b.up().await;
    a.send(&b, Lane::Command, 9);
    assert_eq!(number(&b.frame().await.1), 9);
}

#[tokio::test]
async fn a_peer_that_lost_the_connection_silently_is_let_in_again() {
    let swarm = Swarm::new();
    let (a, mut b) = (swarm.start("a"), swarm.start("b"));
    let first = a.rogue(&b).await;
    b.up().await;
    let second = a.rogue(&b).await;
    assert_eq!(b.down().await, DownReason::Replaced);
    b.up().await;
    let closed = timeout(LONG, first.0.closed()).await.unwrap();
    let expected = DownReason::ByPeer(CloseReason::Duplicate);
    assert_eq!(DownReason::of(&closed), expected);
    assert!(second.0.close_reason().is_none());
}

#[tokio::test]
async fn of_two_connections_both_keep_what_the_smaller_id_dialled() {
    let swarm = Swarm::new();
    let (mut a, mut b) = (swarm.start("a"), swarm.start("b"));
    b.dial(&a);
    a.up().await;
    b.up().await;
    assert_eq!(a.dialled_here(&b), Some(false));

    let (connection, met) = a.rogue(&b).await;
    assert!(link::start(&a.mesh.shared, connection, met, true).await);
    for side in [&mut a, &mut b] {
        // The side that is told of it first closes the old one for both.
        let by_peer = DownReason::ByPeer(CloseReason::Duplicate);
        let reason = side.down().await;
        assert!(
            [DownReason::Replaced, by_peer].contains(&reason),
            "{reason:?}"
        );
        side.up().await;
    }
    assert_eq!(
        (a.dialled_here(&b), b.dialled_here(&a)),
        (Some(true), Some(false))
    );

    let (connection, met) = b.rogue(&a).await;
    assert!(!link::start(&b.mesh.shared, connection, met, true).await);
    a.send(&b, Lane::Control, 1);
    b.send(&a, Lane::Control, 2);
    assert_eq!(number(&b.frame().await.1), 1);
    assert_eq!(number(&a.frame().await.1), 2);
    assert_eq!(
        (a.dialled_here(&b), b.dialled_here(&a)),
        (Some(true), Some(false))
    );
}

#[tokio::test]
async fn nodes_that_dial_each_other_at_once_end_with_one_connection() {
    let swarm = Swarm::new();
    let (mut a, mut b) = (swarm.start("a"), swarm.start("b"));
    a.dial(&b);
    b.dial(&a);
    // Each says hello on every connection that comes up, so the one that stays carries one, too.
    let (mut at_a, mut at_b) = (false, false);
    let begun = tokio::time::Instant::now();
    while !(at_a && at_b && one_connection(&a, &b)) {
        assert!(begun.elapsed() < LONG);
        let (here, there, event) = tokio::select! {
            event = a.events.recv() => (&a, &b, event.unwrap()),
            event = b.events.recv() => (&b, &a, event.unwrap()),
        };
        match event {
            MeshEvent::Up { .. } => {
                let sent = here.mesh.send(&there.node, Lane::Command, &Frame::Goodbye);
                assert!(matches!(sent, Ok(_) | Err(SendError::NotConnected)));
            }
            MeshEvent::Frame { .. } if here.node == a.node => at_a = true,
            MeshEvent::Frame { .. } => at_b = true,
            _ => {}
        }
    }
}

fn one_connection(a: &Running, b: &Running) -> bool {
    match (a.dialled_here(b), b.dialled_here(a)) {
        (Some(by_a), Some(by_b)) => by_a != by_b,
        _ => false,
    }
}

#[tokio::test]
async fn a_slow_reader_fills_its_lane_and_leaves_the_others_free() {
    let swarm = Swarm::new();
    let (mut a, mut b) = linked(&swarm).await;
    let frame = |epoch| numbered(epoch, 3_500);
    let mut n_sent = 0;
    // B reads nothing now, so its queue, the windows and our queue fill up, one after another.
    let full = timeout(LONG, async {
        let mut n_full = 0;
        while n_full < 1_000 {
            match a.mesh.send(&b.node, Lane::Command, &frame(n_sent)) {
                Ok(_) => (n_sent, n_full) = (n_sent + 1, 0),
                Err(full) => {
                    assert_eq!(
                        full,
                        SendError::Full {
                            lane: Lane::Command
                        }
                    );
                    n_full += 1;
                    tokio::task::yield_now().await;
                }
            }
        }
    });
    full.await.unwrap();
    assert!(
        n_sent * 32_000 < 20_000_000,
        "{n_sent} frames of 32 kB are held"
    );
    a.send(&b, Lane::Control, 77);
    let (mut next, mut before_control) = (0, None);
    while next < n_sent {
        match b.frame().await {
            (Lane::Command, frame) => {
                assert_eq!(number(&frame), next);
                next += 1;
            }
            (_, frame) => {
                assert_eq!(number(&frame), 77);
                before_control = Some(next);
            }
        }
    }
    assert!(
        before_control.is_some_and(|before| before < n_sent),
        "{before_control:?}"
    );
    b.send(&a, Lane::Command, 1);
    assert_eq!(number(&a.frame().await.1), 1);
}

#[tokio::test]
async fn bulk_waits_for_acknowledgements() {
    let swarm = Swarm::new();
    let (a, mut b) = linked(&swarm).await;
    let mut sizes = Vec::new();
    for epoch in 0..30 {
        let sent = a.mesh.send(&b.node, Lane::Bulk, &numbered(epoch, 3_500));
        sizes.push(sent.unwrap());
    }
    let started = tokio::time::Instant::now();
    for (epoch, size) in sizes.into_iter().enumerate() {
        let (lane, frame) = b.frame().await;
        assert_eq!(
            (lane, number(&frame)),
            (Lane::Bulk, u64::try_from(epoch).unwrap())
        );
        a.mesh.release_bulk(&b.node, size);
    }
    assert!(
        started.elapsed() < crate::BULK_STALL_MAX,
        "released bytes let the rest go"
    );
}

#[tokio::test]
async fn a_revoked_peer_is_cut_and_not_dialled_again() {
    let swarm = Swarm::new();
    let (mut a, mut b) = linked(&swarm).await;
    a.mesh.close(&b.node, CloseReason::Revoked);
    assert_eq!(a.down().await, DownReason::Here(CloseReason::Revoked));
    assert_eq!(b.down().await, DownReason::ByPeer(CloseReason::Revoked));
    assert!(a.mesh.shared.addresses(&b.node).is_empty());
}

#[tokio::test]
async fn new_links_show_renewed_papers() {
    let swarm = Swarm::new();
    let (mut a, mut b) = linked(&swarm).await;
    let identity = swarm.identity("a");
    let terms = NodeTerms::any(node("a"));
    let renew = |key: &PrivateKey| {
        let renewed = swarm
            .authority
            .admit_node(&terms, key.public(), now_ms() + 5_000);
        renewed.unwrap()
    };
    let renewed = renew(&identity.key);
    a.mesh.set_credentials(&renewed).unwrap();
    assert!(
        a.mesh.set_credentials(&renew(&key())).is_err(),
        "another key's papers"
    );
    assert!(a.mesh.is_connected(&b.node), "renewal breaks no link");
    a.mesh.close(&b.node, CloseReason::Shutdown);
    b.down().await;
    a.down().await;
    a.dial(&b);
    assert_eq!(b.up().await.passport, renewed.passport);
}

fn invite(swarm: &Swarm, address: SocketAddr) -> Invite {
    Invite {
        id: InviteId(1),
        secret: [7; 32],
        authority: swarm.authority.key().id(),
        swarm: swarm.authority.swarm(),
        address: address.to_string(),
        expires_ms: now_ms() + 60_000,
    }
}

#[tokio::test]
async fn a_host_with_an_invitation_joins_and_connects() {
    let swarm = Swarm::new();
    let mut a = swarm.start("a");
    let address = a.address();
    let invite = invite(&swarm, address);
    let mut invites = Invites::default();
    invites.add(invite.clone(), now_ms()).unwrap();
    let own = key();
    let request = JoinRequest::new(&invite, &own, node("c"), Vec::new()).unwrap();
    let serve = async {
        let (request, reply) = a
            .until(|event| match event {
                MeshEvent::Join { request, reply, .. } => Some((request, reply)),
                _ => None,
            })
            .await;
        let request = JoinRequest::from_bytes(&request).unwrap();
        invites.redeem(&request, now_ms()).unwrap();
        let answer = swarm
            .authority
            .enrol(&request, Vec::new(), now_ms())
            .unwrap()
            .0;
        reply.send(encode(&answer)).unwrap();
    };
    let asked = join(address, encode(&request));
    let (answer, ()) = tokio::join!(asked, serve);
    let opened = Admission::open(&answer.unwrap(), &invite, own.public(), now_ms());
    let (authority, admission) = opened.unwrap();
    let identity = Identity::joined(own, authority, &admission).unwrap();
    swarm
        .identities
        .lock()
        .unwrap()
        .insert("c".to_owned(), identity);
    let mut c = swarm.start("c");
    c.dial(&a);
    assert_eq!(c.up().await.node, a.node);
}

#[tokio::test]
async fn requests_to_join_are_bounded() {
    let swarm = Swarm::new();
    let mut a = swarm.start("a");
    let address = a.address();
    let large = Bytes::from(vec![0; skep_identity::JOIN_REQUEST_BYTES_MAX + 1]);
    let failed = join(address, large).await.unwrap_err();
    assert!(
        matches!(
            failed,
            JoinFailure::Connection { .. } | JoinFailure::Broken { .. }
        ),
        "{failed:?}"
    );
    // The node does not answer: it drops the reply.
    let ask = async {
        for n in 0..100 {
            match join(address, Bytes::from_static(b"hello")).await {
                Err(JoinFailure::Busy { .. }) => return n,
                other => assert!(other.is_err()),
            }
        }
        100
    };
    let drain = async { while a.events.recv().await.is_some() {} };
    let n_before_busy = tokio::select! {
        n = ask => n,
        () = drain => unreachable!("the mesh runs"),
    };
    assert!((15..30).contains(&n_before_busy), "{n_before_busy}");
}

#[tokio::test]
async fn a_taken_address_is_said() {
    let swarm = Swarm::new();
    let a = swarm.start("a");
    let mut config = swarm.config("b", 1);
    config.listen = a.address();
    let error = Mesh::bind(config).unwrap_err();
    assert!(matches!(error, MeshError::Bind { address, .. } if address == a.address()));
}

/// A swarm whose authority just followed another one.
fn successor(swarm: &Swarm) -> Swarm {
    let authority = swarm.authority.hand_over(key(), 3_600_000, now_ms());
    Swarm {
        authority: authority.unwrap(),
        identities: StdMutex::default(),
    }
}

/// A node's configuration that believes what a hello tells of its authority, as a node does.
fn following(swarm: &Swarm, name: &str) -> MeshConfig {
    let config = swarm.config(name, 1);
    let lineage = swarm.authority.lineage();
    let gate: Gate = Arc::new(move |hello: &Hello| {
        let mut keyring = Keyring::of(lineage.clone());
        for succession in &hello.successions {
            keyring.follow(succession, now_ms())?;
        }
        keyring.check(&hello.passport, now_ms())
    });
    MeshConfig {
        trust: swarm
            .authority
            .lineage()
            .trust(swarm.authority.certificate(), now_ms()),
        gate,
        ..config
    }
}

#[tokio::test]
async fn a_node_that_knows_the_old_authority_meets_one_of_the_new() {
    let old = Swarm::new();
    let new = successor(&old);
    // It has not heard of the new authority, whichever of the two dials.
    for dials in ["old", "new"] {
        let (mut a, mut b) = (
            Running::start(following(&old, "a")),
            Running::start(following(&new, "b")),
        );
        match dials {
            "old" => a.dial(&b),
            _ => b.dial(&a),
        }
        assert_eq!(a.up().await.successions.len(), 1, "{dials}");
        assert!(b.up().await.successions.is_empty(), "{dials}");
    }
}

#[tokio::test]
async fn roots_are_exchanged_while_the_mesh_runs() {
    let old = Swarm::new();
    let new = successor(&old);
    let (mut a, mut b) = (
        Running::start(following(&old, "a")),
        Running::start(following(&new, "b")),
    );
    // The time of the old authority is over for b: it neither dials nor lets in.
    let after_ms = now_ms() + 7_200_000;
    let own = new.authority.certificate();
    let trust = new.authority.lineage().trust(own, after_ms);
    assert_eq!(trust, Trust::only(own));
    b.mesh.set_trust(&trust).unwrap();
    a.dial(&b);
    let is_stranger = a
        .until(|event| match event {
            MeshEvent::DialFailed { is_stranger, .. } => Some(is_stranger),
            MeshEvent::Up { .. } => panic!("the bridge is gone"),
            _ => None,
        })
        .await;
    assert!(is_stranger);
    b.dial(&a);
    let refused = |event| match event {
        MeshEvent::DialFailed { is_stranger, .. } => Some(is_stranger),
        MeshEvent::Up { .. } => panic!("the old authority is believed"),
        _ => None,
    };
    assert!(b.until(refused).await);
}
