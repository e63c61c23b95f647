//! `skep-load`: one real node in a process of its own, for tests that kill it, fill its disk and
//! bend its network.
//!
//! ```text
//! skep-load up HOME DIRECTIVE [LISTEN]    a node with springs and basins, until SIGTERM
//! skep-load count HOME AGENT              what an agent of a node that does not run has kept
//! skep-load gate FOLDER NAME ADDRESS …    all other hosts, as one host's network shows them
//! ```
#![allow(clippy::unwrap_used, reason = "everything here is a test's own ground")]

use std::{env, fs, net::SocketAddr, path::Path, process::ExitCode, sync::Arc};

use serde_json::json;
use skep_agent::AgentSpec;
use skep_node::{
    Ending, Node, NodeConfig, NodeError, NodeSettings,
    home::Home,
    store::{Store, Table},
};
use skep_tests_swarm::{Basin, Spring, gate, live};
use tokio::signal::unix::{SignalKind, signal};

/// As `skep up`: the disk refused.
const EXIT_DISK: u8 = 74;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["up", home, directive] => up(home, directive, "0.0.0.0:7400"),
        ["up", home, directive, listen] => up(home, directive, listen),
        ["count", home, agent] => {
            count(home, agent);
            ExitCode::SUCCESS
        }
        ["gate", folder, name, others @ ..] => {
            gate::run(Path::new(folder), name, others);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("up HOME DIRECTIVE [LISTEN] | count HOME AGENT | gate FOLDER NAME ADDRESS …");
            ExitCode::from(2)
        }
    }
}

fn up(home: &str, directive: &str, listen: &str) -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let specs = vec![AgentSpec::of::<Spring>(), AgentSpec::of::<Basin>()];
        let live = live(fs::read_to_string(directive).unwrap(), &specs);
        let config = NodeConfig {
            home: Home::open(Path::new(home)).unwrap(),
            plan: (live.read)(&live.text).unwrap(),
            directive: "load".to_owned(),
            specs,
            doors: Vec::new(),
            steward: None,
            live: None,
            listen: Some(listen.parse::<SocketAddr>().unwrap()),
            dials_only: false,
            program: "skep-load".to_owned(),
            settings: NodeSettings::default(),
        };
        let mut terminate = signal(SignalKind::terminate()).unwrap();
        let mut node = match Node::start(config) {
            Ok(node) => node,
            Err(NodeError::Store(error)) => {
                eprintln!("store: {error:?}: {}", error.cure());
                return ExitCode::from(EXIT_DISK);
            }
            Err(error) => panic!("{error:?}"),
        };
        println!("LISTENING {}", node.listening().await.unwrap());
        let ending = tokio::select! {
            ending = node.failed() => Some(ending),
            _ = terminate.recv() => None,
        };
        node.stop().await;
        match ending {
            None => ExitCode::SUCCESS,
            Some(Ending::Store(error)) => {
                eprintln!("store: {error}: {}: {}", error.source, error.cure());
                ExitCode::from(EXIT_DISK)
            }
            Some(ending) => panic!("{ending:?}"),
        }
    })
}

/// Reads what an agent keeps, and what waits in the outbox or found no way.
fn count(home: &str, agent: &str) {
    let path = Home::open(Path::new(home)).unwrap().store();
    let store = Store::open(&path, Arc::new(|error| panic!("{error:?}"))).unwrap();
    let agent = skep_packet::AgentName::new(agent).unwrap();
    let kept = store.scan(&agent, "kept/", None, usize::MAX).unwrap();
    let more = kept.iter().filter(|(_, times)| times.as_ref() != b"1");
    let more: Vec<&str> = more.map(|(key, _)| key.as_str()).collect();
    let n = store.get(&agent, "n").unwrap();
    let n: u64 = n.map_or(0, |n| serde_json::from_slice(&n).unwrap());
    let rows = |table| store.rows(table).unwrap().len();
    let count = json!({
        "n": n,
        "kept": kept.len(),
        "more_than_once": more,
        "outbox": rows(Table::Outbox),
        "dead_letters": rows(Table::DeadLetters),
    });
    println!("{count}");
}
