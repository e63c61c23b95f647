//! Running `journalctl` and following its output.

use std::collections::VecDeque;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::process::Command;

use super::JournalCheckpoint;
use super::JournalMatch;
use super::JournalOutcome;
use super::JournalPlace;
use super::JournalQuery;
use super::child::Ended;
use super::child::Guarded;
use super::entry::ENTRY_BYTES_MAX;
use super::entry::Entry;
use super::entry::FIELDS;
use crate::host;
use crate::problem::Problem;
use crate::problem::ProblemKind;
use crate::sink::EntrySink;

/// With `max_lines`, entries up to this many bytes wait until it is clear which are the newest;
/// beyond it the oldest are skipped, and counted.
pub const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One line of output: a message as an array of numbers takes up to five bytes for each of its
/// own. What is longer is cut, does not parse, and counts as damaged.
const OUTPUT_LINE_BYTES_MAX: u64 = 5 * ENTRY_BYTES_MAX as u64 + 65_536;

impl JournalQuery {
    /// Delivers the entries, oldest first, and says how far it came.
    ///
    /// # Errors
    /// None: what keeps entries from being read is a problem in the outcome.
    pub fn read(&self, sink: &mut dyn EntrySink) -> JournalOutcome {
        let checkpoint = self.after.clone().unwrap_or(JournalCheckpoint {
            cursor: None,
            since_unix_us: self.since_unix_us,
        });
        let mut outcome = JournalOutcome {
            checkpoint,
            ..JournalOutcome::default()
        };
        let (child, stdout) = match Guarded::start(self.command(), self.deadline) {
            Ok(started) => started,
            Err(error) => {
                outcome.problems.push(self.can_not_start(&error));
                return outcome;
            }
        };
        let expected = outcome.checkpoint.cursor.clone();
        let mut following = Following {
            query: self,
            outcome: &mut outcome,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            expected,
            sink,
        };
        let ended_early = match following.output(BufReader::with_capacity(256 * 1024, stdout)) {
            Ok(ended_early) => ended_early,
            Err(error) => {
                outcome
                    .problems
                    .push(self.problem(ProblemKind::Failed, error.to_string()));
                true
            }
        };
        if ended_early {
            child.kill();
        }
        match child.end() {
            Ok(ended) => outcome.problems.extend(self.complaint(&ended, ended_early)),
            Err(error) => outcome
                .problems
                .push(self.problem(ProblemKind::Failed, error.to_string())),
        }
        outcome
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // `--all` because longer fields would be printed as null.
        command.args([
            "--output=json",
            "--no-pager",
            "--all",
            "--output-fields",
            FIELDS,
        ]);
        // A person's settings must not change what is printed.
        command
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .env_remove("SYSTEMD_PAGER");
        match &self.place {
            JournalPlace::System => command.arg("--system"),
            JournalPlace::Directory(path) => command.arg("--directory").arg(path),
            JournalPlace::File(path) => command.arg("--file").arg(path),
        };
        let after = self.after.clone().unwrap_or_default();
        let since = after.since_unix_us.or(self.since_unix_us);
        match (after.cursor, since) {
            // From the entry itself on, not after it: whether it is still there tells a gap.
            (Some(cursor), _) => {
                command.arg("--cursor").arg(cursor);
            }
            (None, Some(since)) => {
                let seconds = format!("@{}.{:06}", since / 1_000_000, since % 1_000_000);
                command.arg("--since").arg(seconds);
            }
            (None, None) => {}
        }
        for (i, wanted) in self.matches.iter().enumerate() {
            if i > 0 {
                command.arg("+");
            }
            command.arg(match wanted {
                JournalMatch::Identifier(name) => format!("SYSLOG_IDENTIFIER={name}"),
                JournalMatch::Unit(name) => format!("_SYSTEMD_UNIT={name}"),
            });
        }
        command
    }

