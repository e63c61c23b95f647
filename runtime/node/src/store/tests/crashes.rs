//! The power goes at any moment: what was reported is there, and nothing is half there.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{
    super::{file::File, opening},
    disk::{Disk, Plan},
    *,
};

/// Groups of commits that one run writes.
const GROUPS: u64 = 24;

/// Everything in a store: by table and key.
type Contents = BTreeMap<(&'static str, Vec<u8>), Bytes>;

/// What one run writes, group by group; each group goes to disk with one fsync, as the committer
/// writes it.
pub(super) struct Load {
    groups: Vec<Vec<Op>>,
}

impl Load {
    /// Commits that write, overwrite and delete in several tables, some of them with values larger
    /// than a page, so that the file grows and pages are used again.
    pub(super) fn new(rng: &mut SmallRng) -> Self {
        let group = |n: u64| {
            let n_commits = rng.random_range(1..6);
            let commits = (0..n_commits).flat_map(|_| commit(n, rng));
            commits.collect()
        };
        Self {
            groups: (1..=GROUPS).map(group).collect(),
        }
    }

    /// What a store holds after so many groups.
    fn after(&self, n_groups: usize) -> Contents {
        let mut contents = Contents::new();
        for op in self.groups.iter().take(n_groups).flatten() {
            match op {
                Op::Put(table, key, value) => {
                    contents.insert((table.name(), key.clone()), value.clone());
                }
                Op::Delete(table, key) => {
                    contents.remove(&(table.name(), key.clone()));
                }
                Op::DeleteRange(table, from, to) => contents
                    .retain(|(name, key), _| *name != table.name() || key < from || key >= to),
            }
        }
        contents
    }

    /// Writes group after group until the disk refuses; returns how many were reported written.
    fn write(&self, file: &File) -> usize {
        let written = self.groups.iter();
        written
            .take_while(|group| file.write(group.iter()).is_ok())
            .count()
    }

    /// Opens what is on a disk and compares: all that was reported is there, what was not is there
    /// as a whole or not at all, and the store can be written.
    fn check(&self, disk: Disk, n_reported: usize, told: &str) {
        let database = opening::existing(Path::new("store"), disk);
        let database = database.unwrap_or_else(|error| panic!("{told}: {error:?}"));
        let file = File::of(database);
        let found = contents(&file);
        let n_found = (n_reported..=self.groups.len()).find(|n| self.after(*n) == found);
        // One group at most was under way.
        let is_whole = n_found.is_some_and(|n| n <= n_reported + 1);
        assert!(
            is_whole,
            "{told}: {n_reported} groups reported, found {n_found:?}"
        );
        file.write([Op::Delete(Table::Meta, b"none".to_vec())].iter())
            .unwrap_or_else(|error| panic!("{told}: {error}"));
        assert_eq!(contents(&file), found, "{told}");
    }
}

fn commit(n: u64, rng: &mut SmallRng) -> Vec<Op> {
    let mut ops = Vec::new();
    for table in [Table::State, Table::Outbox, Table::Inbox, Table::Audit] {
        let key = |rng: &mut SmallRng| rng.random_range(0..40_u64).to_be_bytes().to_vec();
        for _ in 0..rng.random_range(1..8) {
            let length = if rng.random_bool(0.015) {
                120_000
            } else {
                rng.random_range(0..900)
            };
            let mut value = n.to_be_bytes().to_vec();
            value.resize(8 + length, rng.random());
            ops.push(Op::Put(table, key(rng), value.into()));
        }
        ops.push(Op::Delete(table, key(rng)));
        if rng.random_bool(0.1) {
            let (one, other) = (key(rng), key(rng));
            ops.push(Op::DeleteRange(
                table,
                one.clone().min(other.clone()),
                one.max(other),
            ));
        }
    }
    ops
}

/// All but the engine's own: the store's format stands in `Meta`.
pub(super) fn contents(file: &File) -> Contents {
    let tables = [Table::State, Table::Outbox, Table::Inbox, Table::Audit];
    let rows = tables.into_iter().flat_map(|table| {
        let rows = file.scan(table, &[], None, usize::MAX).unwrap();
        rows.into_iter()
            .map(move |(key, value)| ((table.name(), key), value))
    });
    rows.collect()
}

/// A store on an empty disk, which is synced: making one is never seen half done.
pub(super) fn made() -> (Disk, File) {
    let disk = Disk::default();
    drop(opening::fresh(Path::new("store"), disk.clone()).unwrap());
    let disk = Disk::holding(disk.bytes());
    let database = opening::existing(Path::new("store"), disk.clone()).unwrap();
    (disk, File::of(database))
}

/// Loses the power at the `at`-th change of the disk, and again while the store is repaired.
fn crash(seed: u64, at: u64) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let load = Load::new(&mut rng);
    let (disk, file) = made();
    disk.plan(Plan::Crash(disk.n_calls().all() + at));
    let n_reported = load.write(&file);
    file.close();
    let told = format!("seed {seed}, power lost at change {at}");
    let mut image = disk.after_crash(&mut rng);
    for again in 0..rng.random_range(0..3) {
        let disk = Disk::holding(image);
        disk.plan(Plan::Crash(rng.random_range(1..12)));
        if let Ok(database) = opening::existing(Path::new("store"), disk.clone()) {
            drop(database);
        }
        image = disk.after_crash(&mut rng);
        assert!(!image.is_empty(), "{told}, and {again} times more");
    }
    load.check(Disk::holding(image), n_reported, &told);
}

