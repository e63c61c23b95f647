//! What a run says while it runs, for a person who looks into one seed.

use std::fmt;

use skep_packet::{Frame, WirePacket, decode, limits::PACKET_BYTES_MAX};

use crate::{network::Message, world::Event};

/// Who hears the lines.
type Listener = Box<dyn FnMut(&str)>;

/// Where the lines go; nowhere in a run over many seeds.
#[derive(Default)]
pub(crate) struct Trace(Option<Listener>);

impl Trace {
    pub(crate) fn to(tell: impl FnMut(&str) + 'static) -> Self {
        Self(Some(Box::new(tell)))
    }

    /// A line with the virtual time; its text is only made where somebody listens.
    pub(crate) fn line(&mut self, now_ns: u64, text: impl FnOnce() -> String) {
        if let Some(tell) = &mut self.0 {
            let (seconds, micros) = (now_ns / 1_000_000_000, now_ns / 1_000 % 1_000_000);
            tell(&format!("{seconds:>4}.{micros:06} {}", text()));
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message {
                from, to, message, ..
            } => write!(f, "n{from} > n{to} {message}"),
            Self::Up { idx, peer, .. } => write!(f, "n{idx} is connected to n{peer}"),
            Self::Down { idx, peer } => write!(f, "n{idx} has lost n{peer}"),
            Self::Handle { idx, .. } => write!(f, "n{idx} handles its mailbox"),
            Self::Fsync { idx, .. } => write!(f, "n{idx} fsync"),
            Self::Restart { idx } => write!(f, "n{idx} starts again"),
            Self::Signed { idx, job, .. } => write!(f, "n{idx} has signed batch {job}"),
            Self::Fault => f.write_str("a fault"),
            Self::Work => f.write_str("some agent begins something"),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(Frame::Ack(ack)) => write!(f, "ack {ack:?}"),
            Self::Frame(Frame::Settled(settled)) => write!(f, "settled {settled:?}"),
            Self::Frame(Frame::Swim(swim)) => write!(f, "swim {swim:?}"),
            Self::Frame(Frame::Versions { versions, answer }) => {
                let answer = if *answer { ", answer wanted" } else { "" };
                write!(f, "{} versions{answer}", versions.len())
            }
            Self::Frame(frame) => write!(f, "{frame:?}"),
            Self::Batch(batch) => {
                write!(f, "batch {}:", batch.statement.batch_seq)?;
                let wires = batch.packets.iter();
                for wire in wires.filter_map(|bytes| decode(bytes, PACKET_BYTES_MAX).ok()) {
                    let WirePacket { packet, seal } = wire;
                    let (id, class, kind) = (packet.id, packet.class, packet.kind);
                    write!(
                        f,
                        " {id} {class:?} {kind:?} seq {} to {}",
                        seal.seq, packet.target
                    )?;
                }
                Ok(())
            }
            Self::Relay(to, batch) => {
                write!(f, "for {to}, batch {}", batch.statement.batch_seq)
            }
            Self::Descriptors(found) => write!(f, "{} descriptors", found.len()),
            Self::Want(nodes) => write!(f, "wants {nodes:?}"),
        }
    }
}
