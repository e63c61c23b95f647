use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

#[derive(Default)]
struct Lines {
    got: Vec<String>,
    files: Vec<String>,
    stop_after: Option<u64>,
    read: u64,
}

impl LineSink for Lines {
    fn file(&mut self, file: FileNow<'_>) {
        self.files.push(
            file.path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .into_owned(),
        );
    }

    fn line(&mut self, line: &[u8]) {
        self.got.push(String::from_utf8_lossy(line).into_owned());
    }

    fn keep_going(&mut self, bytes: u64) -> bool {
        self.read += bytes;
        self.stop_after.is_none_or(|limit| self.read < limit)
    }
}

/// A folder with a log in it, read again and again with the checkpoint of the last read.
struct World {
    folder: tempfile::TempDir,
    set: FileSet,
    checkpoint: Option<FilesCheckpoint>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = vec![folder.path().join("log")];
        let set = FileSet {
            paths,
            rotate_depth: 1,
            max_lines: None,
        };
        Self {
            folder,
            set,
            checkpoint: None,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path(name));
        file.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn pack(&self, name: &str) {
        let bytes = fs::read(self.path(name)).unwrap();
        let file = fs::File::create(self.path(&format!("{name}.gz"))).unwrap();
        let mut packed = GzEncoder::new(file, Compression::fast());
        packed.write_all(&bytes).unwrap();
        packed.finish().unwrap();
        fs::remove_file(self.path(name)).unwrap();
    }

    fn read_with(&mut self, options: ReadOptions, sink: &mut Lines) -> FilesOutcome {
        let outcome = self.set.read(self.checkpoint.as_ref(), options, sink);
        // What is kept is what was written down.
        let written = serde_json::to_string(&outcome.checkpoint).unwrap();
        self.checkpoint = Some(serde_json::from_str(&written).unwrap());
        assert_eq!(self.checkpoint.as_ref(), Some(&outcome.checkpoint));
        outcome
    }

    /// Reads on and expects exactly these lines, no trouble and no gap.
    fn expect(&mut self, lines: &[&str]) {
        let mut sink = Lines::default();
        let outcome = self.read_with(ReadOptions::default(), &mut sink);
        assert_eq!(sink.got, lines);
        assert_eq!((outcome.problems, outcome.gaps), (vec![], vec![]));
    }

    fn expect_gap(&mut self, lines: &[&str], kind: GapKind) {
        let mut sink = Lines::default();
        let outcome = self.read_with(ReadOptions::default(), &mut sink);
        assert_eq!(sink.got, lines);
        let gaps: Vec<GapKind> = outcome.gaps.iter().map(|gap| gap.kind).collect();
        assert_eq!(gaps, [kind]);
    }
}

#[test]
fn what_came_since_is_read_once() {
    let mut world = World::new();
    world.append("log", "a\nb\nc");
    world.expect(&["a", "b"]);
    world.expect(&[]);
    world.append("log", "c\nd\n");
    world.expect(&["cc", "d"]);
    world.expect(&[]);
}

#[test]
fn a_renamed_file_is_read_to_its_end_then_the_new_one() {
    let mut world = World::new();
    world.append("log", "a\n");
    world.expect(&["a"]);
    world.append("log", "b\n");
    world.rename("log", "log.1");
    world.expect(&["b"]);
    // Its writer still holds it open.
    world.append("log.1", "c\n");
    world.append("log", "d\n");
    world.expect(&["c", "d"]);
    world.expect(&[]);
}

#[test]
fn several_rotations_while_nobody_read_are_caught_up_whatever_the_depth() {
    let mut world = World::new();
    world.set.rotate_depth = 0;
    world.append("log", "a\n");
    world.expect(&["a"]);
    world.append("log", "b\n");
    world.rename("log", "log-20260101");
    world.pack("log-20260101");
    world.append("log", "c\n");
    world.rename("log", "log-20260102");
    world.append("log", "d\n");
    world.expect(&["b", "c", "d"]);
    world.expect(&[]);
}

