//! Bytes as they come from a pipe, cut into lines.

/// One line, without its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// Its bytes, as many as are kept of a line.
    pub bytes: Vec<u8>,
    /// Whether it had more.
    pub is_cut: bool,
}

/// Cuts bytes into lines, in bounded memory whatever comes.
#[derive(Debug)]
pub struct Lines {
    bytes_max: usize,
    open: Line,
}

impl Lines {
    /// Keeps the first `bytes_max` bytes of each line; the rest of a longer one is dropped.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        let open = Line::default();
        Self { bytes_max, open }
    }

    /// The next line that ends within `bytes`, which go on behind it; without one all of them are
    /// taken in.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<Line> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (part, rest) = match end {
            Some(end) => (
                bytes.get(..end).unwrap_or_default(),
                bytes.get(end + 1..).unwrap_or_default(),
            ),
            None => (*bytes, &[][..]),
        };
        *bytes = rest;
        let room = self.bytes_max - self.open.bytes.len();
        let kept = part.get(..room).unwrap_or(part);
        self.open.bytes.extend_from_slice(kept);
        self.open.is_cut |= kept.len() < part.len();
        end.map(|_| std::mem::take(&mut self.open))
    }

    /// The line that the end of all bytes cut off, where there is one.
    pub fn rest(&mut self) -> Option<Line> {
        let line = std::mem::take(&mut self.open);
        (line != Line::default()).then_some(line)
    }
}
