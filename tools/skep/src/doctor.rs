//! The doctor: what was found on this host, and what that means.
//!
//! `gather` looks and judges nothing; `judge` judges and looks at nothing.

mod facts;
mod finding;
mod gather;
mod judge;

pub(crate) use finding::{Finding, Standing, text};
pub(crate) use gather::{Examined, gather};
pub(crate) use judge::judge;
