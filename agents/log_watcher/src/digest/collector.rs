//! A collector: eats the lines of one service and keeps the tallies.

use serde::Deserialize;
use serde::Serialize;
use skep_lines::Clock;
use skep_lines::Line;
use skep_lines::LineBuffer;
use skep_lines::Splitter;
use skep_lines::is_text;
use skep_protocol::digest::CollectorReport;
use skep_protocol::digest::LineCounts;
use skep_protocol::digest::SourceCoverage;
use skep_protocol::digest::SourceGap;
use skep_protocol::digest::SourceProblem;

use super::collectors;
use super::collectors::Rules;
use super::collectors::Seen;
use super::evidence;
use super::evidence::Place;
use super::report::ReportOptions;
use super::settings::OWN_APP;
use super::settings::Settings;
use super::span::Span;
use super::span::Window;
use super::tally::Shape;
use super::tally::Tally;

/// More sources than this share the entry of the last one.
const SOURCES_MAX: usize = 1_000;

/// Eats the lines of one service.
///
/// Say which file or journal follows, deliver its lines in order, then finish. Memory is bounded
/// whatever the input.
pub struct Collector {
    pub(super) name: String,
    pub(super) rules: Box<dyn Rules>,
    pub(super) shape: Shape,
    pub(super) tally: Tally,
    pub(super) lines: LineCounts,
    pub(super) span: Span,
    pub(super) sources: Vec<SourceCoverage>,
    pub(super) gaps: Vec<SourceGap>,
    pub(super) problems: Vec<SourceProblem>,
    pub(super) notes: Vec<String>,
    window: Window,
    now_unix_s: i64,
    clock: Clock,
    /// Lines without a stamp go with the one before them.
    last_admitted: bool,
    buffer: LineBuffer,
    splitter: Splitter,
    /// The last entry as a line, kept to spare an allocation for each.
    shown: Vec<u8>,
}

/// What a collector holds back because its end is not known yet: part of a patrol's checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpenState(serde_json::Value);

impl Collector {
    /// A collector by name; one without rules of its own runs as `generic`, and says so.
    #[must_use]
    pub fn new(name: &str, settings: &Settings) -> Self {
        let rules = collectors::start(name, settings);
        let shape = rules.shape();
        let mut notes = Vec::new();
        if !collectors::is_known(name) {
            notes.push(format!(
                "there are no rules for {name} yet: counted as generic"
            ));
        }
        Self {
            name: name.to_owned(),
            rules,
            tally: Tally::of(&shape),
            shape,
            lines: LineCounts::default(),
            span: Span::default(),
            sources: Vec::new(),
            gaps: Vec::new(),
            problems: Vec::new(),
            notes,
            window: Window {
                since_ns: settings.since_ns,
                until_ns: settings.until_ns,
            },
            now_unix_s: settings.now_unix_s,
            clock: Clock::new(settings.zone.clone(), settings.now_unix_s),
            last_admitted: true,
            buffer: LineBuffer::default(),
            splitter: Splitter::default(),
            shown: Vec::new(),
        }
    }

    /// Goes on where an earlier collector of this name ended.
    #[must_use]
    pub fn resume(name: &str, settings: &Settings, open: &OpenState) -> Self {
        let mut collector = Self::new(name, settings);
        collector.rules.resume(&open.0);
        collector
    }

    /// Lines of this file follow, which was last written at `modified_unix_s` if that is known.
    pub fn file(&mut self, path: &str, modified_unix_s: Option<i64>) {
        self.end_of_file();
        let written = modified_unix_s
            .unwrap_or(self.now_unix_s)
            .min(self.now_unix_s);
        self.clock.set_reference(written);
        self.source(path);
    }

    /// Entries of a journal follow.
    pub fn journal(&mut self, name: &str) {
        self.end_of_file();
        self.source(name);
    }

    fn source(&mut self, name: &str) {
        self.last_admitted = true;
        if self.sources.len() < SOURCES_MAX {
            let source = name.to_owned();
            self.sources.push(SourceCoverage {
                source,
                lines: 0,
                skipped: 0,
            });
        }
    }

