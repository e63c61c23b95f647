//! How rows end, or try again.

use std::time::Duration;

use skep_packet::{NodeId, Now, Refusal, Settled, limits::SKEW_MAX_MS};

use super::{
    super::{
        config::{
            DURABLE_PAUSE_MAX, DURABLE_SEAL_TTL_MS, EXPIRY_PERIOD, NOT_SERVED_MAX, POISON_MAX,
            REFUSED_PAUSE, RETRY_AFTER, SETTLE_AFTER,
        },
        draft::Target,
        io::{DeadReason, Output},
        outbox::{Route, RowState},
    },
    Delivery, Timer,
    flights::{Cure, backoff, said_by_mailbox},
};

/// How long a sealed copy may still be run: it is valid for a minute, and both clocks may be off.
pub(super) const DOUBT: Duration = Duration::from_millis(DURABLE_SEAL_TTL_MS + 2 * SKEW_MAX_MS);

/// From this try on a row that was refused goes to another endpoint, or at least takes a fresh number,
/// so that the one it had does not hold back its receiver's watermark.
const RENUMBER_TRIES: u32 = 4;

impl Delivery {
    pub(super) fn settled(&mut self, from: &NodeId, settled: &Settled) {
        if settled.epoch != self.config.epoch {
            return;
        }
        for seq in &settled.seqs {
            if let Some(row) = self.outbox.row_at(from, *seq) {
                self.settle(row);
            }
        }
    }

    /// The row's effect is committed: it is done.
    pub(super) fn settle(&mut self, row: u64) {
        self.clear_row_timer(row);
        self.outbox.forget_arrived(row);
        if self.outbox.remove(row).is_some() {
            self.to_delete.push(row);
        }
    }

    pub(super) fn row_refused(&mut self, now: Now, row: u64, reason: Refusal) {
        let Some(entry) = self.outbox.rows.get_mut(&row) else {
            return;
        };
        if !matches!(entry.state, RowState::Sent | RowState::Arrived) {
            return;
        }
        if said_by_mailbox(reason) {
            entry.unrun = now.mono_ns >= entry.doubt_until_ns;
        } else {
            entry.doubt_until_ns = now.mono_after(DOUBT);
        }
        if reason == Refusal::HandlerFailed {
            entry.row.failures += 1;
            if entry.row.failures >= POISON_MAX {
                return self.bury(row, DeadReason::Poison);
            }
            self.to_persist.push(row);
            return self.pause_row(now, row, RETRY_AFTER);
        }
        let has_one_target = matches!(entry.row.route, Route::Agent { .. });
        let tries = entry.tries;
        if reason == Refusal::StandsBy && self.hand_row_on(now, row) {
            return;
        }
        match Cure::of(reason) {
            Cure::None => self.bury(row, DeadReason::NoTarget(reason)),
            Cure::Elsewhere
                if reason == Refusal::NotServed && has_one_target && tries >= NOT_SERVED_MAX =>
            {
                self.bury(row, DeadReason::NoTarget(reason));
            }
            Cure::Elsewhere | Cure::SealAgain => self.pause_row(now, row, REFUSED_PAUSE),
        }
    }

    pub(super) fn pause_row(&mut self, now: Now, row: u64, first: Duration) {
        let Some(entry) = self.outbox.rows.get_mut(&row) else {
            return;
        };
        entry.state = RowState::Paused;
        entry.tries = entry.tries.saturating_add(1);
        let pause = backoff(first, entry.tries, DURABLE_PAUSE_MAX);
        self.set_row_timer(row, now.mono_after(pause));
    }

    pub(super) fn row_due(&mut self, now: Now, row: u64, at_ns: u64) {
        let Some(entry) = self.outbox.rows.get_mut(&row) else {
            return;
        };
        if entry.timer_ns != Some(at_ns) {
            return;
        }
        entry.timer_ns = None;
        match entry.state {
            RowState::Arrived => {
                entry.doubt_until_ns = now.mono_after(DOUBT);
                self.outbox.forget_arrived(row);
                self.enqueue(now, row);
            }
            RowState::Paused => self.try_again(now, row),
            RowState::Writing => {
                self.to_persist.push(row);
                self.set_row_timer(row, now.mono_after(SETTLE_AFTER));
            }
            _ => {}
        }
    }

    /// The next try of a row that was refused or not answered.
    pub(super) fn try_again(&mut self, now: Now, row: u64) {
        if self.hand_row_on(now, row) {
            return;
        }
        let Some(entry) = self.outbox.rows.get(&row) else {
            return;
        };
        let Some(assigned) = &entry.row.assigned else {
            return;
        };
        let refused = (entry.tries > 0).then(|| assigned.target.address.clone());
        // With no copy left that might run, the number may be given up: whoever gets the row under
        // another one runs it once.
        if entry.unrun {
            let better = self.endpoint_for(&entry.row, refused.as_ref());
            if let Some(target) = better
                && entry.tries >= RENUMBER_TRIES
            {
                return self.assign(now, row, target);
            }
        }
        self.enqueue(now, row);
    }

    /// Gives a row to whoever serves its exclusive role now, unless a copy of it may still run where
    /// it was.
    fn hand_row_on(&mut self, now: Now, row: u64) -> bool {
        let Some(entry) = self.outbox.rows.get(&row).filter(|entry| entry.unrun) else {
            return false;
        };
        let assigned = entry.row.assigned.as_ref();
        let stand_in = assigned.and_then(|a| self.stand_in(&entry.row.route, &a.target));
        let Some(target) = stand_in else {
            return false;
        };
        self.assign(now, row, target);
        true
    }

    /// Gives a row another endpoint; it leaves when that is on disk.
    pub(super) fn assign(&mut self, now: Now, row: u64, target: Target) {
        self.clear_row_timer(row);
        self.outbox.forget_arrived(row);
        self.outbox.assign(row, target, now.mono_after(DOUBT));
        self.to_persist.push(row);
        // Should the store have dropped the write, it is asked for again.
        self.set_row_timer(row, now.mono_after(SETTLE_AFTER));
    }

    // === ends ===

    pub(super) fn expire(&mut self, now: Now) {
        while let Some(row) = self.outbox.expired(now.unix_ms) {
            self.outbox.unexpire(row);
            let is_stored = self.outbox.rows.get(&row).is_some_and(|entry| {
                !matches!(entry.state, RowState::Admitted | RowState::Burying)
            });
            if is_stored {
                self.bury(row, DeadReason::Expired);
            }
        }
        if !self.outbox.rows.is_empty() {
            self.timers
                .insert((now.mono_after(EXPIRY_PERIOD), Timer::Expiry));
        }
    }

    /// Moves a row to the dead letters. Its number holds until it stands there: a crash before that
    /// brings the row back, not a hole.
    pub(super) fn bury(&mut self, row: u64, reason: DeadReason) {
        self.clear_row_timer(row);
        self.outbox.unexpire(row);
        let Some(entry) = self.outbox.rows.get_mut(&row) else {
            return;
        };
        entry.state = RowState::Burying;
        let copy = entry.row.clone();
        self.outbox.forget_arrived(row);
        self.outputs
            .push_back(Output::DeadLetter { row: copy, reason });
    }
}
