//! What stands on one host beside mail: nginx, cron, dpkg and apt, an sshd that takes keys only.
//! Counted from files under syslog-ng, and from a real journal that a node finds by itself.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde_json::{Value, json};
use skep_tests_e2e::{Cron, Dpkg, Journal, Nginx, Root, Skep, Sshd, SyslogNg, table, until};

const ATTACKER: &str = "203.0.113.9";
const SCANNER: &str = "198.51.100.7";
const OFFICE: &str = "192.0.2.44";

/// What a job, a node's start or its answer may take here, on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// What was done: the totals of each collector, and the rows of some tables.
struct Done {
    totals: BTreeMap<&'static str, Value>,
    by_source: BTreeMap<String, (u64, u64)>,
    runs_by_user: BTreeMap<String, (u64, u64)>,
}

/// Who has no key leaves no `Failed` line at all: how connections end is all there is.
fn drive_sshd(root: &Root, done: &mut Done) {
    let sshd = Sshd::start_keys_only(root, "alice").unwrap();
    let strangers = [
        (ATTACKER, "alice"),
        (ATTACKER, "alice"),
        (SCANNER, "bob"),
        (ATTACKER, "no-admin"),
    ];
    for (from, user) in strangers {
        assert!(!sshd.log_in_by_key(root, from, user, false).unwrap());
        done.by_source.entry(from.to_owned()).or_default().1 += 1;
    }
    assert!(sshd.log_in_by_key(root, OFFICE, "alice", true).unwrap());
    done.totals.insert(
        "sshd",
        json!({ "failed": 0, "accepted": 1, "invalid_user": 1, "probes": strangers.len() }),
    );
}

