//! A value read against a JSON Schema, with a finding for everything that does not fit.
//!
//! Covers what schemars writes: types, enums and constants, any/one/all-of, references, objects,
//! lists and bounds. `pattern` is not looked at, and of `format` only the integer widths. Unlike
//! plain JSON Schema, an object that declares its keys takes no others unless it says so: a key
//! that nobody reads is a mistake.

mod alternatives;
mod bounds;
mod secret;

use serde_json::{Map, Value};

use self::alternatives::{accepts, alternatives, kinds, literals};
pub(crate) use self::secret::check_all as check_secrets;
use crate::{
    Code, Diagnostic, Span,
    diagnostic::Findings,
    suggest::{cure, listed, nearest},
    value::{Kind, Node, Object},
};

/// One way a value may look: a schema without references and choices.
pub(crate) type Shape = Map<String, Value>;

/// Reads values against the schemas under one root.
pub(crate) struct Reader<'a> {
    /// The document that references point into.
    root: &'a Value,
    pub(crate) findings: Findings,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(root: &'a Value) -> Self {
        Self {
            root,
            findings: Findings::default(),
        }
    }

    /// Reads `node` against the root itself.
    pub(crate) fn read_root(&mut self, node: &Node, name: &str) -> Value {
        let root = self.root;
        self.read(root, node, name)
    }

    /// The value of `node`, checked; `name` is what messages call it.
    fn read(&mut self, schema: &Value, node: &Node, name: &str) -> Value {
        if node.is_bad() {
            return Value::Null;
        }
        let shapes = alternatives(self.root, schema);
        if let Some(reference) = secret::reference(node) {
            return self.secret(&shapes, node, reference, name);
        }
        let mut fitting: Vec<&Shape> = shapes.iter().filter(|shape| accepts(shape, node)).collect();
        if fitting.is_empty() && node.as_bool().is_some() {
            // 1 and 0 stand for true and false only where nothing else fits.
            fitting = shapes
                .iter()
                .filter(|shape| kinds(shape).contains(&"boolean"))
                .collect();
        }
        match fitting.as_slice() {
            [] => self.wrong_type(&shapes, node, name),
            [shape] => self.read_shape(shape, node, name),
            shapes => self.read_nearest(shapes, node, name),
        }
    }

    fn wrong_type(&mut self, shapes: &[Shape], node: &Node, name: &str) -> Value {
        let mut expected: Vec<&str> = Vec::new();
        for kind in shapes.iter().flat_map(kinds) {
            let words = in_words(kind);
            if !expected.contains(&words) {
                expected.push(words);
            }
        }
        let message = match expected.is_empty() {
            true => format!("`{name}` takes nothing here"),
            false => format!("`{name}` takes {}", expected.join(" or ")),
        };
        let label = format!("this is {}", node.kind_name());
        let span = head(node);
        self.findings.push(
            Diagnostic::error(Code::WrongType, span, message)
                .label(label)
                .help_if(type_cure(node, &expected)),
        );
        node.to_json()
    }

    /// Several shapes fit the type: by their literals, by their tag, else by the fewest findings.
    fn read_nearest(&mut self, shapes: &[&Shape], node: &Node, name: &str) -> Value {
        let allowed: Vec<Option<Vec<&Value>>> =
            shapes.iter().map(|shape| literals(shape)).collect();
        if allowed.iter().all(Option::is_some) {
            let allowed: Vec<&Value> = allowed.into_iter().flatten().flatten().collect();
            return self.one_of(&allowed, node, name);
        }
        if let Some(tag) = alternatives::tag(shapes) {
            return self.read_tagged(shapes, tag, node, name);
        }
        let mut readings = shapes.iter().map(|shape| {
            let mut reader = Reader::new(self.root);
            let value = reader.read_shape(shape, node, name);
            (reader.findings, value)
        });
        let Some(mut best) = readings.next() else {
            return node.to_json();
        };
        for reading in readings {
            if reading.0.weight() < best.0.weight() {
                best = reading;
            }
        }
        self.findings.extend(best.0);
        best.1
    }

    /// Objects told apart by one key with a fixed text, as serde's tagged enums are.
    fn read_tagged(&mut self, shapes: &[&Shape], tag: &str, node: &Node, name: &str) -> Value {
        let known: Vec<(&Value, &&Shape)> = shapes
            .iter()
            .filter_map(|shape| Some((alternatives::constant(shape, tag)?, shape)))
            .collect();
        let words: Vec<&Value> = known.iter().map(|(word, _)| *word).collect();
        let Some(given) = node.get(tag) else {
            self.missing(tag, node, name, Some(&words));
            return node.to_json();
        };
        let word = given.to_json();
        match known.iter().find(|(known, _)| **known == word) {
            Some((_, shape)) => self.read_shape(shape, node, name),
            None => {
                self.one_of(&words, given, tag);
                node.to_json()
            }
        }
    }

    fn one_of(&mut self, allowed: &[&Value], node: &Node, name: &str) -> Value {
        let value = node.to_json();
        if node.is_bad() || allowed.contains(&&value) {
            return value;
        }
        let words: Vec<String> = allowed.iter().map(|value| plain(value)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let found = plain(&value);
        let message = format!("`{name}` does not take `{found}`");
        let near = cure(&found, words.iter().copied(), "it takes");
        self.findings
            .push(Diagnostic::error(Code::NotAllowed, head(node), message).help_if(near));
        value
    }

    fn read_shape(&mut self, shape: &Shape, node: &Node, name: &str) -> Value {
        if let Some(allowed) = literals(shape) {
            return self.one_of(&allowed, node, name);
        }
        match &node.kind {
            Kind::Text(text) => self.check_text(shape, text, node, name),
            Kind::Number(number) => {
                if !accepts(shape, node) {
                    return self.number_as_bool(node);
                }
                self.check_number(shape, number, node, name);
            }
            Kind::List(items) => return self.list(shape, items, node, name),
            Kind::Object(object) => return self.object(shape, object, node, name),
            Kind::Null | Kind::Bool(_) | Kind::Bad => {}
        }
        node.to_json()
    }

    fn number_as_bool(&mut self, node: &Node) -> Value {
        let value = node.as_bool().unwrap_or_default();
        let message = format!("a number stands for {value}");
        let help = format!("write {value}");
        self.findings
            .push(Diagnostic::warning(Code::NumberAsBool, node.span, message).help(help));
        Value::Bool(value)
    }

    fn list(&mut self, shape: &Shape, items: &[Node], node: &Node, name: &str) -> Value {
        self.check_count(shape, items, node, name);
        let first = shape
            .get("prefixItems")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let rest = shape.get("items").unwrap_or(&Value::Bool(true));
        let read = items.iter().enumerate().map(|(index, item)| {
            let schema = first.get(index).unwrap_or(rest);
            self.read(schema, item, name)
        });
        Value::Array(read.collect())
    }

    fn object(&mut self, shape: &Shape, object: &Object, node: &Node, name: &str) -> Value {
        let properties = shape.get("properties").and_then(Value::as_object);
        let others = alternatives::other_keys(shape);
        let mut out = Map::new();
        // A key that was misspelt is reported once, as unknown, and not as missing too.
        let mut meant: Vec<&str> = Vec::new();
        for member in &object.members {
            let key = &member.key;
            let declared = properties.and_then(|properties| properties.get(key));
            let value = match declared.or(others) {
                Some(schema) => self.read(schema, &member.value, key),
                None => {
                    let known = properties.into_iter().flat_map(Map::keys);
                    let words: Vec<&str> = known.map(String::as_str).collect();
                    meant.extend(nearest(key, words.iter().copied()));
                    self.findings
                        .push(unknown_key(key, member.key_span, name, &words));
                    member.value.to_json()
                }
            };
            out.insert(key.clone(), value);
        }
        let required = shape
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for key in required.filter_map(Value::as_str) {
            if object.get(key).is_none() && !object.broken && !meant.contains(&key) {
                self.missing(key, node, name, None);
            }
        }
        Value::Object(out)
    }

    fn missing(&mut self, key: &str, node: &Node, name: &str, words: Option<&[&Value]>) {
        let message = format!("key `{key}` is missing in `{name}`");
        let words: Vec<String> = words
            .unwrap_or_default()
            .iter()
            .map(|word| plain(word))
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let help = match words.is_empty() {
            true => format!("add \"{key}\": …"),
            false => format!("add \"{key}\": one of {}", listed(&words)),
        };
        self.findings
            .push(Diagnostic::error(Code::MissingKey, head(node), message).help(help));
    }
}

