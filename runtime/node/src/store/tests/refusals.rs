//! What the store tells those who wait for it when the disk fails.

use std::sync::Mutex;

use skep_agent::StoreError;

use super::{
    disk::{Disk, Plan},
    *,
};

/// A store on a disk that fails, and what it said at its end.
struct Broken {
    disk: Disk,
    store: Store,
    ends: Arc<Mutex<Vec<WriteError>>>,
}

impl Broken {
    fn new() -> Self {
        let (disk, file) = crashes::made();
        let ends = Arc::new(Mutex::new(Vec::new()));
        let told = ends.clone();
        let fatal = move |error| told.lock().unwrap().push(error);
        let path = Path::new("/home/skep/store.redb");
        let store = Store::on(path, file, Arc::new(fatal)).unwrap();
        Self { disk, store, ends }
    }

    fn commit(&self, n: u32) -> oneshot::Receiver<Result<(), StoreError>> {
        let (done, committed) = oneshot::channel();
        let key = state_key(&agent("a"), &n.to_string());
        let op = Op::Put(Table::State, key, Bytes::from(n.to_string()));
        let commit = Commit::new(vec![op], |result| done.send(result).unwrap());
        // A refused commit is dropped, and its waiting end learns of it.
        drop(self.store.commit(commit));
        committed
    }
}

/// After the first failure nothing is reported written, nobody waits for ever, the node is told
/// once, and a later start finds exactly what was reported.
async fn check(plan: fn(u64) -> Plan, of: fn(disk::Counts) -> u64, cause: &str, cure: &str) {
    let broken = Broken::new();
    broken.commit(0).await.unwrap().unwrap();
    broken.disk.plan(plan(of(broken.disk.n_calls()) + 2));
    let mut n_good = 1;
    let mut has_failed = false;
    for wave in 1..20_u32 {
        let waiting: Vec<_> = (0..10).map(|n| broken.commit(10 * wave + n)).collect();
        for waiting in waiting {
            match waiting.await {
                Ok(Ok(())) => {
                    assert!(!has_failed, "reported after a failure");
                    n_good += 1;
                }
                Ok(Err(StoreError::Failed { source, .. })) => {
                    assert!(source.to_string().contains(cause), "{source}");
                    has_failed = true;
                }
                Ok(Err(other)) => panic!("{other:?}"),
                // It was refused: the store takes no more.
                Err(_) => assert!(has_failed, "refused before a failure"),
            }
        }
    }
    assert!(has_failed, "the disk did not fail");
    let ends = broken.ends.lock().unwrap();
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!(
        ends[0].to_string(),
        "the store /home/skep/store.redb could not be written"
    );
    assert!(ends[0].source.to_string().contains(cause), "{ends:?}");
    assert!(ends[0].cure().contains(cure), "{}", ends[0].cure());
    let again = Disk::holding(broken.disk.bytes());
    let database = opening::existing(Path::new("store"), again).unwrap();
    let rows = File::of(database).scan(Table::State, &[], None, usize::MAX);
    assert!(rows.unwrap().len() >= n_good, "{n_good} were reported");
}

#[tokio::test]
async fn a_full_disk_ends_the_node_and_nobody_is_told_otherwise() {
    let full = |n| Plan::WriteFails(n, std::io::ErrorKind::StorageFull);
    check(
        full,
        |calls| calls.writes,
        "no storage space",
        "make room in /home/skep",
    )
    .await;
}

#[tokio::test]
async fn a_failed_fsync_ends_the_node_and_nobody_is_told_otherwise() {
    check(
        Plan::SyncFails,
        |calls| calls.syncs,
        "input/output error",
        "see `dmesg`",
    )
    .await;
}

#[tokio::test]
async fn a_panic_of_the_engine_ends_the_node_and_nobody_is_told_otherwise() {
    check(
        Plan::Panic,
        |calls| calls.writes,
        "as the test asked",
        "see `dmesg`",
    )
    .await;
}

#[tokio::test]
async fn closing_a_store_that_failed_does_not_wait() {
    let broken = Broken::new();
    broken
        .disk
        .plan(Plan::SyncFails(broken.disk.n_calls().syncs + 1));
    broken.commit(1).await.unwrap().unwrap_err();
    broken.store.close().await;
}
