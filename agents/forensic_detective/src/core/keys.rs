//! What reports are put together by: host, source and account; and when.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use skep_protocol::case::{CaseState, Entry};
use uuid::Uuid;

use super::{
    entry::is_outside,
    kind::{Kind, kind},
};

/// Keys of one case; of more, the first in alphabetical order stay: accounts and sources rather than
/// the hosts that one source tries.
const KEYS_MAX: usize = 256;

/// An account that every host has: it ties nothing on one host to anything on another.
const EVERYWHERE: &str = "root";

/// What of a case is needed to see whether a report belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Live {
    pub(crate) id: Uuid,
    pub(crate) state: CaseState,
    pub(crate) keys: BTreeSet<String>,
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
    /// When the last report came.
    pub(crate) updated_ms: u64,
    /// When people are told of what waits for the end of a cooldown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) due_ms: Option<u64>,
}

/// A stretch of time with its keys.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    pub(super) keys: BTreeSet<String>,
    pub(super) first_ms: u64,
    pub(super) last_ms: u64,
}

impl Reach {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            keys: keys(entry),
            first_ms: entry.first_ms,
            last_ms: entry.last_ms,
        }
    }

    /// Whether a case is about the same, and near enough; and not too long with it.
    pub(super) fn meets(&self, live: &Live, window_ms: u64, span_max_ms: u64) -> bool {
        let near = self.first_ms <= live.last_ms.saturating_add(window_ms)
            && live.first_ms <= self.last_ms.saturating_add(window_ms);
        let first_ms = self.first_ms.min(live.first_ms);
        let last_ms = self.last_ms.max(live.last_ms);
        near && last_ms - first_ms <= span_max_ms && !self.keys.is_disjoint(&live.keys)
    }

    pub(super) fn extend(&mut self, live: &Live) {
        self.keys.extend(live.keys.iter().cloned());
        while self.keys.len() > KEYS_MAX {
            self.keys.pop_last();
        }
        self.first_ms = self.first_ms.min(live.first_ms);
        self.last_ms = self.last_ms.max(live.last_ms);
    }
}

/// What an entry ties together. A login is tied to an attack by its source, and to what follows by
/// its account; the host alone would tie it to everybody who tries there.
fn keys(entry: &Entry) -> BTreeSet<String> {
    let kind = kind(entry);
    let host = &entry.host;
    let mut keys = BTreeSet::new();
    match kind {
        Kind::Attack => {
            keys.insert(format!("tried {host}"));
        }
        Kind::Login | Kind::Privilege | Kind::Ban => {}
        _ => {
            keys.insert(format!("health {host}"));
        }
    }
    if let Some(source) = entry.source.as_deref().filter(|source| is_outside(source)) {
        keys.insert(format!("from {source}"));
    }
    if let Some(user) = entry.user.as_deref().filter(|_| kind.has_account()) {
        keys.insert(format!("account {user}@{host}"));
        if user != EVERYWHERE {
            keys.insert(format!("account {user}"));
        }
    }
    keys
}
