//! Real sshd, Apache and rsyslog, driven by real clients: every count of a digest is what the
//! clients did.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};
use skep_tests_e2e::{Apache, Root, Rsyslog, Skep, Sshd, Swarm, documents, table};

const ATTACKER: &str = "203.0.113.9";
const SCANNER: &str = "198.51.100.7";
const OFFICE: &str = "192.0.2.44";

/// What the clients did, told by the clients.
#[derive(Debug, Default)]
struct Deeds {
    accepted: u64,
    failed: u64,
    invalid_user: u64,
    probes: u64,
    /// Failures and probes by who they came from, and by who they were meant for.
    by_source: BTreeMap<String, (u64, u64)>,
    by_user: BTreeMap<String, (u64, u64)>,
}

/// One connection of a client.
#[derive(Debug, Clone, Copy)]
enum Deed {
    /// Gives a wrong password this many times.
    Fail(u32),
    /// Goes away before it tried anything.
    Probe,
    /// Logs in.
    Enter,
}

impl Deeds {
    fn add(&mut self, deed: Deed, from: &str, user: &str) {
        let (failed, probes) = match deed {
            Deed::Enter => {
                self.accepted += 1;
                return;
            }
            Deed::Fail(prompts) => (u64::from(prompts), 0),
            Deed::Probe => (0, 1),
        };
        self.failed += failed;
        self.probes += probes;
        if user.starts_with("no-") {
            self.invalid_user += failed + probes;
        }
        for (table, key) in [(&mut self.by_source, from), (&mut self.by_user, user)] {
            let row = table.entry(key.to_owned()).or_default();
            row.0 += failed;
            row.1 += probes;
        }
    }
}

fn act(root: &Root, sshd: &Sshd, deed: Deed, from: &str, user: &str) {
    match deed {
        Deed::Enter => assert!(sshd.log_in(root, from, user, "right", 1).unwrap()),
        Deed::Fail(prompts) => assert!(!sshd.log_in(root, from, user, "wrong", prompts).unwrap()),
        Deed::Probe => sshd.probe(root, from, user).unwrap(),
    }
}

fn drive_sshd(root: &Root, sshd: &Sshd) -> Deeds {
    let mut deeds = Deeds::default();
    let at_once = [
        (Deed::Fail(1), ATTACKER, "alice"),
        (Deed::Fail(1), ATTACKER, "alice"),
        (Deed::Fail(1), SCANNER, "no-admin"),
        (Deed::Fail(2), ATTACKER, "no-admin"),
        (Deed::Fail(2), SCANNER, "bob"),
        (Deed::Probe, SCANNER, "alice"),
        (Deed::Probe, SCANNER, "bob"),
        (Deed::Probe, ATTACKER, "no-oracle"),
        (Deed::Enter, OFFICE, "alice"),
        (Deed::Enter, OFFICE, "bob"),
    ];
    std::thread::scope(|scope| {
        for (deed, from, user) in at_once {
            deeds.add(deed, from, user);
            scope.spawn(move || act(root, sshd, deed, from, user));
        }
    });
    // Alone and in one connection: rsyslog folds the repeated line.
    deeds.add(Deed::Fail(3), ATTACKER, "alice");
    act(root, sshd, Deed::Fail(3), ATTACKER, "alice");
    deeds
}

/// Requests, and how many lines of the access log have each class of status.
fn drive_apache(root: &Root, apache: &Apache) -> BTreeMap<u16, u64> {
    let mut statuses = BTreeMap::new();
    let requests = [
        (OFFICE, "GET", "/"),
        (OFFICE, "GET", "/index.html"),
        (OFFICE, "OPTIONS", "/"),
        (SCANNER, "GET", "/wp-login.php"),
        (SCANNER, "GET", "/.env"),
        (SCANNER, "POST", "/wp-login.php"),
        (SCANNER, "GET", "/secret/"),
    ];
    for (from, method, path) in requests {
        let status = apache.request(root, from, method, path).unwrap();
        *statuses.entry(status).or_default() += 1;
    }
    apache.settle(requests.len()).unwrap();
    statuses
}

fn compare_sshd(sshd: &Value, deeds: &Deeds, lines: usize) {
    assert_eq!(sshd["lines_read"], json!(lines), "{sshd}");
    let totals = &sshd["totals"];
    let expected = [
        ("failed", deeds.failed),
        ("accepted", deeds.accepted),
        ("invalid_user", deeds.invalid_user),
        ("probes", deeds.probes),
    ];
    for (name, count) in expected {
        assert_eq!(totals[name], json!(count), "{name} in {totals}");
    }
    assert_eq!(
        table(sshd, "by_source", "source.address", "probes"),
        deeds.by_source
    );
    assert_eq!(table(sshd, "by_user", "user.name", "probes"), deeds.by_user);
}

