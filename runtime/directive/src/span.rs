//! Where in a text something stands.

use serde::Serialize;

/// A range of bytes in the directive's text, end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

impl Span {
    /// The range `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Its length in bytes.
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether it covers no byte: a place between two characters.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A place as people count: line and column from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// The line and column of byte `offset`; an offset past the end is the end.
pub fn place(text: &str, offset: usize) -> Place {
    let before = before(text, offset);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
    }
}

/// The text before `offset`, moved back to a character boundary where it falls inside one.
pub(crate) fn before(text: &str, offset: usize) -> &str {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        let text = "a\n👁b\n";
        let check = |offset, line, column| {
            assert_eq!(
                place(text, offset),
                Place { line, column },
                "offset {offset}"
            );
        };
        check(0, 1, 1);
        check(2, 2, 1);
        check(6, 2, 2);
        check(4, 2, 1); // inside the emoji: its start
        check(99, 3, 1);
    }
}
