//! From a collector's sources to its report: what blocks, and so runs on a thread of its own.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use skep_lines::Line;
use skep_lines::Severity;
use skep_lines::Stamp;
use skep_sources::Choice;
use skep_sources::Entry;
use skep_sources::EntrySink;
use skep_sources::FileCoverage;
use skep_sources::FileNow;
use skep_sources::FileSet;
use skep_sources::FilesCheckpoint;
use skep_sources::FilesOutcome;
use skep_sources::GapKind;
use skep_sources::Host;
use skep_sources::JournalCheckpoint;
use skep_sources::JournalMatch;
use skep_sources::JournalOutcome;
use skep_sources::JournalPlace;
use skep_sources::JournalQuery;
use skep_sources::LineSink;
use skep_sources::Own;
use skep_sources::Problem;
use skep_sources::ProblemKind;
use skep_sources::ReadOptions;
use skep_sources::SIBLINGS_MAX;
use skep_sources::Unfinished;

use crate::digest::Collector;
use crate::digest::OpenState;
use crate::digest::Settings;

/// A read of the journal ends after this.
const JOURNAL_DEADLINE: Duration = Duration::from_secs(600);

/// One collector as it is configured: its name and where its lines are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) name: String,
    /// Its files, and only these; without them, the host's own files or its journal.
    pub(crate) paths: Option<Vec<PathBuf>>,
    pub(crate) rotate_depth: u32,
    pub(crate) max_lines: Option<u64>,
}

/// How far a collector has come: part of a patrol's checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    files: Option<FilesCheckpoint>,
    journal: Option<JournalCheckpoint>,
    open: OpenState,
}

/// Tells a reader's progress to others, and others' wish to end to the reader.
#[derive(Default)]
pub(crate) struct Progress<'a> {
    bytes: AtomicU64,
    stop: AtomicBool,
    told: Option<&'a (dyn Fn(u64) + Sync)>,
}

impl<'a> Progress<'a> {
    /// Progress that is told to someone in the reader's own thread.
    pub(crate) fn telling(told: &'a (dyn Fn(u64) + Sync)) -> Self {
        Self {
            told: Some(told),
            ..Self::default()
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn goes_on(&self, bytes: u64) -> bool {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Some(told) = self.told {
            told(before + bytes);
        }
        !self.stop.load(Ordering::Relaxed)
    }
}

/// The same task over the newest `since_s` seconds, however often its files were rotated meanwhile:
/// files that were written last before that are not opened.
pub(crate) fn back(task: &Task, settings: &Settings, since_s: u64) -> (Task, Settings) {
    let since_s = i64::try_from(since_s).unwrap_or(i64::MAX);
    let from_s = settings.now_unix_s.saturating_sub(since_s);
    let task = Task {
        rotate_depth: u32::try_from(SIBLINGS_MAX).unwrap_or(u32::MAX),
        ..task.clone()
    };
    let settings = Settings {
        since_ns: Some(from_s.saturating_mul(1_000_000_000)),
        ..settings.clone()
    };
    (task, settings)
}

/// Reads collectors' lines on one host.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) host: Host,
    pub(crate) own: Own,
    /// What to make of an unfinished last line.
    pub(crate) unfinished: Unfinished,
}

impl Reader {
    /// Everything a task's sources hold; nothing is remembered of it.
    pub(crate) fn all(
        &self,
        task: &Task,
        settings: &Settings,
        progress: &Progress<'_>,
    ) -> Collector {
        let mut collector = Collector::new(&task.name, settings);
        let choice = self.choose(task, settings);
        self.read(choice, task, settings, None, &mut collector, progress);
        collector
    }

