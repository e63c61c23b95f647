//! A real Postfix delivers what the alert agent tells people, and each day's digest.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};
use skep_tests_e2e::{Dovecot, Postfix, Root, Swarm, until};

/// What a mail may take here, on a busy machine: a node's start, its patrol, its search for an oracle.
const SOON: Duration = Duration::from_secs(90);

/// Failed logins in the log, and one that was good.
const FAILED: usize = 3;

/// A log of five minutes ago: old lines would be no news, and a patrol asks about news only.
fn write_log(root: &Root) -> String {
    let time = date(root, "--iso-8601=seconds", "5 minutes ago");
    let line = |text: &str| format!("{time} n1 sshd[7]: {text} from 203.0.113.7 port 4007 ssh2\n");
    let mut log = line("Failed password for root").repeat(FAILED);
    log += &line("Accepted publickey for ann");
    root.write("auth.log", &log).unwrap().display().to_string()
}

fn date(root: &Root, format: &str, when: &str) -> String {
    let said = root.run("date", &["--utc", format, &format!("--date={when}")]);
    said.unwrap().trim().to_owned()
}

fn directive(log: &str, letter_at: Option<&str>, channel: &Value) -> Value {
    let mut watcher = json!({
        "collectors": { "sshd": { "paths": [log] } },
        "enable_oracle": true,
    });
    if let Some(at) = letter_at {
        watcher["mail_digest"] = json!({ "at": at });
    }
    json!({ "children": [
        { "universal_id": "watcher-1", "name": "log_watcher", "config": watcher },
        { "universal_id": "alert-1", "name": "alert", "config": { "channels": [channel] } },
    ] })
}

fn channel(server: &str) -> Value {
    json!({
        "type": "smtp",
        "server": server,
        "port": Postfix::PORT,
        "from": "hive@mail.test",
        "to": [Postfix::RECIPIENT],
    })
}

#[test]
fn a_patrol_that_finds_no_oracle_is_told_by_mail() {
    let root = Root::get().unwrap();
    let mut swarm = Swarm::get().unwrap();
    let mail_host = swarm.host("mail").unwrap();
    let postfix = Postfix::start(&root, Some(&mail_host)).unwrap();
    let log = write_log(&root);
    let directive = directive(&log, None, &channel(mail_host.address()));
    let host = swarm.host("n1").unwrap();
    swarm.add("n1", host, &directive).unwrap();
    let mailbox = postfix.wait_for("Subject: ", SOON).unwrap();
    assert!(mailbox.contains("no oracle to ask"), "{mailbox}");
    assert!(mailbox.contains("Message-ID: "), "{mailbox}");
    assert!(mailbox.contains("From: hive@mail.test"), "{mailbox}");
    assert_eq!(mailbox.matches("Subject: ").count(), 1, "{mailbox}");
}

#[test]
fn an_alert_and_the_days_digest_come_through_tls_with_a_login() {
    let root = Root::get().unwrap();
    let mut swarm = Swarm::get().unwrap();
    let mail_host = swarm.host("mail").unwrap();
    let _dovecot = Dovecot::start(&root, &["skep"], "hunter2 and more").unwrap();
    let postfix = Postfix::start_secure(&root, &mail_host).unwrap();
    let secret = root.write("smtp.password", "hunter2 and more").unwrap();
    let mut channel = channel(mail_host.address());
    channel["username"] = json!("skep");
    channel["password"] = json!({ "$secret": format!("file:{}", secret.display()) });
    channel["ca_file"] = json!(Postfix::certificate(&root));
    let log = write_log(&root);
    // A letter is due from the first start on: not the one of three hours ago.
    let long_ago = date(&root, "+%H:%M", "3 hours ago");
    let first = directive(&log, Some(&long_ago), &channel);
    let host = swarm.host("n1").unwrap();
    swarm.add("n1", host, &first).unwrap();
    let mailbox = postfix.wait_for("Subject: ", SOON).unwrap();
    assert!(mailbox.contains("no oracle to ask"), "{mailbox}");
    // One that was due while the node was down is.
    swarm.kill("n1").unwrap();
    let just_now = date(&root, "+%H:%M", "1 minute ago");
    let second = directive(&log, Some(&just_now), &channel);
    fs::write(swarm.folder().join("n1.json"), second.to_string()).unwrap();
    swarm.start("n1").unwrap();
    let letter = wait_for_letter(&root, &postfix);
    check_letter(&letter);
    // Postfix itself says how both came.
    let mails = postfix.mails(&root).unwrap();
    assert_eq!(mails.len(), 2, "{mails:#?}");
    for mail in &mails {
        assert!(
            mail["received"].as_str().unwrap().contains("ESMTPSA"),
            "{mail:#}"
        );
    }
    let said = fs::read_to_string(postfix.log()).unwrap();
    assert_eq!(said.matches("sasl_username=skep").count(), 2, "{said}");
    assert_no_secret(swarm.folder(), "hunter2");
}

fn wait_for_letter(root: &Root, postfix: &Postfix) -> Value {
    let is_letter = |mail: &Value| {
        mail["subject"]
            .as_str()
            .is_some_and(|s| s.contains("Digest of"))
    };
    let letter = until("the letter", SOON, || {
        let mails = postfix.mails(root).ok()?;
        mails.into_iter().find(is_letter)
    });
    letter.unwrap_or_else(|error| panic!("{error:#}\n{}", postfix.mailbox()))
}

/// Its counts are those of the log, in the text as in the page.
fn check_letter(letter: &Value) {
    assert_eq!(letter["type"], "multipart/alternative", "{letter:#}");
    let subject = letter["subject"].as_str().unwrap();
    assert!(subject.contains("Digest of n1: "), "{subject}");
    let headline = format!("{FAILED} failed, 1 accepted, 0 for unknown users, 0 probes");
    for kind in ["text/plain", "text/html"] {
        let text = letter["parts"][kind].as_str().unwrap();
        assert!(
            text.contains(&headline) && text.contains("203.0.113.7"),
            "{text}"
        );
    }
}

/// What a node prints and keeps in the clear holds no password.
fn assert_no_secret(folder: &Path, secret: &str) {
    let printed = fs::read(folder.join("n1.out")).unwrap();
    let printed = String::from_utf8_lossy(&printed);
    assert!(!printed.contains(secret), "{printed}");
}
