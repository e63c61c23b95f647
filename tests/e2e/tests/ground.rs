//! The tests' own ground holds: daemons log, hosts reach each other, the machine is untouched.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{fs, path::Path, time::Duration};

use skep_tests_e2e::{
    Apache, Journal, Network, Postfix, Process, Root, Rsyslog, Snapshot, Sshd, until,
};

const USER: &str = "groundskeeper";

#[test]
fn daemons_log_what_clients_do_and_the_machine_is_untouched() {
    let before = Snapshot::of_host().unwrap();
    let root = Root::get().unwrap();
    root.add_addresses(&["203.0.113.9"]).unwrap();
    root.add_user(USER, "right").unwrap();
    let rsyslog = Rsyslog::start(&root, "RSYSLOG_TraditionalFileFormat").unwrap();
    let sshd = Sshd::start(&root).unwrap();
    let apache = Apache::start(&root).unwrap();

    assert!(sshd.log_in(&root, "203.0.113.9", USER, "right", 1).unwrap());
    assert!(!sshd.log_in(&root, "203.0.113.9", USER, "wrong", 2).unwrap());
    sshd.probe(&root, "203.0.113.9", "nobody-here").unwrap();
    assert_eq!(
        apache.request(&root, "203.0.113.9", "GET", "/").unwrap(),
        200
    );
    assert_eq!(
        apache
            .request(&root, "203.0.113.9", "GET", "/secret/")
            .unwrap(),
        403
    );
    apache.settle(2).unwrap();
    rsyslog.settle(&root, "ground-mark").unwrap();

    let log = rsyslog.text();
    assert!(
        log.contains(&format!("Accepted password for {USER} from 203.0.113.9")),
        "{log}"
    );
    assert!(
        log.contains(&format!("Failed password for {USER} from 203.0.113.9")),
        "{log}"
    );
    assert!(
        log.contains("by invalid user nobody-here 203.0.113.9"),
        "{log}"
    );

    let after = Snapshot::of_host().unwrap();
    assert_eq!(before.changed(&after), Vec::<&Path>::new());
    assert!(before.len() > 100, "the listing of /etc is no listing");
    assert!(!fs::read_to_string("/etc/passwd").unwrap().contains(USER));
}

#[test]
fn all_that_ran_in_a_root_ends_with_it() {
    let root = Root::get().unwrap();
    let args = ["-c", "setsid sleep 86399 & sleep 86399"];
    let mut process = root.spawn(None, "/bin/sh", &args).unwrap();
    let sleepers = || {
        fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| fs::read(entry.unwrap().path().join("cmdline")).ok())
            .filter(|line| line == b"sleep\086399\0")
            .count()
    };
    process
        .wait_until("two sleepers", Duration::from_secs(10), || sleepers() == 2)
        .unwrap();
    drop(root);
    until("no sleeper", Duration::from_secs(10), || {
        (sleepers() == 0).then_some(())
    })
    .unwrap();
}

#[test]
fn hosts_reach_each_other_until_the_link_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::get().unwrap();
    let (one, two) = (network.host("one").unwrap(), network.host("two").unwrap());
    assert_eq!((one.address(), two.address()), ("10.77.0.1", "10.77.0.2"));
    let mut server = one.command("python3");
    server.args(["-um", "http.server", "--bind", one.address(), "8000"]);
    server.current_dir(folder.path());
    let mut server = Process::spawn("server", server, folder.path()).unwrap();
    server
        .wait_for("Serving HTTP", Duration::from_secs(20))
        .unwrap();
    let fetch = || {
        let probe = format!("exec 3<>/dev/tcp/{}/8000", one.address());
        let mut command = two.command("timeout");
        command
            .args(["2", "bash", "-c", &probe])
            .status()
            .unwrap()
            .success()
    };
    assert!(fetch());
    two.set_link(false).unwrap();
    assert!(!fetch());
    two.set_link(true).unwrap();
    until("the link", Duration::from_secs(10), || {
        fetch().then_some(())
    })
    .unwrap();
}

#[test]
fn postfix_delivers_to_a_mailbox_the_test_reads() {
    let root = Root::get().unwrap();
    let postfix = Postfix::start(&root, None).unwrap();
    let letter = root
        .write(
            "letter",
            "From: hive@mail.test\nTo: watch@mail.test\nSubject: ground\n\nhum\n",
        )
        .unwrap();
    let url = format!("smtp://127.0.0.1:{}", Postfix::PORT);
    let letter = letter.to_string_lossy();
    let args = [
        "-s",
        "--mail-from",
        "hive@mail.test",
        "--mail-rcpt",
        Postfix::RECIPIENT,
        "-T",
    ];
    root.run("curl", &[&args[..], &[&letter, &url]].concat())
        .unwrap();
    let mailbox = postfix
        .wait_for("Subject: ground", Duration::from_secs(30))
        .unwrap();
    assert!(mailbox.contains("\nhum\n"), "{mailbox}");
}

#[test]
fn a_journal_is_read_back_by_journalctl() {
    let root = Root::get().unwrap();
    let mut journal = Journal::new();
    journal.entry(
        1_790_000_000_000_000,
        "sshd",
        41,
        "Failed password for a from 192.0.2.1 port 1 ssh2",
    );
    journal.entry(
        1_790_000_001_000_000,
        "sshd",
        42,
        "Failed password for b from 192.0.2.1 port 2 ssh2",
    );
    let path = journal.write(&root, "ground").unwrap();
    let said = root
        .run(
            "journalctl",
            &["-o", "cat", "--file", &path.to_string_lossy()],
        )
        .unwrap();
    assert_eq!(said.lines().count(), 2, "{said}");
}
