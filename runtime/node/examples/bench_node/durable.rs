//! Durable packets from disk to disk: many in a transaction, against one in each.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use skep_agent::{SendError, StoreError};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    Fallible,
    bee::CMD_KEEP,
    load::{CONTENT_BYTES, Flow, Load},
    round,
};

/// How long packets are sent; then the rest of them is waited for.
pub(crate) const MEASURED: Duration = Duration::from_secs(8);

/// Packets in a transaction.
const AT_A_TIME: usize = 256;

/// Transactions that may wait for the disk.
const TRANSACTIONS: usize = 4;

/// Packets that may be on their way.
pub(crate) const ON_THEIR_WAY: usize = AT_A_TIME * TRANSACTIONS;

/// Longest time that the rest may take, in nanoseconds.
const REST_NS_MAX: u64 = 60_000_000_000;

/// Time between two looks how far the other side is.
const LOOK: Duration = Duration::from_millis(10);

/// Both sides, one after the other.
pub(crate) async fn bench(load: &Load) -> Fallible<Value> {
    let ours = flow(load, AT_A_TIME, TRANSACTIONS).await?;
    let baseline = flow(load, 1, 1).await?;
    Ok(json!({
        "name": "durable",
        "ours": round(ours.per_second()),
        "baseline": round(baseline.per_second()),
        "baseline_is": "one packet in each transaction, one transaction after another",
        "ratio": round(ours.per_second() / baseline.per_second()),
        "unit": "durable packets per second, on disk on both sides",
        "content_bytes": CONTENT_BYTES,
        "per_cpu_second": round(ours.per_cpu_second()),
    }))
}

/// Sends for a while, and ends when the effect of each packet is on the other side's disk.
async fn flow(load: &Load, at_a_time: usize, transactions: usize) -> Fallible<Flow> {
    let before = load.read().await?;
    let until_ns = load.clock.now().mono_after(MEASURED);
    let senders = (0..transactions).map(|_| send_until(load, at_a_time, until_ns));
    let n_sent = try_join_all(senders).await?.into_iter().sum();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let flow = Flow::between(&before, &load.read().await?, n_sent);
        if flow.n_lost() == 0 {
            return Ok(flow);
        }
        if load.clock.now().mono_ns > until_ns + REST_NS_MAX {
            return Err(format!("{} packets never arrived", flow.n_lost()).into());
        }
    }
}

async fn send_until(load: &Load, at_a_time: usize, until_ns: u64) -> Fallible<u64> {
    let packet = load.packet(CMD_KEEP)?.durable();
    let mut n_sent = 0;
    while load.clock.now().mono_ns < until_ns {
        let kept = load.ctx.tx(|tx| {
            for _ in 0..at_a_time {
                tx.send(packet.clone());
            }
            Ok(())
        });
        match kept.await {
            Ok(()) => n_sent += u64::try_from(at_a_time)?,
            // The outbox is at its bound: the other side must catch up.
            Err(StoreError::Send(SendError::OutboxFull { .. })) => tokio::time::sleep(LOOK).await,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(n_sent)
}
