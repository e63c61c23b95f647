//! A lane of one link: its queue and the task that writes it.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use quinn::{SendStream, WriteError};
use skep_packet::{Lane, limits::FRAME_BYTES_MAX};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::{SendError, budget::Budget};

/// Writes are gathered up to this many bytes: many small ones cost quinn ten times as much.
const WRITE_BYTES_AIM: usize = 32 * 1024;

/// What a queued frame is charged beside its bytes, so that tiny frames are bounded too.
const FRAME_CHARGE: usize = 64;

/// Most bytes that wait in the queue of a lane of one peer, 64 more counted for each frame;
/// at the bound [`Mesh::send`](crate::Mesh::send) refuses with [`SendError::Full`].
#[must_use]
pub const fn lane_bytes_max(lane: Lane) -> usize {
    match lane {
        Lane::Control | Lane::Bulk => 1024 * 1024,
        Lane::Command => 4 * 1024 * 1024,
    }
}

/// Priority of a lane's stream; quinn serves higher ones first.
pub(crate) const fn priority(lane: Lane) -> i32 {
    match lane {
        Lane::Control => 200,
        Lane::Command => 100,
        Lane::Bulk => -100,
    }
}

struct Queued {
    frame: Bytes,
    /// Whether its receiver acknowledges it to this node.
    is_own: bool,
    /// Held until the frame is in quinn's hands.
    room: OwnedSemaphorePermit,
}

/// The queue's sending end; the lane ends when it is dropped.
pub(crate) struct LaneSender {
    lane: Lane,
    tx: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
}

/// The queue's other end.
pub(crate) struct LaneReceiver {
    lane: Lane,
    rx: mpsc::Receiver<Queued>,
}

pub(crate) fn queue(lane: Lane) -> (LaneSender, LaneReceiver) {
    let n_bytes = lane_bytes_max(lane);
    let (tx, rx) = mpsc::channel(n_bytes / FRAME_CHARGE);
    let room = Arc::new(Semaphore::new(n_bytes));
    (LaneSender { lane, tx, room }, LaneReceiver { lane, rx })
}

impl LaneSender {
    /// Queues an encoded frame.
    pub(crate) fn send(&self, frame: Bytes) -> Result<(), SendError> {
        self.queue(frame, true)
    }

    /// Queues a frame of another node, while more than half of the queue is free.
    pub(crate) fn relay(&self, frame: Bytes) -> Result<(), SendError> {
        if self.room.available_permits() <= lane_bytes_max(self.lane) / 2 {
            return Err(SendError::Full { lane: self.lane });
        }
        self.queue(frame, false)
    }

    fn queue(&self, frame: Bytes, is_own: bool) -> Result<(), SendError> {
        if frame.len() > FRAME_BYTES_MAX {
            return Err(SendError::Oversized {
                got: frame.len(),
                max: FRAME_BYTES_MAX,
            });
        }
        let full = SendError::Full { lane: self.lane };
        let charge = u32::try_from(frame.len() + FRAME_CHARGE).map_err(|_| full)?;
        let room = Arc::clone(&self.room);
        let room = room.try_acquire_many_owned(charge).map_err(|_| full)?;
        let queued = Queued {
            frame,
            is_own,
            room,
        };
        self.tx.try_send(queued).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => full,
            mpsc::error::TrySendError::Closed(_) => SendError::NotConnected,
        })
    }
}

/// Writes what is queued, many frames at a time, until the queue or the connection ends.
///
/// When the queue ends, everything that was taken is delivered before this returns.
pub(crate) async fn write(
    mut stream: SendStream,
    mut queue: LaneReceiver,
    budget: Arc<Budget>,
) -> Result<(), WriteError> {
    let mut buffer = BytesMut::new();
    let mut rooms = Vec::new();
    while let Some(first) = queue.rx.recv().await {
        let mut next = Some(first);
        let mut n_own_bytes = 0;
        while let Some(queued) = next {
            put(&mut buffer, &queued.frame);
            n_own_bytes += usize::from(queued.is_own) * queued.frame.len();
            rooms.push(queued.room);
            next = match buffer.len() < WRITE_BYTES_AIM {
                true => queue.rx.try_recv().ok(),
                false => None,
            };
        }
        if queue.lane == Lane::Bulk && n_own_bytes > 0 {
            budget.acquire(n_own_bytes).await;
        }
        stream.write_chunk(buffer.split().freeze()).await?;
        rooms.clear();
    }
    if stream.finish().is_ok() {
        // Either all of it was acknowledged or the connection is gone: both end the lane.
        stream.stopped().await.ok();
    }
    Ok(())
}

/// A frame's length and the frame.
pub(crate) fn put(buffer: &mut BytesMut, frame: &[u8]) {
    buffer.reserve((size_of::<u32>() + frame.len()).max(WRITE_BYTES_AIM));
    buffer.put_u32(u32::try_from(frame.len()).unwrap_or(u32::MAX));
    buffer.put_slice(frame);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_lane_refuses_and_recovers() {
        for (lane, size) in [(Lane::Bulk, 30_000), (Lane::Command, 0), (Lane::Control, 1)] {
            let (tx, mut rx) = queue(lane);
            let frame = Bytes::from(vec![0; size]);
            let mut n_taken = 0;
            while tx.send(frame.clone()).is_ok() {
                n_taken += 1;
            }
            assert_eq!(n_taken, lane_bytes_max(lane) / (size + FRAME_CHARGE));
            assert_eq!(tx.send(frame.clone()), Err(SendError::Full { lane }));
            drop(rx.rx.try_recv().unwrap());
            assert_eq!(tx.send(frame.clone()), Ok(()));
            drop(rx);
            drop(tx);
        }
    }

    #[test]
    fn what_is_passed_on_leaves_half_of_the_lane_to_the_node_itself() {
        let (tx, mut rx) = queue(Lane::Command);
        let frame = Bytes::from(vec![0; 30_000]);
        let full = Err(SendError::Full {
            lane: Lane::Command,
        });
        let mut n_taken = 0;
        while tx.relay(frame.clone()).is_ok() {
            n_taken += 1;
        }
        let half = lane_bytes_max(Lane::Command) / 2;
        assert_eq!(n_taken, half.div_ceil(30_000 + FRAME_CHARGE));
        assert_eq!(
            (tx.send(frame.clone()), tx.relay(frame.clone())),
            (Ok(()), full)
        );
        drop(rx.rx.try_recv().unwrap());
        drop(rx.rx.try_recv().unwrap());
        assert_eq!(tx.relay(frame), Ok(()));
    }

    #[test]
    fn no_frame_is_larger_than_the_wire_allows() {
        let (tx, _rx) = queue(Lane::Bulk);
        let got = FRAME_BYTES_MAX + 1;
        let max = FRAME_BYTES_MAX;
        let result = tx.send(Bytes::from(vec![0; got]));
        assert_eq!(result, Err(SendError::Oversized { got, max }));
    }

    #[test]
    fn a_lane_that_ended_is_not_connected() {
        let (tx, rx) = queue(Lane::Command);
        drop(rx);
        assert_eq!(tx.send(Bytes::new()), Err(SendError::NotConnected));
    }
}