    /// What came since `position`; and how far it came. A source without a position is read from
    /// the `since_ns` of the settings on, one with a position whatever its stamps say.
    pub(crate) fn on(
        &self,
        task: &Task,
        settings: &Settings,
        position: &Position,
        progress: &Progress<'_>,
    ) -> (Collector, Position) {
        let choice = self.choose(task, settings);
        let known = match &choice {
            Choice::Files(_) => position.files.is_some(),
            Choice::Journal(_) => position.journal.is_some(),
            Choice::Nowhere(_) => false,
        };
        let since_ns = if known { None } else { settings.since_ns };
        let settings = Settings {
            since_ns,
            ..settings.clone()
        };
        let mut collector = Collector::resume(&task.name, &settings, &position.open);
        let reached = self.read(
            choice,
            task,
            &settings,
            Some(position),
            &mut collector,
            progress,
        );
        (collector, reached)
    }

    /// Whether a task's lines come from the journal.
    pub(crate) fn is_journal(&self, task: &Task, settings: &Settings) -> bool {
        matches!(self.choose(task, settings), Choice::Journal(_))
    }

    /// Where a task's lines are.
    pub(crate) fn choose(&self, task: &Task, settings: &Settings) -> Choice {
        match &task.paths {
            Some(paths) => Choice::Files(paths.clone()),
            None => skep_sources::choose(&task.name, &self.host, settings.now_unix_s),
        }
    }

    fn read(
        &self,
        choice: Choice,
        task: &Task,
        settings: &Settings,
        position: Option<&Position>,
        collector: &mut Collector,
        progress: &Progress<'_>,
    ) -> Position {
        let mut reading = Reading {
            reader: self,
            task,
            settings,
            position,
            collector,
            progress,
        };
        match choice {
            Choice::Files(paths) => reading.files(paths),
            Choice::Journal(matches) => reading.journal(matches),
            Choice::Nowhere(looked_at) => {
                reading.nowhere(&looked_at);
                Position::default()
            }
        }
    }
}

struct Reading<'a> {
    reader: &'a Reader,
    task: &'a Task,
    settings: &'a Settings,
    position: Option<&'a Position>,
    collector: &'a mut Collector,
    progress: &'a Progress<'a>,
}

