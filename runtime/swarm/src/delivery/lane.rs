//! The sending side of one lane to one node: numbers, what is on its way, what waits.

use std::collections::{BTreeSet, VecDeque};

use skep_packet::Lane;

use super::config::{IN_FLIGHT_MAX, SEQ_SPAN_MAX, lane_bytes_max};

/// What a lane carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Job {
    /// An accepted or best-effort packet.
    Flight(u64),
    /// A row of the outbox, and its number at this receiver.
    Row(u64, u64),
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    job: Job,
    n_bytes: usize,
    sent_ns: u64,
}

/// One lane to one node. Numbers go on over the peer's boots, so none is used twice.
#[derive(Debug)]
pub(super) struct LaneOut {
    lane: Lane,
    /// The number of the first entry of `in_flight`.
    base: u64,
    /// What is on its way, by number from `base`; holes are answered ones.
    in_flight: VecDeque<Option<Sent>>,
    n_in_flight: usize,
    n_bytes: usize,
    /// What waits for its turn.
    pub(super) queue: VecDeque<Job>,
    /// First numbers of accepted packets that were sent again and are not answered yet.
    firsts: BTreeSet<u64>,
}

impl LaneOut {
    pub(super) fn new(lane: Lane) -> Self {
        Self {
            lane,
            base: 1,
            in_flight: VecDeque::new(),
            n_in_flight: 0,
            n_bytes: 0,
            queue: VecDeque::new(),
            firsts: BTreeSet::new(),
        }
    }

    fn next_seq(&self) -> u64 {
        self.base + self.in_flight.len() as u64
    }

    /// Whether one more packet may leave now.
    pub(super) fn has_room(&self) -> bool {
        let first = self
            .firsts
            .first()
            .map_or(self.base, |first| self.base.min(*first));
        self.n_in_flight < IN_FLIGHT_MAX
            && self.n_bytes < lane_bytes_max(self.lane)
            && self.next_seq() - first < SEQ_SPAN_MAX
    }

    /// Numbers a packet that leaves now.
    pub(super) fn send(&mut self, job: Job, n_bytes: usize, sent_ns: u64) -> u64 {
        let seq = self.next_seq();
        self.in_flight.push_back(Some(Sent {
            job,
            n_bytes,
            sent_ns,
        }));
        self.n_in_flight += 1;
        self.n_bytes += n_bytes;
        seq
    }

    /// A number for what leaves now and is never answered.
    pub(super) fn number(&mut self) -> u64 {
        let seq = self.next_seq();
        self.in_flight.push_back(None);
        self.trim();
        seq
    }

    /// The packet of this number was answered, or is given up.
    pub(super) fn take(&mut self, seq: u64) -> Option<Job> {
        let idx = usize::try_from(seq.checked_sub(self.base)?).ok()?;
        let sent = self.in_flight.get_mut(idx)?.take()?;
        self.n_in_flight -= 1;
        self.n_bytes -= sent.n_bytes;
        self.trim();
        Some(sent.job)
    }

    fn trim(&mut self) {
        while let Some(None) = self.in_flight.front() {
            self.in_flight.pop_front();
            self.base += 1;
        }
    }

    /// Which of `n` numbers from `first` on may be on their way.
    pub(super) fn known(&self, first: u64, n: u32) -> std::ops::Range<u64> {
        let end = first.saturating_add(u64::from(n)).min(self.next_seq());
        first.max(self.base).min(end)..end
    }

    /// When the packet that has waited for longest left.
    pub(super) fn oldest_sent_ns(&self) -> Option<u64> {
        self.in_flight
            .front()
            .copied()
            .flatten()
            .map(|sent| sent.sent_ns)
    }

    /// Takes the oldest packet out if it left at `before_ns` or earlier.
    pub(super) fn take_overdue(&mut self, before_ns: u64) -> Option<(u64, Job)> {
        let seq = self.base;
        if self.oldest_sent_ns()? > before_ns {
            return None;
        }
        self.take(seq).map(|job| (seq, job))
    }

    /// Takes everything out that is on its way, oldest first.
    pub(super) fn take_all(&mut self) -> Vec<(u64, Job)> {
        let mut taken = Vec::with_capacity(self.n_in_flight);
        while let Some(overdue) = self.take_overdue(u64::MAX) {
            taken.push(overdue);
        }
        taken
    }

    /// Keeps `first` in mind: its packet may still come again under other numbers.
    pub(super) fn hold_first(&mut self, first: u64) {
        self.firsts.insert(first);
    }

    /// The packet that was first sent as `first` is answered or given up.
    pub(super) fn release_first(&mut self, first: u64) {
        self.firsts.remove(&first);
    }

    /// The receiver has forgotten every id.
    pub(super) fn release_firsts(&mut self) {
        self.firsts.clear();
    }

    /// Forgets jobs that nobody waits for any more; yields the queued ones among them.
    pub(super) fn purge(&mut self, is_wanted: impl Fn(Job) -> bool) -> Vec<Job> {
        let end = self.next_seq();
        for seq in self.base..end {
            let idx = usize::try_from(seq.saturating_sub(self.base)).unwrap_or(usize::MAX);
            if let Some(Some(sent)) = self.in_flight.get(idx).copied()
                && !is_wanted(sent.job)
            {
                self.take(seq);
            }
        }
        let (wanted, gone): (Vec<Job>, Vec<Job>) =
            self.queue.drain(..).partition(|job| is_wanted(*job));
        self.queue = wanted.into();
        gone
    }

    /// Jobs that are queued or on their way, in no order that matters.
    pub(super) fn jobs(&self) -> Vec<Job> {
        let sent = self.in_flight.iter().flatten().map(|sent| sent.job);
        sent.chain(self.queue.iter().copied()).collect()
    }

    pub(super) fn n_in_flight(&self) -> usize {
        self.n_in_flight
    }
}
