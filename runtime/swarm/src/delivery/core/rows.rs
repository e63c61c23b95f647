//! Durable packets: from the transaction that sends them to the answer that settles them.

use std::time::Duration;

use skep_packet::{Lane, NodeId, Now, OutboxMark, Packet, Refusal, Settled, limits::SKEW_MAX_MS};

use super::{
    super::{
        config::{
            DURABLE_PAUSE_MAX, DURABLE_SEAL_TTL_MS, EXPIRY_PERIOD, NOT_SERVED_MAX, OUTBOX_MAX,
            POISON_MAX, REFUSED_PAUSE, RETRY_AFTER, SETTLE_AFTER,
        },
        draft::{Outgoing, Spread, Target},
        io::{DeadReason, Output, SendRefused},
        outbox::{Admitted, Assigned, OutboxRow, Route, RowState},
    },
    Delivery, Timer,
    flights::{Cure, backoff, check_size, said_by_mailbox},
};

/// How long after a start a stored row waits for news of its target's node before another endpoint
/// may be chosen.
pub(super) const UNKNOWN_GRACE: Duration = Duration::from_secs(30);

/// How long a sealed copy may still be run: it is valid for a minute, and both clocks may be off.
const DOUBT: Duration = Duration::from_millis(DURABLE_SEAL_TTL_MS + 2 * SKEW_MAX_MS);

/// From this try on a row that was refused goes to another endpoint, or at least takes a fresh number,
/// so that the one it had does not hold back its receiver's watermark.
const RENUMBER_TRIES: u32 = 4;

impl Delivery {
    // === into the outbox ===

    pub(super) fn restore(&mut self, now: Now, rows: Vec<OutboxRow>) {
        if rows.is_empty() {
            return;
        }
        let numbers: Vec<u64> = rows.iter().map(|row| row.row).collect();
        // All of them first: the first mark that leaves must name the lowest number of all.
        for row in rows {
            self.outbox.insert(row, RowState::Waiting);
        }
        for number in numbers {
            let Some(entry) = self.outbox.rows.get_mut(&number) else {
                continue;
            };
            if entry.row.assigned.is_some() {
                // Copies may have left before the crash.
                entry.doubt_until_ns = now.mono_after(DOUBT);
                self.enqueue(now, number);
            } else {
                self.outbox.wait(number);
            }
        }
        self.timers
            .insert((now.mono_after(UNKNOWN_GRACE), Timer::Unknown));
        self.timers
            .insert((now.mono_after(EXPIRY_PERIOD), Timer::Expiry));
    }

    /// Takes the durable packets of a transaction into the outbox, all or none.
    ///
    /// The rows are to be written in that transaction; then tell
    /// [`Written`](super::super::Input::Written), or
    /// [`Aborted`](super::super::Input::Aborted). Rows for which an endpoint is known have
    /// their number already, so that one write is enough.
    ///
    /// # Errors
    /// [`SendRefused::OutboxFull`] or [`SendRefused::TooLarge`]; nothing was kept.
    pub fn admit(&mut self, now: Now, outgoing: Vec<Outgoing>) -> Result<Admitted, SendRefused> {
        for one in &outgoing {
            check_size(&one.draft)?;
        }
        let resolved: Vec<(Outgoing, Vec<Target>)> = outgoing
            .into_iter()
            .map(|one| {
                let targets = self.durable_targets(&one);
                (one, targets)
            })
            .collect();
        let drafts = resolved.iter().flat_map(|(one, targets)| {
            targets
                .iter()
                .map(|_| &one.draft)
                .chain(targets.is_empty().then_some(&one.draft))
        });
        if !self.outbox.has_room(drafts) {
            return Err(SendRefused::OutboxFull { max: OUTBOX_MAX });
        }
        let mut rows = Vec::with_capacity(resolved.len());
        for (one, targets) in resolved {
            if targets.is_empty() {
                rows.push(self.new_row(now, &one, None));
            }
            for target in targets {
                rows.push(self.new_row(now, &one, Some(target)));
            }
        }
        if !rows.is_empty() && rows.len() == self.outbox.rows.len() {
            self.timers
                .insert((now.mono_after(EXPIRY_PERIOD), Timer::Expiry));
        }
        Ok(Admitted {
            rows,
            next_seq: self.outbox.next_seq(),
        })
    }

    fn durable_targets(&self, one: &Outgoing) -> Vec<Target> {
        self.resolve(one).unwrap_or_default()
    }

