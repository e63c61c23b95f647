//! A folder with logs, an agent that watches it, and what it sends.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use skep_agent::testkit::Sent;
use skep_agent::testkit::Testkit;
use skep_log_watcher::LogWatcher;
use skep_packet::Destination;
use skep_packet::Kind;
use skep_protocol::alert::Alert;
use skep_protocol::callback::Callback;
use skep_protocol::digest::GenerateDigest;
use skep_protocol::digest::HANDLER;
use skep_protocol::oracle::Prompt;
use tempfile::TempDir;
use uuid::Uuid;

/// The door that the tests' person came through.
pub(crate) const ROUTER: &str = "router@n9";

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) kit: Testkit<LogWatcher>,
}

/// What the agent sent, by what it is.
#[derive(Debug)]
pub(crate) enum Said {
    Callback(Box<Callback>),
    Alert(Box<Alert>),
    Question(Box<Prompt>, Box<Sent>),
    Other(Box<Sent>),
}

/// Everything said until nothing more came for a while.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) callbacks: Vec<Callback>,
    pub(crate) alerts: Vec<Alert>,
}

impl Heard {
    /// The callbacks' lines, one after the other.
    pub(crate) fn text(&self) -> String {
        let lines: Vec<String> = self
            .callbacks
            .iter()
            .flat_map(|callback| callback.lines.clone())
            .collect();
        lines.join("\n")
    }

    /// The callbacks' lines as one document.
    pub(crate) fn json(&self) -> Value {
        let whole: String = self
            .callbacks
            .iter()
            .flat_map(|callback| callback.lines.clone())
            .collect();
        serde_json::from_str(&whole).unwrap()
    }
}

/// A folder with a log of two failures and a login.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    append(&folder, &[FAILED, FAILED, ACCEPTED]);
    folder
}

pub(crate) const FAILED: &str =
    "Failed password for invalid user bob from 203.0.113.9 port 4711 ssh2";
pub(crate) const ACCEPTED: &str = "Accepted password for ann from 198.51.100.7 port 4712 ssh2";

/// Appends what sshd says; stamped within the first patrol's window of the test's clock.
pub(crate) fn append(folder: &TempDir, messages: &[&str]) {
    let path = folder.path().join("auth.log");
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    for (n, message) in messages.iter().enumerate() {
        let pid = 1000 + n;
        writeln!(
            file,
            "2027-01-15T07:59:00.000000+00:00 web1 sshd[{pid}]: {message}"
        )
        .unwrap();
    }
}

pub(crate) fn config(folder: &TempDir, more: Value) -> Value {
    let path: PathBuf = folder.path().join("auth.log");
    let mut config = json!({"collectors": {"sshd": {"paths": [path]}}});
    let Value::Object(more) = more else {
        panic!("an object")
    };
    config.as_object_mut().unwrap().extend(more);
    config
}

impl World {
    /// An agent that watches a fresh log, with more config; its first patrol is done.
    pub(crate) async fn start(more: Value) -> Self {
        let mut world = Self::start_at_once(more).await;
        world.kit.idle().await;
        world
    }

    pub(crate) async fn start_at_once(more: Value) -> Self {
        let folder = folder();
        let kit = Testkit::start(config(&folder, more)).await;
        Self { folder, kit }
    }

    /// Asks for a digest as a person's program does.
    pub(crate) async fn ask(&mut self, id: u128, request: GenerateDigest) {
        let request = GenerateDigest {
            session_id: Some("s1".to_owned()),
            ..request
        };
        let command = self.kit.command(HANDLER, &request);
        command
            .id(Uuid::from_u128(id))
            .token("t1")
            .reply_to(ROUTER)
            .deliver()
            .await;
    }

    /// What comes next, within so many virtual seconds.
    pub(crate) async fn next(&mut self, within_s: u64) -> Option<Said> {
        let sent = self
            .kit
            .next_sent_within(Duration::from_secs(within_s))
            .await?;
        Some(match sent.outgoing.kind {
            Kind::Callback => Said::Callback(sent.content()),
            Kind::Alert => Said::Alert(sent.content()),
            Kind::Command if sent.is_ask() => Said::Question(sent.content(), Box::new(sent)),
            _ => Said::Other(Box::new(sent)),
        })
    }

    /// The question to the oracle, which comes next but for callbacks.
    pub(crate) async fn question(&mut self) -> (Prompt, Sent) {
        loop {
            match self.next(60).await.expect("a question") {
                Said::Question(prompt, sent) => return (*prompt, *sent),
                Said::Callback(_) => {}
                other => panic!("{other:?} instead of a question"),
            }
        }
    }

    /// Everything that is said until `quiet_s` virtual seconds bring nothing more.
    pub(crate) async fn hear(&mut self, quiet_s: u64) -> Heard {
        let mut heard = Heard::default();
        while let Some(said) = self.next(quiet_s).await {
            match said {
                Said::Callback(callback) => heard.callbacks.push(*callback),
                Said::Alert(alert) => heard.alerts.push(*alert),
                other => panic!("{other:?} instead of callbacks and alerts"),
            }
        }
        heard
    }
}

/// Where something went, as text.
pub(crate) fn went_to(sent: &Sent) -> String {
    match &sent.outgoing.to {
        Destination::Role(role) => role.to_string(),
        Destination::Agent(address, handler) => format!("{address}/{handler}"),
    }
}
