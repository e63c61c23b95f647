//! Durable packets: from the transaction that sends them to the answer that settles them.

use std::time::Duration;

use skep_packet::{Lane, NodeId, Now, OutboxMark, Packet};

use super::{
    super::{
        config::{DURABLE_SEAL_TTL_MS, EXPIRY_PERIOD, OUTBOX_MAX, RETRY_AFTER, SETTLE_AFTER},
        draft::{Outgoing, Spread, Target},
        io::SendRefused,
        outbox::{Admitted, Assigned, OutboxRow, Route, RowState},
    },
    Delivery, Timer,
    fates::DOUBT,
    flights::check_size,
};

/// How long after a start a stored row waits for news of its target's node before another endpoint
/// may be chosen.
pub(super) const UNKNOWN_GRACE: Duration = Duration::from_secs(30);

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
    pub(super) fn enqueue(&mut self, now: Now, row: u64) {
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

    pub(super) fn set_row_timer(&mut self, row: u64, at_ns: u64) {
        self.clear_row_timer(row);
        if let Some(entry) = self.outbox.rows.get_mut(&row) {
            entry.timer_ns = Some(at_ns);
            self.timers.insert((at_ns, Timer::Row(row)));
        }
    }

    pub(super) fn clear_row_timer(&mut self, row: u64) {
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
