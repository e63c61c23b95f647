//! A parsed value that remembers where it stood.

use serde_json::{Map, Number, Value};

use crate::Span;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Object(Object),
    /// Unreadable and already reported: whoever meets it stays silent.
    Bad,
}

/// The members of an object in the order of the text.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Object {
    pub(crate) members: Vec<Member>,
    /// A member could not be read: a missing key may be the lost one, so none is reported.
    pub(crate) broken: bool,
}

/// One key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Object {
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.members
            .iter()
            .find(|member| member.key == key)
            .map(|member| &member.value)
    }
}

impl Node {
    pub(crate) fn bad(span: Span) -> Self {
        Self {
            span,
            kind: Kind::Bad,
        }
    }

    pub(crate) fn is_bad(&self) -> bool {
        self.kind == Kind::Bad
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&Object> {
        match &self.kind {
            Kind::Object(object) => Some(object),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// True or false, also where 1 or 0 stands for it.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        match &self.kind {
            Kind::Bool(value) => Some(*value),
            Kind::Number(number) if number.as_u64() == Some(1) => Some(true),
            Kind::Number(number) if number.as_u64() == Some(0) => Some(false),
            _ => None,
        }
    }

    /// The member `key` of an object; nothing for other kinds.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.as_object().and_then(|object| object.get(key))
    }

    /// The value without its places; an unreadable part becomes null.
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null | Kind::Bad => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Kind::Object(object) => {
                let members = object.members.iter();
                let pairs = members.map(|member| (member.key.clone(), member.value.to_json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// The kind in a person's words.
    pub(crate) fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "true or false",
            Kind::Number(number) if number.is_f64() => "a fraction",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Object(_) => "an object",
            Kind::Bad => "something unreadable",
        }
    }
}
