//! The connections that are open: what to make of a line depends on those of the same process.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde::Deserialize;
use serde::Serialize;
use skep_lines::service::sshd::Event;
use skep_lines::service::sshd::Kind;

use super::PROBES;
use super::pending::Attempt;
use super::pending::Head;
use super::pending::Pending;
use crate::digest::collectors::Seen;
use crate::digest::fnv::fnv;
use crate::digest::pairs;
use crate::digest::tally::Tally;
use crate::digest::traces;

/// A connection that says nothing for this long has ended: process ids recur.
const OPEN_NS_MAX: i64 = 600 * 1_000_000_000;
/// At most this many are held open; then those that ended are settled, then the half that has
/// been silent longest.
pub(super) const PIDS_OPEN_MAX: usize = 65_536;
/// Below this many, nobody looks for connections that ended without a word.
const SWEEP_MIN: usize = 4_096;

/// A process of a host; where lines name no process, the peer's address and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key(u64, u32);

/// All open connections, and the first ones of this part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Connections {
    #[serde(
        serialize_with = "pairs::serialize",
        deserialize_with = "pairs::read::<_, _, _, PIDS_OPEN_MAX>"
    )]
    open: HashMap<Key, Pending, RandomState>,
    #[serde(skip)]
    heads: HashMap<Key, Head, RandomState>,
    /// The moment of the first event: heads are kept for [`OPEN_NS_MAX`] from it. None in a part
    /// that goes on where another ended: it knows what came before.
    #[serde(skip)]
    heads_from_ns: Option<i64>,
    #[serde(skip)]
    goes_on: bool,
    clock_ns: i64,
    #[serde(skip)]
    sweep_at: usize,
    /// The host of the last line, hashed.
    #[serde(skip)]
    host: (Vec<u8>, u64),
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            open: HashMap::default(),
            heads: HashMap::default(),
            heads_from_ns: None,
            goes_on: false,
            clock_ns: i64::MIN,
            sweep_at: SWEEP_MIN,
            host: (Vec::new(), fnv(b"")),
        }
    }
}

impl Connections {
    /// Counts an event, or holds it back until more is known.
    ///
    /// Returns how many events it adds: a failure that PAM told of already is none, nor is the end
    /// of a connection in which something failed.
    pub(super) fn see(&mut self, seen: &Seen<'_>, event: &Event<'_>, tally: &mut Tally) -> u64 {
        let n = u64::from(event.repeat);
        let user = event
            .user
            .as_ref()
            .map(|user| user.bytes())
            .unwrap_or_default();
        let source = event.source;
        let now_ns = seen.unix_ns.unwrap_or(self.clock_ns);
        self.clock_ns = self.clock_ns.max(now_ns);
        let key = self.key(seen, event);
        let unknown = event.unknown_user;
        let attempt = || Attempt {
            user: user.to_vec(),
            source: source.to_vec(),
            unknown,
        };
        match event.kind {
            Kind::Failed => {
                let answers_pam = event.method.starts_with(b"keyboard-interactive");
                let pending = self.pending(key, now_ns, tally);
                let is_known = answers_pam && pending.pam.is_some();
                let is_head = pending.head;
                pending.fail(answers_pam, tally);
                super::count_failed(tally, &user, source, unknown, n);
                self.fail_head(is_head, key, answers_pam);
                return n - u64::from(is_known);
            }
            Kind::PamFailure => {
                let pending = self.pending(key, now_ns, tally);
                let is_head = pending.head;
                pending.fail(false, tally);
                pending.pam = Some(Box::new(attempt()));
                // Of repeats only the last can still be answered by sshd's own line.
                if n > 1 {
                    super::count_failed(tally, &user, source, unknown, n - 1);
                }
                self.fail_head(is_head, key, false);
            }
            Kind::InvalidUser => self.pending(key, now_ns, tally).invalid += n,
            Kind::Accepted => {
                self.end(key, now_ns, tally);
                super::count_accepted(tally, &user, source, n);
            }
            Kind::EndedUnauthenticated => {
                let ended = self.end(key, now_ns, tally);
                if ended.failed {
                    return 0;
                }
                count_probe(tally, &user, source, unknown);
                if ended.head
                    && let Some(head) = self.heads.get_mut(&key)
                {
                    head.probe = Some(attempt());
                }
            }
            Kind::Ended => {
                self.end(key, now_ns, tally);
            }
            _ => {}
        }
        n
    }

    /// Counts everything that is held back.
    pub(super) fn settle_all(&mut self, tally: &mut Tally) {
        for (_, pending) in self.open.drain() {
            pending.settle(tally);
        }
        self.heads.clear();
    }

    pub(super) fn save(&self) -> serde_json::Value {
        if self.open.is_empty() {
            return serde_json::Value::Null;
        }
        serde_json::to_value(self).expect("maps of numbers and bytes are JSON")
    }

    /// What an earlier part saved; nothing where it can not be read, as after an upgrade.
    pub(super) fn load(saved: &serde_json::Value) -> Self {
        let loaded: Option<Self> = Self::deserialize(saved).ok();
        let mut connections = loaded.unwrap_or_default();
        connections.sweep_at = SWEEP_MIN;
        connections.goes_on = true;
        connections
    }

