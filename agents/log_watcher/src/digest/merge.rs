//! Two collectors of consecutive lines become one.

use super::collector::Collector;
use super::evidence::Place;

impl Collector {
    /// Adds what a collector of the lines that came later found.
    ///
    /// The result is what one collector would have found in all the lines; a source that both
    /// name, the last here and the first there, is one source.
    pub fn merge(&mut self, mut later: Self) {
        self.end_of_file();
        later.end_of_file();
        self.rules.flush(&mut self.tally);
        later.rules.flush(&mut later.tally);
        self.rules
            .merge(&mut self.tally, &mut *later.rules, &mut later.tally);
        let continued = match (self.sources.last(), later.sources.first()) {
            (Some(last), Some(first)) => last.source == first.source,
            _ => false,
        };
        let base = self.sources.len() - usize::from(continued);
        let lines_before = self
            .sources
            .last()
            .filter(|_| continued)
            .map_or(0, |last| last.lines);
        let moved = |place: Place| Place {
            source: base + place.source,
            seq: place.seq + if place.source == 0 { lines_before } else { 0 },
        };
        self.tally.merge(later.tally, moved);
        let mut sources = later.sources.into_iter();
        if continued && let (Some(last), Some(first)) = (self.sources.last_mut(), sources.next()) {
            last.lines += first.lines;
            last.skipped += first.skipped;
        }
        self.sources.extend(sources);
        self.span.merge(later.span);
        self.gaps.extend(later.gaps);
        self.problems.extend(later.problems);
        for note in later.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        let (lines, theirs) = (&mut self.lines, later.lines);
        lines.read += theirs.read;
        lines.analysed += theirs.analysed;
        lines.skipped += theirs.skipped;
        lines.outside += theirs.outside;
        lines.own += theirs.own;
        lines.cut += theirs.cut;
        lines.escaped += theirs.escaped;
    }
}
