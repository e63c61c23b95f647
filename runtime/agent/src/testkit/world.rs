//! The world of one agent under test.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use skep_packet::{
    Address, AgentName, BootId, Class, HandlerName, Kind, Lane, NodeId, OutboxMark, Packet,
    PacketId, Refusal, RoleName, SwarmId, Token, encode_content,
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::node::{FakeNode, Sent};
use crate::{
    Agent, AgentRuntime, AgentSpec, AgentStart, AgentStatus, Delivery, Door, DurableRef, Endpoint,
    Exit, NodePort, Principal, Stewardship, admit, spec::BEACON_DEFAULT,
};

/// How long a test waits, in virtual time, for something that should come.
const WAIT_MAX: Duration = Duration::from_hours(24 * 365);

/// One agent alone, on a node made for tests. Use it with `#[tokio::test(start_paused = true)]`.
#[derive(Debug)]
pub struct Testkit<A: Agent> {
    node: Arc<FakeNode>,
    config: Value,
    address: Address,
    running: Running,
    n_packets: u64,
    agent: std::marker::PhantomData<fn() -> A>,
}

#[derive(Debug)]
struct Running {
    task: JoinHandle<Exit>,
    mailbox: mpsc::Sender<Delivery>,
    status: Arc<AgentStatus>,
    stop: CancellationToken,
}

impl<A: Agent> Testkit<A> {
    /// Starts the agent `KIND@n1` with this config, and waits until it has started or failed.
    pub async fn start(config: Value) -> Self {
        Self::start_with(config, |_| {}).await
    }

    /// The same; `prepare` runs before the agent starts, so that roles can be there at boot.
    pub async fn start_with(config: Value, prepare: impl FnOnce(&Stage)) -> Self {
        let node = NodeId::new("n1").expect("a node id");
        let agent = AgentName::new(A::KIND).expect("a kind is a name");
        let address = Address::new(agent, node.clone());
        let node = Arc::new(FakeNode::new(node));
        prepare(&Stage { node: node.clone() });
        let running = launch::<A>(&node, &address, &config);
        let mut world = Self {
            node,
            config,
            address,
            running,
            n_packets: 0,
            agent: std::marker::PhantomData,
        };
        world.wait_started().await;
        world
    }

    /// The agent's address.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// From now on `address` serves `role` with `handler`.
    ///
    /// # Panics
    /// Where one of the names is none.
    pub fn serve(&self, role: &str, address: &str, handler: &str) {
        Stage {
            node: self.node.clone(),
        }
        .serve(role, address, handler);
    }

    /// From now on `address` is another start of its agent.
    ///
    /// # Panics
    /// Where it is no address.
    pub fn started_anew(&self, address: &str) {
        let address: Address = address.parse().expect("an address");
        self.node.started_anew(&address);
    }

    /// From now on nobody serves `role`.
    pub fn retire(&self, role: &str) {
        self.node.retire(role);
    }

    /// From now on every commit fails.
    pub fn fail_commits(&self) {
        self.node.fail_commits();
    }

    /// Both clocks, as the agent sees them.
    #[must_use]
    pub fn now(&self) -> skep_packet::Now {
        self.node.now()
    }

    /// Writes a row of the agent's store as it stands, as another version may have left it.
    pub fn overwrite(&self, key: &str, value: &[u8]) {
        self.node.overwrite(key, value);
    }