    fn key(&mut self, seen: &Seen<'_>, event: &Event<'_>) -> Key {
        if let Some(pid) = seen.line.pid {
            if self.host.0 != seen.line.host {
                self.host = (seen.line.host.to_vec(), fnv(seen.line.host));
            }
            return Key(self.host.1, pid);
        }
        Key(!fnv(event.source), u32::from(event.port.unwrap_or(0)))
    }

    /// The open connection of a process; a new one if it has none, or was silent too long.
    fn pending(&mut self, key: Key, now_ns: i64, tally: &mut Tally) -> &mut Pending {
        if self.open.len() >= self.sweep_at && !self.open.contains_key(&key) {
            self.sweep(tally);
        }
        let mut is_new = false;
        let pending = self.open.entry(key).or_insert_with(|| {
            is_new = true;
            Pending {
                last_ns: now_ns,
                ..Pending::default()
            }
        });
        if is_new {
            pending.head = begin_head(
                &mut self.heads,
                &mut self.heads_from_ns,
                self.goes_on,
                key,
                now_ns,
            );
        } else if now_ns.saturating_sub(pending.last_ns) > OPEN_NS_MAX {
            close(&mut self.heads, key, pending.head);
            let fresh = Pending {
                last_ns: now_ns,
                ..Pending::default()
            };
            std::mem::replace(pending, fresh).settle(tally);
        }
        pending.last_ns = pending.last_ns.max(now_ns);
        pending
    }

    /// Ends a connection.
    fn end(&mut self, key: Key, now_ns: i64, tally: &mut Tally) -> Ended {
        let Some(pending) = self.open.remove(&key) else {
            let head = begin_head(
                &mut self.heads,
                &mut self.heads_from_ns,
                self.goes_on,
                key,
                now_ns,
            );
            close(&mut self.heads, key, head);
            return Ended {
                failed: false,
                head,
            };
        };
        close(&mut self.heads, key, pending.head);
        let is_old = now_ns.saturating_sub(pending.last_ns) > OPEN_NS_MAX;
        let ended = Ended {
            failed: pending.failed && !is_old,
            head: pending.head && !is_old,
        };
        pending.settle(tally);
        ended
    }

    /// An attempt failed in a connection that may be the first one seen of its process.
    fn fail_head(&mut self, is_head: bool, key: Key, answers_pam: bool) {
        if is_head && let Some(head) = self.heads.get_mut(&key) {
            head.fail(answers_pam);
        }
    }

    /// Settles what ended in silence; if that is not enough, what was silent longest.
    fn sweep(&mut self, tally: &mut Tally) {
        let oldest_ns = self.clock_ns.saturating_sub(OPEN_NS_MAX);
        self.settle_before(oldest_ns, tally);
        if self.open.len() >= PIDS_OPEN_MAX {
            let mut moments: Vec<i64> = self.open.values().map(|pending| pending.last_ns).collect();
            let middle = moments.len() / 2;
            let (_, median_ns, _) = moments.select_nth_unstable(middle);
            let median_ns = *median_ns;
            self.settle_before(median_ns.saturating_add(1), tally);
        }
        self.sweep_at = (self.open.len() * 2).clamp(SWEEP_MIN, PIDS_OPEN_MAX);
    }

    fn settle_before(&mut self, oldest_ns: i64, tally: &mut Tally) {
        let heads = &mut self.heads;
        for (key, pending) in self
            .open
            .extract_if(|_, pending| pending.last_ns < oldest_ns)
        {
            close(heads, key, pending.head);
            pending.settle(tally);
        }
    }
}

/// What is known of a connection that ended.
struct Ended {
    /// An attempt had failed in it.
    failed: bool,
    /// It is the first one seen of its process.
    head: bool,
}

impl Pending {
    /// An attempt failed; if sshd's line answers what PAM refused, they are one attempt.
    fn fail(&mut self, answers_pam: bool, tally: &mut Tally) {
        if answers_pam {
            self.pam = None;
        } else {
            self.settle_pam(tally);
        }
        self.failed = true;
        self.invalid = 0;
    }
}

impl Head {
    fn fail(&mut self, answers_pam: bool) {
        self.answers_pam |= answers_pam && !self.decided;
        self.decided = true;
        self.failed = true;
    }
}

/// Remembers that this process was first seen now, if an earlier part could know it.
fn begin_head(
    heads: &mut HashMap<Key, Head, RandomState>,
    from_ns: &mut Option<i64>,
    goes_on: bool,
    key: Key,
    now_ns: i64,
) -> bool {
    if goes_on {
        return false;
    }
    let from_ns = *from_ns.get_or_insert(now_ns);
    let too_late = now_ns.saturating_sub(from_ns) > OPEN_NS_MAX || heads.len() >= PIDS_OPEN_MAX;
    if too_late || heads.contains_key(&key) {
        return false;
    }
    heads.insert(
        key,
        Head {
            first_ns: now_ns,
            ..Head::default()
        },
    );
    true
}

fn close(heads: &mut HashMap<Key, Head, RandomState>, key: Key, is_head: bool) {
    if is_head && let Some(head) = heads.get_mut(&key) {
        head.closed = true;
    }
}

fn count_probe(tally: &mut Tally, user: &[u8], source: &[u8], unknown: bool) {
    tally.totals[PROBES] += 1;
    tally.tables[super::BY_SOURCE].add(source, [0, 1]);
    tally.tables[super::BY_USER].add(user, [0, 1]);
    tally.tracks.attempt(traces::Attempt {
        source,
        target: user,
        known: !unknown,
        n: 1,
    });
}

mod merge;
