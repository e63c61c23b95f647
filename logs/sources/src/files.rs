//! Log files: their lines, their rotated past, and what came since the last read.

mod checkpoint;
mod gather;
mod identity;
mod open;
mod plan;
mod scan;
mod siblings;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use serde::Serialize;

use self::checkpoint::DONE;
pub use self::checkpoint::FilesCheckpoint;
use self::checkpoint::Seen;
use self::open::Opened;
pub use self::open::UNPACKED_BYTES_MAX;
use self::plan::Plan;
use self::plan::Present;
use self::plan::Step;
use self::scan::Interrupted;
pub use self::scan::LINE_BYTES_MAX;
use self::scan::Scanned;
pub use self::siblings::SIBLINGS_MAX;
use crate::problem::Problem;
use crate::problem::ProblemKind;
use crate::sink::FileNow;
use crate::sink::LineSink;

const PACKED_CURE: &str = "what stands before that counts; `gzip -t` says what is wrong with it";
const DISK_CURE: &str = "`dmesg` says whether the disk has trouble";

/// Files to read together, each with its rotated siblings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSet {
    /// The live files.
    pub paths: Vec<PathBuf>,
    /// How many rotated files of each path the first read takes in.
    ///
    /// A read with a checkpoint takes in as many as it needs.
    pub rotate_depth: u32,
    /// How many of each file's newest lines are delivered; the others are counted.
    pub max_lines: Option<u64>,
}

/// What becomes of a last line that has no newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unfinished {
    /// It is left for the next read: its writer is not done with it.
    #[default]
    Leave,
    /// It is a line: for files that nobody writes any more.
    Take,
}

/// How to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions {
    /// What becomes of an unfinished last line of the newest files.
    pub unfinished: Unfinished,
    /// In a first read, rotated files last written before this (unix seconds) are left out.
    pub not_before_unix_s: Option<i64>,
}

/// What was read of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileCoverage {
    /// The file, rotated or live.
    pub path: PathBuf,
    /// The bytes read, unpacked.
    pub bytes: u64,
    /// The lines delivered.
    pub lines: u64,
    /// The older lines that `max_lines` left out.
    pub skipped: u64,
    /// Delivered lines that were cut at `LINE_BYTES_MAX`.
    pub long_lines: u64,
}

/// Lines that were, or may have been, written and can no longer be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The path it happened at.
    pub path: PathBuf,
    /// What happened.
    pub kind: GapKind,
    /// The last byte read before it.
    pub after_offset: u64,
}

/// How lines can get lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// The file was emptied in place and no copy of it is there.
    Truncated,
    /// The file is gone, and so is every rotated form of it.
    Gone,
}

/// What a read of files gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilesOutcome {
    /// What was read, in order; files that had nothing new are left out, live ones are not.
    pub files: Vec<FileCoverage>,
    /// What kept lines from being read.
    pub problems: Vec<Problem>,
    /// Where lines may have been lost.
    pub gaps: Vec<Gap>,
    /// The sink ended the read before its end.
    pub stopped: bool,
    /// Where the next read goes on.
    pub checkpoint: FilesCheckpoint,
}

impl FileSet {
    /// Delivers the lines of all files, oldest first for each path, and says how far it came.
    ///
    /// Without a checkpoint it is a first read; with one, exactly what came since is delivered,
    /// across renames, copies with truncation, packing and restarts.
    ///
    /// # Errors
    /// None: what can not be read is a problem in the outcome, and the rest is read.
    pub fn read(
        &self,
        since: Option<&FilesCheckpoint>,
        options: ReadOptions,
        sink: &mut dyn LineSink,
    ) -> FilesOutcome {
        let mut outcome = FilesOutcome::default();
        let mut taken = BTreeSet::new();
        for path in &self.paths {
            // Rotated files stand beside the real file, which a link may name from elsewhere.
            let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            if !taken.insert(real.clone()) {
                continue;
            }
            let key = path.to_string_lossy().into_owned();
            let known = since.and_then(|checkpoint| checkpoint.paths.get(&key));
            if outcome.stopped {
                outcome
                    .checkpoint
                    .paths
                    .extend(known.map(|known| (key, known.clone())));
                continue;
            }
            let mut reading = Reading {
                set: self,
                options,
                outcome: &mut outcome,
                sink,
            };
            let seen = reading.path(&real, known.map(Vec::as_slice));
            outcome.checkpoint.paths.insert(key, seen);
        }
        outcome
    }
}

struct Reading<'a> {
    set: &'a FileSet,
    options: ReadOptions,
    outcome: &'a mut FilesOutcome,
    sink: &'a mut dyn LineSink,
}

