//! The switch: the one task that knows where every packet of the node goes.
//!
//! It drives the pure cores (delivery, asks, membership, sealer) and does what they say. It decides
//! nothing itself and never waits for a disk, a peer or an agent.

mod arrivals;
mod commits;
mod deliver;
mod effects;
mod handle;
mod local;
mod members;
mod outbound;
mod seat;
mod trust;
mod view;

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use futures_channel::mpsc::Sender;
use rand::Rng;
use skep_agent::AskEvent;
use skep_identity::RequestGuard;
use skep_packet::{BootId, Descriptor, NodeId, Now, SwarmId};
use skep_swarm::{
    asks::{AskId, Asks},
    delivery::{self, Delivery},
    membership::{Membership, MembershipConfig},
    roles::{Newcomer, RoleIndex},
    ways::Ways,
};
use tokio::{sync::mpsc, time::sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{clock::Clock, metrics::Metrics, store::Store};

pub(crate) use commits::{completions, load};
pub(crate) use handle::{Ask, CommitRequest, Handle, Input, MailboxUp, SWITCH_QUEUE_MAX, Send};
pub(crate) use seat::{KnownNode, Say, Seat, SeatInput};
pub(crate) use view::View;

use commits::Commits;
use local::Local;
use members::Members;

/// Inputs that are taken in before outputs are carried out.
const ROUND_MAX: usize = 256;

/// Who the node is.
#[derive(Debug, Clone)]
pub(crate) struct Me {
    pub(crate) swarm: SwarmId,
    pub(crate) node: NodeId,
    pub(crate) boot: BootId,
}

/// What the switch is made of.
pub(crate) struct Parts {
    pub(crate) me: Me,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) roles: Arc<ArcSwap<RoleIndex>>,
    pub(crate) view: Arc<View>,
    pub(crate) descriptor: Descriptor,
    /// Whether other nodes of the swarm are known from before this start.
    pub(crate) was_enrolled: bool,
    pub(crate) delivery: Delivery,
    /// Which requests of operators have run here.
    pub(crate) requests: RequestGuard,
    pub(crate) inputs: mpsc::Receiver<Input>,
    pub(crate) completions: commits::Completions,
}

/// The one task that knows where every packet of the node goes.
pub(crate) struct Switch {
    me: Me,
    clock: Clock,
    metrics: Arc<Metrics>,
    roles: Arc<ArcSwap<RoleIndex>>,
    view: Arc<View>,
    delivery: Delivery,
    asks: Asks,
    askers: HashMap<AskId, Sender<AskEvent>>,
    membership: Membership,
    members: Members,
    ways: Ways,
    newcomer: Newcomer,
    local: Local,
    /// Which requests of operators have run here.
    requests: RequestGuard,
    commits: Commits,
    /// Whether the view shows packets in the outbox.
    outbox_shown: bool,
    /// Where packets are encoded on their way to the sealer.
    scratch: Vec<u8>,
    /// Set once the node's keys are made; without it nothing leaves the node.
    seat: Option<Seat>,
    inputs: mpsc::Receiver<Input>,
    completions: mpsc::Receiver<commits::Completion>,
}

impl Switch {
    pub(crate) fn new(parts: Parts) -> Self {
        let now = parts.clock.now();
        let seed = rand::rng().random();
        let config = MembershipConfig::default();
        let membership = Membership::new(parts.me.node.clone(), config, seed, now);
        let (tx, completions) = parts.completions;
        Self {
            commits: Commits::new(parts.store, tx),
            members: Members::new(parts.descriptor),
            ways: Ways::new(parts.me.node.clone(), false),
            newcomer: Newcomer::new(parts.was_enrolled),
            local: Local::default(),
            requests: parts.requests,
            asks: Asks::new(),
            askers: HashMap::new(),
            membership,
            outbox_shown: false,
            scratch: Vec::new(),
            seat: None,
            me: parts.me,
            clock: parts.clock,
            metrics: parts.metrics,
            roles: parts.roles,
            view: parts.view,
            delivery: parts.delivery,
            inputs: parts.inputs,
            completions,
        }
    }

    /// Runs until `stop`, then says goodbye to the peers.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut round = Vec::with_capacity(ROUND_MAX);
        self.announce_roles();
        while !stop.is_cancelled() {
            let wake = self.next_wake();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(completion) = self.completions.recv() => self.completed(completion),
                n = self.inputs.recv_many(&mut round, ROUND_MAX) => if n == 0 { break },
                () = sleep_until(self.clock.at(wake.unwrap_or_default())), if wake.is_some() => {}
            }
            while let Ok(completion) = self.completions.try_recv() {
                self.completed(completion);
            }
            for input in round.drain(..) {
                self.take_in(input);
            }
            self.on_timeout();
            self.carry_out();
        }
        self.membership
            .handle(self.now(), skep_swarm::membership::Input::Leave);
        self.carry_out();
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    fn next_wake(&self) -> Option<u64> {
        let sealer = self.seat.as_ref().and_then(Seat::next_wake);
        let cores = [
            self.delivery.next_wake(),
            self.asks.next_wake(),
            self.membership.next_wake(),
            self.newcomer.next_wake(),
        ];
        cores.into_iter().chain([sealer]).flatten().min()
    }

    fn on_timeout(&mut self) {
        let now = self.now();
        self.delivery.on_timeout(now);
        self.asks.on_timeout(now);
        self.membership.on_timeout(now);
        if self.newcomer.on_timeout(now) {
            self.own_changed();
        }
    }

    fn take_in(&mut self, input: Input) {
        match input {
            Input::Send(send) => self.send(send),
            Input::Ask(ask) => self.ask(ask),
            Input::Commit(commit) => self.commit(commit),
            Input::DurableFailed {
                agent,
                durable,
                error,
            } => {
                tracing::debug!(%agent, sender = %durable.sender, error, "durable handler failed");
                let failed = delivery::Input::HandlerFailed {
                    sender: durable.sender,
                    mark: durable.mark,
                };
                self.delivery.handle(self.now(), failed);
            }
            Input::MailboxUp(up) => self.mailbox_up(up),
            Input::MailboxDown(agent) => self.mailbox_down(&agent),
            Input::Health(agent, health) => self.agent_health(&agent, health),
            Input::Agents(cards) => self.set_agents(cards),
            Input::Seat(input) => self.seat_input(input),
        }
    }
}
