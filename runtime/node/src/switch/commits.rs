//! Transactions on their way to the disk, and what follows when they are there.

use std::collections::VecDeque;

use skep_agent::{DurableRef, Outgoing, StoreError};
use skep_packet::{AgentName, Class, decode, encode, limits::PACKET_BYTES_MAX};
use skep_swarm::delivery::{self, InboxDelta, InboxRow, OutboxRow};
use tokio::sync::{mpsc, oneshot};

use bytes::Bytes;

use super::{
    Switch,
    deliver::Noted,
    handle::{CommitRequest, SWITCH_QUEUE_MAX},
};
use crate::store::{COMMIT_QUEUE_MAX, Commit, Op, Store, Table, state_key};

/// Completions that may wait; more than commits can, so that the committer never waits.
const COMPLETIONS_MAX: usize = 2 * COMMIT_QUEUE_MAX + SWITCH_QUEUE_MAX;

/// The key of the number that no outbox row has had yet.
const NEXT_SEQ: &[u8] = b"outbox_next_seq";

/// Both ends of the way back from the committer.
pub(crate) type Completions = (mpsc::Sender<Completion>, mpsc::Receiver<Completion>);

pub(crate) fn completions() -> Completions {
    mpsc::channel(COMPLETIONS_MAX)
}

/// What is on disk now.
pub(crate) enum Completion {
    /// A transaction of an agent.
    Transaction {
        from: AgentName,
        rows: Vec<u64>,
        settles: Option<DurableRef>,
        after: Vec<Outgoing>,
    },
    /// New assignments of outbox rows.
    Persisted(Vec<u64>),
    /// A request of an operator counts as run: now it may run.
    Noted(Box<Noted>),
    /// Deleted rows and the like: nothing waits for it.
    Upkeep,
}

/// Transactions on their way to the disk.
pub(super) struct Commits {
    store: Store,
    completions: mpsc::Sender<Completion>,
    /// Changes that nothing waits for; written together while no others are under way.
    upkeep: Vec<Op>,
    upkeep_under_way: bool,
    /// The node's own commits that the queue had no room for; at most one for each outbox row.
    refused: VecDeque<Commit>,
}

impl Commits {
    pub(super) fn new(store: Store, completions: mpsc::Sender<Completion>) -> Self {
        Self {
            store,
            completions,
            upkeep: Vec::new(),
            upkeep_under_way: false,
            refused: VecDeque::new(),
        }
    }

    /// Queues changes; `completion` comes back when they are on disk, never if they will not be.
    fn write(
        &self,
        ops: Vec<Op>,
        completion: Completion,
        extra: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) -> Result<(), Commit> {
        let completions = self.completions.clone();
        let done = move |result: Result<(), StoreError>| {
            let committed = result.is_ok();
            extra(result);
            if committed && completions.try_send(completion).is_err() {
                tracing::debug!("a commit came after the switch's end");
            }
        };
        self.store.commit(Commit::new(ops, done))
    }

    /// Queues a request's mark; false where there is no room: it was not noted, and may not run.
    pub(super) fn note(&mut self, ops: Vec<Op>, noted: Noted) -> bool {
        self.write(ops, Completion::Noted(Box::new(noted)), drop)
            .is_ok()
    }

    /// Queues changes of the node's own; while the queue is at its bound they wait here.
    fn insist(&mut self, ops: Vec<Op>, completion: Completion) {
        if let Err(refused) = self.write(ops, completion, drop) {
            self.refused.push_back(refused);
        }
    }

    /// Adds changes that nothing waits for.
    pub(super) fn later(&mut self, ops: impl IntoIterator<Item = Op>) {
        self.upkeep.extend(ops);
    }

    /// Writes what was put off, unless some of it is under way already.
    pub(super) fn flush(&mut self) {
        while let Some(commit) = self.refused.pop_front() {
            if let Err(again) = self.store.commit(commit) {
                self.refused.push_front(again);
                return;
            }
        }
        if self.upkeep_under_way || self.upkeep.is_empty() {
            return;
        }
        let ops = std::mem::take(&mut self.upkeep);
        self.upkeep_under_way = true;
        self.insist(ops, Completion::Upkeep);
    }
}

