//! The JSON Schema of a whole directive, for editors: the envelope and every agent's config.

use serde_json::{Map, Value, json};

use crate::{AgentKind, Catalogue, envelope};

/// The schema of every directive that this catalogue's agents can run.
pub fn json_schema(catalogue: &Catalogue) -> Value {
    let mut definitions = Map::new();
    definitions.insert("secret".to_owned(), secret());
    let children = json!({"type": "array", "items": {"$ref": "#/$defs/agent"}});
    let mut root = envelope::root();
    set(&mut root, "/properties", "children", children.clone());
    let node = lift("node", &catalogue.node_schema(), &mut definitions);
    set(&mut root, "/properties", "node", node);
    let mut agents = Vec::new();
    for kind in &catalogue.kinds {
        let mut agent = envelope::agent();
        let name = json!({"const": kind.name, "description": kind.summary});
        set(&mut agent, "/properties", "name", name);
        set(&mut agent, "/properties", "children", children.clone());
        let config = config(kind, &mut definitions);
        set(&mut agent, "/properties", "config", config);
        let reference = format!("agent.{}", kind.name);
        agents.push(json!({"$ref": format!("#/$defs/{reference}")}));
        definitions.insert(reference, agent);
    }
    definitions.insert("agent".to_owned(), json!({"oneOf": agents}));
    definitions.insert("root".to_owned(), root);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Skep directive",
        "anyOf": [{"$ref": "#/$defs/root"}, {"$ref": "#/$defs/agent"}],
        "$defs": definitions
    })
}

fn set(schema: &mut Value, pointer: &str, key: &str, value: Value) {
    if let Some(Value::Object(target)) = schema.pointer_mut(pointer) {
        target.insert(key.to_owned(), value);
    }
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
    let mut schema = rewrite(owner, schema);
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

/// Walks a schema by its keywords, so that a property called `type` is no type.
fn rewrite(owner: &str, schema: &Value) -> Value {
    let Value::Object(object) = schema else {
        return schema.clone();
    };
    let mut out = Map::new();
    for (key, value) in object {
        let value = match (key.as_str(), value) {
            ("properties" | "$defs" | "patternProperties", Value::Object(named)) => {
                let named = named
                    .iter()
                    .map(|(name, schema)| (name.clone(), rewrite(owner, schema)));
                Value::Object(named.collect())
            }
            ("items" | "additionalProperties" | "unevaluatedProperties", schema) => {
                rewrite(owner, schema)
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(parts)) => {
                Value::Array(parts.iter().map(|part| rewrite(owner, part)).collect())
            }
            ("$ref", Value::String(reference)) => {
                Value::String(reference.replacen("#/$defs/", &format!("#/$defs/{owner}."), 1))
            }
            (_, value) => value.clone(),
        };
        out.insert(key.clone(), value);
    }
    let is_free = !out.contains_key("enum") && !out.contains_key("const");
    let takes_text = match out.get("type") {
        Some(Value::String(kind)) => kind == "string",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "string"),
        _ => false,
    };
    match takes_text && is_free {
        true => json!({"anyOf": [out, {"$ref": "#/$defs/secret"}]}),
        false => Value::Object(out),
    }
}
