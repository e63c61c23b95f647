//! A session's callbacks as rows of the node's store.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use skep_agent::Tx;
use skep_protocol::callback::Callback;

/// Rows kept for a session; at the bound the oldest go, as at the bound of bytes.
pub(crate) const JOURNAL_ROWS_MAX: usize = 4096;

/// One callback as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The callback's size as JSON.
    pub(crate) bytes: u32,
    pub(crate) callback: Callback,
}

/// The part of a row that a restart needs.
#[derive(Debug, Deserialize)]
pub(crate) struct RowSize {
    pub(crate) bytes: u32,
}

/// Which rows there are; the rows themselves are in the store only.
#[derive(Debug)]
pub(crate) struct Journal {
    rows: VecDeque<(u64, u32)>,
    bytes: usize,
    bytes_max: usize,
    newest: u64,
}

/// Where the rows of a session stand.
pub(crate) fn prefix(session: &str) -> String {
    format!("journal/{session}/")
}

/// Where one row stands; keys sort as cursors do.
pub(crate) fn key(session: &str, cursor: u64) -> String {
    format!("journal/{session}/{cursor:016x}")
}

/// The cursor that a key names.
pub(crate) fn cursor(key: &str) -> Option<u64> {
    let (_, digits) = key.rsplit_once('/')?;
    u64::from_str_radix(digits, 16).ok()
}

impl Journal {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            rows: VecDeque::new(),
            bytes: 0,
            bytes_max,
            newest: 0,
        }
    }

    /// The cursor of the newest row; 0 for none.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// Takes note of a row that is in the store; in the order of cursors.
    pub(crate) fn found(&mut self, cursor: u64, bytes: u32) {
        self.rows.push_back((cursor, bytes));
        self.bytes += bytes as usize;
        self.newest = cursor;
    }

    /// Writes a callback; the oldest rows go where a bound wants it.
    pub(crate) fn append(&mut self, tx: &mut Tx, session: &str, callback: Callback) {
        let size = serde_json::to_vec(&callback).map_or(0, |bytes| bytes.len());
        let bytes = u32::try_from(size).unwrap_or(u32::MAX);
        let cursor = self.newest + 1;
        tx.put(&key(session, cursor), &Row { bytes, callback });
        self.found(cursor, bytes);
        while self.bytes > self.bytes_max || self.rows.len() > JOURNAL_ROWS_MAX {
            let Some((oldest, bytes)) = self.rows.pop_front() else {
                break;
            };
            self.bytes -= bytes as usize;
            tx.delete(&key(session, oldest));
        }
    }

    /// Deletes every row.
    pub(crate) fn clear(&mut self, tx: &mut Tx, session: &str) {
        for (cursor, _) in self.rows.drain(..) {
            tx.delete(&key(session, cursor));
        }
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_cursors_do() {
        let mut keys: Vec<String> = [1, 9, 10, 255, 4096, u64::MAX].map(|n| key("s", n)).into();
        let sorted = keys.clone();
        keys.sort();
        assert_eq!(keys, sorted);
        assert_eq!(cursor(&key("s", 4096)), Some(4096));
        assert_eq!(cursor("journal/s/"), None);
    }
}
