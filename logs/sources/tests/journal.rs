//! Reading a journal: what `journalctl` can do to us, and a real one made by systemd's own tool.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use skep_sources::Entry;
use skep_sources::EntrySink;
use skep_sources::JournalMatch;
use skep_sources::JournalOutcome;
use skep_sources::JournalPlace;
use skep_sources::JournalQuery;
use skep_sources::Own;
use skep_sources::ProblemKind;

#[derive(Default)]
struct Entries(Vec<Entry>);

impl EntrySink for Entries {
    fn entry(&mut self, entry: &Entry) {
        self.0.push(entry.clone());
    }
}

impl Entries {
    fn messages(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|entry| String::from_utf8_lossy(&entry.message).into_owned())
            .collect()
    }
}

fn read(query: &JournalQuery) -> (Vec<String>, JournalOutcome) {
    let mut entries = Entries::default();
    let outcome = query.read(&mut entries);
    (entries.messages(), outcome)
}

/// A query to a stand-in for `journalctl` that does this.
fn stand_in(folder: &Path, script: &str) -> JournalQuery {
    let program = folder.join("journalctl");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    JournalQuery {
        program: program.into_os_string(),
        ..JournalQuery::default()
    }
}

fn line(n: u32) -> String {
    format!(
        r#"{{"__CURSOR":"s=a;i={n}","__REALTIME_TIMESTAMP":"{n}","_PID":"{n}","MESSAGE":"m{n}"}}"#
    )
}

#[test]
fn a_journalctl_that_hangs_is_ended_by_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("echo '{}'\nexec sleep 1000", line(1));
    let query = JournalQuery {
        deadline: Duration::from_millis(300),
        ..stand_in(folder.path(), &script)
    };
    let (messages, outcome) = read(&query);
    assert_eq!(messages, ["m1"]);
    assert_eq!(outcome.problems.len(), 1);
    assert_eq!(outcome.problems[0].kind, ProblemKind::CutShort);
    assert_eq!(outcome.checkpoint.cursor.as_deref(), Some("s=a;i=1"));
}

#[test]
fn a_journalctl_that_never_ends_is_ended_by_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("exec yes '{}'", line(1));
    let query = JournalQuery {
        bytes_max: 1_000_000,
        ..stand_in(folder.path(), &script)
    };
    let (messages, outcome) = read(&query);
    assert!(messages.len() > 1000);
    assert!(outcome.bytes < 1_100_000);
    assert_eq!(outcome.problems[0].kind, ProblemKind::CutShort);
}

#[test]
fn what_is_no_entry_is_counted_and_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "printf '%s\\n' '-- No entries --' '{{' '{}' nonsense",
        line(7)
    );
    let (messages, outcome) = read(&stand_in(folder.path(), &script));
    assert_eq!((messages, outcome.damaged), (vec!["m7".to_owned()], 2));
    assert_eq!(outcome.problems, []);
}

#[test]
fn complaints_become_problems_with_a_cure() {
    let folder = tempfile::tempdir().unwrap();
    for (script, kind) in [
        (
            "echo 'Hint: You are currently not seeing messages from other users' >&2",
            ProblemKind::Unreadable,
        ),
        (
            "echo 'No journal files were found.' >&2",
            ProblemKind::Absent,
        ),
        ("echo 'something odd' >&2; exit 1", ProblemKind::Failed),
    ] {
        let (_, outcome) = read(&stand_in(folder.path(), script));
        let kinds: Vec<_> = outcome
            .problems
            .iter()
            .map(|problem| problem.kind)
            .collect();
        assert_eq!(kinds, [kind], "{script}");
    }
    let absent = JournalQuery {
        program: "/nowhere/journalctl".into(),
        ..JournalQuery::default()
    };
    let (_, outcome) = read(&absent);
    assert_eq!(outcome.problems[0].kind, ProblemKind::Absent);
    assert!(!outcome.problems[0].cure.is_empty());
}

#[test]
fn an_entry_that_is_gone_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("printf '%s\\n' '{}' '{}'", line(5), line(6));
    let first = read(&stand_in(folder.path(), &script)).1;
    assert!(!first.gap);
    let mut later = stand_in(
        folder.path(),
        &format!("echo '{}'; echo '{}'", line(6), line(7)),
    );
    later.after = Some(first.checkpoint.clone());
    let (messages, outcome) = read(&later);
    assert_eq!((messages, outcome.gap), (vec!["m7".to_owned()], false));
    let mut vacuumed = stand_in(folder.path(), &format!("echo '{}'", line(9)));
    vacuumed.after = Some(first.checkpoint);
    let (messages, outcome) = read(&vacuumed);
    assert_eq!((messages, outcome.gap), (vec!["m9".to_owned()], true));
}

#[test]
fn the_newest_entries_are_delivered_and_the_others_counted() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (1..=9).map(line).collect();
    let script = format!("printf '%s\\n' '{}'", lines.join("' '"));
    let own = Own {
        unit: None,
        pid: Some(8),
    };
    let query = JournalQuery {
        max_lines: Some(3),
        own,
        ..stand_in(folder.path(), &script)
    };
    let (messages, outcome) = read(&query);
    assert_eq!(messages, ["m6", "m7", "m9"]);
    assert_eq!(
        (outcome.entries, outcome.skipped, outcome.own_skipped),
        (3, 5, 1)
    );
    assert_eq!(outcome.checkpoint.cursor.as_deref(), Some("s=a;i=9"));
}

