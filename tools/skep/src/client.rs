//! A client of the door, as `docs/PROTOCOL.md` tells how to write one.

mod access;
mod answers;
mod control;
mod dial;
mod envelopes;
mod one;
mod session;

pub(crate) use access::{Access, Route};
pub(crate) use answers::{Answers, End};
pub(crate) use control::{get, post};
pub(crate) use one::ask_one;
pub(crate) use session::Session;
pub(crate) use session::refused;
