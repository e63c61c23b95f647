//! A real Postfix delivers what the alert agent tells people.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::time::Duration;

use serde_json::json;
use skep_tests_e2e::{Postfix, Root, Swarm};

/// What a mail may take here, on a busy machine: a node's start, its patrol, its search for an oracle.
const SOON: Duration = Duration::from_secs(90);

#[test]
fn a_patrol_that_finds_no_oracle_is_told_by_mail() {
    let root = Root::get().unwrap();
    let mut swarm = Swarm::get().unwrap();
    let mail_host = swarm.host("mail").unwrap();
    let postfix = Postfix::start(&root, Some(&mail_host)).unwrap();
    // Old lines would be no news, and a patrol asks about news only.
    let now = root.run("date", &["--iso-8601=seconds"]).unwrap();
    let line = "n1 sshd[7]: Failed password for root from 203.0.113.7 port 4007 ssh2";
    let log = root
        .write("auth.log", &format!("{} {line}\n", now.trim()))
        .unwrap();
    let directive = json!({ "children": [
        { "universal_id": "watcher-1", "name": "log_watcher", "config": {
            "collectors": { "sshd": { "paths": [log] } },
            "enable_oracle": true,
        } },
        { "universal_id": "alert-1", "name": "alert", "config": { "channels": [{
            "type": "smtp",
            "server": mail_host.address(),
            "port": Postfix::PORT,
            "from": "hive@mail.test",
            "to": [Postfix::RECIPIENT],
        }] } },
    ] });
    let host = swarm.host("n1").unwrap();
    swarm.add("n1", host, &directive).unwrap();
    let mailbox = postfix.wait_for("Subject: ", SOON).unwrap();
    assert!(mailbox.contains("no oracle to ask"), "{mailbox}");
    assert!(mailbox.contains("Message-ID: "), "{mailbox}");
    assert!(mailbox.contains("From: hive@mail.test"), "{mailbox}");
    assert_eq!(mailbox.matches("Subject: ").count(), 1, "{mailbox}");
}
