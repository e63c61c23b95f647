//! The newest lines of one kind, kept to be shown.

use std::io::Write;

use skep_lines::Line;
use skep_lines::format_utc;

/// This many lines of a kind are kept: the newest.
pub(super) const EVIDENCE_LINES_MAX: usize = 10;
/// A kept line is cut here.
pub(super) const EVIDENCE_BYTES_MAX: usize = 400;

/// Where a line stands: in which source of its collector, and which of the lines delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) source: usize,
    pub(super) seq: u64,
}

/// A kept line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) place: Place,
    pub(super) text: Vec<u8>,
}

/// A ring of the newest lines, and how many there were.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    ring: Vec<Kept>,
    next: usize,
    pub(super) count: u64,
}

impl Evidence {
    /// Keeps a line that stands for `n` events.
    pub(super) fn push(&mut self, place: Place, line: &[u8], n: u64) {
        self.count += n;
        let text = &line[..line.len().min(EVIDENCE_BYTES_MAX)];
        if self.ring.len() < EVIDENCE_LINES_MAX {
            self.ring.push(Kept {
                place,
                text: text.to_vec(),
            });
            return;
        }
        let kept = &mut self.ring[self.next];
        kept.place = place;
        kept.text.clear();
        kept.text.extend_from_slice(text);
        self.next = (self.next + 1) % EVIDENCE_LINES_MAX;
    }

    /// The kept lines, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Kept> {
        let (newer, older) = self.ring.split_at(self.next);
        older.iter().chain(newer)
    }

    /// Appends what came later; `moved` says where its places are here.
    pub(super) fn merge(&mut self, later: &Self, moved: impl Fn(Place) -> Place) {
        for kept in later.iter() {
            self.push(moved(kept.place), &kept.text, 0);
        }
        self.count += later.count;
    }
}

/// Writes an entry of a journal as a line of a syslog file, as much of it as evidence needs.
pub(super) fn show_entry(entry: &Line<'_>, unix_ns: Option<i64>, line: &mut Vec<u8>) {
    line.clear();
    let mut push =
        |part: &[u8]| line.extend_from_slice(&part[..part.len().min(EVIDENCE_BYTES_MAX)]);
    if let Some(unix_ns) = unix_ns {
        push(format_utc(unix_ns).as_bytes());
        push(b" ");
    }
    push(entry.host);
    push(b" ");
    push(entry.app);
    if let Some(pid) = entry.pid {
        write!(line, "[{pid}]").expect("a vector takes what is written");
    }
    line.extend_from_slice(b": ");
    line.extend_from_slice(&entry.body[..entry.body.len().min(EVIDENCE_BYTES_MAX)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_in_order() {
        let mut evidence = Evidence::default();
        for seq in 1..=25u64 {
            evidence.push(Place { source: 0, seq }, b"x", 2);
        }
        let kept: Vec<u64> = evidence.iter().map(|kept| kept.place.seq).collect();
        assert_eq!(kept, (16..=25).collect::<Vec<u64>>());
        assert_eq!(evidence.count, 50);
    }

    #[test]
    fn merging_is_reading_on() {
        let (mut first, mut second) = (Evidence::default(), Evidence::default());
        for seq in 1..=3 {
            first.push(Place { source: 0, seq }, b"a", 1);
            second.push(Place { source: 0, seq }, &[b'b'; 999], 1);
        }
        first.merge(&second, |place| Place {
            source: place.source + 4,
            ..place
        });
        let kept: Vec<(usize, u64)> = first
            .iter()
            .map(|kept| (kept.place.source, kept.place.seq))
            .collect();
        assert_eq!(kept, [(0, 1), (0, 2), (0, 3), (4, 1), (4, 2), (4, 3)]);
        assert_eq!(first.iter().last().unwrap().text.len(), EVIDENCE_BYTES_MAX);
    }
}
