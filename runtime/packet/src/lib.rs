//! Packets, frames, ids and their codec.