impl Switch {
    /// Takes a transaction of an agent: numbers its durable packets and queues everything.
    pub(super) fn commit(&mut self, request: CommitRequest) {
        let CommitRequest {
            agent,
            buffer,
            permit,
            queued,
        } = request;
        let is_durable = |outgoing: &Outgoing| outgoing.class == Class::Durable;
        let (durable, after): (Vec<_>, Vec<_>) = buffer.outgoing.into_iter().partition(is_durable);
        let drafts = durable
            .into_iter()
            .map(|outgoing| self.draft(&agent, outgoing))
            .collect();
        let admitted = match self.delivery.admit(self.now(), drafts) {
            Ok(admitted) => admitted,
            Err(error) => return answer(queued, Err(super::outbound::send_error(error).into())),
        };
        let mut ops: Vec<Op> = buffer
            .writes
            .into_iter()
            .map(|(key, value)| state_op(&agent, &key, value))
            .collect();
        let rows: Vec<u64> = admitted.rows.iter().map(|row| row.row).collect();
        if !rows.is_empty() {
            ops.extend(admitted.rows.iter().map(outbox_op));
            ops.push(next_seq_op(admitted.next_seq));
        }
        if let Some(durable) = &buffer.settles {
            let delta = self.delivery.inbox_delta(&durable.sender, durable.mark);
            ops.extend(inbox_ops(&delta));
        }
        let (done, ticket) = oneshot::channel();
        let completion = Completion::Transaction {
            from: agent,
            rows: rows.clone(),
            settles: buffer.settles,
            after,
        };
        let finish = move |result| {
            drop(permit);
            // An agent that does not wait for its ticket has dropped it.
            drop(done.send(result));
        };
        if self.commits.write(ops, completion, finish).is_ok() {
            answer(queued, Ok(ticket));
        } else {
            self.delivery
                .handle(self.now(), delivery::Input::Aborted { rows });
            answer(queued, Err(StoreError::Stopping));
        }
    }

    /// Goes on with what waited for the disk.
    pub(super) fn completed(&mut self, completion: Completion) {
        let now = self.now();
        match completion {
            Completion::Transaction {
                from,
                rows,
                settles,
                after,
            } => {
                self.metrics.transactions.inc();
                if let Some(DurableRef { sender, mark }) = settles {
                    self.delivery
                        .handle(now, delivery::Input::Committed { sender, mark });
                }
                if !rows.is_empty() {
                    self.delivery.handle(now, delivery::Input::Written { rows });
                }
                for outgoing in after {
                    if let Err(error) = self.send_now(&from, outgoing) {
                        tracing::warn!(agent = %from, %error, "a reply could not be sent");
                    }
                }
            }
            Completion::Persisted(rows) => {
                self.delivery
                    .handle(now, delivery::Input::Persisted { rows });
            }
            Completion::Noted(noted) => self.noted(*noted),
            Completion::Upkeep => self.commits.upkeep_under_way = false,
        }
    }

    /// Moves a row to the dead letters; delivery forgets it when it stands there.
    pub(super) fn bury(&mut self, row: u64, ops: Vec<Op>) {
        self.commits.insist(ops, Completion::Persisted(vec![row]));
    }

    /// Writes new assignments; nothing is sent under them before they are on disk.
    pub(super) fn persist(&mut self, rows: &[OutboxRow], next_seq: u64) {
        let numbers = rows.iter().map(|row| row.row).collect();
        let mut ops: Vec<Op> = rows.iter().map(outbox_op).collect();
        ops.push(next_seq_op(next_seq));
        self.commits.insist(ops, Completion::Persisted(numbers));
    }
}

fn answer<T>(to: oneshot::Sender<T>, value: T) {
    if to.send(value).is_err() {
        tracing::debug!("the agent no longer waits");
    }
}

