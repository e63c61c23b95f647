//! Real nodes on disks that are full: they end, say why, come back when there is room, and lose
//! nothing that anybody was told of.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{fs, path::Path, time::Duration};

use serde_json::json;
use skep_tests_e2e::{LoadNode, Network, Process, Skep, SmallDisk, enrol, until};

/// What a node may take here for anything, on a busy machine.
const SOON: Duration = Duration::from_secs(60);
/// The disk refused.
const EXIT_DISK: i32 = 74;
/// Numbers that are sent.
const TOTAL: u64 = 3_000;

fn folder() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("skep-e2e-")
        .tempdir()
        .unwrap()
}

/// What the binary said and how it ended.
fn ended(process: &mut Process) -> (Option<i32>, String) {
    let status = process.wait_end(SOON).unwrap();
    (status.code(), process.output())
}

#[test]
fn a_node_whose_disk_is_full_ends_with_the_reason_and_comes_back() {
    let skep = Skep::get().unwrap();
    let folder = folder();
    let disk = SmallDisk::get(&folder.path().join("disk"), "16m").unwrap();
    let home = folder.path().join("disk/home");
    let log = folder.path().join("auth.log");
    fs::write(
        &log,
        "Nov 21 10:00:00 host sshd[1]: Failed password for root from 203.0.113.9 port 1 ssh2\n",
    )
    .unwrap();
    let directive = folder.path().join("node.json");
    let watcher = json!({ "children": [{ "universal_id": "watcher", "name": "log_watcher",
        "config": { "collectors": { "sshd": { "paths": [log] } } } }] });
    fs::write(&directive, watcher.to_string()).unwrap();
    let run = |args: &[&str]| {
        let [enter, namespace] = disk.prefix();
        let mut command = std::process::Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", &enter, &namespace]);
        command.arg(skep.path()).arg("--home").arg(&home).args(args);
        command.env("NO_COLOR", "1");
        command
    };
    let up = |name: &str| {
        let directive = directive.to_string_lossy().into_owned();
        Process::spawn(name, run(&["up", &directive]), folder.path()).unwrap()
    };
    let answers = |args: &[&str]| run(args).output().unwrap().status.success();
    let mut node = up("first");
    node.wait_until("the tree", SOON, || answers(&["tree"]))
        .unwrap();
    assert!(answers(&["digest"]), "{}", node.output());
    disk.fill().unwrap();
    let stopped = until("the node's end", SOON, || {
        // Each question is written down before it is answered.
        answers(&["digest"]);
        node.ended().then_some(())
    });
    stopped.unwrap();
    let (code, said) = ended(&mut node);
    assert_eq!(code, Some(EXIT_DISK), "{said}");
    for words in [
        "SK-0215",
        "store.redb could not be written",
        "No space left",
        "make room in",
    ] {
        assert!(flat(&said).contains(words), "{words:?} not in:\n{said}");
    }
    disk.clear().unwrap();
    let mut node = up("again");
    node.wait_until("the tree", SOON, || answers(&["tree"]))
        .unwrap();
    assert!(answers(&["digest"]), "{}", node.output());
    node.signal("TERM").unwrap();
    assert_eq!(ended(&mut node).0, Some(0), "{}", node.output());
    assert!(answers(&["store", "check"]));
}

/// Without the breaks that a report's width puts into a sentence.
fn flat(text: &str) -> String {
    let words = text
        .split_whitespace()
        .filter(|word| *word != "│" && *word != "|");
    words.collect::<Vec<_>>().join(" ")
}

fn small(folder: &Path, name: &str) -> (std::path::PathBuf, SmallDisk) {
    let folder = folder.join(name);
    let disk = SmallDisk::get(&folder, "24m").unwrap();
    (folder, disk)
}

/// Fills the disk under a node that works, sees it end, makes room, and starts it again.
fn starve(node: &mut LoadNode) {
    let first = node.progress().unwrap_or(0);
    let works = || node.progress().filter(|now| *now > first + 20);
    until("work before the disk is full", SOON, works).unwrap();
    node.disk().fill().unwrap();
    let status = node.process().unwrap().wait_end(SOON).unwrap();
    let said = node.said();
    assert_eq!(status.code(), Some(EXIT_DISK), "{said}");
    assert!(said.contains("make room in"), "{said}");
    node.disk().clear().unwrap();
    node.start().unwrap();
}

#[test]
fn durable_packets_outlive_full_disks_on_both_sides() {
    let folder = folder();
    let mut network = Network::get().unwrap();
    let mut node = |name: &str, agent: serde_json::Value| {
        let (path, disk) = small(folder.path(), name);
        let host = network.host(name).unwrap();
        let directive = json!({ "children": [agent] });
        LoadNode::new(&path, host, Some(disk), &directive).unwrap()
    };
    let mut nodes = vec![
        node(
            "n1",
            json!({ "universal_id": "spring", "name": "spring",
            "config": { "to": "test.end", "total": TOTAL, "at_once": 2 } }),
        ),
        node(
            "n2",
            json!({ "universal_id": "basin", "name": "basin",
            "config": { "service-manager": [{ "role": "test.end@cmd_keep" }] } }),
        ),
    ];
    enrol(&mut nodes).unwrap();
    nodes[1].start().unwrap();
    starve(&mut nodes[1]);
    // With nobody to settle them its packets pile up: a file that does not grow needs no room.
    nodes[1].kill().unwrap();
    starve(&mut nodes[0]);
    nodes[1].start().unwrap();
    let arrived = until("the last number", 2 * SOON, || {
        (nodes[1].progress()? == TOTAL).then_some(())
    });
    let sent = nodes[0].stop_and_count("spring").unwrap();
    let kept = nodes[1].stop_and_count("basin").unwrap();
    assert!(arrived.is_ok(), "{sent} {kept}");
    assert_eq!(sent["n"], json!(TOTAL), "{sent}");
    assert_eq!(kept["kept"], json!(TOTAL), "lost: {kept}");
    assert_eq!(kept["n"], json!(TOTAL), "doubled: {kept}");
    assert_eq!(kept["more_than_once"], json!([]), "doubled: {kept}");
    assert_eq!(sent["dead_letters"], json!(0), "{sent}");
}
