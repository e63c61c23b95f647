//! Two nodes: what a person asks of one through the other's door, the door can not read.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;

/// Stands in the log of one host only.
const MARKER: &str = "203.0.113.77";

/// How long two nodes may take to be up and to know each other, keys included.
const WAIT_MAX: Duration = Duration::from_mins(2);

/// A node of the built binary; killed with the test.
struct Node {
    home: PathBuf,
    process: Option<Child>,
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // One that has ended already is what we want.
            drop(process.kill());
            process.wait().unwrap();
        }
    }
}

impl Node {
    fn new(folder: &Path, name: &str) -> Self {
        Self {
            home: folder.join(name),
            process: None,
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skep"));
        command.arg("--home").arg(&self.home).args(args);
        command.env("NO_COLOR", "1").env_remove("RUST_LOG");
        command
    }

    fn skep(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn up(&mut self, directive: &str) {
        let path = self.home.with_extension("json");
        fs::write(&path, directive).unwrap();
        let path = path.display().to_string();
        let process = self
            .command(&["up", &path, "--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
    }

    fn store_holds(&self, text: &str) -> bool {
        let store = fs::read(self.home.join("store.redb")).unwrap();
        store
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    }
}

async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(WAIT_MAX, async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let late = |_| panic!("{what} does not come");
    found.await.unwrap_or_else(late)
}

#[tokio::test]
async fn the_doors_store_holds_nothing_of_what_went_through_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("auth.log");
    let line = format!(
        "Nov 20 10:00:01 web sshd[1]: Failed password for root from {MARKER} port 4001 ssh2\n"
    );
    fs::write(&log, line).unwrap();
    let (mut door, mut watcher) = (
        Node::new(folder.path(), "door"),
        Node::new(folder.path(), "watcher"),
    );
    door.up(r#"{"children": [{"universal_id": "o", "name": "oracle"}]}"#);
    let invited = until("an invitation", || {
        let output = door.skep(&["invite", "--format", "json"]);
        serde_json::from_slice::<Value>(&output.stdout).ok()
    });
    let invited = invited.await;
    let (address, token) = (&invited["address"], &invited["token"]);
    let args = [
        "join",
        address.as_str().unwrap(),
        token.as_str().unwrap(),
        "--name",
        "watcher",
    ];
    let joined = watcher.skep(&args);
    assert!(joined.status.success(), "{joined:?}");
    watcher.up(&format!(
        r#"{{"children": [{{"universal_id": "w", "name": "log_watcher",
            "config": {{"collectors": {{"sshd": {{"paths": ["{}"]}}}}}}}}]}}"#,
        log.display()
    ));
    let digest = until("a digest of the other node", || {
        let output = door.skep(&["digest"]);
        output.status.success().then_some(output.stdout)
    });
    let digest = String::from_utf8(digest.await).unwrap();
    assert!(digest.contains(MARKER), "{digest}");
    assert!(
        watcher.store_holds(MARKER),
        "the patrol's digest is the watcher's own"
    );
    assert!(
        door.store_holds(r#""sealed":"#),
        "the answer went through the door's journal"
    );
    assert!(!door.store_holds(MARKER), "the door's journal can be read");
}
