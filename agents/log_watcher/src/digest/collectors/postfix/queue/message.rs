//! One message, as long as it is in the queue.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use crate::digest::collectors::postfix::BY_CLIENT;
use crate::digest::collectors::postfix::BY_SENDER;
use crate::digest::collectors::postfix::BY_USER;
use crate::digest::collectors::postfix::DEFERRED;
use crate::digest::table::Counts;
use crate::digest::tally::Tally;

/// A longer name is cut here, as tables cut it.
const NAME_BYTES_MAX: usize = 255;

/// What is known of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) last_ns: i64,
    /// By [`Name`].
    pub(super) names: [Option<Box<[u8]>>; 3],
    /// Recipients whose outcome is known, and those of them that bounced.
    pub(super) done: Counts,
    /// The recipients that were put off, hashed.
    pub(super) deferred: BTreeSet<u64>,
    /// Nothing was told but who handed it in.
    pub(super) is_fresh: bool,
    /// Nothing of this id had been seen before: an earlier part may know more.
    #[serde(skip)]
    pub(super) is_head: bool,
}

/// Those whom a message's outcome is counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Sender = 0,
    Client = 1,
    User = 2,
}

const NAMES: [Name; 3] = [Name::Sender, Name::Client, Name::User];

impl Name {
    /// Where it is counted, and what of an outcome.
    fn row(self, [done, bounced]: Counts) -> (usize, Counts) {
        match self {
            Self::Sender => (BY_SENDER, [done, bounced]),
            Self::Client => (BY_CLIENT, [done, bounced]),
            // The first column counts failed logins.
            Self::User => (BY_USER, [0, done]),
        }
    }

    fn add(self, name: &[u8], done: Counts, tally: &mut Tally) {
        if done != [0, 0] {
            let (table, counts) = self.row(done);
            tally.tables[table].add(name, counts);
        }
    }

    fn subtract(self, name: &[u8], done: Counts, tally: &mut Tally) {
        if done != [0, 0] {
            let (table, counts) = self.row(done);
            tally.tables[table].subtract(name, counts);
        }
    }
}

impl Message {
    /// It has this name; the first one told holds. What was done already is counted for it.
    pub(super) fn learn(&mut self, which: Name, name: &[u8], tally: &mut Tally) {
        let known = &mut self.names[which as usize];
        if known.is_none() && !name.is_empty() {
            let name = &name[..name.len().min(NAME_BYTES_MAX)];
            *known = Some(name.into());
            which.add(name, self.done, tally);
        }
    }

    /// A bounce has no sender, and is counted for `<>`.
    pub(super) fn learn_sender(&mut self, from: &[u8], tally: &mut Tally) {
        let from = if from.is_empty() { b"<>" } else { from };
        self.learn(Name::Sender, from, tally);
    }

    /// A recipient is done with.
    pub(super) fn done(&mut self, outcome: Counts, tally: &mut Tally) {
        for (sum, n) in self.done.iter_mut().zip(outcome) {
            *sum += n;
        }
        for which in NAMES {
            if let Some(name) = &self.names[which as usize] {
                which.add(name, outcome, tally);
            }
        }
    }

    /// Goes on with what a later part saw of the same message, and counted without knowing this.
    pub(super) fn join(&mut self, later: Self, tally: &mut Tally, later_tally: &mut Tally) {
        for (which, theirs) in NAMES.into_iter().zip(later.names) {
            let ours = &mut self.names[which as usize];
            match (ours.as_deref(), theirs) {
                (Some(ours), theirs) if theirs.as_deref() != Some(ours) => {
                    if let Some(theirs) = theirs {
                        which.subtract(&theirs, later.done, later_tally);
                    }
                    which.add(ours, later.done, tally);
                }
                (None, Some(theirs)) => {
                    which.add(&theirs, self.done, tally);
                    *ours = Some(theirs);
                }
                _ => {}
            }
        }
        for (sum, n) in self.done.iter_mut().zip(later.done) {
            *sum += n;
        }
        for recipient in later.deferred {
            if !self.deferred.insert(recipient) {
                later_tally.totals[DEFERRED] -= 1;
            }
        }
        self.is_fresh = false;
        self.last_ns = self.last_ns.max(later.last_ns);
    }
}
