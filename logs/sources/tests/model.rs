//! Random writes, rotations, copies with truncation and restarts: nothing lost, nothing doubled.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use skep_sources::FileSet;
use skep_sources::FilesCheckpoint;
use skep_sources::LineSink;
use skep_sources::ReadOptions;

/// What may happen to a log.
#[derive(Debug, Clone)]
enum Step {
    /// So many lines are written.
    Write(u8),
    /// Half a line is written; the next write finishes it.
    Half,
    /// The writer still writes to the file that was just renamed.
    Late,
    /// logrotate renames; packs the one before the newest.
    Rename,
    /// logrotate renames and packs at once.
    RenameAndPack,
    /// logrotate copies, with so many lines written before it truncates.
    CopyTruncate { between: u8, read_between: bool },
    /// A reader comes by; its checkpoint is written down and read back.
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..200u8).prop_map(Step::Write),
        2 => Just(Step::Half),
        1 => Just(Step::Late),
        2 => Just(Step::Rename),
        1 => Just(Step::RenameAndPack),
        2 => (0..3u8, any::<bool>())
            .prop_map(|(between, read_between)| Step::CopyTruncate { between, read_between }),
        5 => Just(Step::Read),
    ]
}

#[derive(Default)]
struct Lines(Vec<String>);

impl LineSink for Lines {
    fn line(&mut self, line: &[u8]) {
        self.0.push(String::from_utf8(line.to_vec()).unwrap());
    }
}

struct World {
    folder: tempfile::TempDir,
    live: fs::File,
    /// The line being written, if half of it is.
    half: Option<String>,
    next: u64,
    written: BTreeSet<String>,
    /// Written between a copy and its truncation, and gone if nobody read them there.
    exposed: BTreeSet<String>,
    got: Vec<String>,
    checkpoint: Option<FilesCheckpoint>,
    gaps: usize,
    gaps_allowed: usize,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let live = open(&folder.path().join("log"));
        Self {
            folder,
            live,
            half: None,
            next: 0,
            written: BTreeSet::new(),
            exposed: BTreeSet::new(),
            got: Vec::new(),
            checkpoint: None,
            gaps: 0,
            gaps_allowed: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn line(&mut self) -> String {
        self.next += 1;
        // As long as real ones, so that fingerprints end within files and across them.
        let n = self.next;
        format!(
            "{n:06} {}",
            "x".repeat(usize::try_from(n * 31 % 97).unwrap())
        )
    }

    fn write(&mut self) -> String {
        let line = match self.half.take() {
            Some(line) => {
                self.live
                    .write_all(line.get(4..).unwrap().as_bytes())
                    .unwrap();
                line
            }
            None => {
                let line = self.line();
                self.live.write_all(line.as_bytes()).unwrap();
                line
            }
        };
        self.live.write_all(b"\n").unwrap();
        self.written.insert(line.clone());
        line
    }

    fn shift(&self) {
        for n in (1..60).rev() {
            for end in ["", ".gz"] {
                let from = self.path(&format!("log.{n}{end}"));
                if from.exists() {
                    fs::rename(from, self.path(&format!("log.{}{end}", n + 1))).unwrap();
                }
            }
        }
    }

    fn pack(&self, name: &str) {
        let Ok(bytes) = fs::read(self.path(name)) else {
            return;
        };
        let file = fs::File::create(self.path(&format!("{name}.gz"))).unwrap();
        let mut packed = GzEncoder::new(file, Compression::fast());
        packed.write_all(&bytes).unwrap();
        packed.finish().unwrap();
        fs::remove_file(self.path(name)).unwrap();
    }

    fn finish_half(&mut self) {
        if self.half.is_some() {
            self.write();
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Write(n) => (0..*n).for_each(|_| drop(self.write())),
            Step::Half => {
                self.finish_half();
                let line = self.line();
                self.live
                    .write_all(line.get(..4).unwrap().as_bytes())
                    .unwrap();
                self.half = Some(line);
            }
            Step::Late => {
                self.finish_half();
                self.shift();
                self.pack("log.2");
                fs::rename(self.path("log"), self.path("log.1")).unwrap();
                let new = open(&self.path("log"));
                self.write();
                self.read();
                self.write();
                self.live = new;
            }
            Step::Rename => {
                self.finish_half();
                self.shift();
                self.pack("log.2");
                fs::rename(self.path("log"), self.path("log.1")).unwrap();
                self.live = open(&self.path("log"));
            }
            Step::RenameAndPack => {
                self.finish_half();
                self.shift();
                fs::rename(self.path("log"), self.path("log.1")).unwrap();
                self.pack("log.1");
                self.live = open(&self.path("log"));
            }
            Step::CopyTruncate {
                between,
                read_between,
            } => self.copy(*between, *read_between),
            Step::Read => self.read(),
        }
    }

    fn copy(&mut self, between: u8, read_between: bool) {
        self.finish_half();
        self.shift();
        fs::copy(self.path("log"), self.path("log.1")).unwrap();
        // Nothing shows that an empty copy was made of this file: a gap is told to be safe.
        let empty = fs::metadata(self.path("log")).unwrap().len() == 0;
        self.gaps_allowed += usize::from(empty && read_between && between > 0);
        let exposed: Vec<String> = (0..between).map(|_| self.write()).collect();
        if read_between {
            self.read();
        } else {
            self.exposed.extend(exposed);
        }
        self.live.set_len(0).unwrap();
    }

    fn read(&mut self) {
        let set = FileSet {
            paths: vec![self.path("log")],
            rotate_depth: 99,
            max_lines: None,
        };
        let mut lines = Lines::default();
        let outcome = set.read(self.checkpoint.as_ref(), ReadOptions::default(), &mut lines);
        assert_eq!(outcome.problems, []);
        self.gaps += outcome.gaps.len();
        let written = serde_json::to_vec(&outcome.checkpoint).unwrap();
        self.checkpoint = Some(serde_json::from_slice(&written).unwrap());
        self.got.extend(lines.0);
    }
}

fn open(path: &PathBuf) -> fs::File {
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap()
}

proptest! {

    #[test]
    fn nothing_is_lost_and_nothing_is_doubled(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        world.finish_half();
        world.read();
        let got: BTreeSet<String> = world.got.iter().cloned().collect();
        prop_assert_eq!(got.len(), world.got.len(), "a line came twice");
        let lost: Vec<&String> = world.written.difference(&got).collect();
        prop_assert!(
            lost.iter().all(|line| world.exposed.contains(*line)),
            "lost: {:?}", lost
        );
        prop_assert!(got.is_subset(&world.written));
        // What is lost between copy and truncation leaves no trace; nothing else is lost.
        prop_assert!(world.gaps <= world.gaps_allowed, "{} gaps were told", world.gaps);
    }
}
