//! A place in the text that moves forward, over bytes; always on a character boundary at rest.

use crate::Span;

pub(super) struct Cursor<'a> {
    text: &'a str,
    pub(super) pos: usize,
}

/// A comment that is none.
pub(super) struct CommentTrouble {
    pub(super) span: Span,
    /// A block comment runs to the end of the text; otherwise a `#` or a lone `/` stands there.
    pub(super) unclosed: bool,
}

impl<'a> Cursor<'a> {
    /// At the start, behind a byte order mark if there is one.
    pub(super) fn new(text: &'a str) -> Self {
        let pos = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        Self { text, pos }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.pos + ahead).copied()
    }

    /// The character here.
    pub(super) fn char(&self) -> Option<char> {
        self.text
            .get(self.pos..)
            .and_then(|rest| rest.chars().next())
    }

    /// One character on.
    pub(super) fn bump(&mut self) {
        self.pos += self.char().map_or(0, char::len_utf8);
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        if here {
            self.pos += 1;
        }
        here
    }

    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    pub(super) fn since(&self, start: usize) -> Span {
        Span::new(start, self.pos)
    }

    /// The character here; empty at the end of the text.
    pub(super) fn char_span(&self) -> Span {
        Span::new(self.pos, self.pos + self.char().map_or(0, char::len_utf8))
    }

    /// The last character before `end`: where something is missing behind it.
    pub(super) fn last_of(&self, end: usize) -> Span {
        let last = self
            .text
            .get(..end)
            .and_then(|before| before.chars().next_back());
        Span::new(end - last.map_or(0, char::len_utf8), end)
    }

    pub(super) fn rest_of_line(&self) -> Span {
        let rest = self.text.get(self.pos..).unwrap_or_default();
        Span::new(
            self.pos,
            self.pos + rest.lines().next().unwrap_or_default().trim_end().len(),
        )
    }

    /// Runs over bytes that satisfy `inside`; both kinds of bytes of a character must agree.
    pub(super) fn skip_while(&mut self, inside: fn(u8) -> bool) -> Span {
        let start = self.pos;
        while self.peek().is_some_and(inside) {
            self.bump();
        }
        self.since(start)
    }

    /// Spaces and comments; stops behind the first comment that is none and tells of it.
    pub(super) fn skip_trivia(&mut self) -> Option<CommentTrouble> {
        loop {
            let start = self.pos;
            match (self.peek()?, self.peek_at(1)) {
                (b' ' | b'\t' | b'\r' | b'\n', _) => self.pos += 1,
                (b'/', Some(b'/')) => self.skip_line(),
                (b'/', Some(b'*')) => {
                    let rest = self.text.get(start + 2..).unwrap_or_default();
                    let Some(length) = rest.find("*/") else {
                        self.pos = self.text.len();
                        let span = Span::new(start, start + 2);
                        return Some(CommentTrouble {
                            span,
                            unclosed: true,
                        });
                    };
                    self.pos = start + 2 + length + 2;
                }
                (b'#' | b'/', _) => {
                    self.skip_line();
                    let span = Span::new(start, start + 1);
                    return Some(CommentTrouble {
                        span,
                        unclosed: false,
                    });
                }
                _ => return None,
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = self.text.get(self.pos..).unwrap_or_default();
        self.pos += rest.find('\n').unwrap_or(rest.len());
    }

    /// From an opening bracket to behind its end, without recursion.
    pub(super) fn skip_balanced(&mut self) {
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.skip_quoted(),
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.bump();
            if depth == 0 {
                return;
            }
        }
    }

    /// On to the comma or closing bracket that ends the member here, brackets inside it skipped.
    pub(super) fn skip_member(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b',' | b'}' | b']' => return,
                b'{' | b'[' => self.skip_balanced(),
                b'"' => {
                    self.skip_quoted();
                    self.bump();
                }
                _ => self.bump(),
            }
        }
    }

    /// From an opening quote to its closing one, or to the end of the line.
    fn skip_quoted(&mut self) {
        self.bump();
        while let Some(byte) = self.peek() {
            match byte {
                b'"' | b'\n' => return,
                b'\\' => {
                    self.bump();
                    self.bump();
                }
                _ => self.bump(),
            }
        }
    }
}
