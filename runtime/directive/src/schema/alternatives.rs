//! A schema with references and choices, as the list of plain shapes it allows.

use serde_json::{Map, Value};

use super::Shape;
use crate::value::{Kind, Node};

/// Longest chain of references and choices that is followed; a longer one allows nothing.
const HOPS_MAX: usize = 32;

/// Most shapes one schema is unfolded to; further ones are not looked at.
const SHAPES_MAX: usize = 256;

/// Every shape that `schema` allows; the root is what references point into.
pub(super) fn alternatives(root: &Value, schema: &Value) -> Vec<Shape> {
    unfold(root, schema, HOPS_MAX)
}

fn unfold(root: &Value, schema: &Value, hops: usize) -> Vec<Shape> {
    let object = match schema {
        Value::Bool(true) => return vec![Map::new()],
        Value::Object(object) if hops > 0 => object,
        _ => return Vec::new(),
    };
    let mut base = Map::new();
    for (key, value) in object {
        if !matches!(key.as_str(), "$ref" | "allOf" | "anyOf" | "oneOf") {
            base.insert(key.clone(), value.clone());
        }
    }
    let mut shapes = vec![base];
    if let Some(target) = object.get("$ref").and_then(Value::as_str) {
        let target = resolve(root, target);
        shapes = cross(&shapes, &unfold(root, target, hops - 1));
    }
    for part in choices(object, "allOf") {
        shapes = cross(&shapes, &unfold(root, part, hops - 1));
    }
    for key in ["anyOf", "oneOf"] {
        if object.contains_key(key) {
            let parts = choices(object, key).iter();
            let parts: Vec<Shape> = parts
                .flat_map(|part| unfold(root, part, hops - 1))
                .collect();
            shapes = cross(&shapes, &parts);
        }
    }
    shapes.truncate(SHAPES_MAX);
    shapes
}

fn choices<'a>(object: &'a Shape, key: &str) -> &'a [Value] {
    object
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The target of a local reference; nothing fits one that leads nowhere.
fn resolve<'a>(root: &'a Value, reference: &str) -> &'a Value {
    let target = reference
        .strip_prefix('#')
        .and_then(|pointer| root.pointer(pointer));
    target.unwrap_or(&Value::Bool(false))
}

/// Each of `left` together with each of `right`.
fn cross(left: &[Shape], right: &[Shape]) -> Vec<Shape> {
    let pairs = left
        .iter()
        .flat_map(|a| right.iter().map(move |b| merge(a, b)));
    pairs.take(SHAPES_MAX).collect()
}

/// Both shapes at once: keys and required keys add up, for the rest the second one speaks.
fn merge(a: &Shape, b: &Shape) -> Shape {
    let mut out = a.clone();
    for (key, value) in b {
        match (out.get_mut(key), value) {
            (Some(Value::Object(mine)), Value::Object(theirs)) if key == "properties" => {
                mine.extend(theirs.clone());
            }
            (Some(Value::Array(mine)), Value::Array(theirs)) if key == "required" => {
                mine.extend(theirs.iter().cloned());
            }
            _ => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    out
}

/// The types a shape names, or implies by what else it says; none means any.
pub(super) fn kinds(shape: &Shape) -> Vec<&str> {
    match shape.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => {
            let of_literals = literals(shape).into_iter().flatten().map(kind_of);
            let of_properties = shape.get("properties").map(|_| "object");
            of_literals.chain(of_properties).collect()
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether the type of `node` is one the shape takes.
pub(super) fn accepts(shape: &Shape, node: &Node) -> bool {
    let kinds = kinds(shape);
    if kinds.is_empty() {
        return true;
    }
    match &node.kind {
        Kind::Null => kinds.contains(&"null"),
        Kind::Bool(_) => kinds.contains(&"boolean"),
        Kind::Number(number) => {
            kinds.contains(&"number") || kinds.contains(&"integer") && !number.is_f64()
        }
        Kind::Text(_) => kinds.contains(&"string"),
        Kind::List(_) => kinds.contains(&"array"),
        Kind::Object(_) => kinds.contains(&"object"),
        Kind::Bad => true,
    }
}

/// The only values a shape takes, where it names them.
pub(super) fn literals(shape: &Shape) -> Option<Vec<&Value>> {
    if let Some(value) = shape.get("const") {
        return Some(vec![value]);
    }
    Some(shape.get("enum")?.as_array()?.iter().collect())
}

/// The schema of keys that are not declared; `None` where there may be none.
pub(super) fn other_keys(shape: &Shape) -> Option<&Value> {
    let said = ["additionalProperties", "unevaluatedProperties"]
        .iter()
        .find_map(|key| shape.get(*key));
    let by_pattern = shape.get("patternProperties").and_then(Value::as_object);
    let by_pattern = by_pattern.and_then(|patterns| patterns.values().next());
    match by_pattern.or(said) {
        Some(Value::Bool(false)) => None,
        Some(schema) => Some(schema),
        None if kinds(shape).contains(&"object") => None,
        None => Some(&Value::Bool(true)),
    }
}

/// The key that tells several object shapes apart: required in all, with a fixed text in each.
pub(super) fn tag<'a>(shapes: &[&'a Shape]) -> Option<&'a str> {
    let (first, rest) = shapes.split_first()?;
    let properties = first.get("properties")?.as_object()?;
    let mut keys = properties.keys().map(String::as_str);
    keys.find(|key| {
        constant(first, key).is_some()
            && rest.iter().all(|shape| {
                constant(shape, key).is_some() && constant(shape, key) != constant(first, key)
            })
    })
}

/// The fixed value of a required key.
pub(super) fn constant<'a>(shape: &'a Shape, key: &str) -> Option<&'a Value> {
    let required = shape.get("required")?.as_array()?;
    if !required.iter().any(|name| name == key) {
        return None;
    }
    shape.get("properties")?.get(key)?.get("const")
}
