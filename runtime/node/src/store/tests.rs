mod crashes;
mod damage;
mod disk;
mod refusals;

use tokio::sync::oneshot;

use super::*;

fn agent(name: &str) -> AgentName {
    AgentName::new(name).unwrap()
}

fn open(dir: &Path) -> Store {
    Store::open(
        &dir.join("store.redb"),
        Arc::new(|error| panic!("{error:?}")),
    )
    .unwrap()
}

fn state(agent_name: &str, key: &str, value: Option<&'static str>) -> Op {
    let key = state_key(&agent(agent_name), key);
    match value {
        Some(value) => Op::Put(Table::State, key, Bytes::from_static(value.as_bytes())),
        None => Op::Delete(Table::State, key),
    }
}

async fn commit(store: &Store, ops: Vec<Op>) {
    let (done, committed) = oneshot::channel();
    let done = |result| done.send(result).unwrap();
    store.commit(Commit::new(ops, done)).unwrap();
    committed.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    commit(
        &store,
        vec![state("a", "k1", Some("v1")), state("a", "k2", Some("v2"))],
    )
    .await;
    commit(&store, vec![state("a", "k1", None)]).await;
    store.close().await;
    let late = store.get(&agent("a"), "k2");
    assert!(matches!(late, Err(redb::Error::DatabaseClosed)), "{late:?}");
    let store = open(dir.path());
    assert_eq!(store.get(&agent("a"), "k1").unwrap(), None);
    assert_eq!(
        store.get(&agent("a"), "k2").unwrap().as_deref(),
        Some(&b"v2"[..])
    );
}

#[tokio::test]
async fn queued_writes_are_read_before_they_are_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    commit(
        &store,
        vec![
            state("a", "p/1", Some("old")),
            state("a", "p/2", Some("two")),
        ],
    )
    .await;
    let ops = vec![
        state("a", "p/1", Some("new")),
        state("a", "p/2", None),
        state("a", "p/3", Some("3")),
    ];
    store.overlay.add(&ops);
    assert_eq!(
        store.get(&agent("a"), "p/1").unwrap().as_deref(),
        Some(&b"new"[..])
    );
    let rows = store.scan(&agent("a"), "p/", None, 10).unwrap();
    let rows: Vec<_> = rows
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_ref()))
        .collect();
    assert_eq!(rows, [("p/1", &b"new"[..]), ("p/3", &b"3"[..])]);
    let rows = store.scan(&agent("a"), "p/", Some("p/1"), 10).unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn agents_do_not_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    commit(
        &store,
        vec![state("a", "k", Some("a's")), state("ab", "k", Some("ab's"))],
    )
    .await;
    assert_eq!(store.scan(&agent("a"), "", None, 10).unwrap().len(), 1);
    assert_eq!(store.get(&agent("b"), "k").unwrap(), None);
}

#[tokio::test]
async fn a_second_node_on_the_same_file_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let _store = open(dir.path());
    let again = Store::open(&dir.path().join("store.redb"), Arc::new(|_| {}));
    assert!(matches!(again, Err(OpenError::InUse { .. })), "{again:?}");
}

#[tokio::test]
async fn many_commits_share_an_fsync_and_keep_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut waiting = Vec::new();
    for n in 0..500_u32 {
        let (done, committed) = oneshot::channel();
        let key = state_key(&agent("a"), "n");
        let op = Op::Put(Table::State, key, Bytes::from(n.to_string()));
        store
            .commit(Commit::new(vec![op], |r| done.send(r).unwrap()))
            .unwrap();
        waiting.push(committed);
        let seen = store.get(&agent("a"), "n").unwrap().unwrap();
        assert_eq!(seen, n.to_string());
    }
    for committed in waiting {
        committed.await.unwrap().unwrap();
    }
    assert_eq!(store.get(&agent("a"), "n").unwrap().unwrap(), "499");
}

#[tokio::test]
async fn a_range_is_deleted_without_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let row = |n: u8| Op::Put(Table::Inbox, vec![n], Bytes::from_static(b"x"));
    commit(&store, (0..6).map(row).collect()).await;
    commit(
        &store,
        vec![Op::DeleteRange(Table::Inbox, vec![1], vec![4])],
    )
    .await;
    let keys: Vec<_> = store
        .rows(Table::Inbox)
        .unwrap()
        .into_iter()
        .map(|(key, _)| key[0])
        .collect();
    assert_eq!(keys, [0, 4, 5]);
}

#[tokio::test]
async fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let _store = open(dir.path());
    let mode = std::fs::metadata(dir.path().join("store.redb"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}
