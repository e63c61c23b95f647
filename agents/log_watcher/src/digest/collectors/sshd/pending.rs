//! One connection, as long as it is not known how it ends.

use serde::Deserialize;
use serde::Serialize;

use crate::digest::tally::Tally;

/// What is held back of one open connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) last_ns: i64,
    /// An attempt failed.
    pub(super) failed: bool,
    /// `Invalid user` lines since the last failure.
    pub(super) invalid: u64,
    /// What PAM refused last, unless sshd's own line about it came.
    pub(super) pam: Option<Box<Attempt>>,
    /// Nothing of this process had been seen before: an earlier part may know more.
    pub(super) head: bool,
}

/// Who tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) user: Vec<u8>,
    pub(super) source: Vec<u8>,
    pub(super) unknown: bool,
}

/// What the first lines of a process in this part say, in case an earlier part saw it begin.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) first_ns: i64,
    pub(super) failed: bool,
    /// The first attempt's failure was sshd's own line about keyboard-interactive: it may be about
    /// what PAM refused last before.
    pub(super) answers_pam: bool,
    /// Some attempt's outcome was seen, so what follows answers nothing from before.
    pub(super) decided: bool,
    pub(super) closed: bool,
    /// It was counted as a probe, on the ground that nothing failed before.
    pub(super) probe: Option<Attempt>,
}

impl Pending {
    /// Counts what PAM refused, as nothing else did.
    pub(super) fn settle_pam(&mut self, tally: &mut Tally) {
        if let Some(attempt) = self.pam.take() {
            let Attempt {
                user,
                source,
                unknown,
            } = &*attempt;
            super::count_failed(tally, user, source, *unknown, 1);
        }
    }

    /// Counts what is held back: the connection ended.
    pub(super) fn settle(mut self, tally: &mut Tally) {
        self.settle_pam(tally);
        tally.totals[super::INVALID_USER] += self.invalid;
    }
}
