//! The files under `directives/`: what the real agents say of them, and the schema beside them.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use boon::{Compiler, SchemaIndex, Schemas};

use super::*;

const SCHEMA: &str = "schema.json";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../directives")
        .join(name)
}

/// The directives of a folder, by path.
fn examples(name: &str) -> Vec<(String, String)> {
    let is_directive = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "json") && !path.ends_with(SCHEMA)
    };
    let entries = fs::read_dir(folder(name)).unwrap();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(is_directive)
        .collect();
    paths.sort();
    assert!(paths.len() >= 3, "{name}: {paths:?}");
    let read = |path: &PathBuf| {
        (
            path.display().to_string(),
            fs::read_to_string(path).unwrap(),
        )
    };
    paths.iter().map(read).collect()
}

#[test]
fn every_example_is_what_its_folder_says() {
    let all = |folder: &str, is_good: bool, has_findings: Option<bool>| {
        for (path, text) in examples(folder) {
            let checked = check(&text);
            let said = checked.plain(&path, &text);
            assert_eq!(checked.plan.is_some(), is_good, "{said}");
            let is_expected = has_findings.is_none_or(|wanted| wanted != said.is_empty());
            assert!(is_expected, "{path}: {said}");
        }
    };
    all(".", true, None);
    all("trio", true, None);
    all("warned", true, Some(true));
    all("broken", false, Some(true));
}

#[test]
fn an_editor_may_be_told_where_the_schema_is() {
    let finds = |text: &str| {
        let codes = check(text).diagnostics.into_iter();
        codes.map(|finding| finding.code.id()).collect::<Vec<_>>()
    };
    let agent = r#""universal_id": "o", "name": "oracle""#;
    let hint = r#""$schema": "./schema.json""#;
    assert_eq!(finds(&format!("{{ {hint}, {agent} }}")), [""; 0]);
    assert_eq!(
        finds(&format!("{{ {hint}, \"children\": [{{ {agent} }}] }}")),
        [""; 0]
    );
    assert_eq!(
        finds(&format!("{{ \"$schema\": 1, {agent} }}")),
        ["SK-0121"]
    );
    let nested = format!("{{ \"children\": [{{ {hint}, {agent} }}] }}");
    assert_eq!(finds(&nested), ["SK-0121"]);
}

// === the schema ===

/// The published text; `cargo xtask golden` writes it anew.
fn published() -> String {
    let composed = skep_directive::json_schema(&catalogue());
    let composed = serde_json::to_string_pretty(&composed).unwrap() + "\n";
    let path = folder(SCHEMA);
    if env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        fs::write(&path, &composed).unwrap();
    }
    let published = fs::read_to_string(path).unwrap_or_default();
    assert!(
        published == composed,
        "directives/schema.json is not what the agents' config types say: run cargo xtask golden"
    );
    published
}

/// The published schema, read by a validator that is not ours.
struct Validator(Schemas, SchemaIndex);

impl Validator {
    fn new() -> Self {
        let schema = serde_json::from_str(&published()).unwrap();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("schema.json", schema).unwrap();
        let index = compiler.compile("schema.json", &mut schemas).unwrap();
        Self(schemas, index)
    }

    fn refusal(&self, directive: &Value) -> Option<String> {
        let judged = self.0.validate(directive, self.1);
        judged.err().map(|error| format!("{error:#}"))
    }
}

#[test]
fn the_published_schema_takes_every_example_that_runs() {
    let validator = Validator::new();
    let mut n_examples = 0;
    for (path, text) in [".", "trio", "warned"].into_iter().flat_map(examples) {
        let value = skep_directive::value(&text).unwrap();
        assert_eq!(validator.refusal(&value), None, "{path}");
        n_examples += 1;
    }
    assert!(n_examples >= 9, "{n_examples}");
}

#[test]
fn the_published_schema_refuses_what_a_schema_can_refuse() {
    let validator = Validator::new();
    for name in ["types", "unknown-keys", "missing-keys", "choices", "bounds"] {
        let text = fs::read_to_string(folder(&format!("broken/{name}.json"))).unwrap();
        let value = skep_directive::value(&text).unwrap();
        assert!(validator.refusal(&value).is_some(), "{name}");
    }
    // One mistake alone, so that it is this one.
    let agent =
        |config: Value| json!({ "universal_id": "w", "name": "log_watcher", "config": config });
    assert_eq!(
        validator.refusal(&agent(json!({ "enable_oracle": 1 }))),
        None
    );
    for config in [
        json!({ "enable_oracle": 2 }),
        json!({ "oracle_timeout": 0 }),
        json!({ "oracle_role": ["hive.oracle"] }),
        json!({ "patrol": 6 }),
        json!({ "collectors": { "sshd": { "path": "/var/log/auth.log" } } }),
    ] {
        assert!(
            validator.refusal(&agent(config.clone())).is_some(),
            "{config}"
        );
    }
    let secret = |place: &str| agent(json!({ "oracle_role": { "$secret": place } }));
    assert_eq!(validator.refusal(&secret("env:ROLE")), None);
    assert!(validator.refusal(&secret("pocket:ROLE")).is_some());
}
