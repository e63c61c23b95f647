//! The life of one connection after its papers were found good.

use std::sync::{Arc, OnceLock};

use quinn::Connection;
use skep_packet::{Lane, NodeId};

use crate::{
    CloseReason, DownReason, MeshEvent,
    budget::Budget,
    hello::Met,
    lane::{self, LaneReceiver},
    mesh::Shared,
    reader,
    table::{Link, Verdict},
};

/// Puts the link into the table, says `Up`, and leaves tasks behind that end with the connection.
///
/// False when another connection to the same node is kept instead; this one is closed then.
pub(crate) async fn start(
    shared: &Arc<Shared>,
    connection: Connection,
    met: Met,
    dialled_here: bool,
) -> bool {
    let peer = met.hello.node.clone();
    let budget = Arc::new(Budget::default());
    let reason = Arc::new(OnceLock::new());
    let queues = Lane::ALL.map(lane::queue);
    let [control, command, bulk] = queues;
    let link = Link {
        connection: connection.clone(),
        boot: met.hello.boot,
        dialled_here,
        lanes: [control.0, command.0, bulk.0],
        budget: Arc::clone(&budget),
        reason: Arc::clone(&reason),
    };
    // Held while the node is told, so that `Up` and `Down` come in the order they happened.
    let _order = shared.order.lock().await;
    let verdict = shared.table().offer(&peer, link);
    let replaced = match verdict {
        Verdict::Refused(_) => {
            close(&connection, CloseReason::Duplicate);
            return false;
        }
        Verdict::Kept(replaced) => replaced,
    };
    if let Some(old) = replaced {
        let boot = old.boot;
        close(&old.connection, CloseReason::Duplicate);
        let (peer, reason) = (peer.clone(), DownReason::Replaced);
        let down = MeshEvent::Down { peer, boot, reason };
        shared.events.tell(down).await;
    }
    let up = MeshEvent::Up {
        peer: peer.clone(),
        hello: Box::new(met.hello.clone()),
        passport: Box::new(met.passport),
        remote: connection.remote_address(),
    };
    shared.events.tell(up).await;
    let receivers = [control.1, command.1, bulk.1];
    write_lanes(shared, met.senders, receivers, &budget);
    read_lanes(shared, &connection, &peer, met.readers, &reason);
    let supervised = Arc::clone(shared);
    let boot = met.hello.boot;
    shared.tasks.spawn(async move {
        let error = connection.closed().await;
        let reason = reason.get().cloned();
        let reason = reason.unwrap_or_else(|| DownReason::of(&error));
        let _order = supervised.order.lock().await;
        let removed = supervised.table().remove(&peer, &connection);
        if removed.is_some() {
            let down = MeshEvent::Down { peer, boot, reason };
            supervised.events.tell(down).await;
        }
    });
    true
}

/// Closes a connection and says why to the other side.
pub(crate) fn close(connection: &Connection, reason: CloseReason) {
    connection.close(reason.code(), b"");
}

fn write_lanes(
    shared: &Shared,
    streams: [quinn::SendStream; 3],
    queues: [LaneReceiver; 3],
    budget: &Arc<Budget>,
) {
    for (stream, queue) in streams.into_iter().zip(queues) {
        let write = lane::write(stream, queue, Arc::clone(budget));
        // A write fails when the connection ends, which the supervising task sees.
        shared.writers.spawn(async move { write.await.ok() });
    }
}

fn read_lanes(
    shared: &Shared,
    connection: &Connection,
    peer: &NodeId,
    streams: [reader::FrameReader; 3],
    reason: &Arc<OnceLock<DownReason>>,
) {
    for (stream, lane) in streams.into_iter().zip(Lane::ALL) {
        let read = reader::read(stream, peer.clone(), lane, shared.events.clone());
        let (connection, reason) = (connection.clone(), Arc::clone(reason));
        shared.tasks.spawn(async move {
            if let Some(why) = read.await {
                reason.get_or_init(|| DownReason::Here(why));
                close(&connection, why);
            }
        });
    }
}
