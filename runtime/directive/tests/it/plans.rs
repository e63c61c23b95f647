//! What a good directive becomes.

use std::fs;

use serde_json::{Value, json};
use skep_directive::{AgentKind, Catalogue, Code, Plan, RoleUse, check, json_schema};

use crate::{
    catalogue::catalogue,
    fixtures::{folder, good, texts},
};

fn plan(text: &str) -> Plan {
    let checked = check(text, catalogue());
    let said = checked.plain("test", text);
    checked.plan.unwrap_or_else(|| panic!("{said}"))
}

fn codes(text: &str) -> Vec<&'static str> {
    let checked = check(text, catalogue());
    checked
        .diagnostics
        .iter()
        .map(|finding| finding.code.id())
        .collect()
}

#[test]
fn the_plan_of_the_older_directive_is_the_same_alone_and_under_a_root() {
    let alone = plan(&fs::read_to_string(folder("seed.json")).unwrap());
    let mut under_root = plan(&fs::read_to_string(folder("seed-under-root.json")).unwrap());
    under_root.agents[0].config_span = alone.agents[0].config_span;
    assert_eq!(alone, under_root);
    insta::assert_json_snapshot!("plan-seed", alone);
}

#[test]
fn the_plan_of_the_default_directive() {
    insta::assert_json_snapshot!(
        "plan-default",
        plan(&fs::read_to_string(folder("default.json")).unwrap())
    );
}

#[test]
fn terms_of_roles_and_restart_are_kept() {
    let (_, terms) = texts("warned")
        .into_iter()
        .find(|(name, _)| name == "terms")
        .unwrap();
    let plan = plan(&terms);
    let watcher = plan.find("watcher").unwrap();
    assert!(!watcher.packet_signing.incoming && !watcher.packet_signing.outgoing);
    insta::assert_json_snapshot!("plan-terms-endpoints", watcher.endpoints);

    let text = r#"{"universal_id": "o", "name": "oracle", "beacon_interval_s": 0.5,
        "restart": {"policy": "transient", "intensity": 3, "period_s": 60}}"#;
    let oracle = serde_json::to_value(&self::plan(text).agents[0]).unwrap();
    assert_eq!(oracle["beacon_interval_ms"], 500);
    let expected = json!({"policy": "transient", "intensity": 3, "period_s": 60});
    assert_eq!(oracle["restart"], expected);
}

#[test]
fn a_tree_is_shown_with_its_terms() {
    let text = r#"{"children": [
        {"universal_id": "watcher", "name": "log_watcher", "restart": {"policy": "temporary"},
         "tags": {"packet_signing": {"in": false}},
         "config": {"collectors": ["sshd"], "ui": {"agent_tree": {"emoji": "👁️"}},
            "service-manager": [
                {"role": "my.digest@cmd_generate_system_log_digest", "scope": "node",
                 "priority": 5, "exclusive": true, "auth": {"sig": true}},
                {"role": "my.answers@cmd_oracle_response"}]},
         "children": [
            {"universal_id": "oracle", "name": "oracle"},
            {"universal_id": "alert", "name": "alert"}]},
        {"universal_id": "router", "name": "rpc_router"}]}"#;
    insta::assert_snapshot!("outline", plan(text).outline());
}

#[test]
fn words_of_python_reach_the_agent_as_json() {
    let (_, python) = texts("warned")
        .into_iter()
        .find(|(name, _)| name == "python")
        .unwrap();
    let expected = json!({
        "collectors": ["sshd"], "enable_oracle": true, "log_path": null, "report_to_role": null
    });
    assert_eq!(plan(&python).agents[0].config, expected);
}

#[test]
fn secrets_reach_the_agent_as_references() {
    let text = r#"{"universal_id": "a", "name": "alert", "config": {"channels": [
        {"type": "webhook", "url": {"$secret": "env:ALERT_URL"}}]}}"#;
    let expected = json!({"$secret": "env:ALERT_URL"});
    assert_eq!(plan(text).agents[0].config["channels"][0]["url"], expected);
}

#[test]
fn a_subtree_that_is_off_is_left_out_unread() {
    let text = r#"{"children": [
        {"universal_id": "o", "name": "oracle", "children": [
            {"universal_id": "a", "name": "alert", "enabled": false, "children": [
                {"universal_id": "o", "name": "no such agent", "config": 7}]},
            {"universal_id": "r", "name": "rpc_router"}]}]}"#;
    let plan = plan(text);
    let ids: Vec<_> = plan
        .all()
        .iter()
        .map(|agent| agent.id.to_string())
        .collect();
    assert_eq!(ids, ["o", "r"]);
    assert_eq!(codes(text), [""; 0]);
}

