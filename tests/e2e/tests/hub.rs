//! A host behind a firewall that lets nothing in: what it offers, asks, sends and is told goes
//! through the one node it can reach, and through another one when that dies.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use skep_tests_e2e::{Host, Root, Swarm, documents, until};

/// Failed logins in the log behind the firewall.
const FAILED: u64 = 3;
/// What anything that crosses the swarm may take here, on a busy machine.
const SOON: Duration = Duration::from_secs(90);
/// Where a node listens for people.
const PEOPLE_PORT: u16 = 7480;
/// Longer than the test waits: no question may end by it.
const ORACLE_TIMEOUT_S: u64 = 300;

/// n1 with the authority, n2 with oracle and alert agent, n3 with nothing, and the host behind its
/// firewall with two watchers, one of which asks an oracle that nobody is.
struct Shut {
    swarm: Swarm,
    alerts: PathBuf,
    /// An operator's bundle, and where n2 takes requests of people.
    person: [String; 2],
    // Its firewall is this root's iptables.
    _root: Root,
}

impl Shut {
    fn start() -> Self {
        let root = Root::get().unwrap();
        let mut swarm = Swarm::get().unwrap();
        let alerts = swarm.folder().join("alerts.log");
        let nothing = json!({ "children": [] });
        let n2 = json!({ "children": [
            { "universal_id": "oracle-2", "name": "oracle", "config": {} },
            {
                "universal_id": "alert-2", "name": "alert",
                "config": {
                    "channels": [{ "type": "file", "path": alerts }],
                    "cooldown_s": 0,
                },
            },
            { "universal_id": "router-2", "name": "rpc_router" },
        ] });
        let first = swarm.host("n1").unwrap();
        swarm.add("n1", first, &nothing).unwrap();
        let away = swarm.host("n2").unwrap();
        let bundle = swarm.operator("pat", "operator").unwrap();
        let person = [bundle, format!("{}:{PEOPLE_PORT}", away.address())];
        let shut = swarm.host("shut").unwrap();
        lock(&root, &shut, &away);
        swarm.add("n2", away, &n2).unwrap();
        let log = write_log(&swarm);
        let watchers = json!({ "children": [
            watcher("watcher-asks", &log, "hive.oracle"),
            watcher("watcher-asks-nobody", &log, "nobody.oracle"),
        ] });
        swarm.add_dialling("shut", shut, &watchers).unwrap();
        swarm
            .wait_for_tree("n2", &["watcher-asks", "watcher-asks-nobody"])
            .unwrap();
        // It comes later: n1 is the hub.
        let third = swarm.host("n3").unwrap();
        swarm.add("n3", third, &nothing).unwrap();
        swarm.wait_for_tree("n3", &["watcher-asks"]).unwrap();
        Self {
            swarm,
            alerts,
            person,
            _root: root,
        }
    }

    /// Asks from n2, which has no way of its own to the host behind the firewall: both watchers
    /// answer, one has asked the oracle on n2, the other one has sent an alert there.
    fn digest_through(&mut self, hub: &str) {
        self.until_hub(hub);
        let before = self.alerts();
        let digest = ["digest", "--collectors", "sshd", "--oracle"];
        let [bundle, address] = &self.person;
        let who = ["--as", bundle, "--at", address];
        let args = [&who[..], &["--quiet", "--format", "json"], &digest].concat();
        let said = self.swarm.person(&args).unwrap();
        let digests = documents(&said, "collectors").unwrap();
        assert_eq!(digests.len(), 2, "{said}");
        let mut n_reports = 0;
        for digest in digests {
            let totals = &digest["collectors"]["sshd"]["totals"];
            assert_eq!(totals["failed"], json!(FAILED), "{digest}");
            let analysis = &digest["analysis"];
            if analysis["report"]["summary"].is_string() {
                n_reports += 1;
            } else {
                let reason = analysis["reason"].as_str().unwrap_or_default();
                assert!(reason.contains("nobody.oracle"), "{analysis}");
            }
        }
        assert_eq!(n_reports, 1, "{said}");
        let come = until("the alert", SOON, || {
            (self.alerts().len() > before.len()).then_some(())
        });
        assert!(come.is_ok(), "no alert beside {before:?}");
    }

    /// The ids of the alerts that n2 was sent, each of which must stand there once.
    fn alerts(&self) -> BTreeSet<String> {
        let text = fs::read_to_string(&self.alerts).unwrap_or_default();
        let ids: Vec<&str> = text
            .lines()
            .map(|line| line.rsplit("id=").next().unwrap())
            .collect();
        let once: BTreeSet<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(once.len(), ids.len(), "an alert came twice:\n{text}");
        once
    }

    fn until_hub(&mut self, hub: &str) {
        let mut seen = String::new();
        let known = until("the hub", SOON, || {
            seen = self.tree();
            let tree: Value = serde_json::from_str(&seen).ok()?;
            let nodes = tree["nodes"].as_array()?;
            let shut = nodes.iter().find(|node| node["node"] == "shut")?;
            (shut["hub"] == hub).then_some(())
        });
        assert!(known.is_ok(), "{hub} is not the hub: {seen}");
    }

    fn tree(&mut self) -> String {
        let tree = self.swarm.at("n2", &["tree", "--format", "json"]);
        tree.unwrap_or_default()
    }
}

/// Nothing comes in but what answers, and between this host and `away` there is no way at all.
fn lock(root: &Root, host: &Host, away: &Host) {
    let away = away.address();
    let rules: [&[&str]; 3] = [
        &["INPUT", "-s", away, "-j", "DROP"],
        &["OUTPUT", "-d", away, "-j", "DROP"],
        &[
            "INPUT",
            "-i",
            "eth0",
            "-m",
            "conntrack",
            "--ctstate",
            "NEW",
            "-j",
            "DROP",
        ],
    ];
    for rule in rules {
        let output = root
            .command(Some(host), "iptables")
            .arg("-A")
            .args(rule)
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
    }
}

/// Older than what a first patrol covers: it asks nobody.
fn write_log(swarm: &Swarm) -> Value {
    let path = swarm.folder().join("sshd.log");
    let lines: String = (0..FAILED)
        .map(|port| {
            format!(
                "2026-11-20T10:00:0{port}.000000+00:00 shut sshd[{}]: Failed password for root \
                 from 203.0.113.{port} port 40{port} ssh2\n",
                100 + port
            )
        })
        .collect();
    fs::write(&path, lines).unwrap();
    json!({ "sshd": { "paths": [path] } })
}

fn watcher(id: &str, collectors: &Value, oracle: &str) -> Value {
    json!({ "universal_id": id, "name": "log_watcher", "config": {
        "collectors": collectors,
        "enable_oracle": true,
        "oracle_role": oracle,
        "oracle_timeout": ORACLE_TIMEOUT_S,
    } })
}

#[test]
fn a_host_that_can_only_dial_out_is_reached_through_its_hub_through_the_next_one_and_cut_there() {
    let mut shut = Shut::start();
    shut.digest_through("n1");
    shut.swarm.kill("n1").unwrap();
    shut.digest_through("n3");
    // The authority takes its word back where nobody is connected to the host but the hub.
    shut.swarm.start("n1").unwrap();
    shut.swarm.at("n1", &["revoke", "shut"]).unwrap();
    let told = until("the cut", SOON, || {
        let is_told = shut.swarm.output("shut").contains("this node was revoked");
        (is_told && !shut.tree().contains("watcher-asks")).then_some(())
    });
    let said = shut.swarm.output("shut");
    assert!(told.is_ok(), "{}\n{said}", shut.tree());
}
