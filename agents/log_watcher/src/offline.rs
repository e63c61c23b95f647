//! Digests of files without any node: the same code, in the caller's thread.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use skep_protocol::digest::DigestReport;
use skep_protocol::digest::Document;
use skep_protocol::oracle::Window;
use skep_sources::Host;
use skep_sources::Own;
use skep_sources::Unfinished;

use crate::digest::Before;
use crate::digest::ReportOptions;
use crate::digest::Settings;
use crate::digest::overview;
use crate::read::Progress;
use crate::read::Reader;
use crate::read::Task;
use crate::show;
use crate::show::Facts;

/// Files to make a digest of, as one collector's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The collector: `sshd`, `httpd`, …; one without rules counts as `generic`.
    pub collector: String,
    /// Its files, plain or gzip.
    pub paths: Vec<PathBuf>,
}

/// How to make it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The time now, in seconds since 1970: the year of year-less stamps comes from the files, but
    /// nothing is later than now.
    pub now_unix_s: i64,
    /// Only lines stamped at or after this moment count, in seconds since 1970.
    pub since_unix_s: Option<i64>,
    /// How many rotated files beside each one are taken in.
    pub rotate_depth: u32,
    /// How many of each file's newest lines are analysed; without it, all.
    pub max_lines: Option<u64>,
    /// What the report holds.
    pub report: ReportOptions,
    /// The zone of stamps that name none.
    pub zone: TimeZone,
}

impl Options {
    /// All lines of the files alone, with stamps in this host's zone.
    #[must_use]
    pub fn new(now_unix_s: i64) -> Self {
        Self {
            now_unix_s,
            since_unix_s: None,
            rotate_depth: 0,
            max_lines: None,
            report: ReportOptions::default(),
            zone: TimeZone::system(),
        }
    }
}

/// The digest with what it comes to, compared with an earlier one if there is one.
#[must_use]
pub fn document<'a>(
    report: &'a DigestReport,
    options: &Options,
    before: Option<&Document<'_>>,
) -> Document<'a> {
    let ms = |unix_s: i64| {
        u64::try_from(unix_s)
            .unwrap_or_default()
            .saturating_mul(1000)
    };
    let made_ms = ms(options.now_unix_s);
    let window = options.since_unix_s.map(|since_s| Window {
        from_ms: ms(since_s),
        until_ms: made_ms,
    });
    let before_report = before.map(|before| DigestReport {
        collectors: before.collectors.clone().into_owned(),
    });
    let before = before
        .zip(before_report.as_ref())
        .map(|(document, report)| Before {
            report,
            window: document.window,
        });
    let facts = Facts {
        host: String::new(),
        made_ms,
        window,
        overview: overview(report, window, before),
    };
    show::document(report, &facts, None)
}

/// The digest of some files; one collector named twice is one section over all its files.
///
/// `progress` is told, about every 256 KiB, how many bytes have been read so far; it must not block.
/// What can not be read stands in the coverage, with its cure.
#[must_use]
pub fn digest(specs: &[Spec], options: &Options, progress: impl Fn(u64) + Sync) -> DigestReport {
    let mut settings = Settings::new(options.zone.clone(), options.now_unix_s);
    settings.since_ns = options
        .since_unix_s
        .map(|since| since.saturating_mul(1_000_000_000));
    let reader = Reader {
        host: Host::default(),
        own: Own::default(),
        unfinished: Unfinished::Take,
    };
    let watched = Progress::telling(&progress);
    let mut tasks: Vec<Task> = Vec::new();
    for spec in specs {
        match tasks.iter_mut().find(|task| task.name == spec.collector) {
            Some(task) => task
                .paths
                .get_or_insert_default()
                .extend(spec.paths.clone()),
            None => tasks.push(Task {
                name: spec.collector.clone(),
                paths: Some(spec.paths.clone()),
                rotate_depth: options.rotate_depth,
                max_lines: options.max_lines,
            }),
        }
    }
    let report = |task: &Task| {
        let collector = reader.all(task, &settings, &watched);
        (task.name.clone(), collector.finish(&options.report))
    };
    DigestReport {
        collectors: tasks.iter().map(report).collect(),
    }
}