    fn problem(&self, kind: ProblemKind, detail: String) -> Problem {
        let subject = match &self.place {
            JournalPlace::System => "the journal".to_owned(),
            JournalPlace::Directory(path) | JournalPlace::File(path) => {
                format!("the journal in {}", path.display())
            }
        };
        Problem::new(subject, kind, detail)
    }

    fn can_not_start(&self, error: &io::Error) -> Problem {
        let program = self.program.to_string_lossy();
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ProblemKind::Absent,
            _ => ProblemKind::Failed,
        };
        self.problem(kind, format!("{program} can not be started: {error}"))
            .with_cure("install systemd's journalctl, or name log files in `paths`")
    }

    /// What `journalctl` said on stderr, as a problem where it is one.
    fn complaint(&self, ended: &Ended, ended_early: bool) -> Option<Problem> {
        if ended.timed_out {
            let detail = format!(
                "the deadline of {} s ended the read",
                self.deadline.as_secs()
            );
            let cure = "ask for a shorter span, or set `max_lines`";
            return Some(self.problem(ProblemKind::CutShort, detail).with_cure(cure));
        }
        let said = ended.complaints.trim();
        let first = said.lines().next().unwrap_or_default().to_owned();
        if said.contains("not seeing messages from other users")
            || said.contains("Permission denied")
        {
            let user = host::user_name();
            let detail = format!("user {user} sees only part of it");
            let cure = format!("run `usermod -aG systemd-journal {user}` and start again");
            return Some(
                self.problem(ProblemKind::Unreadable, detail)
                    .with_cure(cure),
            );
        }
        if said.contains("No journal files were found") || said.contains("No such file") {
            let cure = "run `systemctl status systemd-journald`, or name log files in `paths`";
            return Some(self.problem(ProblemKind::Absent, first).with_cure(cure));
        }
        if ended.success || ended_early {
            return None;
        }
        let detail = if first.is_empty() {
            "journalctl failed".to_owned()
        } else {
            first
        };
        let cure = "`journalctl --verify` says what is wrong with it";
        Some(self.problem(ProblemKind::Failed, detail).with_cure(cure))
    }
}

struct Following<'a> {
    query: &'a JournalQuery,
    outcome: &'a mut JournalOutcome,
    waiting: VecDeque<Entry>,
    waiting_bytes: usize,
    /// The cursor that the first entry should have.
    expected: Option<String>,
    sink: &'a mut dyn EntrySink,
}

impl Following<'_> {
    /// Follows the output to its end; returns whether it ended before that.
    fn output(&mut self, mut stdout: impl BufRead) -> io::Result<bool> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let n = (&mut stdout)
                .take(OUTPUT_LINE_BYTES_MAX)
                .read_until(b'\n', &mut line)?;
            if n == 0 {
                break;
            }
            if line.last() != Some(&b'\n') && skip_line(&mut stdout)? == 0 {
                // A line without its end: `journalctl` was killed while it wrote.
                break;
            }
            self.outcome.bytes += n as u64;
            if !self.line(&line) {
                self.outcome.stopped = true;
                return Ok(true);
            }
            if self.outcome.bytes > self.query.bytes_max {
                let detail = format!("only {} bytes of its output were read", self.outcome.bytes);
                let problem = self.query.problem(ProblemKind::CutShort, detail);
                let cure = "ask for a shorter span";
                self.outcome.problems.push(problem.with_cure(cure));
                self.deliver_waiting();
                return Ok(true);
            }
        }
        self.deliver_waiting();
        // Nothing came at all, not even the entry we stopped at.
        self.outcome.gap |= self.expected.is_some() && self.outcome.problems.is_empty();
        Ok(false)
    }

    /// Takes a line in; `false` ends the read.
    fn line(&mut self, line: &[u8]) -> bool {
        let Some(mut entry) = Entry::parse(line) else {
            // `-- No entries --` and `-- Boot … --` are remarks.
            self.outcome.damaged += u64::from(!line.starts_with(b"-- "));
            return true;
        };
        if let Some(expected) = self.expected.take() {
            if same_place(&expected, &entry.cursor) {
                return true;
            }
            self.outcome.gap = true;
        }
        self.outcome.damaged += u64::from(entry.cap());
        if self.is_own(&entry) {
            self.outcome.own_skipped += 1;
            self.passed(&entry);
            return true;
        }
        match self.query.max_lines {
            Some(max) => {
                self.wait(entry, max);
                self.sink.keep_going()
            }
            None => self.deliver(&entry),
        }
    }

    fn is_own(&self, entry: &Entry) -> bool {
        let own = &self.query.own;
        entry.identifier == "skep"
            || (own.pid.is_some() && entry.pid == own.pid)
            || (own.unit.is_some() && entry.unit == own.unit)
    }

    fn deliver(&mut self, entry: &Entry) -> bool {
        self.sink.entry(entry);
        self.outcome.entries += 1;
        self.passed(entry);
        self.sink.keep_going()
    }

    /// The next read goes on after this entry.
    fn passed(&mut self, entry: &Entry) {
        self.outcome.checkpoint = JournalCheckpoint {
            cursor: Some(entry.cursor.clone()),
            since_unix_us: None,
        };
    }

    fn wait(&mut self, entry: Entry, max: u64) {
        self.waiting_bytes += entry.message.len();
        self.waiting.push_back(entry);
        while self.waiting.len() as u64 > max || self.waiting_bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.waiting.pop_front() else {
                break;
            };
            self.waiting_bytes -= oldest.message.len();
            self.outcome.skipped += 1;
            self.passed(&oldest);
        }
    }

    fn deliver_waiting(&mut self) {
        for entry in std::mem::take(&mut self.waiting) {
            if !self.deliver(&entry) {
                self.outcome.stopped = true;
                return;
            }
        }
    }
}