    fn new_row(&mut self, now: Now, one: &Outgoing, target: Option<Target>) -> OutboxRow {
        let sticky: &[u8] = match &one.spread {
            Spread::One { sticky } => sticky,
            Spread::All => one.draft.id.0.as_bytes(),
        };
        let number = self.outbox.draw();
        let assigned = target.map(|target| Assigned {
            target,
            seq: self.outbox.draw(),
        });
        let ttl_ms = u64::try_from(one.ttl.as_millis()).unwrap_or(u64::MAX);
        let row = OutboxRow {
            row: number,
            draft: one.draft.clone(),
            route: Route::new(&one.to, one.scope, sticky),
            assigned,
            former: Vec::new(),
            keep_until_ms: now.unix_ms.saturating_add(ttl_ms),
            failures: 0,
        };
        self.outbox.insert(row.clone(), RowState::Admitted);
        row
    }

    pub(super) fn written(&mut self, now: Now, rows: &[u64]) {
        for row in rows {
            let Some(entry) = self.outbox.rows.get(row) else {
                continue;
            };
            if entry.state != RowState::Admitted {
                continue;
            }
            if entry.row.assigned.is_some() {
                self.enqueue(now, *row);
            } else {
                self.outbox.wait(*row);
                self.check_row(now, *row);
            }
        }
    }

    pub(super) fn aborted(&mut self, rows: &[u64]) {
        for row in rows {
            let is_admitted = self
                .outbox
                .rows
                .get(row)
                .is_some_and(|entry| entry.state == RowState::Admitted);
            if is_admitted {
                self.outbox.remove(*row);
            }
        }
    }

    pub(super) fn persisted(&mut self, now: Now, rows: &[u64]) {
        for row in rows {
            match self.outbox.rows.get(row).map(|entry| entry.state) {
                Some(RowState::Writing) => {
                    self.outbox.persisted(*row);
                    self.enqueue(now, *row);
                }
                Some(RowState::Burying) => {
                    self.outbox.remove(*row);
                }
                _ => {}
            }
        }
    }

    // === to the receiver ===

    /// Puts an assigned row on its way: into its receiver's queue, or a mailbox of this node.
    fn enqueue(&mut self, now: Now, row: u64) {
        self.clear_row_timer(row);
        let Some(entry) = self.outbox.rows.get_mut(&row) else {
            return;
        };
        let Some(assigned) = entry.row.assigned.clone() else {
            return;
        };
        let node = assigned.target.address.node.clone();
        if node == self.config.node {
            entry.state = RowState::Sent;
            let packet = packet_of(&entry.row, &assigned, self.config.swarm, now);
            let mark = self.outbox.mark(&assigned);
            return self.deliver_row(now, row, packet, mark);
        }
        entry.state = RowState::Queued;
        let lane = entry.row.draft.lane;
        self.outbox
            .receivers
            .entry(node.clone())
            .or_default()
            .ready
            .push_back(row);
        self.pump(now, &node, lane);
    }

    pub(super) fn row_packet(
        &mut self,
        now: Now,
        node: &NodeId,
        row: u64,
        seq: u64,
    ) -> Option<(Packet, Option<OutboxMark>, usize)> {
        if let Some(receiver) = self.outbox.receivers.get_mut(node) {
            receiver.n_queued = receiver.n_queued.saturating_sub(1);
        }
        let entry = self.outbox.rows.get(&row)?;
        let assigned = entry.row.assigned.as_ref()?;
        if entry.state != RowState::Queued
            || assigned.seq != seq
            || assigned.target.address.node != *node
        {
            return None;
        }
        let packet = packet_of(&entry.row, assigned, self.config.swarm, now);
        Some((
            packet,
            Some(self.outbox.mark(assigned)),
            entry.row.draft.n_bytes(),
        ))
    }

    pub(super) fn row_sent(&mut self, row: u64) {
        if let Some(entry) = self.outbox.rows.get_mut(&row) {
            entry.state = RowState::Sent;
            entry.unrun = false;
        }
    }

    /// It is in its target's mailbox.
    pub(super) fn row_arrived(&mut self, now: Now, node: &NodeId, row: u64, copy: (Lane, u64)) {
        let is_sent = self.is_at(row, node, RowState::Sent);
        if !is_sent {
            return;
        }
        if let Some(receiver) = self.outbox.receivers.get_mut(node) {
            receiver.arrived.insert(copy, row);
        }
        if let Some(entry) = self.outbox.rows.get_mut(&row) {
            entry.state = RowState::Arrived;
            entry.arrived = Some(copy);
        }
        self.set_row_timer(row, now.mono_after(SETTLE_AFTER));
    }