#[test]
fn the_node_has_settings_of_its_own() {
    let text =
        r#"{"node": {"outbox_max": 5000}, "children": [{"universal_id": "o", "name": "oracle"}]}"#;
    assert_eq!(plan(text).node, json!({"outbox_max": 5000}));
    assert_eq!(
        plan(r#"{"universal_id": "o", "name": "oracle"}"#).node,
        json!({})
    );
}

#[test]
fn an_empty_list_of_roles_serves_nothing() {
    let text = r#"{"universal_id": "o", "name": "oracle", "config": {"service-manager": []}}"#;
    assert_eq!(plan(text).agents[0].endpoints, []);
}

/// An agent whose handlers and roles only its config knows.
fn open_catalogue() -> Catalogue {
    let list = json!({"type": "array", "items": {"type": "string"}});
    let schema = json!({
        "type": "object", "additionalProperties": false,
        "properties": {"handlers": {"type": "object", "additionalProperties": true}, "uses": list}
    });
    let open = AgentKind::new("open", "whatever its config says", schema)
        .handling_by("handlers")
        .using(RoleUse::of("").named_by("uses"));
    Catalogue {
        kinds: vec![open],
        own_roles: vec!["hive.rpc".to_owned()],
        ..Catalogue::default()
    }
}

#[test]
fn handlers_and_roles_of_a_config_are_checked_as_those_of_a_program() {
    let check = |config: Value, expected: &[&str]| {
        let text = json!({"universal_id": "o", "name": "open", "config": config}).to_string();
        let checked = check(&text, &open_catalogue());
        let said: Vec<String> = checked
            .diagnostics
            .iter()
            .map(|finding| {
                format!(
                    "{} {}",
                    finding.message,
                    finding.help.as_deref().unwrap_or("")
                )
            })
            .collect();
        let is_said = said
            .iter()
            .zip(expected)
            .all(|(said, part)| said.contains(part));
        assert!(said.len() == expected.len() && is_said, "{text}: {said:?}");
    };
    let serves = |binding: &str| json!([{"role": binding}]);
    let handlers = json!({"cmd_greet": {}, "cmd_count": {}});
    check(
        json!({"handlers": handlers, "service-manager": serves("demo.greet@cmd_greet")}),
        &[],
    );
    check(
        json!({"handlers": handlers, "service-manager": serves("demo.greet@cmd_great")}),
        &["no handler `cmd_great` did you mean `cmd_greet`"],
    );
    check(
        json!({"service-manager": serves("demo.greet@cmd_greet")}),
        &["no handler `cmd_greet`"],
    );
    check(
        json!({"handlers": handlers, "service-manager": serves("demo.greet")}),
        &["write `demo.greet@` and one of its handlers: `cmd_greet`"],
    );
    check(json!({"uses": ["hive.rpc"]}), &[]);
    check(
        json!({"uses": ["hive.*", "hive.alert"]}),
        &["uses role `hive.alert`"],
    );
    check(json!({"uses": ["a b"]}), &["may not hold"]);
    check(json!({}), &[]);
}

#[test]
fn too_many_agents_are_one_finding() {
    let agent = |n: usize| format!("{{\"universal_id\": \"o{n}\", \"name\": \"oracle\"}}");
    let text = |n: usize| {
        format!(
            "{{\"children\": [{}]}}",
            (0..n).map(agent).collect::<Vec<_>>().join(",")
        )
    };
    assert_eq!(
        plan(&text(skep_directive::AGENTS_MAX)).agents.len(),
        skep_directive::AGENTS_MAX
    );
    assert_eq!(codes(&text(skep_directive::AGENTS_MAX + 2)), ["SK-0140"]);
}

#[test]
fn findings_beyond_the_bound_are_counted() {
    let text = format!("{{\"children\": [{}]}}", "x,".repeat(150));
    let codes = codes(&text);
    assert_eq!(codes.len(), skep_directive::DIAGNOSTICS_MAX + 1);
    assert_eq!(codes.last(), Some(&"SK-0199"));
}

#[test]
fn an_agent_may_refuse_its_config() {
    let text = "{\"universal_id\": \"o\",\n \"name\": \"oracle\",\n \"config\": {}}";
    let checked = check(text, catalogue()).and_agents(|agent| Some(format!("{} is shy", agent.id)));
    assert_eq!(checked.plan, None);
    assert_eq!(checked.diagnostics[0].code, Code::ConfigRefused);
    insta::assert_snapshot!("refused", checked.plain("test.json", text));
}

#[test]
fn the_table_of_codes() {
    let line = |code: &Code| format!("{}  {}", code.id(), code.meaning());
    insta::assert_snapshot!(
        "codes",
        Code::ALL.iter().map(line).collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn every_code_is_documented() {
    let page = fs::read_to_string(folder("../docs/ERRORS.md")).unwrap();
    for code in Code::ALL {
        let row = format!("| {} | {} |", code.id(), code.meaning());
        assert!(page.contains(&row), "docs/ERRORS.md lacks this row:\n{row}");
    }
}

/// A directive that the composed schema takes is one that `check` takes, as far as types go.
#[test]
fn the_composed_schema_takes_the_good_directives() {
    let schema = json_schema(catalogue());
    for (name, text) in good() {
        let findings = skep_directive::check_schema(&text, &schema);
        let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [], "{name}");
    }
    let wrong = r#"{"children": [{"universal_id": "o", "name": "oracle", "config": {"a": 1}}]}"#;
    let codes = skep_directive::check_schema(wrong, &schema);
    assert_eq!(
        codes.iter().map(|finding| finding.code).collect::<Vec<_>>(),
        [Code::UnknownKey]
    );
}

#[test]
fn the_composed_schema_refers_only_to_what_it_holds() {
    let schema = json_schema(catalogue());
    let mut n_references = 0;
    visit(&schema, &mut |reference| {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(schema.pointer(pointer).is_some(), "{reference}");
        n_references += 1;
    });
    assert!(n_references > 20, "{n_references}");
}

fn visit(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(reference) if key == "$ref" => see(reference),
                    value => visit(value, see),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
        _ => {}
    }
}
