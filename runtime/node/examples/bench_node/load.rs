//! Packets from the bee here to the bee there, as fast as they are handled.

use std::{collections::VecDeque, time::Duration};

use skep_agent::{Asking, Ctx, Outgoing, role};
use skep_node::Clock;
use skep_packet::{Address, Class, HandlerName, Scope};
use tokio::{
    sync::oneshot,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    Fallible,
    baseline::{micros, quantile},
    bee::{Bee, CMD_COUNT, CMD_TAKE, ROLE},
    cpu,
};

/// A packet's content, with the quotes that JSON puts around it.
pub(crate) const CONTENT_BYTES: usize = 300;

/// How long packets flow before they are counted.
pub(crate) const WARM_UP: Duration = Duration::from_secs(2);

/// How long they are counted.
pub(crate) const MEASURED: Duration = Duration::from_secs(8);

/// Packets that are sent at a time; a question how many were taken follows them.
pub(crate) const CHUNK: usize = 4_000;

/// Questions that may be open: so many chunks are on their way.
pub(crate) const CHUNKS_MAX: usize = 4;

/// Asks that are measured.
const ASKS: u32 = 300;

/// Time between two of them.
const ASK_INTERVAL: Duration = Duration::from_millis(20);

/// Packets that flow while asks are measured under load.
pub(crate) const STEADY_PER_SECOND: u32 = 50_000;

/// They are sent so often.
const STEADY_TICK_MS: u32 = 5;

/// Longest time that anything here may take.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(20);

/// The bee here, and where the other one is.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) clock: Clock,
    receiver: u32,
    pub(crate) ctx: Ctx<Bee>,
    other: Address,
}

/// What both processes had done at one moment.
pub(crate) struct Reading {
    mono_ns: u64,
    sender_s: f64,
    receiver_s: f64,
    n_taken: u64,
}

/// What happened between two moments.
pub(crate) struct Flow {
    n_sent: u64,
    pub(crate) n_handled: u64,
    wall_s: f64,
    sender_s: f64,
    receiver_s: f64,
}

/// How long quiet asks took, in microseconds.
pub(crate) struct Asks {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Load {
    /// Waits until the bee here sees the one there.
    pub(crate) async fn new(clock: Clock, receiver: u32) -> Fallible<Self> {
        let found = async {
            let mut looks = interval(Duration::from_millis(10));
            loop {
                looks.tick().await;
                let Some(ctx) = Bee::context() else { continue };
                let mut bees = ctx.endpoints(&role(ROLE), Scope::Swarm).into_iter();
                if let Some(other) = bees.find(|bee| bee.address.node != *ctx.node()) {
                    return (ctx, other.address);
                }
            }
        };
        let (ctx, other) = timeout(WAIT_MAX, found).await?;
        Ok(Self {
            clock,
            receiver,
            ctx,
            other,
        })
    }

    /// Lets packets of a class flow for a while, from a task of the bee's.
    pub(crate) async fn run(&self, class: Class, duration: Duration) -> Fallible<Flow> {
        let (done, flow) = oneshot::channel();
        let load = self.clone();
        self.ctx.spawn(async move {
            drop(done.send(load.flow(class, duration).await));
        });
        flow.await?
    }

    async fn flow(&self, class: Class, duration: Duration) -> Fallible<Flow> {
        let packet = self.packet(CMD_TAKE)?;
        let packet = match class {
            Class::BestEffort => packet.best_effort(),
            _ => packet,
        };
        let before = self.read().await?;
        let until_ns = self.clock.now().mono_after(duration);
        let (mut n_sent, mut open) = (0, VecDeque::with_capacity(CHUNKS_MAX));
        while self.clock.now().mono_ns < until_ns {
            self.send(&packet).await?;
            n_sent += CHUNK as u64;
            open.push_back(self.ask().await?);
            if open.len() >= CHUNKS_MAX
                && let Some(oldest) = open.pop_front()
            {
                oldest.answer().await?;
            }
        }
        for asking in open {
            asking.answer().await?;
        }
        let after = self.read().await?;
        Ok(Flow::between(&before, &after, n_sent))
    }

