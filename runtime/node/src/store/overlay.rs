//! Agents' writes that are queued but not on disk yet.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use super::Op;

/// Agents' writes that are queued but not on disk yet; bounded by the commit queue.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    generation: u64,
    writes: BTreeMap<Vec<u8>, (u64, Option<Bytes>)>,
}

impl Overlay {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the writes of a commit; returns the number under which they are removed again.
    pub(super) fn add(&self, ops: &[Op]) -> u64 {
        let mut pending = self.pending();
        pending.generation += 1;
        let generation = pending.generation;
        for (key, value) in ops.iter().filter_map(Op::state) {
            pending
                .writes
                .insert(key.clone(), (generation, value.cloned()));
        }
        generation
    }

    /// Removes the writes of a commit that is on disk, unless a later one overwrote them.
    pub(super) fn remove(&self, ops: &[Op], generation: u64) {
        let mut pending = self.pending();
        for (key, _) in ops.iter().filter_map(Op::state) {
            if pending
                .writes
                .get(key)
                .is_some_and(|(of, _)| *of == generation)
            {
                pending.writes.remove(key);
            }
        }
    }

    /// The pending value of a key: `Some(None)` where it is about to be deleted.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        self.pending()
            .writes
            .get(key)
            .map(|(_, value)| value.clone())
    }

    pub(super) fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
    ) -> BTreeMap<Vec<u8>, Option<Bytes>> {
        let pending = self.pending();
        let from_prefix = pending.writes.range(prefix.to_vec()..);
        from_prefix
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(key, _)| after.is_none_or(|after| key.as_slice() > after))
            .map(|(key, (_, value))| (key.clone(), value.clone()))
            .collect()
    }
}
