//! Made-up logs, with what they hold.

mod kinds;

use std::{
    fmt::Arguments,
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::Result;
use serde_json::{Map, Value, json};

pub(super) use self::kinds::KINDS;

/// A kind of log: its collector, how it is made, and the totals that stand for it.
pub(super) struct Kind {
    pub(super) collector: &'static str,
    /// The totals that are compared with the truth.
    totals: &'static [&'static str],
    /// Lines per CPU-second that the issue asks for.
    pub(super) goal: Option<u32>,
    /// Writes what happens in second `n`.
    happens: fn(&mut Log, u32) -> Result<()>,
}

/// What a log holds: its lines, and a count for each of the kind's totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Truth {
    pub(super) lines: u64,
    counts: Vec<u64>,
}

impl Truth {
    /// The same log, this often.
    pub(super) fn times(&self, n: u64) -> Self {
        Self {
            lines: self.lines * n,
            counts: self.counts.iter().map(|count| count * n).collect(),
        }
    }

    /// What a digest says of it.
    pub(super) fn told(kind: &Kind, digest: &Value) -> Self {
        let found = &digest["collectors"][kind.collector];
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        let totals = kind.totals.iter();
        Self {
            lines: number(&found["lines_read"]),
            counts: totals.map(|name| number(&found["totals"][name])).collect(),
        }
    }

    pub(super) fn json(&self, kind: &Kind) -> Value {
        let pairs = kind.totals.iter().zip(&self.counts);
        let totals: Map<String, Value> = pairs
            .map(|(name, count)| ((*name).to_owned(), json!(count)))
            .collect();
        json!({ "lines": self.lines, "totals": totals })
    }
}

/// A log being written.
pub(super) struct Log {
    out: BufWriter<File>,
    bytes: u64,
    truth: Truth,
}

impl Log {
    /// Writes about so many bytes of a kind.
    pub(super) fn write(kind: &Kind, path: &Path, bytes: u64) -> Result<Truth> {
        let mut log = Self {
            out: BufWriter::with_capacity(1 << 20, File::create(path)?),
            bytes: 0,
            truth: Truth {
                lines: 0,
                counts: vec![0; kind.totals.len()],
            },
        };
        let mut second = 0;
        while log.bytes < bytes {
            (kind.happens)(&mut log, second)?;
            second += 1;
        }
        log.out.flush()?;
        Ok(log.truth)
    }

    fn line(&mut self, line: Arguments<'_>) -> Result<()> {
        let line = format!("{line}\n");
        self.out.write_all(line.as_bytes())?;
        self.bytes += line.len() as u64;
        self.truth.lines += 1;
        Ok(())
    }

    /// Counts so many for a total, by its place among the kind's.
    fn count(&mut self, total: usize, n: u64) {
        self.truth.counts[total] += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each total's mark in a line, and for how many a line with it stands.
    #[test]
    fn a_log_holds_what_is_said_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let marks: [&[(&str, u64)]; 4] = [
            &[(": Failed ", 1), (": Accepted ", 1)],
            &[
                ("HTTP/1.1\"", 1),
                ("\" 200 ", 1),
                ("\" 404 ", 1),
                ("\" 500 ", 1),
            ],
            &[
                ("status=sent", 1),
                ("status=deferred", 1),
                ("reject: RCPT", 1),
            ],
            &[("Login: user", 1), ("auth failed, 3 attempts", 3)],
        ];
        assert_eq!(KINDS.len(), marks.len());
        for (kind, marks) in KINDS.iter().zip(marks) {
            let truth = Log::write(kind, &path, 100_000).unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!((100_000..102_000).contains(&text.len()));
            assert_eq!(text.lines().count() as u64, truth.lines);
            let counts: Vec<u64> = marks
                .iter()
                .map(|(mark, n)| text.matches(mark).count() as u64 * n)
                .collect();
            assert_eq!(counts, truth.counts, "{}", kind.collector);
            assert!(truth.counts.iter().all(|count| *count > 0));
        }
    }
}
