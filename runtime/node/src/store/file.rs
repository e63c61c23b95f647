//! The redb file and its tables of bytes.

use std::{path::Path, sync::Arc};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};

use super::{OpenError, opening};

/// A table of the store; keys and values are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Agents' own values: `agent NUL key`.
    State,
    /// Durable packets that are not settled yet.
    Outbox,
    /// Durable packets that were: per sender and epoch.
    Inbox,
    /// Durable packets that found no way.
    DeadLetters,
    /// What is known of other nodes: passports, addresses.
    Peers,
    /// Keys that the authority took back, each with its revocation.
    Revocations,
    /// The node's own counters and settings.
    Meta,
    /// Requests of operators that have run, by time.
    Requests,
    /// What operators changed while the node ran, by number.
    Audit,
}

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

impl Table {
    pub(super) const ALL: [Self; 9] = [
        Self::State,
        Self::Outbox,
        Self::Inbox,
        Self::DeadLetters,
        Self::Peers,
        Self::Revocations,
        Self::Meta,
        Self::Requests,
        Self::Audit,
    ];

    /// Its name in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Outbox => "outbox",
            Self::Inbox => "inbox",
            Self::DeadLetters => "dead_letters",
            Self::Peers => "peers",
            Self::Revocations => "revocations",
            Self::Requests => "requests",
            Self::Meta => "meta",
            Self::Audit => "audit",
        }
    }

    pub(super) const fn definition(self) -> Definition {
        TableDefinition::new(self.name())
    }
}

/// One change of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Writes a value.
    Put(Table, Vec<u8>, Bytes),
    /// Deletes a value, if it is there.
    Delete(Table, Vec<u8>),
    /// Deletes every value from the first key up to, not including, the second.
    DeleteRange(Table, Vec<u8>, Vec<u8>),
}

impl Op {
    fn table(&self) -> Table {
        match self {
            Self::Put(table, ..) | Self::Delete(table, _) | Self::DeleteRange(table, ..) => *table,
        }
    }

    /// The key and new value of an agent's own write.
    pub(super) fn state(&self) -> Option<(&Vec<u8>, Option<&Bytes>)> {
        match self {
            Self::Put(Table::State, key, value) => Some((key, Some(value))),
            Self::Delete(Table::State, key) => Some((key, None)),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct File {
    /// None once the store is closed.
    database: ArcSwapOption<Database>,
}

impl File {
    /// Opens the file, or makes it; all of it is looked through before anything is believed.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        opening::open(path).map(Self::of)
    }

    pub(super) fn of(database: Database) -> Self {
        Self {
            database: ArcSwapOption::from_pointee(database),
        }
    }

    /// Lets go of the file when the reads that are under way have ended.
    pub(super) fn close(&self) {
        self.database.store(None);
    }

    /// Lets go of the file without the engine: after a panic within it, closing it would be another.
    pub(super) fn abandon(&self) {
        // The lock on the file ends with the process, as the node does.
        std::mem::forget(self.database.swap(None));
    }

    fn database(&self) -> Result<Arc<Database>, redb::Error> {
        self.database.load_full().ok_or(redb::Error::DatabaseClosed)
    }

    /// How many rows each table holds.
    pub(super) fn sizes(&self) -> Result<Vec<(Table, u64)>, redb::Error> {
        let database = self.database()?;
        let transaction = database.begin_read()?;
        let size = |table: Table| -> Result<_, redb::Error> {
            Ok((table, transaction.open_table(table.definition())?.len()?))
        };
        Table::ALL.into_iter().map(size).collect()
    }

    /// Writes all of it with one fsync, or nothing.
    pub(super) fn write<'a>(&self, ops: impl Iterator<Item = &'a Op>) -> Result<(), redb::Error> {
        let database = self.database()?;
        let transaction = database.begin_write()?;
        {
            let mut tables = Vec::with_capacity(Table::ALL.len());
            for table in Table::ALL {
                tables.push(transaction.open_table(table.definition())?);
            }
            for op in ops {
                let idx = Table::ALL.iter().position(|table| *table == op.table());
                let table = &mut tables[idx.expect("every table is in ALL")];
                match op {
                    Op::Put(_, key, value) => drop(table.insert(key.as_slice(), value.as_ref())?),
                    Op::Delete(_, key) => drop(table.remove(key.as_slice())?),
                    Op::DeleteRange(_, from, to) => {
                        table.retain_in(from.as_slice()..to.as_slice(), |_, _| false)?;
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, redb::Error> {
        let database = self.database()?;
        let transaction = database.begin_read()?;
        let table = transaction.open_table(table.definition())?;
        Ok(table
            .get(key)?
            .map(|value| Bytes::copy_from_slice(value.value())))
    }

    pub(super) fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, redb::Error> {
        let database = self.database()?;
        let transaction = database.begin_read()?;
        let table = transaction.open_table(table.definition())?;
        let start = after.filter(|after| *after > prefix).unwrap_or(prefix);
        let mut rows = Vec::new();
        for row in table.range(start..)? {
            let (key, value) = row?;
            let key = key.value();
            if rows.len() >= limit || !key.starts_with(prefix) {
                break;
            }
            if after.is_none_or(|after| key > after) {
                rows.push((key.to_vec(), Bytes::copy_from_slice(value.value())));
            }
        }
        Ok(rows)
    }
}
