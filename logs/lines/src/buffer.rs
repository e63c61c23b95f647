//! Lines out of chunks that end anywhere.

use serde::Deserialize;
use serde::Serialize;

/// A line is kept up to this many bytes; what is beyond is dropped, and the line is counted.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Cuts a stream of chunks into lines, carrying an unfinished one to the next chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineBuffer {
    carry: Vec<u8>,
    /// Bytes of the carried line that did not fit.
    dropped: u64,
    /// Lines so far that were longer than [`LINE_BYTES_MAX`].
    cut: u64,
}

impl LineBuffer {
    /// Calls `each` with every line that ends in this chunk, without its `\n` or `\r\n`.
    pub fn feed(&mut self, chunk: &[u8], mut each: impl FnMut(&[u8])) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', chunk) {
            let piece = &chunk[start..end];
            start = end + 1;
            if self.carry.is_empty() && self.dropped == 0 && piece.len() <= LINE_BYTES_MAX {
                each(trimmed(piece));
            } else {
                self.keep(piece);
                self.flush(&mut each);
            }
        }
        self.keep(&chunk[start..]);
    }

    /// Calls `each` with the last line, if it has no newline.
    pub fn finish(&mut self, mut each: impl FnMut(&[u8])) {
        if !self.carry.is_empty() || self.dropped > 0 {
            self.flush(&mut each);
        }
    }

    /// The bytes carried: an unfinished line's, those that did not fit included.
    #[must_use]
    pub fn pending_bytes(&self) -> u64 {
        self.carry.len() as u64 + self.dropped
    }

    /// How many lines were longer than [`LINE_BYTES_MAX`] and lost their end.
    #[must_use]
    pub fn cut_lines(&self) -> u64 {
        self.cut
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = LINE_BYTES_MAX - self.carry.len();
        let kept = piece.len().min(room);
        self.carry.extend_from_slice(&piece[..kept]);
        self.dropped += (piece.len() - kept) as u64;
    }

    fn flush(&mut self, each: &mut impl FnMut(&[u8])) {
        self.cut += u64::from(self.dropped > 0);
        each(trimmed(&self.carry));
        self.carry.clear();
        self.dropped = 0;
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines_of(chunks: &[&[u8]]) -> (Vec<Vec<u8>>, u64) {
        let mut buffer = LineBuffer::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            buffer.feed(chunk, |line| lines.push(line.to_vec()));
        }
        buffer.finish(|line| lines.push(line.to_vec()));
        (lines, buffer.cut_lines())
    }

    #[test]
    fn a_line_too_long_is_cut_and_counted() {
        let long = vec![b'x'; LINE_BYTES_MAX + 5];
        let (lines, cut) = lines_of(&[&long[..7], &long[7..], b"\nnext"]);
        assert_eq!((lines.len(), cut), (2, 1));
        assert_eq!(lines[0].len(), LINE_BYTES_MAX);
        assert_eq!(lines[1], b"next");
        let whole = [&long[..], b"\n"].concat();
        assert_eq!(lines_of(&[&whole]).1, 1);
    }

    #[test]
    fn empty_lines_and_carriage_returns() {
        let (lines, _) = lines_of(&[b"\n\r\na\r", b"\nb"]);
        assert_eq!(lines, [&b""[..], b"", b"a", b"b"]);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..300),
            at in any::<prop::sample::Index>(),
        ) {
            let at = at.index(text.len() + 1);
            prop_assert_eq!(lines_of(&[&text]), lines_of(&[&text[..at], &text[at..]]));
        }
    }
}
