//! 100,000 open questions: what each takes, and how late their deadlines fire.

use std::{process::Command, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::{Value, json};
use skep_agent::{Ctx, Outgoing};
use skep_node::Clock;
use skep_packet::{Address, HandlerName};
use tokio::{sync::oneshot, time::sleep_until};

use crate::{
    Fallible,
    baseline::{micros, quantile},
    bee::{Bee, CMD_TAKE},
    host, round,
};

/// The argument with which this program starts itself for the other side.
pub(crate) const TASKS: &str = "asks-tasks";

/// Open at a time.
const ASKS: u32 = 100_000;

/// All of them are open before the first deadline.
const OPENING: Duration = Duration::from_secs(30);

/// The deadlines are so far apart.
const APART: Duration = Duration::from_micros(50);

/// What one side took.
struct Side {
    bytes_each: f64,
    late_us: Vec<f64>,
}

impl Side {
    fn line(mut self) -> Value {
        json!({
            "bytes_each": round(self.bytes_each),
            "late_p50_us": quantile(&mut self.late_us, 0.5),
            "late_p99_us": quantile(&mut self.late_us, 0.99),
            "late_max_us": quantile(&mut self.late_us, 1.0),
        })
    }
}

/// Questions of an agent to one that never answers.
pub(crate) async fn bench(clock: Clock) -> Fallible<Value> {
    let folder = tempfile::tempdir()?;
    let node = host::first(&folder.path().join("n1")).await?;
    let ctx = Bee::context().ok_or("the bee does not run")?;
    let (done, side) = oneshot::channel();
    let asker = ctx.clone();
    ctx.spawn(async move {
        drop(done.send(ask_all(clock, &asker).await));
    });
    let ours = side.await??.line();
    node.stop().await;
    let tasks = Command::new(std::env::current_exe()?).arg(TASKS).output()?;
    let tasks: Value = serde_json::from_slice(&tasks.stdout)?;
    let bytes = |side: &Value| side["bytes_each"].as_f64().unwrap_or_default();
    Ok(json!({
        "name": "asks",
        "ours": ours,
        "baseline": tasks,
        "baseline_is": "a task with a timer of its own for each question",
        "ratio": round(bytes(&tasks) / bytes(&ours)),
        "unit": "bytes for each of 100,000 open questions",
    }))
}

async fn ask_all(clock: Clock, ctx: &Ctx<Bee>) -> Fallible<Side> {
    let mut asked = Vec::with_capacity(usize::try_from(ASKS)?);
    let first = clock.now().mono_after(OPENING);
    let before = resident_bytes()?;
    for n in 0..ASKS {
        let due_ns = first + nanos(APART * n);
        let within = Duration::from_nanos(due_ns.saturating_sub(clock.now().mono_ns));
        let asking = ctx.ask(question(ctx.address())?, within).await?;
        asked.push((due_ns, asking));
    }
    let bytes_each = (resident_bytes()? - before) / f64::from(ASKS);
    let waits = asked.into_iter().map(|(due_ns, asking)| async move {
        let answer = asking.answer().await;
        let late_ns = clock.now().mono_ns.saturating_sub(due_ns);
        answer.is_err().then(|| micros(late_ns))
    });
    let waits: FuturesUnordered<_> = waits.collect();
    let late_us: Vec<Option<f64>> = waits.collect().await;
    let late_us: Option<Vec<f64>> = late_us.into_iter().collect();
    Ok(Side {
        bytes_each,
        late_us: late_us.ok_or("somebody answered")?,
    })
}

fn question(to: &Address) -> Fallible<Outgoing> {
    let handler = HandlerName::new(CMD_TAKE)?;
    Ok(Outgoing::to_agent(to.clone(), handler, &"well?"))
}

/// The other side: a task with a timer for each question.
pub(crate) async fn tasks(clock: Clock) -> Fallible<Value> {
    let folder = tempfile::tempdir()?;
    let node = host::first(&folder.path().join("n1")).await?;
    let ctx = Bee::context().ok_or("the bee does not run")?;
    let mut waits = Vec::with_capacity(usize::try_from(ASKS)?);
    let first = clock.now().mono_after(OPENING);
    let before = resident_bytes()?;
    for n in 0..ASKS {
        let due_ns = first + nanos(APART * n);
        let (done, late) = oneshot::channel();
        ctx.spawn(async move {
            sleep_until(clock.at(due_ns)).await;
            let late_ns = clock.now().mono_ns.saturating_sub(due_ns);
            done.send(micros(late_ns)).ok();
        });
        waits.push(late);
    }
    // The last of them has begun when the first is due.
    sleep_until(clock.at(first.saturating_sub(nanos(Duration::from_secs(1))))).await;
    let bytes_each = (resident_bytes()? - before) / f64::from(ASKS);
    let mut late_us = Vec::with_capacity(waits.len());
    for wait in waits {
        late_us.push(wait.await?);
    }
    node.stop().await;
    Ok(Side {
        bytes_each,
        late_us,
    }
    .line())
}

/// Memory that this process holds (proc_pid_statm(5)), in bytes.
fn resident_bytes() -> Fallible<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u32 = statm
        .split(' ')
        .nth(1)
        .ok_or("no resident pages in /proc/self/statm")?
        .parse()?;
    Ok(f64::from(pages) * 4096.0)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
