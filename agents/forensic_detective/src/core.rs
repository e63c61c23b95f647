//! The thinking: reports in, cases out. No clock, no store, no packet.
//!
//! Which reports belong together does not depend on the order in which they came. Two clusters
//! join where they share a key and lie near each other in time; joining only adds keys and time,
//! so whatever could be joined before still can, and the end is the same whichever came first. The
//! same goes for what a case says: its timeline is a union, its severity a maximum, its cause a
//! function of the timeline. Only a case's id tells which report opened it. (Beyond the bounds of
//! a timeline or a case's span the order may show.)

mod board;
mod cause;
mod entry;
mod fold;
mod keys;
mod kind;

pub(crate) use self::board::{Due, LIVE_MAX, Shelf, Step, Terms, sweep, take};
pub(crate) use self::entry::entry;
pub(crate) use self::fold::{Stored, Unanswered};
pub(crate) use self::keys::Live;

#[cfg(test)]
mod tests;