fn drive_cron(root: &Root, logger: &SyslogNg, done: &mut Done) {
    let jobs = [
        ("root", "/bin/true '(bob) CMD (fake)'"),
        ("alice", "/bin/true"),
        ("alice", "/bin/echo hello >/dev/null"),
    ];
    let cron = Cron::start(root, &jobs).unwrap();
    // Each has a line of its own, and the first says it twice.
    until("cron's jobs", SOON, || {
        (logger.text().matches(") CMD (").count() > jobs.len()).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}", logger.text()));
    drop(cron);
    done.totals.insert("cron", json!({ "runs": jobs.len() }));
    done.runs_by_user = [("root".to_owned(), (1, 0)), ("alice".to_owned(), (2, 0))].into();
}

fn drive_nginx(root: &Root, nginx: &Nginx, done: &mut Done) {
    let mut n_of = BTreeMap::from([(200, 0), (404, 0)]);
    let requests = [
        (OFFICE, "/"),
        (OFFICE, "/index.html"),
        (SCANNER, "/.env"),
        (SCANNER, "/wp-login.php"),
        (SCANNER, "/a%0ab"),
    ];
    for (from, path) in requests {
        let status = nginx.request(root, from, path).unwrap();
        *n_of.get_mut(&status).unwrap() += 1;
    }
    nginx.settle(requests.len()).unwrap();
    done.totals.insert(
        "httpd",
        json!({
            "requests": requests.len(), "status_2xx": n_of[&200], "status_3xx": 0,
            "status_4xx": n_of[&404], "status_5xx": 0,
            // nginx logs one for each file that is not there.
            "errors": n_of[&404],
        }),
    );
}

/// By dpkg alone and by apt, which has dpkg do it: both write of the same changes.
fn drive_packages(dpkg: &Dpkg<'_>, done: &mut Done) {
    let [old, new, other] = [
        ("skep-tool", "1.0"),
        ("skep-tool", "2.0"),
        ("skep-other", "1.0"),
    ]
    .map(|(name, version)| dpkg.build(name, version).unwrap());
    dpkg.run("dpkg", &["--install", &old]).unwrap();
    dpkg.run("apt-get", &["-q", "-y", "install", &new, &other])
        .unwrap();
    dpkg.run("dpkg", &["--remove", "skep-tool"]).unwrap();
    dpkg.run("apt-get", &["-q", "-y", "purge", "skep-other"])
        .unwrap();
    let totals = json!({ "installed": 2, "upgraded": 1, "removed": 2 });
    done.totals.insert("packages", totals);
}

/// Holds what a digest says against what was done; `bytes` of requests nobody counted here.
fn compare(digest: &Value, done: &Done, names: &[&str]) {
    for name in names {
        let mut totals = digest["collectors"][name]["totals"].clone();
        if let Some(totals) = totals.as_object_mut() {
            totals.remove("bytes");
        }
        assert_eq!(totals, done.totals[name], "{name} in {digest:#}");
    }
    let (sshd, cron) = (&digest["collectors"]["sshd"], &digest["collectors"]["cron"]);
    assert_eq!(
        table(sshd, "by_source", "source.address", "probes"),
        done.by_source
    );
    assert_eq!(table(cron, "by_user", "user.name", "-"), done.runs_by_user);
}

fn source(collector: &str, path: &Path) -> String {
    format!("{collector}={}", path.display())
}

#[test]
fn counts_of_a_host_are_what_was_done_in_its_files_and_in_its_journal() {
    let skep = Skep::get().unwrap();
    let root = Root::get().unwrap();
    root.add_addresses(&[ATTACKER, SCANNER, OFFICE]).unwrap();
    for user in ["alice", "bob"] {
        root.add_user(user, "right").unwrap();
    }
    let logger = SyslogNg::start(&root).unwrap();
    let nginx = Nginx::start(&root).unwrap();
    let dpkg = Dpkg::start(&root).unwrap();
    let mut done = Done {
        totals: BTreeMap::new(),
        by_source: BTreeMap::new(),
        runs_by_user: BTreeMap::new(),
    };
    drive_sshd(&root, &mut done);
    drive_cron(&root, &logger, &mut done);
    drive_nginx(&root, &nginx, &mut done);
    drive_packages(&dpkg, &mut done);
    logger.settle(&root, "the-last-line").unwrap();
    eprintln!("{}", logger.text());

    let changes = dpkg.logs().unwrap();
    for access in nginx.access_logs() {
        let mut sources = vec![
            source("sshd", logger.file()),
            source("cron", logger.file()),
            source("httpd", &access),
            source("httpd", &nginx.error_log()),
        ];
        sources.extend(changes.iter().map(|log| source("packages", log)));
        let mut args = vec!["digest", "--offline", "--format", "json"];
        args.extend(sources.iter().map(String::as_str));
        let digest = skep.json(None, &args).unwrap();
        compare(&digest, &done, &["sshd", "cron", "httpd", "packages"]);
    }

    let mut journal = Journal::new();
    for fact in logger.facts() {
        journal.entry(fact.unix_us, &fact.program, fact.pid, &fact.message);
    }
    journal.install(&root).unwrap();
    let digest = digest_inside(&root);
    compare(&digest, &done, &["sshd", "cron"]);
    for name in ["sshd", "cron"] {
        let sources = &digest["collectors"][name]["coverage"]["sources"];
        assert_eq!(sources[0]["source"], "journal", "{sources}");
    }
}

/// The digest of a node that runs inside the root and is told no paths.
fn digest_inside(root: &Root) -> Value {
    let binary = std::env::var("SKEP_BIN").unwrap();
    let directive = json!({ "universal_id": "watcher-1", "name": "log_watcher", "config": {
        "collectors": ["sshd", "cron"],
    } });
    let directive = root
        .write("directive.json", &directive.to_string())
        .unwrap();
    let home = root.shared().join("home").display().to_string();
    let directive = directive.display().to_string();
    let args = ["--home", &home, "up", "--directive", &directive];
    let mut node = root.spawn(None, &binary, &args).unwrap();
    let args = [
        "10", &binary, "--home", &home, "digest", "--since", "2d", "--format", "json",
    ];
    let said = until("a digest of the journal", SOON, || {
        root.run("timeout", &args).ok()
    });
    let said = said.unwrap_or_else(|error| panic!("{error:#}\n{}", node.output()));
    assert!(!node.ended(), "{}", node.output());
    let found = skep_tests_e2e::documents(&said, "collectors").unwrap();
    assert_eq!(found.len(), 1, "{said}");
    found[0].clone()
}
