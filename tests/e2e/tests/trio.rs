//! Three nodes on hosts of their own and a person on a fourth: digests with an analysis; what is
//! left when the oracle dies; what is left when the asker dies.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use skep_tests_e2e::{Process, Silent, Swarm, documents, until};

/// Failed logins in the log of each watcher.
const FAILED: [u64; 2] = [3, 5];
/// Requests in the access log of the second one.
const REQUESTS: u64 = 4;
/// What anything that crosses the swarm may take here, on a busy machine.
const SOON: Duration = Duration::from_secs(90);
/// Longer than any test waits: no question may end by it.
const ORACLE_TIMEOUT_S: u64 = 300;

/// Swarm and the files that its watchers read and its alert agent writes.
struct Trio {
    swarm: Swarm,
    alerts: PathBuf,
    /// How often n1 was killed while it told people.
    n1_kills: usize,
}

impl Trio {
    /// n1 with everything but an oracle, and, if `two` watch, n2 with a second log_watcher.
    ///
    /// Their logs are older than what a first patrol covers: it asks nobody.
    fn start(two: bool) -> Self {
        let mut swarm = Swarm::get().unwrap();
        let alerts = swarm.folder().join("alerts.log");
        let n1 = json!({ "children": [
            watcher("watcher-1", &write_logs(&swarm, "n1", FAILED[0])),
            {
                "universal_id": "alert-1", "name": "alert",
                "config": {
                    "channels": [{ "type": "file", "path": alerts }],
                    "cooldown_s": 0,
                },
            },
            { "universal_id": "router-1", "name": "rpc_router" },
        ] });
        let host = swarm.host("n1").unwrap();
        swarm.add("n1", host, &n1).unwrap();
        if two {
            let logs = write_logs(&swarm, "n2", FAILED[1]);
            let n2 = json!({ "children": [watcher("watcher-2", &logs)] });
            let host = swarm.host("n2").unwrap();
            swarm.add("n2", host, &n2).unwrap();
            swarm.wait_for_tree("n1", &["watcher-2"]).unwrap();
        }
        Self {
            swarm,
            alerts,
            n1_kills: 0,
        }
    }

    /// Adds n3 with an oracle, and waits until n1 sees it.
    fn add_oracle(&mut self, host: skep_tests_e2e::Host, config: &Value) {
        let directive = json!({ "children": [
            { "universal_id": "oracle-3", "name": "oracle", "config": config },
        ] });
        self.swarm.add("n3", host, &directive).unwrap();
        self.swarm.wait_for_tree("n1", &["oracle-3"]).unwrap();
    }

    /// The ids in the alert file, each of which must stand there once. A file is outside of the swarm:
    /// a line that was written when n1 was killed may be written again after it, under its id.
    fn alerts(&self) -> BTreeSet<String> {
        let text = fs::read_to_string(&self.alerts).unwrap_or_default();
        let ids: Vec<String> = text
            .lines()
            .map(|line| line.rsplit("id=").next().unwrap().to_owned())
            .collect();
        let once: BTreeSet<String> = ids.iter().cloned().collect();
        let n_again = ids.len() - once.len();
        assert!(n_again <= self.n1_kills, "an alert came twice:\n{text}");
        once
    }

    fn wait_for_alerts(&self, count: usize) {
        let come = until("the alerts", SOON, || {
            (self.alerts().len() >= count).then_some(())
        });
        assert!(
            come.is_ok(),
            "{count} alerts, and these came: {:?}",
            self.alerts()
        );
        assert_eq!(self.alerts().len(), count);
    }

    /// The person asks, and the test goes on.
    fn ask(&mut self) -> Process {
        let bundle = self.swarm.operator("pat", "operator").unwrap();
        let args = ["--as", &bundle, "--quiet", "--format", "json"];
        let digest = ["digest", "--collectors", "sshd,httpd", "--oracle"];
        self.swarm
            .person_starts("pat", &[args.as_slice(), digest.as_slice()].concat())
            .unwrap()
    }
}

fn write_logs(swarm: &Swarm, node: &str, failed: u64) -> Value {
    let path = |log: &str| swarm.folder().join(format!("{node}-{log}.log"));
    let sshd: String = (0..failed)
        .map(|port| {
            format!(
                "2026-11-20T10:00:0{port}.000000+00:00 {node} sshd[{}]: Failed password for root \
                 from 203.0.113.{port} port 40{port} ssh2\n",
                100 + port
            )
        })
        .collect();
    let httpd: String = (0..REQUESTS)
        .map(|second| {
            format!(
                "198.51.100.7 - - [20/Nov/2026:10:00:0{second} +0000] \"GET /{second} HTTP/1.1\" \
                 404 196 \"-\" \"curl\"\n"
            )
        })
        .collect();
    fs::write(path("sshd"), sshd).unwrap();
    fs::write(path("httpd"), httpd).unwrap();
    json!({ "sshd": { "paths": [path("sshd")] }, "httpd": { "paths": [path("httpd")] } })
}

