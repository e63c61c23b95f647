//! A real small language model as the oracle's backend.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::fs;

use serde_json::{Value, json};
use skep_tests_e2e::{Model, Network, Swarm, documents};

/// What reading a digest and writing a report may take a small model on one thread of a busy
/// machine; the bound of its question too.
const ORACLE_TIMEOUT_S: u64 = 240;

/// What a client of the model's own host sees; curl is not on every machine, Python is where the
/// model is.
const ASK: &str = r#"
import json, sys, urllib.request
body = {"messages": [{"role": "user", "content": "Say hum."}], "max_tokens": 8, "temperature": 0}
request = urllib.request.Request(sys.argv[1] + "/v1/chat/completions", json.dumps(body).encode(),
    {"Content-Type": "application/json", "Authorization": "Bearer " + sys.argv[2]})
print(json.load(urllib.request.urlopen(request, timeout=100))["choices"][0]["message"]["role"])
"#;

#[test]
fn the_model_answers_on_its_own_host_and_asks_for_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::get().unwrap();
    let host = network.host("oracle").unwrap();
    let model = Model::get(Some(&host), folder.path()).unwrap();
    let ask = |key: &str| {
        let mut command = host.command("python3");
        command
            .args(["-c", ASK, model.url(), key])
            .output()
            .unwrap()
    };
    let answer = ask(Model::KEY);
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout),
        "assistant\n",
        "{answer:?}"
    );
    assert!(!ask("another key").status.success());
}

#[test]
fn a_digest_is_analysed_by_the_model_or_the_report_says_why_not() {
    let mut swarm = Swarm::get().unwrap();
    let host = swarm.host("n1").unwrap();
    let model = Model::get(Some(&host), swarm.folder()).unwrap();
    let log = swarm.folder().join("auth.log");
    let lines: String = (0..20)
        .map(|port| {
            format!(
                "2026-11-20T10:00:{port:02}.000000+00:00 n1 sshd[{}]: Failed password for root from \
                 203.0.113.9 port 40{port:02} ssh2\n",
                100 + port
            )
        })
        .collect();
    fs::write(&log, lines).unwrap();
    let key = swarm.folder().join("model.key");
    fs::write(&key, Model::KEY).unwrap();
    let directive = json!({ "children": [
        { "universal_id": "watcher-1", "name": "log_watcher", "config": {
            "collectors": { "sshd": { "paths": [log] } },
            "enable_oracle": true,
            "oracle_timeout": ORACLE_TIMEOUT_S,
        } },
        { "universal_id": "oracle-1", "name": "oracle", "config": { "backends": [{
            "type": "openai",
            "url": format!("{}/v1", model.url()),
            "model": "smollm2",
            "api_key": { "$secret": format!("file:{}", key.display()) },
            "max_tokens": 200,
            "timeout_s": ORACLE_TIMEOUT_S,
        }] } },
        { "universal_id": "router-1", "name": "rpc_router" },
    ] });
    swarm.add("n1", host, &directive).unwrap();
    swarm
        .wait_for_tree("n1", &["watcher-1", "oracle-1"])
        .unwrap();
    let args = [
        "digest",
        "--collectors",
        "sshd",
        "--oracle",
        "--format",
        "json",
    ];
    let said = swarm.at("n1", &args).unwrap();
    let digest = documents(&said, "collectors").unwrap().remove(0);
    eprintln!("{digest:#}");
    assert_eq!(digest["collectors"]["sshd"]["totals"]["failed"], json!(20));
    let report = &digest["analysis"]["report"];
    assert!(
        report["summary"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{report}"
    );
    // A small model may write nonsense: then the built-in report says so, and is still an answer.
    match &report["degraded"] {
        Value::Null => assert!(
            report["backend"].as_str().unwrap().contains("smollm2"),
            "{report}"
        ),
        reason => assert!(
            !reason.as_str().unwrap().contains("401"),
            "the key was wrong: {report}"
        ),
    }
    // Whatever the model says of twenty failures from one address, it is not less than the built-in
    // analysis says.
    assert_ne!(report["severity"], json!("info"), "{report}");
}
