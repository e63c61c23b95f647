//! A person's session: what is kept of it, and what is known of it only while the door is up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use skep_agent::{OperatorName, Tx};
use skep_packet::{Level, Token};
use skep_protocol::callback::Callback;
use tokio::sync::watch;

use crate::{
    journal::Journal,
    request::{self, Request},
};

/// Ended requests of a session that are remembered, so that what comes late is known for it.
const ENDED_MAX: usize = 64;

/// A session as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SessionRow {
    pub(crate) operator: String,
    pub(crate) level: Level,
    /// Whether what nobody asked for is for it too.
    #[serde(default = "yes")]
    pub(crate) hears_all: bool,
    /// Whether it wants what nobody asked for.
    pub(crate) subscribed: bool,
    /// Counts its requests.
    n_requests: u64,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) row: SessionRow,
    pub(crate) journal: Journal,
    pub(crate) requests: BTreeMap<Token, Request>,
    pub(crate) n_connections: u32,
    /// When its last connection ended, on the node's monotonic clock.
    pub(crate) idle_since_ns: u64,
    committed: watch::Sender<u64>,
}

pub(crate) const PREFIX: &str = "session/";

pub(crate) fn key(session: &str) -> String {
    format!("{PREFIX}{session}")
}

/// Sessions of before passports could be limited.
fn yes() -> bool {
    true
}

impl SessionRow {
    pub(crate) fn new(operator: OperatorName) -> Self {
        Self {
            operator: operator.name,
            level: operator.level,
            hears_all: operator.hears_all,
            subscribed: false,
            n_requests: 0,
        }
    }
}

impl Session {
    pub(crate) fn new(row: SessionRow, journal: Journal, now_ns: u64) -> Self {
        let committed = watch::Sender::new(journal.newest());
        Self {
            row,
            journal,
            requests: BTreeMap::new(),
            n_connections: 0,
            idle_since_ns: now_ns,
            committed,
        }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    /// Everything up to `cursor` is on disk: connections may show it.
    pub(crate) fn is_committed(&self, cursor: u64) {
        self.committed.send_if_modified(|known| {
            let is_newer = cursor > *known;
            *known = (*known).max(cursor);
            is_newer
        });
    }

    pub(crate) fn append(&mut self, tx: &mut Tx, id: &str, callback: Callback) {
        self.journal.append(tx, id, callback);
    }

    pub(crate) fn next_request(&mut self, tx: &mut Tx, id: &str) -> u64 {
        self.row.n_requests += 1;
        tx.put(&key(id), &self.row);
        self.row.n_requests
    }

    pub(crate) fn n_open(&self) -> usize {
        self.requests
            .values()
            .filter(|request| request.is_open())
            .count()
    }

    /// Forgets the oldest ended requests beyond the bound; yields their tokens.
    pub(crate) fn trim(&mut self, tx: &mut Tx, id: &str) -> Vec<Token> {
        let ended = self
            .requests
            .iter()
            .filter(|(_, request)| !request.is_open());
        let mut ended: Vec<(u64, Token)> = ended
            .map(|(token, request)| (request.number, token.clone()))
            .collect();
        ended.sort();
        let n_over = ended.len().saturating_sub(ENDED_MAX);
        let gone: Vec<Token> = ended
            .into_iter()
            .take(n_over)
            .map(|(_, token)| token)
            .collect();
        for token in &gone {
            self.requests.remove(token);
            tx.delete(&request::key(id, token));
        }
        gone
    }

    /// Deletes everything that is kept of it.
    pub(crate) fn clear(&mut self, tx: &mut Tx, id: &str) {
        self.journal.clear(tx, id);
        for token in self.requests.keys() {
            tx.delete(&request::key(id, token));
        }
        tx.delete(&key(id));
    }
}
