//! How long a node takes from its start to its first answer, with a large store and with an empty
//! one.

use std::{path::Path, process::Command, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use skep_agent::{Outgoing, StoreError};
use skep_node::{
    Clock,
    home::Home,
    store::{Commit, Op, Store, Table},
};
use skep_packet::HandlerName;
use tokio::{
    sync::oneshot,
    time::{interval, timeout},
};

use crate::{
    Fallible,
    baseline::{micros, quantile},
    bee::{Bee, CMD_COUNT, NAME},
    host,
    load::WAIT_MAX,
    round,
};

/// The argument with which this program starts itself as the node that starts; its home follows.
pub(crate) const BOOT: &str = "boot-once";

/// Rows of the large store.
const ROWS: u32 = 100_000;

/// A row is as large as a page of somebody's journal.
const ROW_BYTES: usize = 2_000;

/// Rows in a transaction.
const AT_A_TIME: usize = 1_000;

/// Starts of each; the median counts.
const STARTS: usize = 5;

/// What the issue asks for, in milliseconds.
const GOAL_MS: f64 = 1_000.0;

/// What one start took, in milliseconds.
struct Boot {
    answer_ms: f64,
    store_ms: f64,
}

/// Both stores, each started several times in a process of its own.
pub(crate) async fn bench() -> Fallible<Value> {
    let folder = tempfile::tempdir()?;
    let homes = ["empty", "large"].map(|name| folder.path().join(name));
    for home in &homes {
        // The keys are made by the first start, which is not counted.
        host::first(home).await?.stop().await;
    }
    let store = Home::open(&homes[1])?.store();
    fill(&store).await?;
    let empty = boots(&homes[0])?;
    let large = boots(&homes[1])?;
    let n_bytes = u32::try_from(std::fs::metadata(&store)?.len())?;
    Ok(json!({
        "name": "boot",
        "ours": round(large.answer_ms),
        "baseline": round(empty.answer_ms),
        "baseline_is": "the same with an empty store",
        "ratio": round(large.answer_ms / empty.answer_ms),
        "unit": "milliseconds from the start of a node to its first answer",
        "goal_ms": GOAL_MS,
        "store_mb": round(f64::from(n_bytes) / 1e6),
        "store_opened_ms": { "ours": round(large.store_ms), "baseline": round(empty.store_ms) },
    }))
}

/// Writes values that agents could have kept.
async fn fill(path: &Path) -> Fallible<()> {
    let store = Store::open(path, Arc::new(|error| panic!("{error:?}")))?;
    let row = |n: u32| {
        let key = format!("{NAME}\0row/{n:010}").into_bytes();
        // No two pages are alike.
        let value: Vec<u8> = n
            .to_be_bytes()
            .into_iter()
            .cycle()
            .take(ROW_BYTES)
            .collect();
        Op::Put(Table::State, key, Bytes::from(value))
    };
    let rows: Vec<u32> = (0..ROWS).collect();
    for rows in rows.chunks(AT_A_TIME) {
        let (done, written) = oneshot::channel::<Result<(), StoreError>>();
        let commit = Commit::new(rows.iter().copied().map(row).collect(), |result| {
            drop(done.send(result));
        });
        store.commit(commit).map_err(|_| "the store stopped")?;
        written.await??;
    }
    store.close().await;
    Ok(())
}

fn boots(home: &Path) -> Fallible<Boot> {
    let (mut answers_ms, mut stores_ms) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let said = Command::new(std::env::current_exe()?)
            .arg(BOOT)
            .arg(home)
            .output()?;
        let said: Value = serde_json::from_slice(&said.stdout)?;
        answers_ms.push(said["answer_ms"].as_f64().ok_or("no answer")?);
        stores_ms.push(said["store_ms"].as_f64().ok_or("no store")?);
    }
    Ok(Boot {
        answer_ms: quantile(&mut answers_ms, 0.5),
        store_ms: quantile(&mut stores_ms, 0.5),
    })
}

/// One start: until the bee has answered, and before it how long the store alone takes to open.
pub(crate) async fn once(home: &Path) -> Fallible<Value> {
    let clock = Clock::start();
    let ms = |since_ns: u64| micros(clock.now().mono_ns - since_ns) / 1e3;
    let before_ns = clock.now().mono_ns;
    let path = Home::open(home)?.store();
    let store = Store::open(&path, Arc::new(|error| panic!("{error:?}")))?;
    let store_ms = ms(before_ns);
    store.close().await;
    drop(store);
    let before_ns = clock.now().mono_ns;
    let node = host::start(Home::open(home)?)?;
    let mut looks = interval(Duration::from_millis(1));
    let ctx = timeout(WAIT_MAX, async {
        loop {
            looks.tick().await;
            if let Some(ctx) = Bee::context() {
                return ctx;
            }
        }
    })
    .await?;
    let question = Outgoing::to_agent(ctx.address().clone(), HandlerName::new(CMD_COUNT)?, &());
    ctx.ask(question, WAIT_MAX).await?.answer().await?;
    let answer_ms = ms(before_ns);
    node.stop().await;
    Ok(json!({ "answer_ms": answer_ms, "store_ms": store_ms }))
}