fn watcher(id: &str, collectors: &Value) -> Value {
    json!({ "universal_id": id, "name": "log_watcher", "config": {
        "collectors": collectors, "enable_oracle": true, "oracle_timeout": ORACLE_TIMEOUT_S,
    } })
}

/// An oracle whose model is asked at `url`, and only then its built-in analysis.
fn modelled(url: &str) -> Value {
    json!({ "backends": [{
        "type": "openai",
        "url": format!("{url}/v1"),
        "model": "any",
        "timeout_s": ORACLE_TIMEOUT_S,
    }] })
}

/// The digests in what the CLI printed, with the counts that the logs hold.
fn digests(mut client: Process) -> Vec<Value> {
    let status = client.wait_end(SOON).unwrap();
    let output = client.output();
    let digests = documents(&output, "collectors").unwrap();
    let mut failed: Vec<u64> = digests
        .iter()
        .map(|digest| {
            assert_eq!(
                digest["collectors"]["httpd"]["totals"]["requests"],
                json!(REQUESTS)
            );
            digest["collectors"]["sshd"]["totals"]["failed"]
                .as_u64()
                .unwrap()
        })
        .collect();
    failed.sort_unstable();
    assert_eq!(failed, FAILED, "{status}: {output}");
    digests
}

#[test]
fn digests_with_an_analysis_come_from_both_watchers() {
    let mut trio = Trio::start(true);
    let host = trio.swarm.host("n3").unwrap();
    trio.add_oracle(host, &json!({}));
    let digests = digests(trio.ask());
    for digest in digests {
        let analysis = &digest["analysis"];
        assert!(analysis["report"]["summary"].is_string(), "{analysis}");
        assert_eq!(analysis["reason"], Value::Null, "{analysis}");
    }
}

#[test]
fn without_an_oracle_both_digests_come_with_the_reason_and_an_alert_for_each_question() {
    let mut trio = Trio::start(true);
    let digests = digests(trio.ask());
    for digest in digests {
        let analysis = &digest["analysis"];
        assert_eq!(analysis["report"], Value::Null, "{analysis}");
        let reason = analysis["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("hive.oracle"), "{analysis}");
    }
    trio.wait_for_alerts(2);
}

#[test]
fn an_oracle_that_dies_leaves_both_digests_with_the_reason_and_an_alert_for_each_question() {
    let mut trio = Trio::start(true);
    let host = trio.swarm.host("n3").unwrap();
    let mut silent = Silent::start(&host, trio.swarm.folder()).unwrap();
    trio.add_oracle(host, &modelled(silent.url()));
    let client = trio.ask();
    silent.wait_asked(2, SOON).unwrap();
    trio.swarm.kill("n3").unwrap();
    let digests = digests(client);
    let mut questions = BTreeSet::new();
    for digest in digests {
        let analysis = &digest["analysis"];
        assert_eq!(analysis["report"], Value::Null, "{analysis}");
        assert!(
            analysis["reason"]
                .as_str()
                .is_some_and(|why| !why.is_empty()),
            "{analysis}"
        );
        questions.insert(analysis["query_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(questions.len(), 2);
    trio.wait_for_alerts(2);
}

#[test]
fn an_asker_that_is_killed_settles_its_question_after_its_restart_with_one_alert() {
    let mut trio = Trio::start(false);
    let host = trio.swarm.host("n3").unwrap();
    let mut silent = Silent::start(&host, trio.swarm.folder()).unwrap();
    trio.add_oracle(host, &modelled(silent.url()));
    let _client = trio.ask();
    silent.wait_asked(1, SOON).unwrap();
    trio.swarm.kill("n1").unwrap();
    trio.swarm.start("n1").unwrap();
    trio.wait_for_alerts(1);
    // A second restart finds nothing open.
    trio.swarm.kill("n1").unwrap();
    trio.n1_kills += 1;
    trio.swarm.start("n1").unwrap();
    trio.swarm
        .wait_for_tree("n1", &["watcher-1", "oracle-3"])
        .unwrap();
    assert_eq!(trio.alerts().len(), 1);
}
