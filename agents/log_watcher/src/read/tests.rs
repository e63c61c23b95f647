use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::tz::TimeZone;

use super::*;
use crate::digest::ReportOptions;

const NOW_S: i64 = 1_790_000_100;

fn task(name: &str) -> Task {
    Task {
        name: name.to_owned(),
        paths: None,
        rotate_depth: 1,
        max_lines: None,
    }
}

fn reader(root: &Path) -> Reader {
    let host = Host {
        root: root.to_path_buf(),
    };
    Reader {
        host,
        own: Own::default(),
        unfinished: Unfinished::Take,
    }
}

fn log(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_host_without_any_log_of_it_still_has_a_section_with_the_cure() {
    let root = tempfile::tempdir().unwrap();
    let settings = Settings::new(TimeZone::UTC, NOW_S);
    for (name, said) in [
        ("sshd", "none of its usual files is in /"),
        ("generic", "nothing says where its lines are"),
    ] {
        let collector = reader(root.path()).all(&task(name), &settings, &Progress::default());
        let report = collector.finish(&ReportOptions::default());
        assert_eq!(report.headline, "nothing was read");
        let [error] = report.coverage.errors.as_slice() else {
            panic!("{:?}", report.coverage)
        };
        assert!(error.problem.starts_with(said), "{}", error.problem);
        assert!(
            error.cure.contains("name its files in `paths`"),
            "{}",
            error.cure
        );
    }
}

#[test]
fn the_hosts_own_files_are_found_and_what_was_left_out_is_counted() {
    let root = tempfile::tempdir().unwrap();
    let line = |n: u32| {
        format!(
            "2026-09-21T14:00:0{n}+00:00 h sshd[{n}]: Failed password for root from 203.0.113.9 port 1 ssh2\n"
        )
    };
    log(
        root.path(),
        "var/log/auth.log",
        &(0..5).map(line).collect::<String>(),
    );
    log(root.path(), "var/log/auth.log.1", &line(9));
    let settings = Settings::new(TimeZone::UTC, NOW_S);
    let task = Task {
        max_lines: Some(2),
        ..task("sshd")
    };
    let collector = reader(root.path()).all(&task, &settings, &Progress::default());
    let report = collector.finish(&ReportOptions::default());
    assert!(
        report.headline.starts_with("partial: 3 of 6 lines: "),
        "{}",
        report.headline
    );
    assert_eq!(
        (report.lines_read, report.totals.get("failed")),
        (6, Some(&3))
    );
    let skipped: Vec<u64> = report
        .coverage
        .sources
        .iter()
        .map(|source| source.skipped)
        .collect();
    assert_eq!(skipped, [0, 3]);
}

#[test]
fn paths_that_are_not_there_are_answered_with_what_is() {
    let root = tempfile::tempdir().unwrap();
    log(root.path(), "var/log/auth.log", "x\n");
    let settings = Settings::new(TimeZone::UTC, 0);
    let secure = root.path().join("var/log/secure");
    let task = Task {
        paths: Some(vec![secure]),
        ..task("sshd")
    };
    let collector = reader(root.path()).all(&task, &settings, &Progress::default());
    let cure = &collector.finish(&ReportOptions::default()).coverage.errors[0].cure;
    assert!(cure.starts_with("this host has such lines in "), "{cure}");
    assert!(cure.ends_with("/var/log/auth.log"), "{cure}");
}

/// A journal like a fresh Debian's, made by systemd's own tool; `None` where it is not at hand.
fn journal(root: &Path, entries: &[(&str, &str)]) -> Option<()> {
    let listed = |name: &str| env::var_os(name).unwrap_or_default();
    let folders = [
        listed("SKEP_TEST_ROOT_BIN"),
        listed("PATH"),
        "/usr/lib/systemd".into(),
    ];
    let tool = folders
        .iter()
        .flat_map(env::split_paths)
        .map(|folder| folder.join("systemd-journal-remote"))
        .find(|tool| tool.is_file())?;
    let mut export = String::new();
    for (n, (identifier, message)) in entries.iter().enumerate() {
        export.push_str(&format!(
            "__REALTIME_TIMESTAMP={}000000\n_HOSTNAME=h\n_PID={n}\nPRIORITY=6\n\
             SYSLOG_IDENTIFIER={identifier}\nMESSAGE={message}\n\n",
            NOW_S - 50 + i64::try_from(n).unwrap()
        ));
    }
    let folder = root.join("var/log/journal/0123456789abcdef0123456789abcdef");
    fs::create_dir_all(&folder).unwrap();
    let from = root.join("in.export");
    fs::write(&from, export).unwrap();
    let to = folder.join("system.journal");
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
    Some(())
}

#[test]
fn a_host_with_only_a_journal_is_read_from_position_to_position() {
    let root = tempfile::tempdir().unwrap();
    let failed = "Failed password for root from 203.0.113.9 port 4711 ssh2";
    let entries = [
        ("sshd", failed),
        ("cron", failed),
        ("sshd-session", failed),
        ("skep", failed),
    ];
    if journal(root.path(), &entries).is_none() {
        eprintln!("skipped: systemd-journal-remote is neither in SKEP_TEST_ROOT_BIN nor in PATH");
        return;
    }
    let mut settings = Settings::new(TimeZone::UTC, NOW_S);
    settings.since_ns = Some((NOW_S - 3600) * 1_000_000_000);
    let reader = reader(root.path());
    let on = |position: &Position| {
        let (collector, reached) =
            reader.on(&task("sshd"), &settings, position, &Progress::default());
        let (report, open) = collector.finish_part(&ReportOptions::default());
        assert_eq!(report.coverage.errors, []);
        assert_eq!(report.coverage.gaps, []);
        (
            report.totals.get("failed").copied(),
            reached.with_open(open),
        )
    };
    let (failed_first, position) = on(&Position::default());
    assert_eq!(failed_first, Some(2));
    let written = serde_json::to_string(&position).unwrap();
    assert_eq!(
        serde_json::from_str::<Position>(&written).unwrap(),
        position
    );
    journal(root.path(), &[("sshd", failed)]).unwrap();
    let (failed_since, _) = on(&position);
    assert_eq!(failed_since, Some(1));
}
