//! What holds for every collector of the registry, whatever it is fed: a new one is tested here by
//! being in the list, with the lines of all fixtures, whole and mangled.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use proptest::prelude::*;
use skep_protocol::digest::CollectorReport;

use super::collector::Collector;
use super::collector::OpenState;
use super::collectors::NAMES;
use super::report::ReportOptions;
use super::testkit::settings;
use super::tests::LINES as LINES_OF_ALL;

/// Lines that no fixture holds: broken heads, bytes that are no text, another service's words.
const ODD: &[&[u8]] = &[
    b"",
    b"\r",
    b"\xff\xfe\0\0",
    b"\x1b]0;title\x07",
    b"Feb 29 25:61:61 h sshd[99999999999]: Failed password for  from  port  ssh2",
    b"<191>1 - - - - - [a b=\"]\"] \xef\xbb\xbfx",
    b"Feb 12 14:10:21 h last message repeated 4294967295 times",
    b"Feb 12 14:10:21 h sshd[7]: message repeated 2 times: [ Failed password for x from ::1 port 1 ssh2]",
    b"{\"status\":\"500\",\"request\":{\"a\":[]},\"time_local\":\"x\"}",
    b"Feb 12 14:10:21 h postfix/smtp[1]: 4ABC: to=<a@b>, status=sent (status=bounced)",
    b"Feb 12 14:10:21 h sudo:    a : TTY=x ; PWD=/ ; USER=root ; COMMAND=/bin/echo COMMAND=x",
];

/// What the lines begin with whose time is known by themselves.
const STAMP: &[u8] = b"Feb 12 14:10:2";

/// Lines taken at most of each fixture, evenly.
const FIXTURE_LINES_MAX: usize = 60;

/// The lines of all fixtures, and the odd ones.
static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .collect();
    paths.sort();
    assert!(paths.len() > 3, "no fixtures in {folder}");
    let odd = ODD.iter().map(|line| line.to_vec());
    let usual = LINES_OF_ALL
        .split('\n')
        .map(|line| line.as_bytes().to_vec());
    let mut lines: Vec<Vec<u8>> = odd.chain(usual).collect();
    for path in paths {
        let bytes = fs::read(path).unwrap();
        let all: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        let step = all.len().div_ceil(FIXTURE_LINES_MAX);
        lines.extend(all.iter().step_by(step).map(|line| line.to_vec()));
    }
    lines
});

/// A line of the fixtures, sometimes with a piece cut out, put in, or from another line.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let any_line = || any::<prop::sample::Index>().prop_map(|at| at.get(&LINES).clone());
    let mangled = (
        any_line(),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        prop_oneof![
            any_line(),
            proptest::collection::vec(any::<u8>(), 0..12),
            proptest::sample::select(
                &[
                    " ", "[", "]", "\"", "\\", ": ", "=", ",", "<", ">", " from ", "(", ")"
                ][..]
            )
            .prop_map(|piece| piece.as_bytes().to_vec()),
        ],
    )
        .prop_map(|(line, from, until, piece)| {
            let (from, until) = (from.index(line.len() + 1), until.index(line.len() + 1));
            let (from, until) = (from.min(until), from.max(until));
            let mangled = [&line[..from], &piece, &line[until..]].concat();
            mangled.into_iter().filter(|byte| *byte != b'\n').collect()
        });
    prop_oneof![3 => any_line(), 1 => mangled]
}

fn joined(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    bytes
}

fn fed(name: &str, bytes: &[u8]) -> Collector {
    let mut collector = Collector::new(name, &settings());
    collector.file("f", None);
    collector.feed(bytes);
    collector
}

fn whole(name: &str, bytes: &[u8]) -> CollectorReport {
    fed(name, bytes).finish(&ReportOptions::default())
}

/// Sorted places that cut `length` things into parts, the ends included.
fn cuts(at: &[prop::sample::Index], length: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = at.iter().map(|at| at.index(length + 1)).collect();
    cuts.extend([0, length]);
    cuts.sort_unstable();
    cuts
}

fn name() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&NAMES[..])
}

fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let stamped: Vec<Vec<u8>> = LINES
        .iter()
        .filter(|line| line.starts_with(STAMP))
        .cloned()
        .collect();
    prop_oneof![
        4 => proptest::collection::vec(line(), 0..40),
        1 => proptest::collection::vec(proptest::sample::select(stamped), 0..20),
    ]
}

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    proptest::collection::vec(any::<prop::sample::Index>(), 0..4)
}

proptest! {
    #[test]
    fn splitting_the_input_at_any_byte_gives_the_same_digest(
        name in name(),
        lines in lines(),
        tail in proptest::collection::vec(any::<u8>(), 0..20),
        at in places(),
    ) {
        let bytes = [joined(&lines), tail].concat();
        let mut collector = Collector::new(name, &settings());
        collector.file("f", None);
        for ends in cuts(&at, bytes.len()).windows(2) {
            collector.feed(&bytes[ends[0]..ends[1]]);
        }
        prop_assert_eq!(collector.finish(&ReportOptions::default()), whole(name, &bytes));
    }

    #[test]
    fn parts_merge_to_the_whole(name in name(), lines in lines(), at in places()) {
        let cuts = cuts(&at, lines.len());
        let mut parts = cuts.windows(2).map(|ends| fed(name, &joined(&lines[ends[0]..ends[1]])));
        let mut merged = parts.next().unwrap();
        for part in parts {
            merged.merge(part);
        }
        let (merged, whole) = (merged.finish(&ReportOptions::default()), whole(name, &joined(&lines)));
        prop_assert_eq!(&merged.totals, &whole.totals);
        prop_assert_eq!(&merged.tables, &whole.tables);
        prop_assert_eq!(&merged.headline, &whole.headline);
        prop_assert_eq!(&merged.coverage, &whole.coverage);
        // Traces go by the hour: a line without a stamp has that of the one before it, which another
        // part may hold. They are compared where all lines have stamps.
        if lines.iter().all(|line| line.starts_with(STAMP)) {
            prop_assert_eq!(&merged.traces, &whole.traces);
        }
    }

    /// What patrols report one after the other adds up, though what is open goes from one to the
    /// next through a checkpoint.
    #[test]
    fn patrols_add_up_to_the_whole(name in name(), lines in lines(), at in places()) {
        let cuts = cuts(&at, lines.len());
        let mut open = OpenState::default();
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        for (n, ends) in cuts.windows(2).enumerate() {
            let mut collector = Collector::resume(name, &settings(), &open);
            collector.file("f", None);
            collector.feed(&joined(&lines[ends[0]..ends[1]]));
            let report = if n + 2 == cuts.len() {
                collector.finish(&ReportOptions::default())
            } else {
                let (report, next) = collector.finish_part(&ReportOptions::default());
                let written = serde_json::to_string(&next).unwrap();
                open = serde_json::from_str(&written).unwrap();
                prop_assert_eq!(&open, &next);
                report
            };
            for (total, n) in &report.totals.0 {
                *sums.entry(total.clone()).or_default() += n;
            }
        }
        let whole = whole(name, &joined(&lines));
        let whole: BTreeMap<String, u64> = whole.totals.0.into_iter().collect();
        prop_assert_eq!(sums, whole);
    }

    /// What is shown of a digest has no control character but line feeds, and a page no markup of a
    /// log.
    #[test]
    fn whatever_a_log_holds_is_shown_harmless(name in name(), lines in lines()) {
        let text = super::render(name, &whole(name, &joined(&lines)));
        prop_assert!(!text.chars().any(|char| char.is_control() && char != '\n'));
    }
}