#[test]
fn packing_what_was_read_repeats_nothing_and_loses_no_late_line() {
    let mut world = World::new();
    world.append("log", "a\nb\n");
    world.rename("log", "log.1");
    world.append("log", "c\n");
    world.expect(&["a", "b", "c"]);
    world.append("log.1", "late\n");
    world.rename("log.1", "log.2");
    world.pack("log.2");
    world.append("log", "d\n");
    world.rename("log", "log.1");
    world.append("log", "e\n");
    world.expect(&["late", "d", "e"]);
    world.expect(&[]);
}

#[test]
fn a_copy_with_truncation_is_followed_through_each_of_its_steps() {
    let mut world = World::new();
    world.append("log", "aaaa\nbbbb\n");
    world.expect(&["aaaa", "bbbb"]);
    world.append("log", "cccc\n");
    // A copy half made, then whole, then the truncation.
    world.append("log.1", "aaaa\nbb");
    world.expect(&["cccc"]);
    fs::copy(world.path("log"), world.path("log.1")).unwrap();
    world.append("log", "dddd\n");
    world.expect(&["dddd"]);
    fs::File::create(world.path("log")).unwrap();
    world.append("log", "ee\n");
    world.expect(&["ee"]);
    world.expect(&[]);
}

#[test]
fn what_the_copy_holds_and_we_had_not_read_is_read_there() {
    let mut world = World::new();
    world.append("log", "a\n");
    world.expect(&["a"]);
    world.append("log", "b\n");
    fs::copy(world.path("log"), world.path("log.1")).unwrap();
    fs::File::create(world.path("log")).unwrap();
    world.append("log", "cccccccc\nd\n");
    world.expect(&["b", "cccccccc", "d"]);
    world.expect(&[]);
}

#[test]
fn an_empty_live_file_that_is_copied_and_truncated_loses_nothing() {
    let mut world = World::new();
    world.append("log.1", "old\n");
    world.append("log", "");
    world.expect(&["old"]);
    world.append("log", "a\n");
    world.rename("log.1", "log.2");
    fs::copy(world.path("log"), world.path("log.1")).unwrap();
    fs::File::create(world.path("log")).unwrap();
    world.expect(&["a"]);
    world.expect(&[]);
}

#[test]
fn lines_that_can_no_longer_be_read_are_told() {
    let mut world = World::new();
    world.append("log", "a\nb\n");
    world.expect(&["a", "b"]);
    fs::File::create(world.path("log")).unwrap();
    world.append("log", "c\n");
    world.expect_gap(&["c"], GapKind::Truncated);
    fs::remove_file(world.path("log")).unwrap();
    world.append("other", "keeps its inode taken\n");
    world.append("log", "d\n");
    world.expect_gap(&["d"], GapKind::Gone);
    world.expect(&[]);
}

#[test]
fn a_link_that_moves_on_leaves_its_last_file_read_to_the_end() {
    let mut world = World::new();
    world.append("day1", "a\n");
    symlink("day1", world.path("log")).unwrap();
    world.expect(&["a"]);
    world.append("day1", "b\n");
    world.append("day2", "c\n");
    fs::remove_file(world.path("log")).unwrap();
    symlink("day2", world.path("log")).unwrap();
    world.expect(&["b", "c"]);
    world.expect(&[]);
}

#[test]
fn the_depth_holds_for_the_first_read() {
    let mut world = World::new();
    for (name, text) in [
        ("log.3", "c\n"),
        ("log.2", "b\n"),
        ("log.1", "a\n"),
        ("log", "z\n"),
    ] {
        world.append(name, text);
    }
    world.pack("log.3");
    world.set.rotate_depth = 2;
    world.expect(&["b", "a", "z"]);
    world.expect(&[]);
    let old = ReadOptions {
        not_before_unix_s: Some(i64::MAX),
        ..ReadOptions::default()
    };
    let mut sink = Lines::default();
    world.set.read(None, old, &mut sink);
    assert_eq!(sink.got, ["z"]);
}

