//! Two parts become one: what the first left open meets what the second saw first.

use super::Connections;
use super::Key;
use super::OPEN_NS_MAX;
use super::PIDS_OPEN_MAX;
use crate::digest::collectors::sshd::BY_SOURCE;
use crate::digest::collectors::sshd::BY_USER;
use crate::digest::collectors::sshd::PROBES;
use crate::digest::collectors::sshd::pending::Head;
use crate::digest::collectors::sshd::pending::Pending;
use crate::digest::tally::Tally;
use crate::digest::traces;

impl Connections {
    /// Goes on with the connections of later lines.
    ///
    /// What was counted in the later part on the ground that nothing came before is taken back
    /// from `later_tally` where something did.
    pub(in crate::digest::collectors::sshd) fn merge(
        &mut self,
        tally: &mut Tally,
        mut later: Self,
        later_tally: &mut Tally,
    ) {
        if self.heads_from_ns.is_none() {
            self.heads_from_ns = later.heads_from_ns;
        }
        for (key, head) in std::mem::take(&mut later.heads) {
            let earlier = self.open.remove(&key);
            let still_open = later.open.remove(&key);
            match earlier {
                Some(earlier) if goes_on(&earlier, &head) => {
                    self.join(key, earlier, head, still_open, tally, later_tally);
                }
                earlier => {
                    if let Some(earlier) = earlier {
                        super::close(&mut self.heads, key, earlier.head);
                        earlier.settle(tally);
                    }
                    let is_head = self.adopt_head(key, head);
                    self.adopt(key, still_open, is_head);
                }
            }
        }
        for (key, pending) in std::mem::take(&mut later.open) {
            if let Some(earlier) = self.open.remove(&key) {
                super::close(&mut self.heads, key, earlier.head);
                earlier.settle(tally);
            }
            self.open.insert(
                key,
                Pending {
                    head: false,
                    ..pending
                },
            );
        }
        self.clock_ns = self.clock_ns.max(later.clock_ns);
        if self.open.len() >= PIDS_OPEN_MAX {
            self.sweep(tally);
        }
    }

    /// One connection, begun here and gone on there.
    fn join(
        &mut self,
        key: Key,
        mut earlier: Pending,
        mut head: Head,
        still_open: Option<Pending>,
        tally: &mut Tally,
        later_tally: &mut Tally,
    ) {
        if earlier.failed
            && let Some(probe) = head.probe.take()
        {
            later_tally.tables[BY_SOURCE].subtract(&probe.source, [0, 1]);
            later_tally.tables[BY_USER].subtract(&probe.user, [0, 1]);
            later_tally.tracks.take_back(traces::Attempt {
                source: &probe.source,
                target: &probe.user,
                known: !probe.unknown,
                n: 1,
            });
            later_tally.hours.close(&later_tally.totals);
            later_tally.hours.retract(PROBES, 1);
            later_tally.totals[PROBES] -= 1;
            later_tally.hours.go_on(&later_tally.totals);
        }
        if head.failed {
            earlier.invalid = 0;
        }
        if head.answers_pam {
            earlier.pam = None;
        } else if head.decided {
            earlier.settle_pam(tally);
        }
        if earlier.head {
            let known = self.heads.entry(key).or_default();
            known.answers_pam |= head.answers_pam && !known.decided;
            known.decided |= head.decided;
            known.failed |= head.failed;
            known.closed = head.closed;
            known.probe = head.probe;
        }
        if head.closed {
            earlier.settle(tally);
            self.adopt(key, still_open, false);
        } else if let Some(later) = still_open {
            earlier.last_ns = earlier.last_ns.max(later.last_ns);
            earlier.failed |= later.failed;
            earlier.invalid += later.invalid;
            earlier.pam = later.pam.or(earlier.pam);
            self.open.insert(key, earlier);
        }
    }

    /// Nothing is known here of a process that the later part saw first: perhaps a third part is.
    fn adopt_head(&mut self, key: Key, head: Head) -> bool {
        if self.goes_on {
            return false;
        }
        let from_ns = *self.heads_from_ns.get_or_insert(head.first_ns);
        let too_late = head.first_ns.saturating_sub(from_ns) > OPEN_NS_MAX;
        if too_late || self.heads.contains_key(&key) {
            return false;
        }
        let is_open = !head.closed;
        self.heads.insert(key, head);
        is_open
    }

    fn adopt(&mut self, key: Key, pending: Option<Pending>, head: bool) {
        if let Some(pending) = pending {
            self.open.insert(
                key,
                Pending {
                    head: head && pending.head,
                    ..pending
                },
            );
        }
    }
}

/// Whether the later lines belong to the connection that the earlier ones began.
fn goes_on(earlier: &Pending, head: &Head) -> bool {
    head.first_ns.saturating_sub(earlier.last_ns) <= OPEN_NS_MAX
}