impl Reading<'_> {
    fn files(&mut self, paths: Vec<PathBuf>) -> Position {
        let Task {
            rotate_depth,
            max_lines,
            ..
        } = *self.task;
        let set = FileSet {
            paths,
            rotate_depth,
            max_lines,
        };
        let options = ReadOptions {
            unfinished: self.reader.unfinished,
            not_before_unix_s: self
                .settings
                .since_ns
                .map(|since| since.div_euclid(1_000_000_000)),
        };
        let since = self.position.and_then(|position| position.files.as_ref());
        let mut sink = Into {
            collector: self.collector,
            progress: self.progress,
        };
        let outcome = set.read(since, options, &mut sink);
        self.tell_files(&outcome);
        Position {
            files: Some(outcome.checkpoint),
            ..Position::default()
        }
    }

    fn tell_files(&mut self, outcome: &FilesOutcome) {
        self.tell(&outcome.problems);
        for gap in &outcome.gaps {
            let what = match gap.kind {
                GapKind::Truncated => "was emptied in place: what was not read yet is gone",
                GapKind::Gone => "is gone with its rotated files: what was not read yet is lost",
            };
            self.collector.gap(&gap.path.to_string_lossy(), what);
        }
        if outcome.stopped {
            self.collector.note("the read was ended before its end");
        }
    }

    fn journal(&mut self, matches: Vec<JournalMatch>) -> Position {
        let place = match self.reader.host.journal_directory() {
            Some(directory) if self.reader.host.root.as_os_str() != "/" => {
                JournalPlace::Directory(directory)
            }
            _ => JournalPlace::System,
        };
        let since = self
            .settings
            .since_ns
            .and_then(|since| u64::try_from(since / 1000).ok());
        let query = JournalQuery {
            place,
            matches,
            after: self.position.and_then(|position| position.journal.clone()),
            since_unix_us: since,
            max_lines: self.task.max_lines,
            own: self.reader.own.clone(),
            deadline: JOURNAL_DEADLINE,
            ..JournalQuery::default()
        };
        self.collector.journal("journal");
        let mut sink = Into {
            collector: self.collector,
            progress: self.progress,
        };
        let outcome = query.read(&mut sink);
        self.tell_journal(&outcome);
        Position {
            journal: Some(outcome.checkpoint),
            ..Position::default()
        }
    }

    fn tell_journal(&mut self, outcome: &JournalOutcome) {
        self.collector.skipped(outcome.skipped);
        self.collector.own(outcome.own_skipped);
        self.collector.cut(outcome.damaged);
        self.tell(&outcome.problems);
        if outcome.gap {
            let what = "the last entry read is gone: entries after it may be missing";
            self.collector.gap("journal", what);
        }
        if outcome.stopped {
            self.collector.note("the read was ended before its end");
        }
    }

    fn tell(&mut self, problems: &[Problem]) {
        for problem in problems {
            let absent = problem.kind == ProblemKind::Absent && problem.cure.is_empty();
            let cure = if absent {
                self.cure()
            } else {
                problem.cure.clone()
            };
            self.collector
                .problem(&problem.subject, &problem.detail, &cure);
        }
    }

    fn nowhere(&mut self, looked_at: &[PathBuf]) {
        // The folders say enough: a service has a file for each kind of line.
        let mut folders: Vec<String> = looked_at
            .iter()
            .filter_map(|path| path.parent())
            .map(|folder| folder.display().to_string())
            .collect();
        let problem = if folders.is_empty() {
            "nothing says where its lines are".to_owned()
        } else {
            folders.sort();
            folders.dedup();
            let journal = if self.reader.host.has_journal() {
                ""
            } else {
                ", nor is a journal"
            };
            format!(
                "none of its usual files is in {}{journal}",
                folders.join(", ")
            )
        };
        let cure = self.cure();
        self.collector.problem(&self.task.name, &problem, &cure);
    }

    fn cure(&self) -> String {
        let now = self.settings.now_unix_s;
        skep_sources::cure_for_absent(&self.task.name, &self.reader.host, now)
    }
}

impl Position {
    /// The same position with what the collector holds back.
    pub(crate) fn with_open(self, open: OpenState) -> Self {
        Self { open, ..self }
    }
}

/// Hands what sources deliver to a collector.
struct Into<'a> {
    collector: &'a mut Collector,
    progress: &'a Progress<'a>,
}

impl LineSink for Into<'_> {
    fn file(&mut self, file: FileNow<'_>) {
        self.collector
            .file(&file.path.to_string_lossy(), Some(file.modified_unix_s));
    }

    fn line(&mut self, line: &[u8]) {
        self.collector.line(line);
    }

    fn file_done(&mut self, coverage: &FileCoverage) {
        self.collector.skipped(coverage.skipped);
        self.collector.cut(coverage.long_lines);
    }

    fn keep_going(&mut self, bytes: u64) -> bool {
        self.progress.goes_on(bytes)
    }
}

impl EntrySink for Into<'_> {
    fn entry(&mut self, entry: &Entry) {
        self.collector.entry(line_of(entry));
        self.progress.goes_on(entry.message.len() as u64);
    }

    fn keep_going(&mut self) -> bool {
        self.progress.goes_on(0)
    }
}

/// An entry of the journal as a line of a log.
pub(crate) fn line_of(entry: &Entry) -> Line<'_> {
    let ns = entry.realtime_unix_us.saturating_mul(1000);
    Line {
        stamp: Stamp::Unix(i64::try_from(ns).unwrap_or(i64::MAX)),
        severity: entry.priority.map(Severity::from_syslog),
        host: entry.hostname.as_bytes(),
        app: entry.identifier.as_bytes(),
        pid: entry.pid,
        body: &entry.message,
    }
}

#[cfg(test)]
mod tests;