impl Reading<'_> {
    fn path(&mut self, path: &Path, known: Option<&[Seen]>) -> Vec<Seen> {
        let found = gather::gather(path, known.unwrap_or_default(), self.set.rotate_depth);
        self.outcome.problems.extend(found.problems);
        if let Some(known) = known.filter(|_| found.is_barred) {
            // What was being read is there: going on waits until it can be opened again.
            return known.to_vec();
        }
        let mut present = found.present;
        let depth = usize::try_from(self.set.rotate_depth).unwrap_or(usize::MAX);
        let plan = match known {
            Some(known) => plan::next(&mut present, known),
            None => plan::first(&mut present, depth, self.options.not_before_unix_s),
        };
        if present.files.is_empty() {
            // What was seen is kept: the file may be back, with what follows.
            return known.unwrap_or_default().to_vec();
        }
        self.note_loss(path, &present, &plan);
        let mut seen = Vec::new();
        for (i, step) in plan.steps.iter().enumerate() {
            let offset = match step {
                Step::Hold => continue,
                // Newer files wait for the next read; where known ones stood stays known.
                Step::From(0) if self.outcome.stopped => continue,
                Step::From(offset) if self.outcome.stopped => *offset,
                Step::Done if present.files[i].packed => DONE,
                Step::Done => present.files[i].size,
                Step::From(offset) => self.file(&mut present, i, *offset),
            };
            seen.extend(self.remember(&present.files[i], offset));
        }
        if let Some(last) = seen.last_mut() {
            last.current = true;
            let file = present.files.iter().find(|file| file.id == last.id);
            last.start = file.map(|file| file.start.clone()).unwrap_or_default();
        }
        seen
    }

    fn remember(&mut self, file: &Opened, offset: u64) -> Option<Seen> {
        Seen::of(file, offset)
            .map_err(|error| {
                let detail = format!("can not be read again: {error}");
                self.problem(&file.path, ProblemKind::Failed, detail, DISK_CURE);
            })
            .ok()
    }

    fn note_loss(&mut self, path: &Path, present: &Present, plan: &Plan) {
        let Some(lost) = &plan.lost else { return };
        let in_place = present.files.iter().any(|file| file.id == lost.id);
        let kind = if in_place {
            GapKind::Truncated
        } else {
            GapKind::Gone
        };
        let after_offset = lost.offset;
        self.outcome.gaps.push(Gap {
            path: path.to_path_buf(),
            kind,
            after_offset,
        });
    }

    /// Delivers a file's lines after `offset`; returns the offset reached.
    fn file(&mut self, present: &mut Present, i: usize, offset: u64) -> u64 {
        let live = present.live() == Some(i);
        // Its writer may still hold the newest rotated file open until it is told to let go.
        let newest = i + 1 + usize::from(present.has_live) == present.files.len();
        let file = &mut present.files[i];
        if !live && !file.packed && offset >= file.size {
            return offset;
        }
        let may_grow = (live || newest) && !file.packed;
        let take_last = !may_grow || self.options.unfinished == Unfinished::Take;
        let (path, modified_unix_s) = (file.path.clone(), file.modified_unix_s);
        self.sink.file(FileNow {
            path: &path,
            modified_unix_s,
            live,
        });
        let scanned = match self.scan(file, offset, take_last) {
            Ok(scanned) => scanned,
            Err(error) => {
                let (kind, cure) = if file.packed {
                    (ProblemKind::Corrupt, PACKED_CURE)
                } else {
                    (ProblemKind::Failed, DISK_CURE)
                };
                let detail = format!("reading it ended early: {error}");
                self.problem(&path, kind, detail, cure);
                let half_way = error
                    .get_ref()
                    .and_then(|inner| inner.downcast_ref::<Interrupted>());
                half_way
                    .map(|interrupted| interrupted.done)
                    .unwrap_or_default()
            }
        };
        if file.packed && offset + scanned.bytes >= UNPACKED_BYTES_MAX {
            let detail = format!("only its first {UNPACKED_BYTES_MAX} unpacked bytes were read");
            let cure = "unpack it and name the plain file";
            self.problem(&path, ProblemKind::CutShort, detail, cure);
        }
        self.outcome.stopped |= scanned.stopped;
        let Scanned {
            bytes,
            lines,
            skipped,
            long_lines,
            ..
        } = scanned;
        let coverage = FileCoverage {
            path,
            bytes,
            lines,
            skipped,
            long_lines,
        };
        self.sink.file_done(&coverage);
        if bytes > 0 || live {
            self.outcome.files.push(coverage);
        }
        let done = file.packed && !scanned.stopped;
        if done { DONE } else { offset + bytes }
    }

    fn scan(&mut self, file: &mut Opened, offset: u64, take: bool) -> std::io::Result<Scanned> {
        let mut skip = 0;
        if let Some(max) = self.set.max_lines {
            let (lines, ended) = scan::count_lines(&mut file.from(offset)?, take, self.sink)?;
            if !ended {
                return Ok(Scanned {
                    stopped: true,
                    ..Scanned::default()
                });
            }
            skip = lines.saturating_sub(max);
        }
        scan::scan(&mut file.from(offset)?, skip, take, self.sink)
    }

    fn problem(&mut self, path: &Path, kind: ProblemKind, detail: String, cure: &str) {
        let problem = Problem::new(path.display().to_string(), kind, detail);
        self.outcome.problems.push(problem.with_cure(cure));
    }
}
