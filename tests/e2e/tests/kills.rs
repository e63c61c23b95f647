//! Three nodes pass durable numbers on while they are killed, cut off, and shown wrong clocks, over a
//! network that loses, holds back, doubles and swaps: none is lost, none has its effect twice.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};
use skep_tests_e2e::{
    Gate, Host, Image, LoadNode, Network, Root, Stopwatch, Weather, enrol, until,
};
use tempfile::TempDir;

/// Where one test stands until the next kill: nothing waits longer, whatever the network does.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long all may take to arrive once the weather is calm.
const ARRIVED_WITHIN: Duration = Duration::from_secs(120);

/// n1 sends numbers to n2, which keeps and passes them on to n3 in one transaction, which keeps them.
struct Load {
    nodes: Vec<LoadNode>,
    gates: Vec<Gate>,
    /// Drops what reaches n3, in the kernel.
    _root: Root,
    network: Network,
    folder: TempDir,
    total: u64,
    /// Kills that hit a node which had done something since its start.
    n_busy: u32,
}

impl Load {
    fn start(total: u64, at_once: u64) -> Self {
        let root = Root::get().unwrap();
        let network = Network::get().unwrap();
        let folder = tempfile::Builder::new()
            .prefix("skep-e2e-")
            .tempdir()
            .unwrap();
        Weather::default().set(folder.path()).unwrap();
        let directives = [
            json!({ "children": [{ "universal_id": "spring", "name": "spring",
                "config": { "to": "test.middle", "total": total, "at_once": at_once } }] }),
            json!({ "children": [{ "universal_id": "basin", "name": "basin",
                "config": { "to": "test.end",
                            "service-manager": [{ "role": "test.middle@cmd_keep" }] } }] }),
            json!({ "children": [{ "universal_id": "basin", "name": "basin",
                "config": { "service-manager": [{ "role": "test.end@cmd_keep" }] } }] }),
        ];
        let (mut nodes, mut gates) = (Vec::new(), Vec::new());
        for (n, directive) in (1..).zip(&directives) {
            let name = format!("n{n}");
            let (host, gate) = network.gated(&name, n, 3, folder.path()).unwrap();
            if n == 3 {
                lose(&root, &host);
            }
            nodes.push(LoadNode::new(&folder.path().join(name), host, None, directive).unwrap());
            gates.push(gate);
        }
        wrong_clock(&mut nodes[1], folder.path());
        set_clock(folder.path(), "+0s");
        enrol(&mut nodes).unwrap();
        nodes[1].start().unwrap();
        nodes[2].start().unwrap();
        Self {
            nodes,
            gates,
            _root: root,
            network,
            folder,
            total,
            n_busy: 0,
        }
    }

    /// Kills node `n` when it has done `work` more pieces of work since its start, or patience ends,
    /// and starts it again.
    fn kill(&mut self, n: usize, work: u64) {
        let node = &mut self.nodes[n];
        let first = node.progress();
        let worked = until("work", PATIENCE, || {
            let now = node.progress()?;
            (now >= first.unwrap_or(now) + work).then_some(())
        });
        if node.process().unwrap().ended() {
            panic!("n{} ended by itself:\n{}", n + 1, node.said());
        }
        self.n_busy += u32::from(worked.is_ok());
        node.kill().unwrap();
        node.start().unwrap();
    }

    /// One round: another weather, perhaps a cut or a step of the clock, and a kill.
    fn round(&mut self, round: u32) {
        let folder = self.folder.path().to_owned();
        weather(round).set(&folder).unwrap();
        let clock = match round % 10 {
            3 => "+20s",
            5 => "-20s",
            // More than any peer takes: what n2 seals is refused until its clock is right again.
            7 => "+1h",
            _ => "+0s",
        };
        set_clock(&folder, clock);
        // Sender, relay and receiver in turn; the last one is cut off now and then.
        let victim = (round % 3) as usize;
        let is_cut = round % 7 == 4;
        if is_cut {
            self.gates[2].set_link(false).unwrap();
        }
        self.kill(victim, u64::from(round * 37 % 90));
        if is_cut {
            self.gates[2].set_link(true).unwrap();
        }
    }

    /// Lets everything arrive, and counts.
    fn settle(mut self, n_kills: u32) {
        let watch = Stopwatch::start();
        Weather::default().set(self.folder.path()).unwrap();
        set_clock(self.folder.path(), "+0s");
        let arrived = until("the last number", ARRIVED_WITHIN, || {
            (self.nodes[2].progress()? == self.total).then_some(())
        });
        let said: Vec<String> = self.nodes.iter().map(LoadNode::said).collect();
        let counts: Vec<Value> = ["spring", "basin", "basin"]
            .iter()
            .zip(&mut self.nodes)
            .map(|(agent, node)| node.stop_and_count(agent).unwrap())
            .collect();
        println!(
            "{n_kills} kills, {} of them under load; {} numbers; the last came {:.1} s after calm\n\
             {counts:#?}",
            self.n_busy,
            self.total,
            watch.elapsed().as_secs_f32()
        );
        assert!(arrived.is_ok(), "{counts:?}\n{said:#?}");
        assert_eq!(counts[0]["n"], json!(self.total));
        for count in &counts[1..] {
            assert_eq!(count["n"], json!(self.total), "effects: {count}");
            assert_eq!(count["kept"], json!(self.total), "lost: {count}");
            assert_eq!(count["more_than_once"], json!([]), "doubled: {count}");
        }
        for count in &counts {
            assert_eq!(count["dead_letters"], json!(0), "{count}");
        }
        // Whoever is cut off, or shown a wrong clock, has nothing to do in its round.
        assert!(
            self.n_busy * 4 > n_kills,
            "only {} kills under load",
            self.n_busy
        );
        drop(self.nodes);
        drop(self.network);
    }
}

/// What the gates do in a round: from calm to as bad as a radio link.
fn weather(round: u32) -> Weather {
    Weather {
        loss: round * 13 % 60,
        delay_ms: round * 7 % 40,
        spread_ms: round * 11 % 60,
        double: round * 29 % 120,
    }
}

/// One of fifty datagrams to the host is lost, in the kernel's own way.
fn lose(root: &Root, host: &Host) {
    let rule = [
        "-A",
        "INPUT",
        "-p",
        "udp",
        "-m",
        "statistic",
        "--mode",
        "random",
        "--probability",
        "0.02",
        "-j",
        "DROP",
    ];
    let output = root
        .command(Some(host), "iptables")
        .args(rule)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The node's wall clock is what stands in a file; its monotonic one is left alone.
fn wrong_clock(node: &mut LoadNode, folder: &Path) {
    let library = Image::ready().unwrap().faketime().unwrap();
    node.set("LD_PRELOAD", &library.to_string_lossy());
    node.set(
        "FAKETIME_TIMESTAMP_FILE",
        &folder.join("clock").to_string_lossy(),
    );
    node.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    node.set("FAKETIME_CACHE_DURATION", "1");
}

fn set_clock(folder: &Path, offset: &str) {
    fs::write(folder.join("clock.new"), offset).unwrap();
    fs::rename(folder.join("clock.new"), folder.join("clock")).unwrap();
}

fn kills(n_kills: u32, total: u64, at_once: u64) {
    let mut load = Load::start(total, at_once);
    for round in 0..n_kills {
        load.round(round);
        eprintln!("kill {} of {n_kills}", round + 1);
    }
    load.settle(n_kills);
}

#[test]
fn twenty_kills_lose_nothing_and_double_nothing() {
    kills(20, 6_000, 4);
}

#[test]
fn soak_two_hundred_kills() {
    kills(200, 60_000, 4);
}