    async fn send(&self, packet: &Outgoing) -> Fallible<()> {
        for sent in self.ctx.send_all(vec![packet.clone(); CHUNK]).await {
            sent?;
        }
        Ok(())
    }

    /// Asks in a quiet swarm, one after another.
    pub(crate) async fn asks(&self) -> Fallible<Asks> {
        let mut ticks = interval(ASK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut took_us = Vec::new();
        for _ in 0..ASKS {
            ticks.tick().await;
            let before_ns = self.clock.now().mono_ns;
            self.ask().await?.answer().await?;
            took_us.push(micros(self.clock.now().mono_ns - before_ns));
        }
        Ok(Asks {
            p50_us: quantile(&mut took_us, 0.5),
            p99_us: quantile(&mut took_us, 0.99),
        })
    }

    /// The same, while packets flow at a steady rate.
    pub(crate) async fn asks_beside(&self, per_second: u32) -> Fallible<Asks> {
        tokio::select! {
            asks = self.asks() => asks,
            ended = self.keep_flowing(per_second) => Err(ended.err().unwrap_or("it ended".into())),
        }
    }

    /// A packet of the measured size for the bee there.
    pub(crate) fn packet(&self, handler: &str) -> Fallible<Outgoing> {
        let content = "x".repeat(CONTENT_BYTES - 2);
        let handler = HandlerName::new(handler)?;
        Ok(Outgoing::to_agent(self.other.clone(), handler, &content))
    }

    async fn keep_flowing(&self, per_second: u32) -> Fallible<()> {
        let packet = self.packet(CMD_TAKE)?;
        let at_a_time = usize::try_from(per_second / 1_000 * STEADY_TICK_MS)?;
        let mut ticks = interval(Duration::from_millis(STEADY_TICK_MS.into()));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            ticks.tick().await;
            for sent in self.ctx.send_all(vec![packet.clone(); at_a_time]).await {
                sent?;
            }
        }
    }

    async fn ask(&self) -> Fallible<Asking> {
        let ask = Outgoing::to_agent(self.other.clone(), HandlerName::new(CMD_COUNT)?, &());
        Ok(self.ctx.ask(ask, WAIT_MAX).await?)
    }

    pub(crate) async fn read(&self) -> Fallible<Reading> {
        let n_taken = self.ask().await?.answer().await?.decode()?;
        Ok(Reading {
            mono_ns: self.clock.now().mono_ns,
            sender_s: cpu::seconds(std::process::id())?,
            receiver_s: cpu::seconds(self.receiver)?,
            n_taken,
        })
    }
}

impl Flow {
    pub(crate) fn between(before: &Reading, after: &Reading, n_sent: u64) -> Self {
        let wall = Duration::from_nanos(after.mono_ns - before.mono_ns);
        Self {
            n_sent,
            n_handled: after.n_taken - before.n_taken,
            wall_s: wall.as_secs_f64(),
            sender_s: after.sender_s - before.sender_s,
            receiver_s: after.receiver_s - before.receiver_s,
        }
    }

    fn n(&self) -> f64 {
        u32::try_from(self.n_handled).map_or(f64::MAX, f64::from)
    }

    pub(crate) fn per_cpu_second(&self) -> f64 {
        self.n() / (self.sender_s + self.receiver_s)
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.n() / self.wall_s
    }

    pub(crate) fn sender_us(&self) -> f64 {
        self.sender_s * 1e6 / self.n()
    }

    pub(crate) fn receiver_us(&self) -> f64 {
        self.receiver_s * 1e6 / self.n()
    }

    /// Sent and never handled.
    pub(crate) fn n_lost(&self) -> u64 {
        self.n_sent.saturating_sub(self.n_handled)
    }
}
