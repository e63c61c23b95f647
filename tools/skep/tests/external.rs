//! The example of an agent in Python, as a person meets it; and SIGHUP.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use skep_node::Clock;

/// The example, on ports that nobody else has.
fn example() -> String {
    fs::read_to_string(top().join("directives/external.json")).unwrap()
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A running node.
struct Node {
    home: tempfile::TempDir,
    process: Child,
    /// Its log, one JSON object a line.
    log: BufReader<ChildStderr>,
}

impl Node {
    fn up(directive: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("n.json"), directive).unwrap();
        let mut process = skep(home.path())
            .args(["up", "--listen", "127.0.0.1:0", "--name", "n1"])
            .arg(home.path().join("n.json"))
            .current_dir(top())
            .env("RUST_LOG", "info")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        Self { home, process, log }
    }

    /// Reads the log until a line holds all of these.
    fn says(&mut self, parts: &[&str]) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let n_read = self.log.read_line(&mut line).unwrap();
            assert!(n_read > 0, "the log ends without {parts:?}");
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
        }
    }

    fn signal(&self, signal: &str) {
        kill(signal, &self.process.id().to_string());
    }

    fn skep(&self, args: &[&str]) -> Output {
        skep(self.home.path()).args(args).output().unwrap()
    }

    /// Calls a role until it is served; the only answer.
    fn call(&self, role: &str, payload: &str) -> Value {
        loop {
            let output = self.skep(&["call", role, payload]);
            if output.status.success() {
                let text = String::from_utf8(output.stdout).unwrap();
                return serde_json::from_str(&text).unwrap_or(Value::String(text));
            }
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            let is_early = ["SK-0202", "SK-0203", "SK-0204", "SK-0201", "SK-0205"];
            assert!(is_early.iter().any(|code| why.contains(code)), "{why}");
        }
    }

    /// The greeter as `skep tree` shows it.
    fn greeter(&self) -> Value {
        let output = self.skep(&["tree", "--format", "json"]);
        let tree: Value = serde_json::from_slice(&output.stdout).unwrap();
        let agents = tree["nodes"][0]["agents"].as_array().unwrap().clone();
        let mut agents = agents.into_iter();
        agents.find(|agent| agent["agent"] == "greeter").unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn skep(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skep"));
    command
        .args(["--home", &home.join("home").display().to_string()])
        .env("NO_COLOR", "1")
        .env("HOME", home)
        .env_remove("RUST_LOG");
    command
}

fn kill(signal: &str, pid: &str) {
    let status = Command::new("kill").args([signal, pid]).status().unwrap();
    assert!(status.success());
}

/// Waits until a process is gone; one that nobody reaped yet is.
async fn gone(pid: &str) {
    loop {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next().unwrap_or_default();
        if state.is_empty() || state.starts_with('Z') {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_person_calls_the_example_and_it_comes_back_after_a_kill() {
    let mut node = Node::up(&example());
    node.says(&["I am greeter on n1"]);
    let greeted = node.call("demo.greet", r#"{"name": "Ann"}"#);
    assert_eq!(greeted, json!({"greeting": "hello, Ann", "times": 1}));
    let greeted = node.call("demo.greet", "{}");
    assert_eq!(greeted["greeting"], "hello, admin");
    let pid = node.greeter()["state"]["pid"].to_string();
    let clock = Clock::start();
    kill("-9", &pid);
    node.says(&["I am greeter on n1"]);
    let took_ms = clock.now().mono_ns / 1_000_000;
    println!("killed and started again within {took_ms} ms");
    // What it counted is gone with it; that it is another one shows there.
    let greeted = node.call("demo.greet", r#"{"name": "Ann"}"#);
    assert_eq!(greeted["times"], 1);
    let greeter = node.greeter();
    assert_eq!(greeter["incarnation"], 2);
    // It is killed with its node, whatever it thinks of that.
    let pid = greeter["state"]["pid"].to_string();
    node.signal("-9");
    gone(&pid).await;
}

#[tokio::test]
async fn a_changed_file_is_taken_on_sighup_if_it_is_good() {
    let mut node = Node::up(&example());
    node.says(&["I am greeter on n1"]);
    assert_eq!(node.call("demo.greet", "{}")["greeting"], "hello, admin");
    let file = node.home.path().join("n.json");
    fs::write(&file, example().replace("\"env\":", "\"evn\":")).unwrap();
    node.signal("-HUP");
    node.says(&["unknown key `evn`", "all is as before"]);
    assert_eq!(node.call("demo.greet", "{}")["times"], 2);
    fs::write(&file, example().replace("\"hello\"", "\"good day\"")).unwrap();
    node.signal("-HUP");
    node.says(&["the directive was read again", "started greeter"]);
    assert_eq!(node.call("demo.greet", "{}")["greeting"], "good day, admin");
    let log = node.skep(&["audit", "list"]);
    let log = String::from_utf8(log.stdout).unwrap();
    assert!(
        log.contains("the directive's file was read again: stopped greeter; started greeter"),
        "{log}"
    );
    node.signal("-TERM");
    node.says(&["agent's health changed", "greeter", "Stopped"]);
}
