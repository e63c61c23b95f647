//! What hosts of a swarm report becomes one case, is told once, and is found on the command line,
//! though the node that makes cases is killed twice meanwhile.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command, time::Duration};

use serde_json::{Value, json};
use skep_tests_e2e::{Swarm, documents, until};

/// What anything that crosses the swarm may take here, on a busy machine.
const SOON: Duration = Duration::from_secs(90);

const ATTACKER: &str = "203.0.113.9";

/// A stamp of five minutes ago: what is older than a first patrol covers would be no news.
fn stamp() -> String {
    let args = ["--utc", "--iso-8601=seconds", "--date=5 minutes ago"];
    let output = Command::new("date").args(args).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Synthetic lines of `host`, all of one moment.
fn write_log(swarm: &Swarm, host: &str, service: &str, lines: &[String]) -> PathBuf {
    let path = swarm.folder().join(format!("{host}-{service}.log"));
    let head = format!("{} {host} ", stamp());
    let text: String = lines.iter().map(|line| format!("{head}{line}\n")).collect();
    fs::write(&path, text).unwrap();
    path
}

/// The attacker at a mail host: ten times at SMTP, thirteen times at IMAP, then banned.
fn mail_logs(swarm: &Swarm) -> Value {
    let smtp: Vec<String> = (0..10)
        .map(|n| {
            format!(
                "postfix/smtpd[{n}]: warning: unknown[{ATTACKER}]: SASL LOGIN authentication \
                 failed: authentication failure"
            )
        })
        .collect();
    let imap: Vec<String> = (0..13)
        .map(|n| {
            format!(
                "dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): \
                 user=<bob>, method=PLAIN, rip={ATTACKER}, lip=192.0.2.1, session=<s{n}>"
            )
        })
        .collect();
    let ban = format!("fail2ban.actions[1]: NOTICE [mail] Ban {ATTACKER}");
    json!({
        "postfix": { "paths": [write_log(swarm, "n2", "postfix", &smtp)] },
        "dovecot": { "paths": [write_log(swarm, "n2", "dovecot", &imap)] },
        "fail2ban": { "paths": [write_log(swarm, "n2", "fail2ban", &[ban])] },
    })
}

/// The same attacker at a shell, and in.
fn attack_shell(swarm: &Swarm) -> PathBuf {
    let mut lines: Vec<String> = (0..30)
        .map(|n| format!("sshd[{n}]: Failed password for root from {ATTACKER} port 40{n} ssh2"))
        .collect();
    lines.push(format!(
        "sshd[99]: Accepted password for ann from {ATTACKER} port 4099 ssh2"
    ));
    write_log(swarm, "n3", "sshd", &lines)
}

fn watcher(collectors: &Value, patrol_interval_hours: f64) -> Value {
    json!({ "children": [{ "universal_id": "watcher", "name": "log_watcher", "config": {
        "collectors": collectors, "report_to_role": "hive.forensics.data_feed",
        "patrol_interval_hours": patrol_interval_hours,
    } }] })
}

/// How often each line stands in the alert file, without its time.
fn told(path: &PathBuf) -> BTreeMap<String, usize> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut lines = BTreeMap::new();
    for line in text.lines() {
        let (_, told) = line.split_once(' ').unwrap_or_default();
        *lines.entry(told.to_owned()).or_default() += 1;
    }
    lines
}

fn wait_until_told(path: &PathBuf, n_lines: usize) {
    let told_all = until("what is told", SOON, || {
        (told(path).len() >= n_lines).then_some(())
    });
    assert!(
        told_all.is_ok(),
        "{n_lines} lines, and these came: {:#?}",
        told(path)
    );
}

/// The cases that the CLI lists at n1.
fn cases(swarm: &mut Swarm, args: &[&str]) -> Vec<Value> {
    let args = [&["cases", "--format", "json"], args].concat();
    let found = documents(&swarm.at("n1", &args).unwrap(), "cases").unwrap();
    found[0]["cases"].as_array().unwrap().clone()
}

/// The only one, once it has the severity.
fn only_case(swarm: &mut Swarm, severity: &str) -> String {
    let mut found = Vec::new();
    let seen = until("the case", SOON, || {
        found = cases(swarm, &[]);
        let only = found.first().filter(|_| found.len() == 1)?;
        (only["severity"] == severity).then(|| only["id"].as_str().unwrap().to_owned())
    });
    seen.unwrap_or_else(|error| panic!("{error:#}: {found:#?}"))
}

