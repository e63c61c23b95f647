//! Text to values with places. A mistake is reported and reading goes on behind it.
//!
//! A parser of our own, because a person wants every mistake of a file at once and the parsers at
//! hand stop at the first one.

mod cursor;
mod literal;
mod string;

use std::collections::HashMap;

use cursor::Cursor;

use crate::{
    Code, Diagnostic, Span,
    diagnostic::Findings,
    value::{Kind, Member, Node, Object},
};

/// Longest text of a directive, in bytes; a longer one is refused unread.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Deepest nesting of brackets; what is deeper is refused unread. An agent's child costs two.
pub const DEPTH_MAX: usize = 32;

/// Reads `text`; what was unreadable is [`Kind::Bad`] and reported.
pub(crate) fn parse(text: &str, findings: &mut Findings) -> Node {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the directive is {} bytes long", text.len());
        let help = format!("a directive holds at most {TEXT_BYTES_MAX} bytes: split it");
        findings.push(Diagnostic::error(Code::TooLarge, Span::new(0, 1), message).help(help));
        return Node::bad(Span::new(0, 1));
    }
    let mut parser = Parser {
        cursor: Cursor::new(text),
        open: Vec::new(),
        python: None,
        lost_comma: false,
        findings,
    };
    let root = parser.value("a directive");
    parser.end();
    parser.report_python();
    root
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    /// Brackets that are open here, outermost first; its length is the depth.
    open: Vec<u8>,
    /// The first of Python's words and how many there were: one warning for all.
    python: Option<(Span, usize)>,
    /// A text that was not closed took the comma behind it.
    lost_comma: bool,
    findings: &'a mut Findings,
}