/// Drops the rest of an overlong line.
fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(skipped);
        }
        let end = memchr::memchr(b'\n', available);
        let n = end.map_or(available.len(), |at| at + 1);
        reader.consume(n);
        skipped += n as u64;
        if end.is_some() {
            return Ok(skipped);
        }
    }
}

/// Whether two cursors name the same entry: by its place in its file, else by time and content,
/// which it keeps when it is copied to another file.
fn same_place(a: &str, b: &str) -> bool {
    let part = |cursor: &str, mark: &str| {
        cursor
            .split(';')
            .find_map(|part| part.strip_prefix(mark))
            .map(str::to_owned)
    };
    let same = |mark: &str| part(a, mark).is_some() && part(a, mark) == part(b, mark);
    a == b || (same("s=") && same("i=")) || (same("t=") && same("x="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_compared_by_what_stays() {
        assert!(same_place(
            "s=a;i=1;b=c;m=1;t=2;x=3",
            "s=a;i=1;b=c;m=1;t=2;x=3"
        ));
        assert!(same_place("s=a;i=1;t=2;x=3", "s=b;i=9;t=2;x=3"));
        assert!(!same_place("s=a;i=1;t=2;x=3", "s=a;i=2;t=2;x=4"));
        assert!(!same_place("", "s=a"));
    }

    fn arguments(query: &JournalQuery) -> String {
        let command = query.command();
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        words[5..].join(" ")
    }

    #[test]
    fn the_question_is_put_in_journalctls_words() {
        let query = JournalQuery {
            matches: vec![
                JournalMatch::Identifier("sshd".to_owned()),
                JournalMatch::Unit("ssh.service".to_owned()),
            ],
            since_unix_us: Some(1_700_000_000_000_005),
            ..JournalQuery::default()
        };
        let matches = "SYSLOG_IDENTIFIER=sshd + _SYSTEMD_UNIT=ssh.service";
        let expected = format!("--system --since @1700000000.000005 {matches}");
        assert_eq!(arguments(&query), expected);
        let checkpoint = JournalCheckpoint {
            cursor: Some("c".to_owned()),
            since_unix_us: None,
        };
        let query = JournalQuery {
            after: Some(checkpoint),
            ..query
        };
        assert_eq!(arguments(&query), format!("--system --cursor c {matches}"));
    }
}