fn state_op(agent: &AgentName, key: &str, value: Option<Bytes>) -> Op {
    let key = state_key(agent, key);
    match value {
        Some(value) => Op::Put(Table::State, key, value),
        None => Op::Delete(Table::State, key),
    }
}

fn outbox_op(row: &OutboxRow) -> Op {
    Op::Put(Table::Outbox, outbox_key(row.row), encode(row))
}

pub(super) fn outbox_key(row: u64) -> Vec<u8> {
    row.to_be_bytes().to_vec()
}

fn next_seq_op(next_seq: u64) -> Op {
    Op::Put(
        Table::Meta,
        NEXT_SEQ.to_vec(),
        Bytes::copy_from_slice(&next_seq.to_be_bytes()),
    )
}

/// The inbox's keys: sender NUL epoch kind seq, numbers big-endian, so that ranges are numbers.
fn inbox_key(delta: &InboxDelta, kind: u8, seq: u64) -> Vec<u8> {
    let mut key = inbox_epoch_key(delta, delta.epoch);
    key.push(kind);
    key.extend(seq.to_be_bytes());
    key
}

fn inbox_epoch_key(delta: &InboxDelta, epoch: u64) -> Vec<u8> {
    let mut key = delta.sender.as_str().as_bytes().to_vec();
    key.push(0);
    key.extend(epoch.to_be_bytes());
    key
}

const KIND_WATERMARK: u8 = 0;
const KIND_COMMITTED: u8 = 1;

fn inbox_ops(delta: &InboxDelta) -> Vec<Op> {
    let (sender, epoch) = (delta.sender.clone(), delta.epoch);
    let mut ops = Vec::new();
    if let Some(seq) = delta.seq {
        let row = InboxRow::Committed {
            sender: sender.clone(),
            epoch,
            seq,
        };
        ops.push(Op::Put(
            Table::Inbox,
            inbox_key(delta, KIND_COMMITTED, seq),
            encode(&row),
        ));
    }
    if let Some(watermark) = delta.watermark {
        let row = InboxRow::Watermark {
            sender,
            epoch,
            watermark,
        };
        ops.push(Op::Put(
            Table::Inbox,
            inbox_key(delta, KIND_WATERMARK, 0),
            encode(&row),
        ));
        let (from, to) = (
            inbox_key(delta, KIND_COMMITTED, 0),
            inbox_key(delta, KIND_COMMITTED, watermark),
        );
        ops.push(Op::DeleteRange(Table::Inbox, from, to));
    }
    for epoch in &delta.forget {
        let (from, mut to) = (
            inbox_epoch_key(delta, *epoch),
            inbox_epoch_key(delta, *epoch),
        );
        to.push(KIND_COMMITTED + 1);
        ops.push(Op::DeleteRange(Table::Inbox, from, to));
    }
    ops
}

/// What delivery needs of the store after a start: rows, the next number, the inbox.
pub(crate) fn load(
    store: &Store,
) -> Result<(Vec<OutboxRow>, u64, Vec<InboxRow>), Box<redb::Error>> {
    let next_seq = store.row(Table::Meta, NEXT_SEQ)?;
    let next_seq = next_seq
        .and_then(|bytes| bytes.as_ref().try_into().ok())
        .map_or(1, u64::from_be_bytes);
    Ok((
        rows(store, Table::Outbox)?,
        next_seq,
        rows(store, Table::Inbox)?,
    ))
}

fn rows<T: serde::de::DeserializeOwned>(
    store: &Store,
    table: Table,
) -> Result<Vec<T>, Box<redb::Error>> {
    let decoded = store.rows(table)?.into_iter().filter_map(|(key, value)| {
        let row = decode(&value, 2 * PACKET_BYTES_MAX);
        // Another version of the program may have written it: left where it is, and said.
        row.inspect_err(|error| tracing::error!(?table, ?key, %error, "row does not decode"))
            .ok()
    });
    Ok(decoded.collect())
}
