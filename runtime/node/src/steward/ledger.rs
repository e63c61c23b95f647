//! The audit log and the running directive, as they stand in the store.

use bytes::Bytes;
use skep_agent::{AuditPage, StoreError};
use skep_directive::Plan;
use skep_identity::{AuditEvent, AuditHead};
use skep_packet::{Hash, NodeId, decode, encode};
use tokio::sync::oneshot;

use super::{LiveDirective, Running};
use crate::store::{Commit, Op, Store, Table};

/// The key of the audit log's head.
const HEAD: &[u8] = b"audit_head";

/// The key of the directive that runs, where it is not the file's.
const RUNNING: &[u8] = b"running_directive";

/// Largest value of these, in bytes: a directive's text and what stands around it.
const VALUE_BYTES_MAX: usize = skep_directive::TEXT_BYTES_MAX + 1024;

/// Entries read from the store at a time.
const ENTRIES_MAX: usize = 64;

/// The end of the audit log, and the file's directive that all changes began with. The log grows by
/// two entries with each order of an operator, by one with each reload, and is never cut.
pub(crate) struct Ledger {
    pub(crate) head: AuditHead,
    pub(crate) base: Hash,
}

/// What runs after an entry.
#[derive(Debug, Clone, Copy)]
pub(super) enum Runs<'a> {
    /// What ran before it.
    AsBefore,
    /// The file's directive, changed to this text.
    Changed(&'a str),
    /// The file's directive.
    TheFile,
}

/// What a commit comes to.
type Written = oneshot::Receiver<Result<AuditHead, StoreError>>;

impl Default for Ledger {
    fn default() -> Self {
        Self {
            head: AuditHead::default(),
            base: text_hash(""),
        }
    }
}

impl Ledger {
    /// A commit of one more entry and of what runs from now on.
    pub(super) fn entry(
        &self,
        node: &NodeId,
        now_ms: u64,
        event: AuditEvent,
        runs: Runs<'_>,
    ) -> (Commit, Written) {
        let (bytes, head) = self.head.next(node, now_ms, event);
        let mut ops = entry_ops(bytes, head);
        match runs {
            Runs::AsBefore => {}
            Runs::Changed(text) => {
                let row = encode(&(self.base, text));
                ops.push(Op::Put(Table::Meta, RUNNING.to_vec(), row));
            }
            Runs::TheFile => ops.push(Op::Delete(Table::Meta, RUNNING.to_vec())),
        }
        let (done, written) = oneshot::channel();
        // A steward that no longer waits has dropped its end.
        let commit = Commit::new(ops, move |result| {
            drop(done.send(result.map(|()| head)));
        });
        (commit, written)
    }

    /// Finds what runs: the file's directive with the changes that were made since, unless the file
    /// has changed too. Then the file is the truth, and the log says so.
    pub(crate) fn open(
        store: &Store,
        node: &NodeId,
        now_ms: u64,
        live: &LiveDirective,
        plan: Plan,
    ) -> Result<(Self, Running), redb::Error> {
        let head = store.row(Table::Meta, HEAD)?;
        let head = head.and_then(|bytes| decode(&bytes, VALUE_BYTES_MAX).ok());
        let mut ledger = Self {
            head: head.unwrap_or_default(),
            base: text_hash(&live.text),
        };
        let of_file = Running {
            text: live.text.clone(),
            plan,
        };
        let Some(row) = store.row(Table::Meta, RUNNING)? else {
            return Ok((ledger, of_file));
        };
        let row: Option<(Hash, String)> = decode(&row, VALUE_BYTES_MAX).ok();
        let changed = row.filter(|(base, _)| *base == ledger.base);
        let changed = changed.and_then(|(_, text)| match (live.read)(&text) {
            Ok(plan) => Some(Running { text, plan }),
            Err(why) => {
                tracing::error!(why, "the changed directive is not good any more");
                None
            }
        });
        match changed {
            Some(running) => {
                tracing::info!("the directive runs with the changes that were made while it ran");
                Ok((ledger, running))
            }
            None => {
                tracing::warn!(
                    "another directive: changes made while the last one ran are dropped"
                );
                ledger.supersede(store, node, now_ms);
                Ok((ledger, of_file))
            }
        }
    }

    fn supersede(&mut self, store: &Store, node: &NodeId, now_ms: u64) {
        let directive = self.base;
        let event = AuditEvent::Superseded { directive };
        let (bytes, head) = self.head.next(node, now_ms, event);
        let mut ops = entry_ops(bytes, head);
        ops.push(Op::Delete(Table::Meta, RUNNING.to_vec()));
        // A failed commit ends the node, so the log cannot go on without it.
        match store.commit(Commit::new(ops, drop)) {
            Ok(()) => self.head = head,
            Err(_) => tracing::error!("the audit log could not be written"),
        }
    }
}

fn entry_ops(bytes: Bytes, head: AuditHead) -> Vec<Op> {
    let key = head.seq.to_be_bytes().to_vec();
    vec![
        Op::Put(Table::Audit, key, bytes),
        Op::Put(Table::Meta, HEAD.to_vec(), encode(&head)),
    ]
}

/// The entries after `after`: at least one where there is one, then as many as `bytes_max` allows.
pub(super) fn page(store: &Store, after: u64, bytes_max: usize) -> Result<AuditPage, String> {
    let failed = |error: redb::Error| format!("the audit log could not be read: {error}");
    let head = store.row(Table::Meta, HEAD).map_err(failed)?;
    let head: Option<AuditHead> = head.and_then(|bytes| decode(&bytes, VALUE_BYTES_MAX).ok());
    let rows = store.rows_after(Table::Audit, &after.to_be_bytes(), ENTRIES_MAX);
    let mut n_bytes = 0;
    let mut entries = Vec::new();
    for (_, bytes) in rows.map_err(failed)? {
        n_bytes += bytes.len();
        if n_bytes > bytes_max && !entries.is_empty() {
            break;
        }
        entries.push(bytes);
    }
    let n_entries = head.unwrap_or_default().seq;
    Ok(AuditPage { entries, n_entries })
}

/// Names a directive's text.
pub(crate) fn text_hash(text: &str) -> Hash {
    skep_identity::hash(text.as_bytes())
}