    /// Eats the bytes of a file that follow the ones before, whatever line they end in.
    pub fn feed(&mut self, chunk: &[u8]) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.feed(chunk, |line| self.line(line));
        self.buffer = buffer;
    }

    /// The file has no more bytes: an unfinished line is a line.
    pub fn end_of_file(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.finish(|line| self.line(line));
        self.lines.cut += buffer.cut_lines();
    }

    /// The bytes of a line that is not finished yet.
    #[must_use]
    pub fn pending_bytes(&self) -> u64 {
        self.buffer.pending_bytes()
    }

    /// Eats a line of a file, without its newline.
    pub fn line(&mut self, line: &[u8]) {
        let split = self.splitter.split(line);
        self.lines.escaped += u64::from(!is_text(line));
        self.eat(line, split);
    }

    /// Eats an entry of a journal; as evidence it is shown like a line of a syslog file.
    pub fn entry(&mut self, entry: Line<'_>) {
        let mut shown = std::mem::take(&mut self.shown);
        evidence::show_entry(&entry, self.clock.resolve(entry.stamp), &mut shown);
        self.lines.escaped += u64::from(!is_text(entry.body));
        self.eat(&shown, entry);
        self.shown = shown;
    }

    fn eat(&mut self, raw: &[u8], line: Line<'_>) {
        if self.sources.is_empty() {
            self.source("-");
        }
        let source = self.sources.len() - 1;
        self.lines.read += 1;
        self.sources[source].lines += 1;
        if line.app == OWN_APP {
            self.lines.own += 1;
            return;
        }
        let located = self.rules.locate(&line);
        let unix_ns = self.clock.resolve(located.stamp);
        if unix_ns.is_some() {
            self.last_admitted = self.window.admits(unix_ns);
        }
        if !self.last_admitted {
            self.lines.outside += 1;
            return;
        }
        self.lines.analysed += 1;
        if let Some(unix_ns) = unix_ns {
            self.span.see(unix_ns);
        }
        self.tally.turn(unix_ns);
        let place = Place {
            source,
            seq: self.sources[source].lines,
        };
        let seen = Seen {
            raw,
            line,
            at: located.at,
            unix_ns,
            place,
        };
        self.rules.eat(&seen, &mut self.tally);
    }

    /// So many older lines of the current source were left out, whether said before or after its
    /// lines.
    pub fn skipped(&mut self, n_lines: u64) {
        self.lines.read += n_lines;
        self.lines.skipped += n_lines;
        if let Some(source) = self.sources.last_mut() {
            source.skipped += n_lines;
        }
    }

    /// So many lines of our own were left out by the source.
    pub fn own(&mut self, n_lines: u64) {
        self.lines.read += n_lines;
        self.lines.own += n_lines;
    }

    /// So many lines had been cut by the source.
    pub fn cut(&mut self, n_lines: u64) {
        self.lines.cut += n_lines;
    }

    /// A source gave nothing, or less than it should.
    pub fn problem(&mut self, source: &str, problem: &str, cure: &str) {
        let [source, problem, cure] = [source, problem, cure].map(str::to_owned);
        self.problems.push(SourceProblem {
            source,
            problem,
            cure,
        });
    }

    /// Lines may have been lost here.
    pub fn gap(&mut self, source: &str, what: &str) {
        self.gaps.push(SourceGap {
            source: source.to_owned(),
            what: what.to_owned(),
        });
    }

    /// Something a reader should know.
    pub fn note(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }

    /// The report of all lines, taking what is still open as ended.
    #[must_use]
    pub fn finish(mut self, options: &ReportOptions) -> CollectorReport {
        self.end_of_file();
        self.rules.flush(&mut self.tally);
        self.rules.settle(&mut self.tally);
        super::report::report(&self, options)
    }

    /// The report of what is decided, and what is not: the next collector goes on with that, so
    /// that the reports of a chain of them add up.
    #[must_use]
    pub fn finish_part(mut self, options: &ReportOptions) -> (CollectorReport, OpenState) {
        self.end_of_file();
        self.rules.flush(&mut self.tally);
        let open = OpenState(self.rules.open());
        (super::report::report(&self, options), open)
    }
}