/// The finding for a key that nobody reads.
pub(crate) fn unknown_key(key: &str, span: Span, owner: &str, known: &[&str]) -> Diagnostic {
    let message = format!("unknown key `{key}` in `{owner}`");
    let help = match known.is_empty() {
        true => Some("remove it: it takes no keys".to_owned()),
        false => cure(key, known.iter().copied(), "its keys are"),
    };
    Diagnostic::error(Code::UnknownKey, span, message).help_if(help)
}

/// Where to mark a value: all of a small one, the opening bracket of a list or an object.
pub(crate) fn head(node: &Node) -> Span {
    match node.kind {
        Kind::List(_) | Kind::Object(_) => Span::new(node.span.start, node.span.start + 1),
        _ => node.span,
    }
}

fn type_cure(node: &Node, expected: &[&str]) -> Option<String> {
    let text = node.as_text()?;
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite);
    if is_number && expected.iter().any(|kind| kind.ends_with("number")) {
        return Some(format!("write {text} without quotes"));
    }
    let is_bool = matches!(text, "true" | "false");
    if is_bool && expected.contains(&in_words("boolean")) {
        return Some(format!("write {text} without quotes"));
    }
    if expected.contains(&in_words("array")) {
        return Some(format!("write [\"{text}\"]"));
    }
    None
}

/// A schema's type in a person's words.
fn in_words(kind: &str) -> &'static str {
    match kind {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        _ => "null",
    }
}

/// A value as it stands in a message: a text without its quotes.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