/// Where systemd's tool for making journals is, among the places a test run may have it.
fn journal_remote() -> Option<PathBuf> {
    let listed = |name: &str| env::var_os(name).unwrap_or_default();
    let near = |folder: PathBuf| {
        [
            folder.clone(),
            folder.join("../lib/systemd"),
            folder.join("../../lib/systemd"),
        ]
    };
    env::split_paths(&listed("SKEP_TEST_ROOT_BIN"))
        .chain(env::split_paths(&listed("PATH")))
        .chain([PathBuf::from("/usr/lib/systemd")])
        .filter(|folder| folder.is_absolute())
        .flat_map(near)
        .map(|folder| folder.join("systemd-journal-remote"))
        .find(|tool| tool.is_file())
}

/// The journal's export format: text as `NAME=value`, other bytes with their length.
fn export(n: u64, fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = format!("__REALTIME_TIMESTAMP={}\n", 1_790_000_000_000_000 + n).into_bytes();
    for (name, value) in fields {
        out.extend(name.as_bytes());
        if value.iter().all(|byte| (32..127).contains(byte)) {
            out.push(b'=');
        } else {
            out.push(b'\n');
            out.extend((value.len() as u64).to_le_bytes());
        }
        out.extend(*value);
        out.push(b'\n');
    }
    out.push(b'\n');
    out
}

fn make_journal(tool: &Path, folder: &Path, entries: &[Vec<u8>]) -> PathBuf {
    let (from, to) = (folder.join("in.export"), folder.join("made.journal"));
    fs::write(&from, entries.concat()).unwrap();
    let made = Command::new(tool)
        .arg("-o")
        .arg(&to)
        .arg(&from)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    to
}

fn entries() -> Vec<Vec<u8>> {
    let sshd = ("SYSLOG_IDENTIFIER", &b"sshd"[..]);
    let cron = ("SYSLOG_IDENTIFIER", &b"cron"[..]);
    let own = ("SYSLOG_IDENTIFIER", &b"skep"[..]);
    let unit = ("_SYSTEMD_UNIT", &b"ssh.service"[..]);
    fn message(text: &[u8]) -> (&str, &[u8]) {
        ("MESSAGE", text)
    }
    let accepted = message(b"Accepted password for bob");
    let origin = [
        ("_PID", &b"12"[..]),
        ("_HOSTNAME", b"web1"),
        ("PRIORITY", b"6"),
    ];
    vec![
        export(1, &[&[sshd, accepted][..], &origin].concat()),
        export(2, &[sshd, message(b"bytes \xff\x01")]),
        export(3, &[cron, unit, message(b"by unit")]),
        export(4, &[cron, message(b"someone else's")]),
        export(5, &[sshd, message(b"one"), message(b"two")]),
        export(6, &[own, unit, message(b"our own")]),
        export(7, &[sshd, message(&[b'l'; 10_000])]),
    ]
}

#[test]
fn a_real_journal_is_read_from_position_to_position() {
    let Some(tool) = journal_remote() else {
        eprintln!("skipped: systemd-journal-remote is neither in SKEP_TEST_ROOT_BIN nor in PATH");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = make_journal(&tool, folder.path(), &entries());
    let query = JournalQuery {
        place: JournalPlace::File(file.clone()),
        matches: vec![
            JournalMatch::Identifier("sshd".to_owned()),
            JournalMatch::Unit("ssh.service".to_owned()),
        ],
        ..JournalQuery::default()
    };
    let mut got = Entries::default();
    let outcome = query.read(&mut got);
    assert_eq!(outcome.problems, []);
    let messages = got.messages();
    assert_eq!(
        messages[..3],
        [
            "Accepted password for bob",
            "bytes \u{fffd}\u{1}",
            "by unit"
        ]
    );
    assert!(
        messages[3] == "one\ntwo" || messages[3] == "two\none",
        "{}",
        messages[3]
    );
    assert_eq!(messages[4].len(), 10_000);
    assert_eq!(
        (messages.len(), outcome.own_skipped, outcome.damaged),
        (5, 1, 0)
    );
    let first = &got.0[0];
    assert_eq!(
        (first.hostname.as_str(), first.pid, first.priority),
        ("web1", Some(12), Some(6))
    );
    assert_eq!(first.realtime_unix_us, 1_790_000_000_000_001);

    // A second read gets nothing, and after more was logged exactly that.
    let next = JournalQuery {
        after: Some(outcome.checkpoint.clone()),
        ..query.clone()
    };
    let (messages, idle) = read(&next);
    assert_eq!((messages, idle.gap, idle.problems), (vec![], false, vec![]));
    assert_eq!(idle.checkpoint, outcome.checkpoint);
    let later = export(8, &[("SYSLOG_IDENTIFIER", b"sshd"), ("MESSAGE", b"later")]);
    make_journal(&tool, folder.path(), &[later]);
    let (messages, more) = read(&next);
    assert_eq!((messages, more.gap), (vec!["later".to_owned()], false));

    let since = JournalQuery {
        since_unix_us: Some(1_790_000_000_000_007),
        after: None,
        ..query
    };
    let (messages, _) = read(&since);
    assert_eq!(messages.len(), 2);
}
