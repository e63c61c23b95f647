//! Which changes each writer told of, so that none counts twice.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde::Deserialize;
use serde::Serialize;
use skep_lines::service::packages::Change;
use skep_lines::service::packages::Kind;
use skep_lines::service::packages::Writer;

/// At most this many changes are remembered; each one after them counts as often as it is told.
const CHANGES_MAX: usize = 100_000;
/// At most this many changes that only one writer told of go into a checkpoint.
const CHANGES_OPEN_MAX: usize = 10_000;
/// Names and versions are cut here.
const TEXT_BYTES_MAX: usize = 200;

/// A change by what it was. Without the architecture: what fits all is `all` to dpkg, and the
/// host's own to apt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    /// As a number, because checkpoints outlive releases.
    kind: u8,
    package: Vec<u8>,
    version: Vec<u8>,
}

/// How often each writer told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Told {
    manager: u64,
    history: u64,
    /// Remembered from an earlier part, and not told of since.
    #[serde(skip)]
    is_old: bool,
}

impl Told {
    fn count(self) -> u64 {
        self.manager.max(self.history)
    }
}

/// All changes told of.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes(HashMap<Key, Told, RandomState>);

const KINDS: [Kind; 3] = [Kind::Installed, Kind::Upgraded, Kind::Removed];

impl Changes {
    /// Notes a change; how many it is more than were known.
    pub(super) fn see(&mut self, change: &Change<'_>) -> u64 {
        let cut = |text: &[u8]| text[..text.len().min(TEXT_BYTES_MAX)].to_vec();
        let kind = KINDS.iter().position(|kind| *kind == change.kind);
        let key = Key {
            kind: kind.map_or(0, |at| at as u8),
            package: cut(change.name()),
            version: cut(change.version),
        };
        if self.0.len() >= CHANGES_MAX && !self.0.contains_key(&key) {
            return 1;
        }
        let told = self.0.entry(key).or_default();
        let before = told.count();
        told.is_old = false;
        match change.writer {
            Writer::Manager => told.manager += 1,
            Writer::History => told.history += 1,
        }
        told.count() - before
    }

    /// Adds what was told later; what counts once less than the sum of both.
    pub(super) fn merge(&mut self, later: Self) -> Vec<(Kind, Vec<u8>, u64)> {
        let mut twice = Vec::new();
        for (key, theirs) in later.0 {
            if self.0.len() >= CHANGES_MAX && !self.0.contains_key(&key) {
                continue;
            }
            let kind = KINDS[usize::from(key.kind).min(KINDS.len() - 1)];
            let package = key.package.clone();
            let ours = self.0.entry(key).or_default();
            let sum = ours.count() + theirs.count();
            ours.manager += theirs.manager;
            ours.history += theirs.history;
            ours.is_old = false;
            if sum > ours.count() {
                twice.push((kind, package, sum - ours.count()));
            }
        }
        twice
    }

    /// What only one writer told of yet: the other may follow in the next part.
    pub(super) fn save(&self) -> serde_json::Value {
        let is_open = |told: &Told| told.manager != told.history && !told.is_old;
        let mut open: Vec<(&Key, &Told)> =
            self.0.iter().filter(|(_, told)| is_open(told)).collect();
        if open.is_empty() {
            return serde_json::Value::Null;
        }
        open.sort_unstable_by_key(|(key, _)| *key);
        open.truncate(CHANGES_OPEN_MAX);
        serde_json::to_value(open).expect("numbers and bytes are JSON")
    }

    /// What an earlier part saved; nothing where it can not be read, as after an upgrade.
    pub(super) fn load(saved: &serde_json::Value) -> Self {
        let open: Vec<(Key, Told)> = Vec::deserialize(saved).unwrap_or_default();
        let old = |(key, told)| {
            let is_old = true;
            (key, Told { is_old, ..told })
        };
        Self(open.into_iter().map(old).collect())
    }
}
