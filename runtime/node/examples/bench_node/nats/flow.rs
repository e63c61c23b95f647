//! The load of `packets`, through a NATS server: no seals, no acknowledgement of single messages.

use std::time::Duration;

use serde_json::{Value, json};
use skep_node::Clock;
use tokio::time::timeout;

use super::{
    Server,
    client::{Client, INBOX},
    content, is_content,
    server::Subscriber,
};
use crate::{
    Fallible, cpu,
    load::{CHUNK, CHUNKS_MAX, MEASURED, WAIT_MAX, WARM_UP},
    round,
};

/// What the subscriber takes.
pub(super) const SUBJECT: &str = "bench.take";

/// A question how many it took.
const COUNT: &str = "bench.count";

const TAKE: u8 = b'1';

const COUNTS: u8 = b'2';

/// CPU time that one message took in each process, and how many there were in a second.
pub(crate) struct Costs {
    publisher_us: f64,
    server_us: f64,
    subscriber_us: f64,
    wall_per_second: f64,
}

/// What the processes had done at one moment.
struct Reading {
    mono_ns: u64,
    cpu_s: [f64; 3],
    n_taken: u64,
}

impl Costs {
    /// Of all three processes.
    pub(crate) fn us(&self) -> f64 {
        self.publisher_us + self.server_us + self.subscriber_us
    }

    pub(crate) fn per_cpu_second(&self) -> f64 {
        1e6 / self.us()
    }

    pub(crate) fn wall_per_second(&self) -> f64 {
        self.wall_per_second
    }

    pub(crate) fn line(&self) -> Value {
        json!({
            "publisher": round(self.publisher_us),
            "server": round(self.server_us),
            "subscriber": round(self.subscriber_us),
        })
    }

    fn between(before: &Reading, after: &Reading) -> Fallible<Self> {
        let n_taken = f64::from(u32::try_from(after.n_taken - before.n_taken)?);
        let us = |idx: usize| (after.cpu_s[idx] - before.cpu_s[idx]) * 1e6 / n_taken;
        let wall = Duration::from_nanos(after.mono_ns - before.mono_ns);
        Ok(Self {
            publisher_us: us(0),
            server_us: us(1),
            subscriber_us: us(2),
            wall_per_second: n_taken / wall.as_secs_f64(),
        })
    }
}

/// Messages from this process to another one, as fast as they are taken.
pub(crate) async fn flow(clock: Clock, server: &Server) -> Fallible<Costs> {
    let mut client = server.client().await?;
    // The server knows this inbox now: what the subscriber says first is not missed.
    client.request("inbox.own", b"").await?;
    let subscriber = server.subscriber(SUBJECT)?;
    timeout(WAIT_MAX, client.next()).await??;
    let mut load = Load {
        clock,
        server,
        subscriber,
        client,
    };
    load.publish_for(WARM_UP).await?;
    let before = load.read().await?;
    load.publish_for(MEASURED).await?;
    let after = load.read().await?;
    Costs::between(&before, &after)
}

struct Load<'a> {
    clock: Clock,
    server: &'a Server,
    subscriber: Subscriber,
    client: Client,
}

impl Load<'_> {
    /// As many chunks are on their way as in the load of packets.
    async fn publish_for(&mut self, duration: Duration) -> Fallible<()> {
        let payload = content()?;
        let until_ns = self.clock.now().mono_after(duration);
        let mut n_open = 0;
        while self.clock.now().mono_ns < until_ns {
            for _ in 0..CHUNK {
                self.client.publish(SUBJECT, "", &payload).await?;
            }
            self.client.publish(COUNT, "inbox.count", b"").await?;
            self.client.flush().await?;
            n_open += 1;
            if n_open >= CHUNKS_MAX {
                self.counted().await?;
                n_open -= 1;
            }
        }
        for _ in 0..n_open {
            self.counted().await?;
        }
        Ok(())
    }

    async fn counted(&mut self) -> Fallible<u64> {
        loop {
            let message = self.client.next().await?;
            if message.subscription == INBOX {
                return Ok(serde_json::from_slice(&message.payload)?);
            }
        }
    }

    async fn read(&mut self) -> Fallible<Reading> {
        let n_taken = self.client.request(COUNT, b"").await?;
        let own = std::process::id();
        Ok(Reading {
            mono_ns: self.clock.now().mono_ns,
            cpu_s: [
                cpu::seconds(own)?,
                cpu::seconds(self.server.pid())?,
                cpu::seconds(self.subscriber.pid())?,
            ],
            n_taken: serde_json::from_slice(&n_taken)?,
        })
    }
}

/// The subscriber: counts, and says how many when it is asked.
pub(super) async fn take(mut client: Client) -> Fallible<()> {
    client.subscribe(SUBJECT, TAKE);
    client.subscribe(COUNT, COUNTS);
    client.publish("inbox.ready", "", b"").await?;
    client.flush().await?;
    let mut n_taken: u64 = 0;
    loop {
        let message = client.next().await?;
        match message.subscription {
            TAKE => n_taken += u64::from(is_content(&message.payload)?),
            _ => {
                let reply = message.reply.ok_or("a question without an inbox")?;
                let count = n_taken.to_string();
                client.publish(&reply, "", count.as_bytes()).await?;
                client.flush().await?;
            }
        }
    }
}