#[test]
fn three_services_and_two_hosts_are_one_case_told_once_though_its_node_is_killed() {
    let mut swarm = Swarm::get().unwrap();
    let alerts = swarm.folder().join("alerts.log");
    let n1 = json!({ "children": [
        { "universal_id": "detective", "name": "forensic_detective" },
        { "universal_id": "oracle", "name": "oracle" },
        { "universal_id": "alert", "name": "alert", "config": {
            "channels": [{ "type": "file", "path": alerts }], "cooldown_s": 0,
        } },
    ] });
    let host = swarm.host("n1").unwrap();
    swarm.add("n1", host, &n1).unwrap();
    let collectors = mail_logs(&swarm);
    let host = swarm.host("n2").unwrap();
    swarm.add("n2", host, &watcher(&collectors, 1.0)).unwrap();
    wait_until_told(&alerts, 1);
    let id = only_case(&mut swarm, "warning");
    let short: String = id.chars().take(8).collect();
    check_story(&mut swarm, &short);
    // Who reports while nobody makes cases waits; who was told already is not told again.
    let quiet = write_log(&swarm, "n3", "sshd", &[]);
    let host = swarm.host("n3").unwrap();
    let collectors = json!({ "sshd": { "paths": [quiet] } });
    swarm.add("n3", host, &watcher(&collectors, 0.001)).unwrap();
    swarm.kill("n1").unwrap();
    attack_shell(&swarm);
    let patrolled = until("n3's patrol", SOON, || {
        let said = swarm.output("n3");
        said.contains("patrol done seq=2 lines=31").then_some(())
    });
    patrolled.unwrap();
    swarm.start("n1").unwrap();
    assert_eq!(only_case(&mut swarm, "critical"), id);
    wait_until_told(&alerts, 2);
    swarm.kill("n1").unwrap();
    swarm.start("n1").unwrap();
    assert_eq!(only_case(&mut swarm, "critical"), id);
    let lines = told(&alerts);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines.keys().all(|line| line.ends_with(&format!("id={id}"))),
        "{lines:#?}"
    );
    // A line of a file may stand twice where its writer was killed, and twice it was.
    assert!(lines.values().all(|&n| n <= 2), "{lines:#?}");
    check_cli(&mut swarm, &id, &short);
}

/// What one source did at a mail host, as the CLI shows it.
fn check_story(swarm: &mut Swarm, short: &str) {
    // The ban is the mildest and comes last.
    let story = |swarm: &mut Swarm| swarm.at("n1", &["cases", short]).unwrap();
    let whole = until("the ban", SOON, || {
        let text = story(swarm);
        text.contains("fail2ban: ban from 203.0.113.9")
            .then_some(text)
    });
    let whole = whole.unwrap_or_else(|error| panic!("{error:#}: {}", story(swarm)));
    for part in [
        "203.0.113.9 tried to get into n2 by several services: dovecot (13), postfix (10); it was \
         banned on n2.",
        "n2  postfix: brute force from 203.0.113.9, 10 times",
        "n2  dovecot: brute force from 203.0.113.9, 13 times",
        "SASL LOGIN authentication failed",
        "(by builtin)",
    ] {
        assert!(whole.contains(part), "{part}\n{whole}");
    }
}

/// What people ask for.
fn check_cli(swarm: &mut Swarm, id: &str, short: &str) {
    for (args, n_found) in [
        (["--search", ATTACKER], 1),
        (["--search", "ann brute_force SASL"], 1),
        (["--search", "198.51.100.1"], 0),
        (["--state", "open"], 1),
        (["--state", "closed"], 0),
        (["--since", "1h"], 1),
        (["--since", "1m"], 0),
    ] {
        assert_eq!(cases(swarm, &args).len(), n_found, "{args:?}");
    }
    let list = swarm.at("n1", &["cases"]).unwrap();
    assert!(list.contains(short) && list.contains("on n2, n3"), "{list}");
    let one = swarm.at("n1", &["cases", id, "--format", "json"]).unwrap();
    let one = &documents(&one, "timeline").unwrap()[0];
    assert_eq!(one["cause"]["rule"], "break_in");
    assert_eq!(one["users"], json!(["ann"]));
    let missing = swarm.at("n1", &["cases", "00000000"]).unwrap_err();
    assert!(
        format!("{missing:#}").contains("there is no such case"),
        "{missing:#}"
    );
}
