//! The bounds of everything that crosses a node's border.

/// Largest encoded packet, in bytes; a larger one is refused as `oversized`.
pub const PACKET_BYTES_MAX: usize = 256 * 1024;

/// A batch frame aims at this many bytes; one packet larger than it travels alone.
pub const FRAME_BYTES_AIM: usize = 32 * 1024;

/// Largest frame on the wire, in bytes; a connection that announces a larger one is closed.
pub const FRAME_BYTES_MAX: usize = PACKET_BYTES_MAX + 16 * 1024;

/// Most packets in one subtree (one frame); the sealer starts another one beyond it.
pub const BATCH_PACKETS_MAX: usize = 1024;

/// Most subtrees under one signature; the rest waits for the next signature.
pub const BATCH_SUBTREES_MAX: usize = 4096;

/// Deepest nesting of a decoded value; deeper input is refused as `malformed`.
pub const DECODE_DEPTH_MAX: usize = 32;

/// Longest name of a node, an agent, a role or a handler, in bytes.
pub const NAME_BYTES_MAX: usize = 96;

/// Longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 128;

/// How far two hosts' wall clocks may differ, in milliseconds.
pub const SKEW_MAX_MS: u64 = 30_000;

/// Sequence numbers a receiver remembers per sender boot and lane.
pub const REPLAY_WINDOW_BITS: u64 = 65_536;

/// Largest body of one callback, in bytes; longer results are paged.
pub const CALLBACK_BYTES_MAX: usize = 64 * 1024;
