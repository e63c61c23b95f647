//! What a node's packets and questions cost: `bench_node packets`, `durable`, `peers`, `asks`.
//!
//! `packets`: how many signed packets two nodes move per CPU-second, and how long an ask takes. Two
//! processes, each a real node with RSA-3072 keys, on loopback: this one sends, and starts
//! itself again as the one that receives. A packet counts when its handler at the other node has
//! run. The baseline, in the same run, is one signature and one verification for each packet.
//! Prints one JSON line.
//!
//! `durable`: the same, from disk to disk, in large transactions and in small ones; and through NATS
//! JetStream, where the path of a NATS server is given.
//!
//! `peers`: the load of `packets` through a NATS server, whose path follows, and what each part of a
//! packet's way costs.
//!
//! `boot`: how long a start takes with a large store.
//!
//! `asks`: what 100,000 open questions take, and how late their deadlines fire.

mod asks;
mod baseline;
mod bee;
mod boot;
mod cpu;
mod durable;
mod host;
mod load;
mod nats;
mod parts;
mod peers;

use std::{error::Error, path::Path, process::ExitCode};

use serde_json::{Value, json};
use skep_node::{Clock, Node};
use skep_packet::Class;
use tempfile::TempDir;

use crate::{baseline::Baseline, host::Receiver, load::Load};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The argument with which this program starts itself as the receiver; its home follows.
const RECEIVE: &str = "receive";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let done = match args.as_slice() {
        [_, verb, home] if verb == RECEIVE => host::receive(home.as_ref()),
        [_, verb] if verb == "asks" => alone(asks::bench(Clock::start())),
        [_, verb] if verb == asks::TASKS => alone(asks::tasks(Clock::start())),
        [_, verb] if verb == "packets" => packets(),
        [_, verb] if verb == "durable" => alone(durable(None)),
        [_, verb, server] if verb == "durable" => alone(durable(Some(server.as_ref()))),
        [_, verb, server] if verb == "peers" => alone(peers(server.as_ref())),
        [_, verb] if verb == "boot" => alone(boot::bench()),
        [_, verb, home] if verb == boot::BOOT => alone(boot::once(home.as_ref())),
        [_, verb, what, address, certificate] if verb == nats::SUBSCRIBE => {
            nats::subscribe(what, address, certificate)
        }
        _ => Err("one of: packets, asks, boot, durable [NATS-SERVER], peers NATS-SERVER".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_node: {error}");
            ExitCode::FAILURE
        }
    }
}

fn alone(bench: impl Future<Output = Fallible<Value>>) -> Fallible<()> {
    println!("{}", skep_node::runtime()?.block_on(bench)?);
    Ok(())
}

fn packets() -> Fallible<()> {
    let clock = Clock::start();
    let baseline = Baseline::measure(clock)?;
    alone(async {
        let (_folder, node, receiver) = two_nodes(clock).await?;
        let load = Load::new(clock, receiver.pid()).await?;
        let measured = measure(&baseline, &node, &load).await;
        receiver.stop()?;
        node.stop().await;
        measured
    })
}

async fn durable(server: Option<&Path>) -> Fallible<Value> {
    let clock = Clock::start();
    let (_folder, node, receiver) = two_nodes(clock).await?;
    let load = Load::new(clock, receiver.pid()).await?;
    let measured = durable::bench(&load).await;
    receiver.stop()?;
    node.stop().await;
    let mut line = measured?;
    line["nats_jetstream"] = match server {
        Some(server) => nats::durable(clock, server).await?,
        None => "no NATS server was given".into(),
    };
    Ok(line)
}

async fn peers(server: &Path) -> Fallible<Value> {
    let clock = Clock::start();
    let (_folder, node, receiver) = two_nodes(clock).await?;
    let load = Load::new(clock, receiver.pid()).await?;
    let measured = peers::Ours::measure(&node, &load).await;
    receiver.stop()?;
    node.stop().await;
    peers::bench(clock, &measured?, server).await
}

/// Their homes, the node here, and the one in a process of its own.
async fn two_nodes(clock: Clock) -> Fallible<(TempDir, Node, Receiver)> {
    let folder = tempfile::tempdir()?;
    let homes = ["n1", "n2"].map(|name| folder.path().join(name));
    let node = host::first(&homes[0]).await?;
    let receiver = host::join(&homes[1], &homes[0], clock).await?;
    Ok((folder, node, receiver))
}

async fn measure(baseline: &Baseline, node: &Node, load: &Load) -> Fallible<Value> {
    let asks = load.asks().await?;
    load.run(Class::Accepted, load::WARM_UP).await?;
    let n_batches = node.metrics().n_batches_signed();
    let accepted = load.run(Class::Accepted, load::MEASURED).await?;
    let n_batches = node.metrics().n_batches_signed() - n_batches;
    let best_effort = load.run(Class::BestEffort, load::MEASURED).await?;
    let busy = load.asks_beside(load::STEADY_PER_SECOND).await?;
    let ours = accepted.per_cpu_second();
    let n_handled = u32::try_from(accepted.n_handled)?;
    Ok(json!({
        "name": "packets",
        "ours": round(ours),
        "baseline": round(baseline.per_cpu_second),
        "ratio": round(ours / baseline.per_cpu_second),
        "unit": "packets per CPU-second",
        "class": "accepted",
        "content_bytes": load::CONTENT_BYTES,
        "rsa_bits": baseline::RSA_BITS,
        "wall_per_second": round(accepted.per_second()),
        "cpu_us_sender": round(accepted.sender_us()),
        "cpu_us_receiver": round(accepted.receiver_us()),
        "packets_per_signature": round(f64::from(n_handled) / f64::from(u32::try_from(n_batches)?)),
        "lost": accepted.n_lost(),
        "best_effort": {
            "ours": round(best_effort.per_cpu_second()),
            "wall_per_second": round(best_effort.per_second()),
            "lost": best_effort.n_lost(),
        },
        "ask_20ms_apart": {
            "p50_us": asks.p50_us,
            "p99_us": asks.p99_us,
            "signature_us": baseline.signature_us,
            "p50_signatures": round(asks.p50_us / baseline.signature_us),
        },
        "ask_beside_50000_packets_a_second": {
            "p50_us": busy.p50_us,
            "p99_us": busy.p99_us,
        },
    }))
}

/// One digit behind the point is all that a shared machine can tell.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
