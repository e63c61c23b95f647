//! Wrong passwords that two lines may tell of.
//!
//! In one run of sudo or su, PAM tells of the first wrong password at once, and of all further ones
//! in one line at its end; sudo tells of all together, but only if no right one followed. The sum
//! may stand before or after PAM's last line. So for each user of each host it is kept how many PAM
//! told of since the last run ended, and whether the sum has come.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde::Deserialize;
use serde::Serialize;
use skep_lines::service::sudo::Kind;

/// At most this many users are followed at once; then all are forgotten, and a sum that comes
/// afterwards counts in full.
const USERS_OPEN_MAX: usize = 10_000;

/// A user of a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct Who {
    host: Vec<u8>,
    user: Vec<u8>,
}

/// What is known of the run that is not over yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Run {
    /// Wrong passwords that PAM told of.
    told: u64,
    /// The sum has come: what PAM still tells is in it.
    is_summed: bool,
}

/// What a part's first lines about a user were, in case an earlier part saw the run begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Head {
    /// The first line that says `N more`.
    first_more: Option<u64>,
    /// All of them, as long as nothing else came.
    more: u64,
    /// The sum, if it came next.
    sum: Option<u64>,
    /// Something came that depends on nothing before.
    is_over: bool,
}

/// All runs that are not over, and how this part began for each user.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempts {
    open: HashMap<Who, Run, RandomState>,
    heads: HashMap<Who, Head, RandomState>,
    /// It goes on where another part ended, and knows what came before.
    goes_on: bool,
}

impl Run {
    /// How many wrong passwords an event adds, and what is known then; none where the run is over.
    fn step(self, kind: Kind) -> (u64, Option<Self>) {
        let told = |told| {
            let is_summed = false;
            Some(Self { told, is_summed })
        };
        match kind {
            Kind::PamFirst => (1, told(1)),
            Kind::PamMore(_) if self.is_summed => (0, None),
            Kind::PamMore(n) => (n, told(self.told + n)),
            Kind::Incorrect(n) => {
                let summed = Self {
                    told: 0,
                    is_summed: true,
                };
                (n.saturating_sub(self.told), Some(summed))
            }
            Kind::Command | Kind::Denied => (0, None),
        }
    }
}

impl Head {
    fn step(&mut self, kind: Kind) {
        if self.is_over {
            return;
        }
        match kind {
            Kind::PamMore(n) => {
                self.first_more.get_or_insert(n);
                self.more += n;
            }
            Kind::Incorrect(n) => {
                self.sum = Some(n);
                self.is_over = true;
            }
            _ => self.is_over = true,
        }
    }

    /// What it counts after a run that an earlier part left open.
    fn after(&self, run: Run) -> u64 {
        let swallowed = match run.is_summed {
            true => self.first_more.unwrap_or(0),
            false => 0,
        };
        let more = self.more - swallowed;
        let sum = self.sum.unwrap_or(0);
        more + sum.saturating_sub(run.told + more)
    }
}

impl Attempts {
    /// How many wrong passwords `n` equal events add that came one after another.
    pub(super) fn see_all(&mut self, host: &[u8], user: &[u8], kind: Kind, n: u64) -> u64 {
        let first = self.see(host, user, kind);
        let again = n.saturating_sub(1);
        first
            + match kind {
                _ if again == 0 => 0,
                // Each begins a run, or ends one that nothing else told of.
                Kind::PamFirst => again,
                Kind::Incorrect(each) => each.saturating_mul(again),
                Kind::PamMore(each) => {
                    self.see(host, user, Kind::PamMore(each.saturating_mul(again)))
                }
                Kind::Command | Kind::Denied => 0,
            }
    }

    /// How many wrong passwords an event adds.
    fn see(&mut self, host: &[u8], user: &[u8], kind: Kind) -> u64 {
        if self.open.len() >= USERS_OPEN_MAX {
            self.open.clear();
        }
        let who = Who {
            host: host.to_vec(),
            user: user.to_vec(),
        };
        if !self.goes_on && (self.heads.len() < USERS_OPEN_MAX || self.heads.contains_key(&who)) {
            self.heads.entry(who.clone()).or_default().step(kind);
        }
        let run = self.open.get(&who).copied().unwrap_or_default();
        let (n, run) = run.step(kind);
        match run {
            Some(run) => self.open.insert(who, run),
            None => self.open.remove(&who),
        };
        n
    }

    /// Adds what later lines told; how many of its counts a user's earlier lines had told already.
    pub(super) fn merge(&mut self, mut later: Self) -> Vec<(Vec<u8>, u64)> {
        let mut twice = Vec::new();
        for (who, head) in &later.heads {
            let run = self.open.remove(who).unwrap_or_default();
            let (alone, after) = (head.after(Run::default()), head.after(run));
            if alone > after {
                twice.push((who.user.clone(), alone - after));
            }
            if let Some(theirs) = later.open.remove(who) {
                let told = match (head.is_over, run.is_summed) {
                    (true, _) => theirs.told,
                    (false, true) => theirs.told.saturating_sub(head.first_more.unwrap_or(0)),
                    (false, false) => theirs.told + run.told,
                };
                self.open.insert(who.clone(), Run { told, ..theirs });
            }
        }
        self.open.extend(later.open);
        for (who, head) in later.heads {
            let ours = self.heads.entry(who).or_default();
            ours.join(head);
        }
        twice
    }

    pub(super) fn save(&self) -> serde_json::Value {
        if self.open.is_empty() {
            return serde_json::Value::Null;
        }
        let mut open: Vec<(&Who, &Run)> = self.open.iter().collect();
        open.sort_unstable_by_key(|(who, _)| *who);
        serde_json::to_value(open).expect("numbers and bytes are JSON")
    }

    /// What an earlier part saved; nothing where it can not be read, as after an upgrade.
    pub(super) fn load(saved: &serde_json::Value) -> Self {
        let open: Vec<(Who, Run)> = Vec::deserialize(saved).unwrap_or_default();
        Self {
            open: open.into_iter().collect(),
            heads: HashMap::default(),
            goes_on: true,
        }
    }
}

impl Head {
    /// How both parts together began.
    fn join(&mut self, later: Self) {
        if self.is_over {
            return;
        }
        self.first_more = self.first_more.or(later.first_more);
        self.more += later.more;
        self.sum = later.sum;
        self.is_over = later.is_over;
    }
}

#[cfg(test)]
mod tests;
