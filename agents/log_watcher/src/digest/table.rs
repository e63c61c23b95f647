//! Counts by key, in bounded memory.
//!
//! Up to [`TABLE_KEYS_MAX`] keys a table is exact. At the bound, the rows of the least quarter are
//! dropped, and the weight of the heaviest of them is added to the table's error. A key that comes
//! (back) afterwards may lack up to the error so far; a row that was never dropped lacks nothing.
//! Tables merge: counts add, and a row that only one side has takes over the other's error.

mod key;

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde::Deserialize;
use serde::Serialize;

pub(super) use self::key::Key;

/// A table holds at most this many keys; then it drops the smallest and becomes approximate.
pub const TABLE_KEYS_MAX: usize = 100_000;
/// The long keys of a table take at most this many bytes; then it drops the smallest, too.
const KEY_BYTES_TOTAL_MAX: usize = 12 * 1024 * 1024;
/// A key is cut here.
pub(super) const KEY_BYTES_MAX: usize = 255;
/// How many things a table counts for each key.
pub(super) const COLUMNS_MAX: usize = 2;

/// What is counted for a key.
pub(super) type Counts = [u64; COLUMNS_MAX];

/// Counts by key.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    rows: HashMap<Key, Row, RandomState>,
    /// What rows that were dropped had counted.
    dropped: Counts,
    /// How many rows were dropped, a key that came back again included.
    dropped_keys: u64,
    /// What a new row may lack.
    error: u64,
    /// Bytes of keys that are too long to be stored inline.
    key_bytes: usize,
    keys_max: Option<usize>,
}

/// A key's counts, and what they may lack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) counts: Counts,
    pub(super) error: u64,
}

impl Row {
    fn weight(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl Table {
    /// A table with a bound of its own, so that a test need not fill a large one.
    #[cfg(test)]
    fn with_keys_max(keys_max: usize) -> Self {
        Self {
            keys_max: Some(keys_max),
            ..Self::default()
        }
    }

    /// Adds to the first column.
    pub(super) fn count(&mut self, key: &[u8], n: u64) {
        self.add(key, [n, 0]);
    }

    pub(super) fn add(&mut self, key: &[u8], counts: Counts) {
        let key = &key[..key.len().min(KEY_BYTES_MAX)];
        if let Some(row) = self.rows.get_mut(key) {
            for (column, n) in row.counts.iter_mut().zip(counts) {
                *column += n;
            }
            return;
        }
        self.make_room();
        let key = Key::new(key);
        self.key_bytes += key.heap_bytes();
        self.rows.insert(
            key,
            Row {
                counts,
                error: self.error,
            },
        );
    }

    /// Takes back what [`Table::add`] added; a row without counts goes.
    pub(super) fn subtract(&mut self, key: &[u8], counts: Counts) {
        let key = &key[..key.len().min(KEY_BYTES_MAX)];
        let Some(row) = self.rows.get_mut(key) else {
            return;
        };
        for (column, n) in row.counts.iter_mut().zip(counts) {
            *column = column.saturating_sub(n);
        }
        if row.weight() == 0
            && let Some((key, _)) = self.rows.remove_entry(key)
        {
            self.key_bytes -= key.heap_bytes();
        }
    }

    pub(super) fn get(&self, key: &[u8]) -> Counts {
        let key = &key[..key.len().min(KEY_BYTES_MAX)];
        self.rows
            .get(key)
            .map_or(Counts::default(), |row| row.counts)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// What no row holds any more: keys, counts; and what a row may lack at most.
    pub(super) fn dropped(&self) -> (u64, Counts, u64) {
        (self.dropped_keys, self.dropped, self.error)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &Row)> {
        self.rows.iter().map(|(key, row)| (key.bytes(), row))
    }

    /// The `n` rows with the highest first column, then second, then by key.
    pub(super) fn top(&self, n: usize) -> Vec<(&[u8], &Row)> {
        let mut rows: Vec<(&[u8], &Row)> = self.iter().collect();
        let order = |a: &(&[u8], &Row), b: &(&[u8], &Row)| {
            b.1.counts.cmp(&a.1.counts).then_with(|| a.0.cmp(b.0))
        };
        if n < rows.len() {
            rows.select_nth_unstable_by(n, order);
            rows.truncate(n);
        }
        rows.sort_unstable_by(order);
        rows
    }

    /// Adds a table of other lines.
    pub(super) fn merge(&mut self, other: Self) {
        if other.error > 0 {
            for (key, row) in &mut self.rows {
                if !other.rows.contains_key(key.bytes()) {
                    row.error += other.error;
                }
            }
        }
        for (key, theirs) in other.rows {
            match self.rows.get_mut(key.bytes()) {
                Some(row) => {
                    for (column, n) in row.counts.iter_mut().zip(theirs.counts) {
                        *column += n;
                    }
                    row.error += theirs.error;
                }
                None => {
                    self.key_bytes += key.heap_bytes();
                    let error = theirs.error + self.error;
                    self.rows.insert(
                        key,
                        Row {
                            counts: theirs.counts,
                            error,
                        },
                    );
                }
            }
        }
        for (column, n) in self.dropped.iter_mut().zip(other.dropped) {
            *column += n;
        }
        self.dropped_keys += other.dropped_keys;
        self.error += other.error;
        while self.rows.len() > self.keys_max() {
            self.drop_least();
        }
    }

    fn keys_max(&self) -> usize {
        self.keys_max.unwrap_or(TABLE_KEYS_MAX)
    }

    fn make_room(&mut self) {
        while self.rows.len() >= self.keys_max() || self.key_bytes > KEY_BYTES_TOTAL_MAX {
            self.drop_least();
        }
    }

    fn drop_least(&mut self) {
        let mut weights: Vec<u64> = self.rows.values().map(Row::weight).collect();
        let quarter = weights.len() / 4;
        let (_, threshold, _) = weights.select_nth_unstable(quarter);
        let threshold = *threshold;
        let (rows, dropped) = (&mut self.rows, &mut self.dropped);
        let (mut keys, mut key_bytes) = (0, 0);
        rows.retain(|key, row| {
            if row.weight() > threshold {
                return true;
            }
            for (column, n) in dropped.iter_mut().zip(row.counts) {
                *column += n;
            }
            keys += 1;
            key_bytes += key.heap_bytes();
            false
        });
        self.dropped_keys += keys;
        self.key_bytes -= key_bytes;
        self.error += threshold;
    }
}

#[cfg(test)]
mod tests;