#[test]
fn the_newest_lines_are_delivered_and_the_others_counted() {
    let mut world = World::new();
    world.append("log.1", "a\nb\nc\n");
    world.pack("log.1");
    world.append("log", "d\ne\nf\ng");
    world.set.max_lines = Some(2);
    let mut sink = Lines::default();
    let outcome = world.read_with(ReadOptions::default(), &mut sink);
    assert_eq!(sink.got, ["b", "c", "e", "f"]);
    let counts: Vec<_> = outcome
        .files
        .iter()
        .map(|file| (file.lines, file.skipped))
        .collect();
    assert_eq!(counts, [(2, 1), (2, 1)]);
    world.append("log", "\n");
    world.expect(&["g"]);
}

#[test]
fn an_unfinished_line_is_taken_on_request_and_when_nobody_writes_any_more() {
    let mut world = World::new();
    world.append("log.2", "old");
    world.append("log.1", "newer");
    world.append("log", "live");
    world.set.rotate_depth = 2;
    world.expect(&["old"]);
    let mut sink = Lines::default();
    let take = ReadOptions {
        unfinished: Unfinished::Take,
        ..ReadOptions::default()
    };
    world.set.read(None, take, &mut sink);
    assert_eq!(sink.got, ["old", "newer", "live"]);
}

#[test]
fn a_read_that_is_stopped_goes_on_where_it_was() {
    let mut world = World::new();
    let many: Vec<String> = (0..100_000).map(|n| format!("line {n}")).collect();
    world.append("log.1", &format!("{}\n", many[..50_000].join("\n")));
    world.append("log", &format!("{}\n", many[50_000..].join("\n")));
    let mut got = Vec::new();
    let mut stops = 0;
    loop {
        let mut sink = Lines {
            stop_after: Some(1),
            ..Lines::default()
        };
        let outcome = world.read_with(ReadOptions::default(), &mut sink);
        assert_eq!(outcome.gaps, []);
        got.extend(sink.got);
        stops += 1;
        if !outcome.stopped {
            break;
        }
    }
    assert_eq!(got, many);
    assert!(stops > 3, "it was stopped only {stops} times");
}

#[test]
fn what_is_no_file_of_lines_is_named_with_its_cure() {
    let mut world = World::new();
    fs::create_dir(world.path("folder")).unwrap();
    world.append("folder/error.log", "x\n");
    assert!(
        Command::new("mkfifo")
            .arg(world.path("pipe"))
            .status()
            .unwrap()
            .success()
    );
    symlink("/dev/zero", world.path("zero")).unwrap();
    world.append("good", "a\n");
    let names = ["folder", "pipe", "zero", "absent", "good"];
    world.set.paths = names.iter().map(|name| world.path(name)).collect();
    let mut sink = Lines::default();
    let outcome = world.read_with(ReadOptions::default(), &mut sink);
    assert_eq!(sink.got, ["a"]);
    let told: Vec<String> = outcome
        .problems
        .iter()
        .map(|problem| {
            problem
                .to_string()
                .replace(world.folder.path().to_str().unwrap(), "")
        })
        .collect();
    assert_eq!(
        told,
        [
            "/folder: is a directory (name its files: /folder/error.log)",
            "/pipe: is a pipe (name a regular file)",
            "/dev/zero: is a device (name a regular file)",
            "/absent: no such file",
        ]
    );
}

#[test]
fn what_holds_no_lines_is_told_by_its_first_bytes() {
    let mut world = World::new();
    let files: [(&str, &[u8]); 6] = [
        ("a", b"\xfd7zXZ\0\0\x04"),
        ("b", b"\x28\xb5\x2f\xfdrest"),
        ("c", b"BZh91AY"),
        ("d", b"\x04\x22\x4d\x18"),
        ("e", b"LPKSHHRH\0\0"),
        ("f", b"BZ\n"),
    ];
    for (name, bytes) in files {
        fs::write(world.path(name), bytes).unwrap();
    }
    world.append("f.1.xz", "");
    world.set.paths = files.map(|(name, _)| world.path(name)).to_vec();
    let mut sink = Lines::default();
    let outcome = world.read_with(ReadOptions::default(), &mut sink);
    assert_eq!(sink.got, ["BZ"]);
    let told: Vec<String> = outcome
        .problems
        .iter()
        .map(|problem| {
            problem
                .to_string()
                .replace(world.folder.path().to_str().unwrap(), "")
        })
        .collect();
    let repack = "unpack it, or set `compresscmd /usr/bin/gzip` in logrotate's configuration";
    let packed =
        |name: &str, by: &str| format!("/{name}: is packed by {by}, which is not read ({repack})");
    assert_eq!(
        told,
        [
            packed("a", "xz"),
            packed("b", "zstd"),
            packed("c", "bzip2"),
            packed("d", "lz4"),
            "/e: is a file of a systemd journal (journals are read through journalctl: leave `paths` out)".to_owned(),
            packed("f.1.xz", "xz"),
        ]
    );
}

