use std::collections::BTreeSet;

use serde_json::Value;
use skep_packet::{AgentName, RoleBinding};

use super::*;

#[test]
fn kinds_are_sorted_and_unique_and_names() {
    let kinds: Vec<&str> = specs().iter().map(|spec| spec.kind).collect();
    let sorted: Vec<&str> = kinds
        .iter()
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    assert_eq!(kinds, sorted);
    for kind in kinds {
        assert!(AgentName::new(kind).is_ok(), "{kind}");
    }
}

#[test]
fn every_role_has_its_handler() {
    for spec in specs() {
        let handlers = (spec.handlers)(&Value::Null);
        for role in spec.roles {
            let binding: RoleBinding = role.parse().unwrap();
            let has = handlers
                .iter()
                .any(|handler| handler.name == binding.handler);
            assert!(has, "{}: {role}", spec.kind);
        }
    }
}

#[test]
fn handlers_are_unique() {
    for spec in specs() {
        let handlers = (spec.handlers)(&Value::Null);
        let names: BTreeSet<&str> = handlers
            .iter()
            .map(|handler| handler.name.as_str())
            .collect();
        assert_eq!(names.len(), handlers.len(), "{}", spec.kind);
    }
}

#[test]
fn every_role_that_is_used_is_served_by_somebody() {
    let served: BTreeSet<String> = specs()
        .iter()
        .flat_map(|spec| spec.roles)
        .map(|role| role.parse::<RoleBinding>().unwrap().role.to_string())
        .collect();
    for spec in specs() {
        for used in spec.uses.iter().filter(|used| !used.default.is_empty()) {
            assert!(
                served.contains(used.default),
                "{} uses {}",
                spec.kind,
                used.default
            );
        }
    }
}

#[test]
fn schemas_are_those_of_objects_and_know_the_keys_that_uses_name() {
    for spec in specs() {
        let schema = (spec.schema)();
        assert_eq!(schema["type"], "object", "{}: {schema}", spec.kind);
        let properties = schema["properties"].as_object();
        let knows = |key: &str| properties.is_some_and(|keys| keys.contains_key(key));
        let used = spec.uses.iter();
        let keys = used.flat_map(|used| [used.config_key, used.enabled_by]);
        for key in keys.chain((spec.handlers_key)()) {
            assert!(key.is_empty() || knows(key), "{} has no {key}", spec.kind);
        }
        assert_eq!(
            schema["additionalProperties"], false,
            "{}: unknown keys",
            spec.kind
        );
        let summary = spec.summary;
        assert!(summary.len() < 100 && !summary.ends_with('.'), "{summary}");
    }
}
