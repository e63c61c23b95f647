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

/// What sshd wrote on 2025-12-31 from 23:59:50 on and on New Year's Day, under one kind of head.
fn over_new_year(head: impl Fn(&str, &str, u32) -> String) -> [String; 3] {
    let line = |day: &str, month_day: &str, time: &str, n: u32| {
        let at = format!("{day}T{time}");
        let bsd = format!("{month_day} {time}");
        let user = if n == 5 { "m\\303\\274ller" } else { "root" };
        format!(
            "{}Failed password for {user} from 203.0.113.{n} port 1 ssh2\n",
            head(&at, &bsd, n)
        )
    };
    let (old, new) = (("2025-12-31", "Dec 31"), ("2026-01-01", "Jan  1"));
    [
        line(old.0, old.1, "23:59:50", 1) + &line(old.0, old.1, "23:59:55", 2),
        line(old.0, old.1, "23:59:59", 3) + &line(new.0, new.1, "00:00:01", 4),
        line(new.0, new.1, "00:00:02", 5),
    ]
}

/// Whatever puts the heads there and however it is rotated: the same digest, but for the evidence.
#[test]
fn every_form_of_head_and_rotation_gives_the_same_digest() {
    type Head = fn(&str, &str, u32) -> String;
    let heads: [Head; 7] = [
        |_, bsd, n| format!("{bsd} h sshd[{n}]: "),
        |_, bsd, n| format!("<38>{bsd} h sshd[{n}]: "),
        |iso, _, n| format!("{iso}.123456+00:00 h sshd[{n}]: "),
        |iso, _, n| format!("{iso}Z h sshd[{n}]: "),
        |iso, _, n| format!("<38>1 {iso}.5Z h sshd {n} - - "),
        |iso, _, n| format!("1 {iso}Z h sshd {n} - [meta x=\"\\\"]\"][o y=\"\"] \u{feff}"),
        |iso, _, n| format!("{} h sshd[{n}]: ", iso.replace('T', " ")),
    ];
    let schemes = [
        ["auth.log.2.gz", "auth.log.1"],
        ["auth.log-20251230.gz", "auth.log-20251231"],
        ["auth-20251230.log", "auth-20251231.log.gz"],
    ];
    let mut first = None;
    for head in heads {
        for scheme in schemes {
            let root = tempfile::tempdir().unwrap();
            let parts = over_new_year(head);
            for ((name, text), age_s) in scheme.iter().zip(&parts).zip([20, 15]) {
                rotated(
                    &root.path().join("var/log").join(name),
                    text,
                    NEW_YEAR_S - age_s,
                );
            }
            rotated(
                &root.path().join("var/log/auth.log"),
                &parts[2],
                NEW_YEAR_S + 3,
            );
            let task = Task {
                rotate_depth: 2,
                ..task("sshd")
            };
            let settings = Settings::new(TimeZone::UTC, NEW_YEAR_S + 60);
            let collector = reader(root.path()).all(&task, &settings, &Progress::default());
            let mut report = collector.finish(&ReportOptions::default());
            assert_eq!(report.coverage.errors, []);
            assert_eq!(
                report.coverage.first.as_deref(),
                Some("2025-12-31T23:59:50Z")
            );
            assert_eq!(
                report.coverage.last.as_deref(),
                Some("2026-01-01T00:00:02Z")
            );
            let lines: Vec<u64> = report
                .coverage
                .sources
                .iter()
                .map(|source| source.lines)
                .collect();
            assert_eq!(lines, [2, 2, 1], "{scheme:?}");
            report.sections.clear();
            report.coverage.sources.clear();
            report.coverage.lines.escaped = 0;
            assert_eq!(*first.get_or_insert(report.clone()), report, "{scheme:?}");
        }
    }
    let first = first.unwrap();
    assert_eq!(first.totals.get("failed"), Some(&5));
    assert_eq!(first.tables.get("by_user").unwrap().rows[1].key, "müller");
}

/// 2026-01-01T00:00:00Z.
const NEW_YEAR_S: i64 = 1_767_225_600;

/// A file written last at that moment, packed if its name says so.
fn rotated(path: &Path, text: &str, modified_s: i64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path.with_extension(""), text).unwrap();
    if path.extension().is_some_and(|end| end == "gz") {
        let packed = Command::new("gzip")
            .arg("-c")
            .arg(path.with_extension(""))
            .output()
            .unwrap();
        fs::remove_file(path.with_extension("")).unwrap();
        fs::write(path, packed.stdout).unwrap();
    } else {
        fs::rename(path.with_extension(""), path).unwrap();
    }
    let touched = fs::File::options().write(true).open(path).unwrap();
    let modified = std::time::UNIX_EPOCH + Duration::from_secs(u64::try_from(modified_s).unwrap());
    touched.set_modified(modified).unwrap();
}

/// A folder, a pipe, a packed file of another kind, nothing at all, and broken text: each is said,
/// with its cure, and the rest counts.
#[test]
fn what_is_no_log_is_said_with_its_cure() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    fs::create_dir(path("folder")).unwrap();
    let made = Command::new("mkfifo").arg(path("pipe")).status().unwrap();
    assert!(made.success());
    fs::write(path("packed"), b"\xfd7zXZ\0").unwrap();
    let mut broken = b"\xff\xfe\0 sshd[1]: \x1b[2Jx\n".to_vec();
    broken.extend(vec![b'y'; 2 * 1024 * 1024]);
    broken.extend(
        b"\nDec 31 23:59:50 h sshd[1]: Failed password for root from 203.0.113.1 port 1 ssh2\n",
    );
    fs::write(path("broken"), broken).unwrap();
    let paths = ["folder", "pipe", "packed", "absent", "broken"].map(path);
    let task = Task {
        paths: Some(paths.to_vec()),
        ..task("sshd")
    };
    let settings = Settings::new(TimeZone::UTC, NEW_YEAR_S);
    let collector = reader(root.path()).all(&task, &settings, &Progress::default());
    let report = collector.finish(&ReportOptions::default());
    assert_eq!(report.totals.get("failed"), Some(&1));
    let lines = report.coverage.lines;
    assert_eq!((lines.read, lines.cut, lines.escaped), (3, 1, 1));
    assert_eq!(report.coverage.errors.len(), 4);
    assert!(
        report
            .coverage
            .errors
            .iter()
            .all(|error| !error.cure.is_empty())
    );
    let text = crate::digest::render("sshd", &report);
    assert!(!text.contains('\u{1b}'));
    assert!(
        text.contains("1 cut for length, 1 with bytes that are no text"),
        "{text}"
    );
}