    /// The same, in a mailbox of this node.
    pub(super) fn row_arrived_here(&mut self, now: Now, row: u64) {
        if let Some(entry) = self.outbox.rows.get_mut(&row)
            && entry.state == RowState::Sent
        {
            entry.state = RowState::Arrived;
            self.set_row_timer(row, now.mono_after(SETTLE_AFTER));
        }
    }

    fn is_at(&self, row: u64, node: &NodeId, state: RowState) -> bool {
        self.outbox.rows.get(&row).is_some_and(|entry| {
            let assigned = entry.row.assigned.as_ref();
            entry.state == state && assigned.is_some_and(|a| a.target.address.node == *node)
        })
    }

    /// Whether the row waits for this node, or for its answer.
    pub(super) fn is_row_at(&self, node: &NodeId, row: u64, seq: u64) -> bool {
        let states = [RowState::Queued, RowState::Sent];
        self.outbox.is_current(row, seq) && states.iter().any(|state| self.is_at(row, node, *state))
    }

    /// Not answered in time: the first time it is sent again at once, then after pauses.
    pub(super) fn row_overdue(&mut self, now: Now, row: u64) {
        match self.outbox.rows.get_mut(&row) {
            Some(entry) if entry.tries == 0 => {
                entry.tries = 1;
                self.enqueue(now, row);
            }
            _ => self.pause_row(now, row, RETRY_AFTER),
        }
    }

    /// A copy was not answered; yields whether the row is to be sent again.
    pub(super) fn row_unanswered(&mut self, now: Now, node: &NodeId, row: u64, seq: u64) -> bool {
        if !self.is_at(row, node, RowState::Sent) || !self.outbox.is_current(row, seq) {
            return false;
        }
        if let Some(entry) = self.outbox.rows.get_mut(&row) {
            entry.state = RowState::Queued;
            entry.doubt_until_ns = now.mono_after(DOUBT);
        }
        true
    }

    /// After a new connection: what arrived may have been lost with its receiver, or its answer; and
    /// what was paused has a new chance.
    pub(super) fn resend_arrived(&mut self, now: Now, node: &NodeId) {
        for row in self.outbox.rows_at(node) {
            let waits = [RowState::Arrived, RowState::Paused];
            if !waits.iter().any(|state| self.is_at(row, node, *state)) {
                continue;
            }
            self.clear_row_timer(row);
            self.outbox.forget_arrived(row);
            if let Some(entry) = self.outbox.rows.get_mut(&row) {
                entry.state = RowState::Queued;
                entry.doubt_until_ns = now.mono_after(DOUBT);
            }
            if let Some(receiver) = self.outbox.receivers.get_mut(node) {
                receiver.ready.push_back(row);
            }
        }
    }

    // === answers ===

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
            self.to_persist.push(row);
            if entry.row.failures >= POISON_MAX {
                return self.bury(row, DeadReason::Poison);
            }
            return self.pause_row(now, row, RETRY_AFTER);
        }
        let has_one_target = matches!(entry.row.route, Route::Agent { .. });
        let tries = entry.tries;
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
            _ => {}
        }
    }

    /// The next try of a row that was refused or not answered.
    fn try_again(&mut self, now: Now, row: u64) {
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

    /// Gives a row another endpoint; it leaves when that is on disk.
    pub(super) fn assign(&mut self, now: Now, row: u64, target: Target) {
        self.clear_row_timer(row);
        self.outbox.forget_arrived(row);
        self.outbox.assign(row, target, now.mono_after(DOUBT));
        self.to_persist.push(row);
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
    fn bury(&mut self, row: u64, reason: DeadReason) {
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

    fn set_row_timer(&mut self, row: u64, at_ns: u64) {
        self.clear_row_timer(row);
        if let Some(entry) = self.outbox.rows.get_mut(&row) {
            entry.timer_ns = Some(at_ns);
            self.timers.insert((at_ns, Timer::Row(row)));
        }
    }

    fn clear_row_timer(&mut self, row: u64) {
        let timer_ns = self
            .outbox
            .rows
            .get_mut(&row)
            .and_then(|entry| entry.timer_ns.take());
        if let Some(at_ns) = timer_ns {
            self.timers.remove(&(at_ns, Timer::Row(row)));
        }
    }
}

fn packet_of(
    row: &OutboxRow,
    assigned: &Assigned,
    swarm: skep_packet::SwarmId,
    now: Now,
) -> Packet {
    let left_ms = row.keep_until_ms.saturating_sub(now.unix_ms).max(1);
    row.draft.packet(
        swarm,
        &assigned.target,
        now.unix_ms,
        left_ms.min(DURABLE_SEAL_TTL_MS),
    )
}
