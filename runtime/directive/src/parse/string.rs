//! Texts in quotes and their escapes.

use super::Parser;
use crate::{Code, Diagnostic, Span};

impl Parser<'_> {
    /// The text from a quote to its end; `None` where it is broken, which is reported.
    /// Single quotes are reported and read.
    pub(super) fn string(&mut self) -> Option<String> {
        let start = self.cursor.pos;
        let quote = self.cursor.peek().unwrap_or(b'"');
        self.cursor.bump();
        let mut out = String::new();
        let mut is_whole = true;
        loop {
            match self.cursor.char() {
                None | Some('\n') => {
                    let message = "this text is not closed on its line";
                    let span = Span::new(start, start + 1);
                    let help = "close it with `\"`; a line break inside a text is written \\n";
                    self.findings.push(
                        Diagnostic::error(Code::BadString, span, message)
                            .label("opened here")
                            .help(help),
                    );
                    // The comma behind it went into the text.
                    self.lost_comma = true;
                    return None;
                }
                Some(c) if u32::from(c) == u32::from(quote) => {
                    self.cursor.bump();
                    break;
                }
                Some('\\') => is_whole &= self.escape(&mut out),
                Some(c) => {
                    if c.is_control() && c != '\r' {
                        self.control_character(c);
                    }
                    out.push(c);
                    self.cursor.bump();
                }
            }
        }
        if quote == b'\'' {
            let message = "texts stand in double quotes";
            let help = format!("write {}", serde_json::Value::from(out.as_str()));
            let span = self.cursor.since(start);
            self.findings
                .push(Diagnostic::error(Code::BadString, span, message).help(help));
        }
        is_whole.then_some(out)
    }

    fn control_character(&mut self, c: char) {
        let message = format!(
            "a control character U+{:04X} stands in a text",
            u32::from(c)
        );
        let help = if c == '\t' {
            "write \\t".to_owned()
        } else {
            format!("write \\u{:04x}", u32::from(c))
        };
        let span = self.cursor.char_span();
        self.findings
            .push(Diagnostic::error(Code::BadString, span, message).help(help));
    }

    /// One escape; false where it is none, which is reported.
    fn escape(&mut self, out: &mut String) -> bool {
        let start = self.cursor.pos;
        self.cursor.bump();
        let plain = match self.cursor.char() {
            Some(c @ ('"' | '\\' | '/')) => Some(c),
            // Wrong in JSON, right inside the single quotes that were reported already.
            Some('\'') => Some('\''),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => {
                self.cursor.bump();
                let read = self.unicode_escape();
                match read {
                    Some(c) => out.push(c),
                    None => self.bad_escape(start, "write \\u and four hexadecimal digits"),
                }
                return read.is_some();
            }
            // The end of the line or text is reported by the caller.
            None | Some('\n') => return true,
            Some(_) => None,
        };
        self.cursor.bump();
        match plain {
            Some(c) => out.push(c),
            None => self.bad_escape(start, "a backslash itself is written \\\\"),
        }
        plain.is_some()
    }

    fn bad_escape(&mut self, start: usize, help: &str) {
        let span = self.cursor.since(start);
        let message = format!("`{}` is no escape", self.cursor.slice(span));
        self.findings
            .push(Diagnostic::error(Code::BadString, span, message).help(help));
    }

    /// Behind `\u`: four digits, or two halves of a surrogate pair.
    fn unicode_escape(&mut self) -> Option<char> {
        let high = self.hex4()?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high);
        }
        if !(self.cursor.eat(b'\\') && self.cursor.eat(b'u')) {
            return None;
        }
        let low = self.hex4()?;
        let low = low.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + low)
    }

    fn hex4(&mut self) -> Option<u32> {
        let mut value = 0;
        for _ in 0..4 {
            value = value * 16 + self.cursor.char()?.to_digit(16)?;
            self.cursor.bump();
        }
        Some(value)
    }
}