fn digest_is_what_clients_did(template: &str) {
    let skep = Skep::get().unwrap();
    let root = Root::get().unwrap();
    root.add_addresses(&[ATTACKER, SCANNER, OFFICE]).unwrap();
    for user in ["alice", "bob"] {
        root.add_user(user, "right").unwrap();
    }
    let rsyslog = Rsyslog::start(&root, template).unwrap();
    let sshd = Sshd::start(&root).unwrap();
    let apache = Apache::start(&root).unwrap();
    let deeds = drive_sshd(&root, &sshd);
    let statuses = drive_apache(&root, &apache);
    rsyslog.settle(&root, "the-last-line").unwrap();

    let text = rsyslog.text();
    let sources = [
        format!("sshd={}", rsyslog.file().display()),
        format!("httpd={}", apache.access_log().display()),
    ];
    let args = [
        "digest",
        "--offline",
        &sources[0],
        &sources[1],
        "--format",
        "json",
    ];
    eprintln!("{text}");
    let digest = skep.json(None, &args).unwrap();
    eprintln!("{digest:#}");
    compare_sshd(&digest["collectors"]["sshd"], &deeds, text.lines().count());
    compare_httpd(&digest["collectors"]["httpd"], &statuses);

    let live = live_digest(rsyslog.file(), apache.access_log());
    compare_sshd(&live["collectors"]["sshd"], &deeds, text.lines().count());
    compare_httpd(&live["collectors"]["httpd"], &statuses);
}

/// The digest of the same files from a running node.
fn live_digest(auth: &Path, access: &Path) -> Value {
    let mut swarm = Swarm::get().unwrap();
    let collectors = json!({ "sshd": { "paths": [auth] }, "httpd": { "paths": [access] } });
    let directive = json!({ "children": [
        { "universal_id": "watcher-1", "name": "log_watcher", "config": { "collectors": collectors } },
        { "universal_id": "router-1", "name": "rpc_router" },
    ] });
    let host = swarm.host("n1").unwrap();
    swarm.add("n1", host, &directive).unwrap();
    let args = ["digest", "--collectors", "sshd,httpd", "--format", "json"];
    let said = swarm.at("n1", &args).unwrap();
    let digests = documents(&said, "collectors").unwrap();
    assert_eq!(digests.len(), 1, "{said}");
    digests[0].clone()
}

fn compare_httpd(httpd: &Value, statuses: &BTreeMap<u16, u64>) {
    let requests: u64 = statuses.values().sum();
    assert_eq!(httpd["lines_read"], json!(requests));
    let class = |class: u16| -> u64 {
        statuses
            .iter()
            .filter(|(status, _)| **status / 100 == class)
            .map(|(_, count)| count)
            .sum()
    };
    let totals = &httpd["totals"];
    assert_eq!(totals["requests"], json!(requests), "{totals}");
    assert_eq!(totals["status_4xx"], json!(class(4)), "{totals}");
}

#[test]
fn counts_under_traditional_heads_are_what_clients_did() {
    digest_is_what_clients_did("RSYSLOG_TraditionalFileFormat");
}

#[test]
fn counts_under_precise_heads_are_what_clients_did() {
    digest_is_what_clients_did("RSYSLOG_FileFormat");
}

/// What a user types, with passwords on standard input.
fn types(root: &Root, user: &str, script: &str) {
    let script = format!("({script}) >/dev/null 2>&1 || true");
    root.run("runuser", &["-u", user, "--", "sh", "-c", &script])
        .unwrap();
}

#[test]
fn commands_and_wrong_passwords_of_sudo_and_su_are_what_users_did() {
    let skep = Skep::get().unwrap();
    let root = Root::get().unwrap();
    for user in ["alice", "bob"] {
        root.add_user(user, "right").unwrap();
    }
    let allow = "echo 'alice ALL=(ALL) ALL' > /etc/sudoers.d/test && chmod 440 /etc/sudoers.d/test";
    root.run("sh", &["-c", allow]).unwrap();
    let rsyslog = Rsyslog::start(&root, "RSYSLOG_TraditionalFileFormat").unwrap();
    types(&root, "alice", "echo right | sudo -k -S id");
    types(&root, "alice", "printf 'wrong\\nright\\n' | sudo -k -S id");
    types(
        &root,
        "alice",
        "printf 'wrong\\nwrong\\nwrong\\n' | sudo -k -S id",
    );
    // Asked for nothing and told no: not a command, nor a wrong password.
    types(&root, "alice", "sudo -k -n id");
    // May not use it at all, which is told only after the password.
    types(&root, "bob", "echo right | sudo -k -S id");
    types(
        &root,
        "alice",
        "echo right | sudo -k -S echo 'x ; COMMAND=/bin/fake' ': 3 incorrect password attempts ; TTY=x'",
    );
    types(&root, "alice", "echo right | su -c id bob");
    types(&root, "alice", "echo wrong | su -c id bob");
    rsyslog.settle(&root, "the-last-line").unwrap();
    eprintln!("{}", rsyslog.text());

    let source = format!("sudo={}", rsyslog.file().display());
    let args = ["digest", "--offline", &source, "--format", "json"];
    let digest = skep.json(None, &args).unwrap();
    let sudo = &digest["collectors"]["sudo"];
    assert_eq!(
        sudo["totals"],
        json!({ "commands": 4, "failed": 5 }),
        "{sudo}"
    );
    let rows = sudo["by_user"].as_array().unwrap();
    let rows: Vec<&Value> = rows.iter().map(|row| &row["user.name"]).collect();
    assert_eq!(rows, [&json!("alice")], "{sudo}");
}
