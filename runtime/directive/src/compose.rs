//! The JSON Schema of a whole directive, for editors: the envelope and every agent's config.

use serde_json::{Map, Value, json};

use crate::{AgentKind, Catalogue, envelope};

/// The schema of every directive that this catalogue's agents can run.
///
/// It takes what [`crate::check`] takes: 1 and 0 for true and false, and a secret for any text.
/// What no schema can say (a role that nobody serves, two agents of one name) it does not refuse.
pub fn json_schema(catalogue: &Catalogue) -> Value {
    let mut definitions = Map::new();
    definitions.insert("secret".to_owned(), secret());
    let children = json!({"type": "array", "items": {"$ref": "#/$defs/agent"}});
    let mut root = envelope::root();
    set(&mut root, "/properties", "children", children.clone());
    let node = lift("node", &catalogue.node_schema(), &mut definitions);
    set(&mut root, "/properties", "node", node);
    set(&mut root, "/properties", envelope::EDITOR_KEY, hint());
    let mut agents = Vec::new();
    for kind in &catalogue.kinds {
        let mut agent = envelope::agent();
        let name = json!({"const": kind.name, "description": kind.summary});
        set(&mut agent, "/properties", "name", name);
        set(&mut agent, "/properties", "children", children.clone());
        let config = config(kind, &mut definitions);
        set(&mut agent, "/properties", "config", config);
        set(&mut agent, "/properties", envelope::EDITOR_KEY, hint());
        let reference = format!("agent.{}", kind.name);
        agents.push(json!({"$ref": format!("#/$defs/{reference}")}));
        definitions.insert(reference, agent);
    }
    definitions.insert("agent".to_owned(), json!({"oneOf": agents}));
    definitions.insert("root".to_owned(), root);
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Skep directive",
        "anyOf": [{"$ref": "#/$defs/root"}, {"$ref": "#/$defs/agent"}],
        "$defs": definitions
    });
    walk(&schema, &with_numbers_for_truth)
}

fn set(schema: &mut Value, pointer: &str, key: &str, value: Value) {
    if let Some(Value::Object(target)) = schema.pointer_mut(pointer) {
        target.insert(key.to_owned(), value);
    }
}

/// Where an editor finds this schema, as it stands at the top of a directive.
fn hint() -> Value {
    json!({"type": "string", "description": "Where an editor finds this schema; nobody else reads it."})
}

fn secret() -> Value {
    json!({
        "type": "object",
        "description": "A secret kept elsewhere: env:NAME, file:/PATH or cred:NAME.",
        "properties": {"$secret": {"type": "string", "pattern": "^(env|file|cred):.+$"}},
        "required": ["$secret"],
        "additionalProperties": false
    })
}

/// An agent's config with the runtime's two keys beside its own.
fn config(kind: &AgentKind, definitions: &mut Map<String, Value>) -> Value {
    let mut config = lift(&kind.name, &kind.config_schema, definitions);
    if let Value::Object(object) = &mut config {
        object.entry("properties").or_insert_with(|| json!({}));
    }
    set(&mut config, "/properties", "ui", envelope::ui());
    set(
        &mut config,
        "/properties",
        "service-manager",
        envelope::service_manager(),
    );
    config
}

/// A schema under a common root: its definitions move there under `owner.`, its texts take secrets.
fn lift(owner: &str, schema: &Value, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = walk(schema, &|part| with_secrets(moved(owner, part)));
    if let Value::Object(object) = &mut schema {
        object.remove("$schema");
        object.remove("title");
        if let Some(Value::Object(own)) = object.remove("$defs") {
            definitions.extend(
                own.into_iter()
                    .map(|(name, schema)| (format!("{owner}.{name}"), schema)),
            );
        }
    }
    schema
}

/// Rebuilds a schema by its keywords, so that a property called `type` is no type; the innermost
/// parts come first.
fn walk(schema: &Value, each: &impl Fn(Map<String, Value>) -> Value) -> Value {
    let Value::Object(object) = schema else {
        return schema.clone();
    };
    let part = |(key, value): (&String, &Value)| {
        let value = match (key.as_str(), value) {
            ("properties" | "$defs" | "patternProperties", Value::Object(named)) => {
                let named = named.iter();
                let named = named.map(|(name, schema)| (name.clone(), walk(schema, each)));
                Value::Object(named.collect())
            }
            ("items" | "additionalProperties" | "unevaluatedProperties", schema) => {
                walk(schema, each)
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(parts)) => {
                Value::Array(parts.iter().map(|part| walk(part, each)).collect())
            }
            (_, value) => value.clone(),
        };
        (key.clone(), value)
    };
    each(object.iter().map(part).collect())
}

/// A reference points to where the owner's definitions have moved.
fn moved(owner: &str, mut part: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::String(reference)) = part.get_mut("$ref") {
        *reference = reference.replacen("#/$defs/", &format!("#/$defs/{owner}."), 1);
    }
    part
}

/// A secret may stand for any text that is not one of a few words.
fn with_secrets(part: Map<String, Value>) -> Value {
    match types(&part).contains(&"string") && is_free(&part) {
        true => json!({"anyOf": [part, {"$ref": "#/$defs/secret"}]}),
        false => Value::Object(part),
    }
}

/// 1 and 0 may stand for true and false where nothing else takes them.
fn with_numbers_for_truth(mut part: Map<String, Value>) -> Value {
    let types = types(&part);
    let is_truth = types.contains(&"boolean")
        && types.iter().all(|kind| ["boolean", "null"].contains(kind))
        && is_free(&part);
    if is_truth {
        let mut words = vec![json!(true), json!(false), json!(1), json!(0)];
        words.extend(types.contains(&"null").then_some(Value::Null));
        part.remove("type");
        part.insert("enum".to_owned(), Value::Array(words));
    }
    Value::Object(part)
}

/// Whether no list of words narrows the type.
fn is_free(part: &Map<String, Value>) -> bool {
    !part.contains_key("enum") && !part.contains_key("const")
}

fn types(part: &Map<String, Value>) -> Vec<&str> {
    match part.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
