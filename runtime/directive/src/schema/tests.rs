use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::json;

use super::*;
use crate::parse::parse;

/// Real schemas, as an agent derives them.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Config {
    url: String,
    #[serde(default)]
    retries: u8,
    #[serde(default)]
    ratio: f32,
    verbose: Option<bool>,
    level: Option<Level>,
    collectors: Option<Collectors>,
    channel: Option<Channel>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[schemars(range(min = 1, max = 10))]
    depth: Option<i64>,
    pair: Option<(u32, String)>,
    parent: Option<Box<Config>>,
    any: Option<Value>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum Level {
    /// Loud.
    Warning,
    /// Louder.
    Error,
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Collectors {
    Names(Vec<Level>),
    Settings(BTreeMap<String, Paths>),
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Paths {
    paths: Vec<String>,
}

#[derive(JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum Channel {
    Stdout,
    File { path: String },
    Smtp(Smtp),
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Smtp {
    server: String,
    port: u16,
}

/// Reads the members of a config that has its required key, and tells the findings.
fn check(members: &str, expected: &[&str]) -> Value {
    let text = format!("{{\"url\": \"x\", {members}}}");
    let mut findings = Findings::default();
    let node = parse(&text, &mut findings);
    let schema = schemars::schema_for!(Config).to_value();
    let mut reader = Reader::new(&schema);
    let value = reader.read_root(&node, "config");
    findings.extend(reader.findings);
    let found: Vec<String> = findings
        .finish(text.len())
        .into_iter()
        .map(|finding| {
            let help = finding.help.unwrap_or_default();
            format!("{} {} | {help}", finding.code.id(), finding.message)
        })
        .collect();
    assert_eq!(found, expected, "{members}\n{schema:#}");
    value
}

#[test]
fn a_good_config_is_passed_on_as_it_is() {
    let members = r#""retries": 3, "ratio": 0.5, "verbose": null, "level": "error",
        "collectors": {"sshd": {"paths": ["/a"]}}, "channel": {"type": "smtp", "server": "s",
        "port": 25}, "labels": {"a": "b"}, "depth": 10, "pair": [1, "x"],
        "parent": {"url": "y", "parent": null}, "any": {"x": [1]}"#;
    let expected: Value = serde_json::from_str(&format!("{{\"url\": \"x\", {members}}}")).unwrap();
    assert_eq!(check(members, &[]), expected);
    check(
        r#""collectors": ["error", "warning"], "channel": {"type": "stdout"}"#,
        &[],
    );
}

#[test]
fn types_are_named_in_words() {
    check(
        r#""url2": 1"#,
        &["SK-0121 unknown key `url2` in `config` | did you mean `url`?"],
    );
    check(
        r#""retries": "3""#,
        &["SK-0120 `retries` takes a whole number | write 3 without quotes"],
    );
    check(
        r#""retries": 1.5"#,
        &["SK-0120 `retries` takes a whole number | "],
    );
    check(
        r#""verbose": "no""#,
        &["SK-0120 `verbose` takes true or false or null | "],
    );
    check(
        r#""collectors": {"sshd": {"paths": "/a"}}"#,
        &["SK-0120 `paths` takes a list | write [\"/a\"]"],
    );
}

#[test]
fn one_and_zero_stand_for_true_and_false() {
    let value = check(
        r#""verbose": 1"#,
        &["SK-0125 a number stands for true | write true"],
    );
    assert_eq!(value, json!({"url": "x", "verbose": true}));
    check(
        r#""verbose": 2"#,
        &["SK-0120 `verbose` takes true or false or null | "],
    );
}

#[test]
fn choices_are_told_by_their_words_and_tags() {
    check(
        r#""level": "eror""#,
        &["SK-0123 `level` does not take `eror` | did you mean `error`?"],
    );
    check(
        r#""level": "x""#,
        &["SK-0123 `level` does not take `x` | it takes: `warning` and `error`"],
    );
    check(
        r#""channel": {"type": "fiel", "path": "/a"}"#,
        &["SK-0123 `type` does not take `fiel` | did you mean `file`?"],
    );
    check(
        r#""channel": {"path": "/a"}"#,
        &["SK-0122 key `type` is missing in `channel` | \
           add \"type\": one of `stdout`, `file` and `smtp`"],
    );
    check(
        r#""channel": {"type": "smtp", "servr": "s", "port": 25}"#,
        &["SK-0121 unknown key `servr` in `channel` | did you mean `server`?"],
    );
    check(
        r#""collectors": ["eror"]"#,
        &["SK-0123 `collectors` does not take `eror` | did you mean `error`?"],
    );
}

#[test]
fn numbers_and_lists_have_bounds() {
    check(
        r#""retries": 256"#,
        &["SK-0124 `retries` is 256, but takes at most 255 | "],
    );
    check(
        r#""retries": -1"#,
        &["SK-0124 `retries` is -1, but takes at least 0 | "],
    );
    check(
        r#""depth": 0"#,
        &["SK-0124 `depth` is 0, but takes at least 1 | "],
    );
    check(
        r#""pair": [1]"#,
        &["SK-0124 `pair` has 1 entries, but takes at least 2 | "],
    );
    check(
        r#""pair": [5000000000, "x"]"#,
        &["SK-0124 `pair` is 5000000000, but takes at most 4294967295 | "],
    );
}

#[test]
fn secrets_stand_where_texts_stand() {
    check(
        r#""labels": {"a": {"$secret": "env:TOKEN"}, "b": {"$secret": "file:/run/x"}}"#,
        &[],
    );
    check(r#""any": {"a": {"$secret": "env:TOKEN"}}"#, &[]);
    check(
        r#""retries": {"$secret": "env:N"}"#,
        &["SK-0127 `retries` takes no text, so no secret can stand here | "],
    );
    check(
        r#""labels": {"a": {"$secret": "vault:x", "b": 1}}"#,
        &[
            &format!(
                "SK-0126 secrets are not kept in `vault:` | {}",
                "write {\"$secret\": \"env:NAME\"}, \"file:/PATH\" or \"cred:NAME\""
            ),
            "SK-0126 key `b` stands beside `$secret` | a secret reference has no other key",
        ],
    );
}

#[test]
fn nested_configs_are_read_to_the_end() {
    check(
        r#""parent": {"url": "y", "parent": {"ulr": 1}}"#,
        &["SK-0121 unknown key `ulr` in `parent` | did you mean `url`?"],
    );
}

#[test]
fn a_schema_that_leads_in_circles_allows_nothing() {
    let schema = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}});
    let mut findings = Findings::default();
    let node = parse("1", &mut findings);
    let mut reader = Reader::new(&schema);
    reader.read_root(&node, "x");
    assert_eq!(reader.findings.n_errors(), 1);
}