    /// The keys in the agent's store.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.node.keys()
    }

    /// The durable packets whose transaction committed.
    #[must_use]
    pub fn settled(&self) -> Vec<DurableRef> {
        self.node.settled()
    }

    /// The durable packets whose handler failed, with the error.
    #[must_use]
    pub fn failed(&self) -> Vec<(DurableRef, String)> {
        self.node.failed()
    }

    /// What the agent's supervisor would see.
    #[must_use]
    pub fn status(&self) -> &AgentStatus {
        &self.running.status
    }

    /// A command for the agent, not delivered yet.
    ///
    /// # Panics
    /// Where `handler` is no name.
    pub fn command<T: Serialize>(&mut self, handler: &str, content: &T) -> Incoming<'_, A> {
        self.n_packets += 1;
        let id = PacketId(Uuid::from_u128(u128::from(self.n_packets)));
        let from: Address = "tester@n2".parse().expect("an address");
        let packet = Packet {
            id,
            kind: Kind::Command,
            swarm: SwarmId(Uuid::nil()),
            from: from.clone(),
            role: None,
            target: self.address.clone(),
            handler: HandlerName::new(handler).expect("a handler name"),
            token: None,
            reply_to: None,
            class: Class::Accepted,
            lane: Lane::Command,
            issued_at_ms: self.now().unix_ms,
            ttl_ms: 30_000,
            proof: None,
            content: encode_content(content),
        };
        let principal = Principal::Agent(from);
        let delivery = Delivery {
            packet,
            principal,
            session_key: None,
            durable: None,
            late: false,
        };
        Incoming {
            world: self,
            delivery,
        }
    }

    /// The next thing the agent sends; virtual time runs on until it does.
    ///
    /// # Panics
    /// Where nothing comes within a virtual year.
    pub async fn next_sent(&mut self) -> Sent {
        self.next_sent_within(WAIT_MAX)
            .await
            .expect("the agent sends something")
    }

    /// The next thing the agent sends within `limit` of virtual time.
    pub async fn next_sent_within(&mut self, limit: Duration) -> Option<Sent> {
        let sent = async {
            loop {
                if let Some(sent) = self.node.take_sent() {
                    return sent;
                }
                self.node.changed().await;
            }
        };
        timeout(limit, sent).await.ok()
    }

    /// Waits until the agent has dealt with everything that lies in its mailbox, then `settle`s:
    /// lets its tasks run until only timers are left.
    ///
    /// # Panics
    /// Where it does not within a virtual year.
    pub async fn idle(&mut self) {
        let mut last = None;
        timeout(WAIT_MAX, async {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let mailbox = &self.running.mailbox;
                let waiting = mailbox.max_capacity() - mailbox.capacity();
                let seen = (self.running.status.handled(), self.running.status.failed());
                if waiting == 0 && last == Some(seen) {
                    return;
                }
                last = Some(seen);
            }
        })
        .await
        .expect("the agent becomes idle");
    }

    /// Stops the agent and starts it again on the same store, as after an orderly restart.
    ///
    /// # Panics
    /// Where it does not stop.
    pub async fn restart(&mut self) {
        self.running.stop.cancel();
        let exit = (&mut self.running.task)
            .await
            .expect("the agent stops without a panic");
        assert!(matches!(exit, Exit::Stopped), "{exit:?}");
        self.running = launch::<A>(&self.node, &self.address, &self.config);
        self.wait_started().await;
    }

    /// Ends the agent between two instructions, as kill -9 does, and starts it again on the store.
    pub async fn crash(&mut self) {
        self.running.task.abort();
        let ended = (&mut self.running.task).await;
        tracing::debug!(?ended, "the agent was killed");
        while self.node.take_sent().is_some() {}
        self.running = launch::<A>(&self.node, &self.address, &self.config);
        self.wait_started().await;
    }

    /// Waits for the agent's end.
    ///
    /// # Panics
    /// Where it panicked, or does not end within a virtual year.
    pub async fn exit(&mut self) -> Exit {
        let exit = timeout(WAIT_MAX, &mut self.running.task)
            .await
            .expect("the agent ends");
        exit.expect("the agent ends without a panic")
    }

    async fn wait_started(&mut self) {
        while !self.running.status.started() && !self.running.task.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl<A: Agent> Drop for Testkit<A> {
    fn drop(&mut self) {
        self.running.task.abort();
    }
}

/// What is there before the agent starts.
#[derive(Debug)]
pub struct Stage {
    node: Arc<FakeNode>,
}

impl Stage {
    /// `address` serves `role` with `handler`.
    ///
    /// # Panics
    /// Where one of the names is none.
    pub fn serve(&self, role: &str, address: &str, handler: &str) {
        self.node.serve(Endpoint {
            address: address.parse().expect("an address"),
            role: RoleName::new(role).expect("a role"),
            handler: HandlerName::new(handler).expect("a handler"),
            start: AgentStart {
                boot: BootId(Uuid::nil()),
                incarnation: 1,
            },
        });
    }

    /// The time between two signs of life, as a directive would set it.
    pub fn beacon(&self, beacon: Duration) {
        self.node.set_beacon(beacon);
    }

    /// Gives the agent what only a node's steward has.
    pub fn steward(&self, steward: Arc<dyn Stewardship>) {
        self.node.lend_steward(steward);
    }

    /// Gives the agent what only the door to people has.
    pub fn door(&self, door: Arc<dyn Door>) {
        self.node.open_door(door);
    }
}

fn launch<A: Agent>(node: &Arc<FakeNode>, address: &Address, config: &Value) -> Running {
    let (mailbox, packets) = mpsc::channel(A::MAILBOX_MAX);
    let status = Arc::new(AgentStatus::default());
    let stop = CancellationToken::new();
    let runtime = AgentRuntime {
        address: address.clone(),
        config: config.clone(),
        port: Arc::new(node.clone()),
        mailbox: packets,
        status: status.clone(),
        stop: stop.clone(),
        beacon: node.beacon().unwrap_or(BEACON_DEFAULT),
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the agent's task, as a node would spawn it"
    )]
    let task = tokio::spawn((AgentSpec::of::<A>().run)(runtime));
    Running {
        task,
        mailbox,
        status,
        stop,
    }
}