impl Parser<'_> {
    /// One value; `what` names it in a message. Nothing is consumed where none stands.
    fn value(&mut self, what: &str) -> Node {
        self.trivia();
        let start = self.cursor.pos;
        match self.cursor.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::list),
            Some(b'"' | b'\'') => {
                let Some(text) = self.string() else {
                    return Node::bad(self.cursor.since(start));
                };
                Node {
                    span: self.cursor.since(start),
                    kind: Kind::Text(text),
                }
            }
            Some(b'-' | b'+' | b'.' | b'0'..=b'9') => self.number(),
            Some(b) if b == b'_' || b.is_ascii_alphabetic() => self.word(),
            Some(b',' | b':' | b'}' | b']' | b'=') => self.no_value(what, self.cursor.char_span()),
            None => self.no_value(what, Span::new(start, start)),
            Some(_) => {
                let span = self.cursor.skip_while(|b| !is_delimiter(b));
                self.no_value(what, span)
            }
        }
    }

    fn no_value(&mut self, what: &str, span: Span) -> Node {
        let found = match self.cursor.slice(span) {
            "" => "the end of the text".to_owned(),
            found => format!("`{found}`"),
        };
        let message = format!("expected {what}, found {found}");
        self.findings
            .push(Diagnostic::error(Code::NoValue, span, message));
        Node::bad(span)
    }

    /// Reads a bracketed value unless it would be too deep.
    fn nested(&mut self, read: fn(&mut Self) -> Kind) -> Node {
        let start = self.cursor.pos;
        let Some(bracket) = self.cursor.peek() else {
            return Node::bad(self.cursor.since(start));
        };
        if self.open.len() >= DEPTH_MAX {
            let span = self.cursor.char_span();
            let message = format!("brackets are nested deeper than {DEPTH_MAX}");
            self.findings
                .push(Diagnostic::error(Code::TooDeep, span, message));
            self.cursor.skip_balanced();
            return Node::bad(self.cursor.since(start));
        }
        self.cursor.bump();
        self.open.push(bracket);
        let kind = read(self);
        self.open.pop();
        Node {
            span: self.cursor.since(start),
            kind,
        }
    }

    fn object(&mut self) -> Kind {
        let open_at = self.cursor.pos - 1;
        let mut object = Object::default();
        let mut seen: HashMap<String, Span> = HashMap::new();
        while self.another(b'}', open_at, &mut object.broken) {
            let before = self.cursor.pos;
            let Some((key, key_span)) = self.key() else {
                object.broken = true;
                self.resync(before);
                continue;
            };
            self.colon(&key);
            let value = self.value(&format!("a value for `{key}`"));
            object.broken |= value.is_bad();
            let value_is_bad = value.is_bad();
            if let Some(first) = seen.get(&key) {
                let message = format!("key `{key}` stands twice in this object");
                self.findings.push(
                    Diagnostic::error(Code::DuplicateKey, key_span, message)
                        .related(*first, "first here")
                        .help("keep one of them"),
                );
            } else {
                seen.insert(key.clone(), key_span);
                object.members.push(Member {
                    key,
                    key_span,
                    value,
                });
            }
            self.comma(b'}', value_is_bad, before);
        }
        Kind::Object(object)
    }

    fn list(&mut self) -> Kind {
        let open_at = self.cursor.pos - 1;
        let mut items = Vec::new();
        let mut broken = false;
        while self.another(b']', open_at, &mut broken) {
            let before = self.cursor.pos;
            let item = self.value("a value");
            let is_bad = item.is_bad();
            items.push(item);
            self.comma(b']', is_bad, before);
        }
        Kind::List(items)
    }

    /// Whether another member follows. Consumes the closing bracket, and settles wrong ones.
    fn another(&mut self, close: u8, open_at: usize, broken: &mut bool) -> bool {
        loop {
            self.trivia();
            match self.cursor.peek() {
                Some(b) if b == close => {
                    self.cursor.bump();
                    return false;
                }
                Some(b @ (b'}' | b']')) => {
                    *broken = true;
                    if self.closes_an_outer_one(b) {
                        self.unclosed(open_at, close, self.cursor.char_span());
                        return false;
                    }
                    let message = format!("`{}` closes nothing here", char::from(b));
                    let help = format!("write `{}` or remove it", char::from(close));
                    let span = self.cursor.char_span();
                    self.findings
                        .push(Diagnostic::error(Code::Bracket, span, message).help(help));
                    self.cursor.bump();
                }
                Some(b',') => {
                    let span = self.cursor.char_span();
                    let message = "a comma stands where a value is expected";
                    self.findings
                        .push(Diagnostic::error(Code::NoComma, span, message).help("remove it"));
                    self.cursor.bump();
                }
                Some(_) => return true,
                None => {
                    *broken = true;
                    self.unclosed(open_at, close, self.cursor.char_span());
                    return false;
                }
            }
        }
    }

    fn closes_an_outer_one(&self, bracket: u8) -> bool {
        let opener = if bracket == b'}' { b'{' } else { b'[' };
        self.open.iter().rev().skip(1).any(|open| *open == opener)
    }

    fn unclosed(&mut self, open_at: usize, close: u8, found: Span) {
        let span = Span::new(open_at, open_at + 1);
        let message = format!("this bracket is not closed by `{}`", char::from(close));
        let diagnostic = Diagnostic::error(Code::Bracket, span, message).label("opened here");
        let label = format!("`{}` is missing before this", char::from(close));
        self.findings.push(if found.is_empty() {
            diagnostic.help(format!("add `{}` where it ends", char::from(close)))
        } else {
            diagnostic.related(found, label)
        });
    }

    fn key(&mut self) -> Option<(String, Span)> {
        let start = self.cursor.pos;
        match self.cursor.peek() {
            Some(b'"' | b'\'') => {
                let key = self.string()?;
                Some((key, self.cursor.since(start)))
            }
            Some(b) if b == b'_' || b.is_ascii_alphabetic() => {
                let span = self.cursor.skip_while(is_word);
                let key = self.cursor.slice(span).to_owned();
                let message = format!("key `{key}` is not in double quotes");
                let help = format!("write \"{key}\"");
                self.findings
                    .push(Diagnostic::error(Code::BadString, span, message).help(help));
                Some((key, span))
            }
            _ => {
                let span = self.cursor.char_span();
                let found = self.cursor.slice(span).to_owned();
                let message = format!("expected a key in double quotes, found `{found}`");
                self.findings
                    .push(Diagnostic::error(Code::NoValue, span, message));
                None
            }
        }
    }

    fn colon(&mut self, key: &str) {
        let after_key = self.cursor.pos;
        self.trivia();
        if self.cursor.eat(b':') {
            return;
        }
        let is_equals = self.cursor.peek() == Some(b'=');
        let span = if is_equals {
            self.cursor.char_span()
        } else {
            self.cursor.last_of(after_key)
        };
        let message = format!("expected `:` after key `{key}`");
        self.findings
            .push(Diagnostic::error(Code::NoColon, span, message));
        if is_equals {
            self.cursor.bump();
        }
    }

    /// The comma after a member. One that is missing is reported and read as if it stood there.
    fn comma(&mut self, close: u8, value_is_bad: bool, member_start: usize) {
        let after_value = self.cursor.pos;
        let lost_comma = std::mem::take(&mut self.lost_comma);
        self.trivia();
        match self.cursor.peek() {
            Some(b',') => self.cursor.bump(),
            Some(b'}' | b']') | None => {}
            Some(_) if lost_comma => {}
            // A quote begins the next value even behind an unreadable one.
            Some(b) if value_is_bad && b != b'"' => self.resync(member_start),
            Some(_) => {
                let span = self.cursor.last_of(after_value);
                let message = "expected a comma between two values";
                let help = format!("add `,` here, or `{}` if it ends here", char::from(close));
                self.findings.push(
                    Diagnostic::error(Code::NoComma, span, message)
                        .label("after this")
                        .help(help),
                );
            }
        }
    }

    /// After something unreadable: on to the next comma or closing bracket of this level.
    fn resync(&mut self, member_start: usize) {
        self.cursor.skip_member();
        if self.cursor.pos == member_start {
            self.cursor.bump();
        }
        self.cursor.eat(b',');
    }

    fn end(&mut self) {
        self.trivia();
        if self.cursor.peek().is_some() {
            let span = self.cursor.rest_of_line();
            let message = "text follows the end of the directive";
            let help = "a directive is one object: put agents into its `children`";
            self.findings
                .push(Diagnostic::error(Code::TrailingText, span, message).help(help));
        }
    }

    fn report_python(&mut self) {
        let Some((span, n_words)) = self.python else {
            return;
        };
        let message = match n_words {
            1 => "a word of Python is read as JSON's".to_owned(),
            n => format!("{n} words of Python are read as JSON's"),
        };
        let help = "write true, false and null";
        self.findings
            .push(Diagnostic::warning(Code::PythonLiteral, span, message).help(help));
    }

    /// Spaces and comments.
    fn trivia(&mut self) {
        while let Some(trouble) = self.cursor.skip_trivia() {
            let (message, help) = match trouble.unclosed {
                true => ("this comment is not closed", "close it with `*/`"),
                false => ("this sign starts no comment", "write `//` instead"),
            };
            self.findings
                .push(Diagnostic::error(Code::BadComment, trouble.span, message).help(help));
        }
    }
}

/// Letters of a bare word, number or key.
fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+') || b >= 0x80
}

/// Where an unreadable run ends.
fn is_delimiter(b: u8) -> bool {
    b.is_ascii_whitespace() || matches!(b, b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"' | b'\'')
}

#[cfg(test)]
mod tests;
