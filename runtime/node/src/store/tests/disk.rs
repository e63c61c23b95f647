//! A disk that fails on order, and that can lose its power: it keeps what was synced apart from
//! what was only written.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use rand::{Rng, rngs::SmallRng};
use redb::StorageBackend;

/// What hardware writes whole or not at all.
const SECTOR: usize = 512;

/// A disk in memory; its clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// What a loss of power cannot touch.
    synced: Vec<u8>,
    /// What is read now.
    current: Vec<u8>,
    /// What was written since the last sync, in order.
    unsynced: Vec<Change>,
    n_calls: Counts,
    plan: Option<Plan>,
    /// After the crash nothing works any more.
    is_off: bool,
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// How often the disk was changed, by the kind of call.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) writes: u64,
    pub(super) lengths: u64,
    pub(super) syncs: u64,
}

impl Counts {
    pub(super) fn all(self) -> u64 {
        self.writes + self.lengths + self.syncs
    }
}

/// The call that fails, counted from one, and how.
#[derive(Debug, Clone, Copy)]
pub(super) enum Plan {
    /// At the n-th call of any kind the power goes.
    Crash(u64),
    /// The n-th write fails, having written a part; later ones too: the disk stays full.
    WriteFails(u64, io::ErrorKind),
    /// The n-th change of the length fails, and later ones.
    LengthFails(u64, io::ErrorKind),
    /// The n-th sync fails, and the kernel forgets that anything was unsynced: later ones succeed
    /// and do nothing for what was written before.
    SyncFails(u64),
    /// The engine panics within its n-th write.
    Panic(u64),
}

impl Disk {
    /// A disk with this on it.
    pub(super) fn holding(bytes: Vec<u8>) -> Self {
        let disk = Self::default();
        disk.inner().synced.clone_from(&bytes);
        disk.inner().current = bytes;
        disk
    }

    pub(super) fn plan(&self, plan: Plan) {
        self.inner().plan = Some(plan);
    }

    pub(super) fn n_calls(&self) -> Counts {
        self.inner().n_calls
    }

    /// What an orderly end leaves.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.inner().current.clone()
    }

    /// What a loss of power now leaves: everything synced; of the rest, changes of the length up to
    /// some point, as file systems order them, and any of the writes, one of them torn.
    pub(super) fn after_crash(&self, rng: &mut SmallRng) -> Vec<u8> {
        let inner = self.inner();
        let mut bytes = inner.synced.clone();
        let n_lengths = rng.random_range(0..=inner.lengths().count());
        if let Some(length) = inner.lengths().take(n_lengths).last() {
            bytes.resize(length, 0);
        }
        let odds = [0.0, 0.5, 0.9, 1.0][rng.random_range(0..4_usize)];
        let kept: Vec<_> = inner.writes().filter(|_| rng.random_bool(odds)).collect();
        let torn = rng.random_range(0..kept.len().max(1));
        for (n, (offset, data)) in kept.into_iter().enumerate() {
            for (sector, part) in data.chunks(SECTOR).enumerate() {
                if n != torn || rng.random_bool(0.5) {
                    put(&mut bytes, offset + sector * SECTOR, part);
                }
            }
        }
        bytes
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Inner {
    fn lengths(&self) -> impl Iterator<Item = usize> {
        self.unsynced.iter().filter_map(|change| match change {
            Change::Length(length) => Some(*length),
            Change::Write(..) => None,
        })
    }

    fn writes(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.unsynced.iter().filter_map(|change| match change {
            Change::Write(offset, data) => Some((*offset, data.as_slice())),
            Change::Length(_) => None,
        })
    }

    fn is_on(&mut self) -> io::Result<()> {
        if matches!(self.plan, Some(Plan::Crash(n)) if self.n_calls.all() >= n) {
            self.is_off = true;
        }
        if self.is_off {
            return Err(io::Error::other("the power is off"));
        }
        Ok(())
    }
}

/// Writes what lies within the length; the rest of a file is not there.
fn put(bytes: &mut [u8], offset: usize, data: &[u8]) {
    let end = bytes.len().min(offset + data.len());
    if let Some(room) = bytes.get_mut(offset..end) {
        let n = room.len();
        room.copy_from_slice(&data[..n]);
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.inner().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let inner = self.inner();
        let found = inner.current.get(index(offset)..index(offset) + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.inner();
        inner.n_calls.lengths += 1;
        inner.is_on()?;
        if let Some(Plan::LengthFails(n, kind)) = inner.plan
            && inner.n_calls.lengths >= n
        {
            return Err(kind.into());
        }
        inner.current.resize(index(len), 0);
        inner.unsynced.push(Change::Length(index(len)));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.inner();
        inner.n_calls.syncs += 1;
        inner.is_on()?;
        match inner.plan {
            Some(Plan::SyncFails(n)) if inner.n_calls.syncs == n => {
                return Err(io::Error::other("input/output error"));
            }
            // What the failed one did not write is taken for written from then on.
            Some(Plan::SyncFails(n)) if inner.n_calls.syncs > n => return Ok(()),
            _ => {}
        }
        let changes = std::mem::take(&mut inner.unsynced);
        for change in changes {
            match change {
                Change::Length(length) => inner.synced.resize(length, 0),
                Change::Write(offset, data) => put(&mut inner.synced, offset, &data),
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut inner = self.inner();
        inner.n_calls.writes += 1;
        inner.is_on()?;
        let offset = index(offset);
        let failed = match inner.plan {
            Some(Plan::WriteFails(n, kind)) if inner.n_calls.writes >= n => Some(kind),
            Some(Plan::Panic(n)) if inner.n_calls.writes == n => panic!("as the test asked"),
            _ => None,
        };
        let data = if failed.is_some() {
            &data[..data.len() / 2]
        } else {
            data
        };
        assert!(offset + data.len() <= inner.current.len(), "beyond the end");
        put(&mut inner.current, offset, data);
        inner.unsynced.push(Change::Write(offset, data.to_vec()));
        failed.map_or(Ok(()), |kind| Err(kind.into()))
    }
}
