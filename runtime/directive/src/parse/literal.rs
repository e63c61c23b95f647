//! Numbers and words.

use serde_json::Number;

use super::{Parser, is_word};
use crate::{
    Code, Diagnostic, Span,
    value::{Kind, Node},
};

impl Parser<'_> {
    pub(super) fn number(&mut self) -> Node {
        let span = self.cursor.skip_while(is_word);
        let text = self.cursor.slice(span);
        // serde_json's own reading decides what a JSON number is: no leading zero, plus or dot.
        match serde_json::from_str::<Number>(text) {
            Ok(number) => Node {
                span,
                kind: Kind::Number(number),
            },
            Err(_) => {
                let message = format!("`{text}` is no number");
                let help = number_cure(text);
                self.findings
                    .push(Diagnostic::error(Code::BadLiteral, span, message).help(help));
                Node::bad(span)
            }
        }
    }

    pub(super) fn word(&mut self) -> Node {
        let span = self.cursor.skip_while(is_word);
        let text = self.cursor.slice(span);
        let (kind, is_python) = match text {
            "true" => (Kind::Bool(true), false),
            "false" => (Kind::Bool(false), false),
            "null" => (Kind::Null, false),
            "True" => (Kind::Bool(true), true),
            "False" => (Kind::Bool(false), true),
            "None" => (Kind::Null, true),
            _ => {
                self.unknown_word(span, text);
                return Node::bad(span);
            }
        };
        if is_python {
            let (first, n_words) = self.python.unwrap_or((span, 0));
            self.python = Some((first, n_words + 1));
        }
        Node { span, kind }
    }

    fn unknown_word(&mut self, span: Span, text: &str) {
        let message = format!("`{text}` is no value");
        let help = match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" => "write true".to_owned(),
            "no" | "off" | "false" => "write false".to_owned(),
            "nil" | "none" | "null" | "undefined" => "write null".to_owned(),
            "nan" | "inf" | "infinity" => "write a finite number".to_owned(),
            _ => format!("a text stands in double quotes: \"{text}\""),
        };
        self.findings
            .push(Diagnostic::error(Code::BadLiteral, span, message).help(help));
    }
}

fn number_cure(text: &str) -> String {
    let digits = text.trim_start_matches(['+', '0']);
    if text.starts_with(['+', '0']) && serde_json::from_str::<Number>(digits).is_ok() {
        return format!("write {digits}");
    }
    if text.starts_with('.') {
        return format!("write 0{text}");
    }
    "numbers are decimal, for instance 20 or 0.5; a unit is part of the key's name".to_owned()
}
