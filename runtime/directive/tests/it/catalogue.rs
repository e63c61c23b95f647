//! Agents as the real ones are, as far as a directive sees them.

use std::{collections::BTreeMap, sync::OnceLock};

use schemars::{JsonSchema, schema_for};
use serde_json::Value;
use skep_directive::{AgentKind, Catalogue, RoleUse};

/// Built once: the property tests ask for it thousands of times.
pub(crate) fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(build)
}

fn build() -> Catalogue {
    let watcher = AgentKind::new(
        "log_watcher",
        "makes digests of logs",
        schema::<LogWatcher>(),
    )
    .serving("logwatch.generate.digest@cmd_generate_system_log_digest")
    .handling("cmd_oracle_response")
    .using(
        RoleUse::of("hive.oracle")
            .named_by("oracle_role")
            .switched_by("enable_oracle"),
    )
    .using(RoleUse::of("hive.alert").named_by("alert_role"))
    .using(RoleUse::of("hive.rpc").named_by("rpc_router_role"));
    let oracle = AgentKind::new("oracle", "analyses digests", schema::<Oracle>())
        .serving("hive.oracle@cmd_msg_prompt");
    let alert = AgentKind::new("alert", "tells people", schema::<Alert>())
        .serving("hive.alert@cmd_send_alert_msg");
    let router = AgentKind::new("rpc_router", "the door for people", schema::<RpcRouter>())
        .serving("hive.rpc@cmd_rpc_route");
    Catalogue {
        kinds: vec![watcher, oracle, alert, router],
        node_schema: Some(schema::<NodeSettings>()),
        own_agents: vec!["console".to_owned()],
        own_roles: vec!["hive.rpc".to_owned()],
    }
}

fn schema<T: JsonSchema>() -> Value {
    schema_for!(T).to_value()
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct LogWatcher {
    collectors: Collectors,
    #[serde(default)]
    enable_oracle: bool,
    oracle_role: Option<String>,
    #[schemars(range(min = 5))]
    #[serde(default)]
    oracle_timeout: u32,
    oracle_alert_severity: Option<Severity>,
    alert_role: Option<String>,
    rpc_router_role: Option<String>,
    report_to_role: Option<String>,
    #[serde(default)]
    patrol_interval_hours: u32,
    #[serde(default)]
    check_interval_sec: u32,
    log_path: Option<String>,
    #[serde(default)]
    severity_rules: BTreeMap<String, Vec<String>>,
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Collectors {
    Names(Vec<CollectorName>),
    Settings(BTreeMap<String, Collector>),
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum CollectorName {
    Sshd,
    Httpd,
    Systemd,
    Generic,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Collector {
    #[schemars(length(min = 1))]
    paths: Vec<String>,
    #[serde(default)]
    rotate_depth: u32,
    max_lines: Option<u64>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum Severity {
    Info,
    Warning,
    Critical,
}

#[derive(JsonSchema)]
struct Oracle {}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Alert {
    #[serde(default)]
    channels: Vec<Channel>,
}

#[derive(JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum Channel {
    Stdout,
    File {
        path: String,
    },
    Webhook {
        url: String,
    },
    Smtp {
        server: String,
        port: u16,
        from: String,
        to: Vec<String>,
    },
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct RpcRouter {
    listen: Option<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct NodeSettings {
    #[schemars(range(min = 1000))]
    outbox_max: Option<u32>,
    exit_on_stuck: Option<bool>,
}
