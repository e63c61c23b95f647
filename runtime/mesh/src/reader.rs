//! Bytes of a lane to frames.

use bytes::{Buf, BytesMut};
use quinn::{ReadError, RecvStream};
use skep_packet::{Frame, Lane, NodeId, Refusal, decode, limits::FRAME_BYTES_MAX};

use crate::{CloseReason, MeshEvent, event::EventSender};

/// Most bytes taken from the stream at once.
const READ_BYTES_MAX: usize = 64 * 1024;

/// Undecodable frames that a connection survives; one more closes it.
const BAD_FRAMES_MAX: u32 = 16;

/// A stream, cut into frames.
pub(crate) struct FrameReader {
    stream: RecvStream,
    buffer: BytesMut,
}

/// What the next frame's bytes are.
pub(crate) enum Piece {
    /// Its bytes.
    Whole(BytesMut),
    /// It is announced to be larger than allowed; the stream is of no more use.
    TooLarge,
    /// The stream has ended.
    End,
}

impl FrameReader {
    pub(crate) fn new(stream: RecvStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// The next frame's bytes, at most `max` of them.
    pub(crate) async fn next(&mut self, max: usize) -> Result<Piece, ReadError> {
        loop {
            if let Some(piece) = cut(&mut self.buffer, max) {
                return Ok(piece);
            }
            match self.stream.read_chunk(READ_BYTES_MAX, true).await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk.bytes),
                None => return Ok(Piece::End),
            }
        }
    }
}

fn cut(buffer: &mut BytesMut, max: usize) -> Option<Piece> {
    let prefix = buffer.first_chunk::<4>()?;
    let n_bytes = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
    if n_bytes > max {
        return Some(Piece::TooLarge);
    }
    if buffer.len() < size_of::<u32>() + n_bytes {
        return None;
    }
    buffer.advance(size_of::<u32>());
    Some(Piece::Whole(buffer.split_to(n_bytes)))
}

/// Reads a lane until it ends; yields why the connection must be closed, if it must.
pub(crate) async fn read(
    mut frames: FrameReader,
    peer: NodeId,
    lane: Lane,
    events: EventSender,
) -> Option<CloseReason> {
    let mut n_bad = 0;
    loop {
        let (refusal, close) = match frames.next(FRAME_BYTES_MAX).await {
            Err(_) | Ok(Piece::End) => return None,
            Ok(Piece::TooLarge) => (Refusal::Oversized, Some(CloseReason::Oversized)),
            Ok(Piece::Whole(bytes)) => match decode_frame(&bytes) {
                Ok(frame) => {
                    let peer = peer.clone();
                    let event = MeshEvent::Frame { peer, lane, frame };
                    if !events.put(lane, event).await {
                        return None;
                    }
                    continue;
                }
                Err(refusal) => {
                    n_bad += 1;
                    let close = (n_bad > BAD_FRAMES_MAX).then_some(CloseReason::Protocol);
                    (refusal, close)
                }
            },
        };
        let peer = peer.clone();
        let bad = MeshEvent::BadFrame {
            peer,
            lane,
            refusal,
        };
        if !events.put(lane, bad).await {
            return None;
        }
        if close.is_some() {
            return close;
        }
    }
}

/// A frame after the first one: anything but another hello.
fn decode_frame(bytes: &[u8]) -> Result<Frame, Refusal> {
    match decode(bytes, FRAME_BYTES_MAX) {
        Ok(Frame::Hello(_)) => Err(Refusal::Malformed),
        Ok(frame) => Ok(frame),
        Err(error) => Err(error.refusal()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::put;

    #[test]
    fn frames_are_cut_wherever_the_bytes_break() {
        let mut wire = BytesMut::new();
        for frame in [&b"one"[..], b"", b"three"] {
            put(&mut wire, frame);
        }
        for n_bytes in 1..wire.len() {
            let mut buffer = BytesMut::new();
            let mut seen = Vec::new();
            for chunk in wire.chunks(n_bytes) {
                buffer.extend_from_slice(chunk);
                while let Some(Piece::Whole(frame)) = cut(&mut buffer, 5) {
                    seen.push(frame.to_vec());
                }
            }
            assert_eq!(seen, [&b"one"[..], b"", b"three"], "chunks of {n_bytes}");
        }
    }

    #[test]
    fn a_large_announcement_costs_no_memory() {
        let mut buffer = BytesMut::from(&[0xff, 0xff, 0xff, 0xff][..]);
        assert!(matches!(
            cut(&mut buffer, FRAME_BYTES_MAX),
            Some(Piece::TooLarge)
        ));
    }
}