/// Longer than a line may be, NUL bytes, bytes of no text, an escape: all lines come, in order.
#[test]
fn what_a_broken_writer_leaves_is_read_like_anything_else() {
    let mut world = World::new();
    let mut bytes = b"a\n\xff\xfe\xc3\n\x1b]0;x\x07\n\0\0\0b\n".to_vec();
    bytes.extend(vec![b'x'; LINE_BYTES_MAX + 7]);
    bytes.extend(b"\nlast\r\n");
    fs::write(world.path("log"), bytes).unwrap();
    let mut sink = Lines::default();
    let outcome = world.read_with(ReadOptions::default(), &mut sink);
    let lengths: Vec<usize> = sink.got.iter().map(String::len).collect();
    assert_eq!(lengths[3..], [1, LINE_BYTES_MAX, 5]);
    assert_eq!(sink.got[2], "\u{1b}]0;x\u{7}");
    assert_eq!(
        (outcome.files[0].lines, outcome.files[0].long_lines),
        (6, 1)
    );
    assert_eq!(outcome.problems, []);
}

#[test]
fn a_damaged_archive_gives_what_it_holds_and_is_told() {
    let mut world = World::new();
    let text: String = (0..20_000)
        .map(|n| format!("line {}\n", n * 7919 % 104_729))
        .collect();
    world.append("log.1", &text);
    world.pack("log.1");
    let packed = fs::read(world.path("log.1.gz")).unwrap();
    fs::write(world.path("log.1.gz"), &packed[..packed.len() / 2]).unwrap();
    world.append("log.2.xz", "?");
    world.set.rotate_depth = 2;
    let mut sink = Lines::default();
    let outcome = world.read_with(ReadOptions::default(), &mut sink);
    assert!(sink.got.len() > 1000, "only {} lines", sink.got.len());
    assert!(text.starts_with(&sink.got.join("\n")));
    let kinds: Vec<ProblemKind> = outcome
        .problems
        .iter()
        .map(|problem| problem.kind)
        .collect();
    assert_eq!(kinds, [ProblemKind::Unsupported, ProblemKind::Corrupt]);
}

#[test]
fn what_can_not_be_opened_for_a_while_is_gone_on_with_later() {
    let mut world = World::new();
    world.append("log.1", "old\n");
    world.append("log", "a\n");
    world.expect(&["old", "a"]);
    world.append("log", "b\n");
    world.rename("log", "aside");
    fs::create_dir(world.path("log")).unwrap();
    let mut sink = Lines::default();
    let outcome = world.read_with(ReadOptions::default(), &mut sink);
    assert_eq!(
        (sink.got.len(), outcome.gaps.len(), outcome.problems.len()),
        (0, 0, 1)
    );
    fs::remove_dir(world.path("log")).unwrap();
    world.rename("aside", "log");
    world.expect(&["b"]);
}

#[test]
fn the_same_file_named_twice_is_read_once() {
    let mut world = World::new();
    world.append("log", "a\n");
    symlink("log", world.path("link")).unwrap();
    world.set.paths = vec![world.path("log"), world.path("log"), world.path("link")];
    world.expect(&["a"]);
}

#[test]
fn a_packed_file_can_be_named_itself() {
    let mut world = World::new();
    world.append("log", "a\nb");
    world.pack("log");
    world.set.paths = vec![world.path("log.gz")];
    world.expect(&["a", "b"]);
    world.expect(&[]);
}
