//! The same packets through our nodes and through a NATS server, and where the difference is.

use std::path::Path;

use serde_json::{Value, json};
use skep_node::{Clock, Node};
use skep_packet::Class;

use crate::{
    Fallible,
    load::{CONTENT_BYTES, Flow, Load, MEASURED, WARM_UP},
    nats::{self, Server, Transport},
    parts::Parts,
    round,
};

/// What two nodes did with the load.
pub(crate) struct Ours {
    flow: Flow,
    per_signature: u64,
}

impl Ours {
    /// Accepted packets, as `packets` measures them.
    pub(crate) async fn measure(node: &Node, load: &Load) -> Fallible<Self> {
        load.run(Class::Accepted, WARM_UP).await?;
        let n_batches = node.metrics().n_batches_signed();
        let flow = load.run(Class::Accepted, MEASURED).await?;
        let n_batches = node.metrics().n_batches_signed() - n_batches;
        Ok(Self {
            per_signature: flow.n_handled / n_batches.max(1),
            flow,
        })
    }
}

/// The other side, once no node runs any more, and the line.
pub(crate) async fn bench(clock: Clock, ours: &Ours, program: &Path) -> Fallible<Value> {
    let tls = Server::start(program, Transport::Tls).await?;
    let encrypted = nats::flow(clock, &tls).await?;
    drop(tls);
    let plain = Server::start(program, Transport::Plain).await?;
    let in_the_clear = nats::flow(clock, &plain).await?;
    drop(plain);
    let parts = Parts::measure(clock, ours.per_signature).await?;
    let flow = &ours.flow;
    let whole_us = 1e6 / flow.per_cpu_second();
    Ok(json!({
        "name": "peers",
        "ours": round(flow.per_cpu_second()),
        "baseline": round(encrypted.per_cpu_second()),
        "baseline_is": "a NATS server between two clients: TLS, unsigned, no acknowledgement",
        "ratio": round(flow.per_cpu_second() / encrypted.per_cpu_second()),
        "unit": "packets per CPU-second of all processes",
        "content_bytes": CONTENT_BYTES,
        "wall_per_second": {
            "ours": round(flow.per_second()),
            "baseline": round(encrypted.wall_per_second()),
        },
        "cpu_us": {
            "ours": {
                "sender": round(flow.sender_us()),
                "receiver": round(flow.receiver_us()),
            },
            "baseline": encrypted.line(),
            "baseline_without_tls": in_the_clear.line(),
        },
        "cpu_us_of_ours": parts.line(whole_us),
        "packets_per_signature": ours.per_signature,
        "frame_bytes": round(parts.frame_bytes()),
        "cpu_us_of_the_difference": {
            "ours_minus_baseline": round(whole_us - encrypted.us()),
            "tls_of_the_baseline": round(encrypted.us() - in_the_clear.us()),
        },
    }))
}
