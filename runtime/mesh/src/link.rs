//! The life of one connection after its papers were found good.

use std::sync::{Arc, OnceLock};

use quinn::Connection;
use skep_packet::{BootId, Lane, NodeId};

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
///
/// Cancel: what was begun is completed, so that no link stands without its tasks.
pub(crate) async fn start(
    shared: &Arc<Shared>,
    connection: Connection,
    met: Met,
    dialled_here: bool,
) -> bool {
    let begun = begin(Arc::clone(shared), connection, met, dialled_here);
    shared.tasks.spawn(begun).await.unwrap_or(false)
}

async fn begin(shared: Arc<Shared>, connection: Connection, met: Met, dialled_here: bool) -> bool {
    let peer = met.hello.node.clone();
    let boot = met.hello.boot;
    let budget = Arc::new(Budget::default());
    let reason = Arc::new(OnceLock::new());
    let [control, command, bulk] = Lane::ALL.map(lane::queue);
    let link = Link {
        connection: connection.clone(),
        boot,
        dialled_here,
        lanes: [control.0, command.0, bulk.0],
        budget: Arc::clone(&budget),
        reason: Arc::clone(&reason),
    };
    // Held while the node is told, so that `Up` and `Down` come in the order they happened.
    let order = shared.order.lock().await;
    let verdict = shared.table().offer(&peer, link);
    match verdict {
        Verdict::Refused => {
            close(&connection, CloseReason::Duplicate);
            return false;
        }
        Verdict::Kept(None) => {}
        Verdict::Kept(Some(old)) => {
            close(&old.connection, CloseReason::Duplicate);
            tell_down(&shared, &peer, old.boot, DownReason::Replaced).await;
        }
    }
    let up = MeshEvent::Up {
        peer: peer.clone(),
        hello: Box::new(met.hello),
        passport: Box::new(met.passport),
        remote: connection.remote_address(),
    };
    shared.events.tell(up).await;
    drop(order);
    write_lanes(
        &shared,
        met.senders,
        [control.1, command.1, bulk.1],
        &budget,
    );
    read_lanes(&shared, &connection, &peer, met.readers, &reason);
    let watch = watch(Arc::clone(&shared), connection, peer, boot, reason);
    shared.tasks.spawn(watch);
    true
}

/// Takes the link out of the table when its connection ends, and says `Down`.
async fn watch(
    shared: Arc<Shared>,
    connection: Connection,
    peer: NodeId,
    boot: BootId,
    reason: Arc<OnceLock<DownReason>>,
) {
    let error = connection.closed().await;
    let reason = reason.get().cloned();
    let reason = reason.unwrap_or_else(|| DownReason::of(&error));
    let _order = shared.order.lock().await;
    let removed = shared.table().remove(&peer, &connection);
    // A link that was replaced is out already, and the node was told.
    if removed.is_some() {
        tell_down(&shared, &peer, boot, reason).await;
    }
}

async fn tell_down(shared: &Shared, peer: &NodeId, boot: BootId, reason: DownReason) {
    let peer = peer.clone();
    let down = MeshEvent::Down { peer, boot, reason };
    shared.events.tell(down).await;
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