/// How many changes of the disk a load makes, its end included.
fn n_changes(seed: u64) -> u64 {
    let load = Load::new(&mut SmallRng::seed_from_u64(seed));
    let (disk, file) = made();
    let before = disk.n_calls().all();
    assert_eq!(load.write(&file), load.groups.len());
    file.close();
    load.check(
        Disk::holding(disk.bytes()),
        load.groups.len(),
        "orderly end",
    );
    disk.n_calls().all() - before
}

/// Crash points spread over the whole of several loads.
fn crash_points(first_seed: u64, n_seeds: u64, n_points: u64) {
    for seed in first_seed..first_seed + n_seeds {
        let n_changes = n_changes(seed);
        assert!(n_changes > 5 * GROUPS, "a load that writes: {n_changes}");
        for point in 0..n_points {
            crash(seed, 1 + point * n_changes / n_points);
        }
    }
}

#[test]
fn a_loss_of_power_loses_nothing_reported_and_leaves_nothing_half() {
    crash_points(1, 3, 20);
}

#[test]
fn soak_five_hundred_crash_points() {
    crash_points(1000, 20, 25);
}

#[test]
fn a_disk_that_fails_loses_nothing_reported() {
    let check = |seed: u64, plan: fn(u64) -> Plan, of: fn(disk::Counts) -> u64| {
        let n_of = |seed: &u64| {
            let (disk, file) = made();
            let before = of(disk.n_calls());
            Load::new(&mut SmallRng::seed_from_u64(*seed)).write(&file);
            of(disk.n_calls()) - before
        };
        // Not every load makes the file grow.
        let seed = (seed..seed + 100).find(|seed| n_of(seed) > 0);
        let seed = seed.expect("a load that does what is to fail");
        let n_calls = n_of(&seed);
        let mut rng = SmallRng::seed_from_u64(seed);
        let load = Load::new(&mut rng);
        for point in 0..4 {
            let (disk, file) = made();
            let at = 1 + of(disk.n_calls()) + point * n_calls / 4;
            disk.plan(plan(at));
            let n_reported = load.write(&file);
            let told = format!("seed {seed}, {:?}", plan(at));
            assert!(n_reported < load.groups.len(), "{told}: nothing failed");
            // A store that failed once takes nothing more.
            assert!(file.write(load.groups[0].iter()).is_err(), "{told}");
            file.close();
            load.check(Disk::holding(disk.after_crash(&mut rng)), n_reported, &told);
        }
    };
    let full = std::io::ErrorKind::StorageFull;
    assert_eq!(full, std::io::Error::from_raw_os_error(28).kind());
    check(
        1,
        |n| Plan::WriteFails(n, std::io::ErrorKind::StorageFull),
        |calls| calls.writes,
    );
    check(
        2,
        |n| Plan::WriteFails(n, std::io::ErrorKind::Other),
        |calls| calls.writes,
    );
    check(
        3,
        |n| Plan::LengthFails(n, std::io::ErrorKind::StorageFull),
        |calls| calls.lengths,
    );
    check(4, Plan::SyncFails, |calls| calls.syncs);
}