/// A packet for the agent, not delivered yet.
#[derive(Debug)]
pub struct Incoming<'a, A: Agent> {
    world: &'a mut Testkit<A>,
    delivery: Delivery,
}

impl<A: Agent> Incoming<'_, A> {
    /// From this agent.
    ///
    /// # Panics
    /// Where it is no address.
    #[must_use]
    pub fn from(mut self, address: &str) -> Self {
        let from: Address = address.parse().expect("an address");
        self.delivery.principal = Principal::Agent(from.clone());
        self.delivery.packet.from = from;
        self
    }

    /// For this key of a person's session.
    #[must_use]
    pub fn session_key(mut self, key: skep_packet::SessionKey) -> Self {
        self.delivery.session_key = Some(key);
        self
    }

    /// On behalf of this caller.
    #[must_use]
    pub fn principal(mut self, principal: Principal) -> Self {
        self.delivery.principal = principal;
        self
    }

    /// Found by this role.
    ///
    /// # Panics
    /// Where it is no role.
    #[must_use]
    pub fn role(mut self, role: &str) -> Self {
        self.delivery.packet.role = Some(RoleName::new(role).expect("a role"));
        self
    }

    /// With this token.
    ///
    /// # Panics
    /// Where it is none.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.delivery.packet.token = Some(Token::new(token).expect("a token"));
        self
    }

    /// With this packet id.
    #[must_use]
    pub fn id(mut self, id: Uuid) -> Self {
        self.delivery.packet.id = PacketId(id);
        self
    }

    /// Callbacks go to this router.
    ///
    /// # Panics
    /// Where it is no address.
    #[must_use]
    pub fn reply_to(mut self, address: &str) -> Self {
        self.delivery.packet.reply_to = Some(address.parse().expect("an address"));
        self
    }

    /// With a proof.
    #[must_use]
    pub fn proof(mut self, proof: Bytes) -> Self {
        self.delivery.packet.proof = Some(proof);
        self
    }

    /// As an answer that comes after its ask has ended.
    #[must_use]
    pub fn late(mut self) -> Self {
        self.delivery.late = true;
        self.delivery.packet.kind = Kind::Reply;
        self
    }

    /// As a durable packet with this number in its sender's outbox.
    #[must_use]
    pub fn durable(mut self, seq: u64) -> Self {
        self.delivery.packet.class = Class::Durable;
        let sender = self.delivery.packet.from.node.clone();
        let mark = OutboxMark {
            epoch: 1,
            seq,
            lowest: seq,
        };
        self.delivery.durable = Some(DurableRef { sender, mark });
        self
    }

    /// Puts it into the agent's mailbox.
    ///
    /// # Panics
    /// Where the agent has ended, or its access rules refuse the caller (see
    /// [`Incoming::refusal`]).
    pub async fn deliver(self) {
        let infos = A::handlers().with_config(&self.world.config).infos();
        let packet = &self.delivery.packet;
        admit(&infos, &packet.handler, &self.delivery.principal).expect("the caller is admitted");
        let mailbox = self.world.running.mailbox.clone();
        mailbox
            .send(self.delivery)
            .await
            .expect("the agent is alive");
    }

    /// Why a node would refuse it, if it would.
    #[must_use]
    pub fn refusal(self) -> Option<Refusal> {
        let infos = A::handlers().with_config(&self.world.config).infos();
        admit(
            &infos,
            &self.delivery.packet.handler,
            &self.delivery.principal,
        )
        .err()
    }
}
