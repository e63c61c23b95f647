//! The redb file and its tables of bytes.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use redb::{Database, ReadableDatabase, TableDefinition};

use super::OpenError;

/// Bytes of the file that are kept in memory.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

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
    /// What operators changed while the node ran, by number.
    Audit,
}

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

impl Table {
    const ALL: [Self; 8] = [
        Self::State,
        Self::Outbox,
        Self::Inbox,
        Self::DeadLetters,
        Self::Peers,
        Self::Revocations,
        Self::Meta,
        Self::Audit,
    ];

    const fn definition(self) -> Definition {
        TableDefinition::new(match self {
            Self::State => "state",
            Self::Outbox => "outbox",
            Self::Inbox => "inbox",
            Self::DeadLetters => "dead_letters",
            Self::Peers => "peers",
            Self::Revocations => "revocations",
            Self::Meta => "meta",
            Self::Audit => "audit",
        })
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
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        make_private(path).map_err(|error| open_error(path, error.into()))?;
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder
            .create(path)
            .map_err(|error| open_error(path, error.into()))?;
        let file = Self {
            database: ArcSwapOption::from_pointee(database),
        };
        file.make_tables()
            .map_err(|error| open_error(path, error))?;
        Ok(file)
    }

    /// Lets go of the file when the reads that are under way have ended.
    pub(super) fn close(&self) {
        self.database.store(None);
    }

    fn database(&self) -> Result<Arc<Database>, redb::Error> {
        self.database.load_full().ok_or(redb::Error::DatabaseClosed)
    }

    fn make_tables(&self) -> Result<(), redb::Error> {
        let database = self.database()?;
        let transaction = database.begin_write()?;
        for table in Table::ALL {
            transaction.open_table(table.definition())?;
        }
        transaction.commit()?;
        Ok(())
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

/// The file is the owner's alone from its first moment.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map(drop)
}

fn open_error(path: &Path, error: redb::Error) -> OpenError {
    let path = path.to_owned();
    match error {
        redb::Error::DatabaseAlreadyOpen => OpenError::InUse { path },
        redb::Error::Io(source)
            if !matches!(
                source.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            OpenError::Io {
                path,
                source: source.into(),
            }
        }
        source => OpenError::Damaged {
            path,
            source: Box::new(source),
        },
    }
}
