//! The agent's part of the directive.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use skep_agent::AgentError;
use skep_packet::RolePattern;
use skep_protocol::alert;
use skep_protocol::callback;
use skep_protocol::digest::Ordered;
use skep_protocol::flag::flag;
use skep_protocol::oracle;
use skep_protocol::severity::Severity;

use crate::digest::NAMES;
use crate::digest::SeverityRules;
use crate::digest::is_known;
use crate::letter::LetterTerms;
use crate::read::Task;

/// The collectors of a directive that names none.
const COLLECTORS_DEFAULT: [&str; 3] = ["sshd", "httpd", "systemd"];

/// A letter covers a year at most.
const COVER_S_MAX: u64 = 366 * 24 * 3600;

/// Rotated files of each path that a digest on demand and the first patrol take in.
pub(crate) const ROTATE_DEPTH_DEFAULT: u32 = 1;

/// Watches this host's logs and writes digests.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What to watch: names, or names with their files.
    collectors: Collectors,
    /// One more file to watch, under `service_name`.
    log_path: Option<PathBuf>,
    /// What the file of `log_path` is called.
    service_name: String,
    /// Severities by the words that tell them, the gravest first; for `generic`.
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    severity_rules: Option<Ordered<Vec<String>>>,
    /// The role that severity reports go to: of each patrol, and of grave lines in the file of
    /// `log_path` as they come.
    report_to_role: Option<String>,
    /// Seconds between two looks at the file of `log_path`.
    #[schemars(range(min = 1, max = 86_400))]
    check_interval_sec: u64,
    /// Whether an oracle is asked about each patrol's digest, and may be asked by people.
    #[serde(deserialize_with = "flag")]
    enable_oracle: bool,
    /// The role that analyses.
    oracle_role: String,
    /// Seconds an oracle has for its answer; then the digest is given as it is, and people are told.
    #[schemars(range(min = 1, max = 3600))]
    oracle_timeout: u64,
    /// Hours between two patrols; the first is at once.
    #[schemars(range(min = 0.001, max = 8760.0))]
    patrol_interval_hours: f64,
    /// A digest as a letter to people each day, through `alert_role`; none if absent.
    mail_digest: Option<LetterConfig>,
    /// The role that tells people.
    alert_role: String,
    /// The role of the doors to people, which get the patrols' digests.
    rpc_router_role: String,
    /// How grave it is that no analysis came.
    oracle_alert_severity: Severity,
    /// Whether people are also told when an oracle's model failed and its built-in analysis came.
    #[serde(deserialize_with = "flag")]
    alert_on_degraded: bool,
}

/// When a letter is due, and what it covers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LetterConfig {
    /// The time of day on this host's clock, like `07:00`.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    at: String,
    /// How far back it goes, like `24h` or `7d`.
    #[serde(default = "a_day")]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,4}[hd]$"))]
    cover: String,
}

fn a_day() -> String {
    "24h".to_owned()
}

/// A list of names, or names with what is special about them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Collectors {
    Names(Vec<String>),
    Described(#[schemars(with = "BTreeMap<String, CollectorConfig>")] Ordered<CollectorConfig>),
}

/// Where a collector's lines are.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct CollectorConfig {
    /// Its files, and only these; without them, this host's own files or its journal.
    paths: Option<Vec<PathBuf>>,
    /// How many rotated files of each path are taken in.
    #[schemars(range(max = 64))]
    rotate_depth: Option<u32>,
    /// How many of each file's newest lines are analysed; without it, all.
    #[schemars(range(min = 1))]
    max_lines: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        let names = COLLECTORS_DEFAULT
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        Self {
            collectors: Collectors::Names(names),
            log_path: None,
            service_name: "generic".to_owned(),
            severity_rules: None,
            report_to_role: None,
            check_interval_sec: 30,
            enable_oracle: false,
            oracle_role: oracle::ROLE.to_owned(),
            oracle_timeout: 120,
            patrol_interval_hours: 6.0,
            mail_digest: None,
            alert_role: alert::ROLE.to_owned(),
            rpc_router_role: callback::ROLE_RPC.to_owned(),
            oracle_alert_severity: Severity::Warning,
            alert_on_degraded: false,
        }
    }
}

/// The config, checked, in the types the agent works with.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) tasks: Vec<Task>,
    pub(crate) severity_rules: SeverityRules,
    pub(crate) watch: Option<Watch>,
    /// Who gets severity reports.
    pub(crate) report_to: Option<RolePattern>,
    pub(crate) oracle: Option<OracleTerms>,
    pub(crate) patrol_interval: Duration,
    pub(crate) letter: Option<LetterTerms>,
    pub(crate) alert_role: RolePattern,
    pub(crate) rpc_role: RolePattern,
}

/// How the file of `log_path` is looked at between patrols.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) path: PathBuf,
    pub(crate) service_name: String,
    pub(crate) interval: Duration,
}

/// How an oracle is asked.
#[derive(Debug, Clone)]
pub(crate) struct OracleTerms {
    pub(crate) role: RolePattern,
    pub(crate) timeout: Duration,
    pub(crate) severity: Severity,
    pub(crate) alert_on_degraded: bool,
}

impl Config {
    /// Checks what a schema can not say.
    pub(crate) fn check(self) -> Result<Terms, AgentError> {
        let oracle = OracleTerms {
            role: role("oracle_role", &self.oracle_role)?,
            timeout: Duration::from_secs(self.oracle_timeout.max(1)),
            severity: self.oracle_alert_severity,
            alert_on_degraded: self.alert_on_degraded,
        };
        let hours = self.patrol_interval_hours;
        if !(hours > 0.0 && hours <= 8760.0) {
            let text =
                format!("patrol_interval_hours is {hours}, it must be above 0, at most 8760");
            return Err(AgentError::Config(text));
        }
        Ok(Terms {
            tasks: self.tasks()?,
            watch: self.watch(),
            report_to: self.report_to()?,
            oracle: self.enable_oracle.then_some(oracle),
            letter: self.mail_digest.as_ref().map(letter).transpose()?,
            patrol_interval: Duration::from_secs_f64(hours * 3600.0),
            alert_role: role("alert_role", &self.alert_role)?,
            rpc_role: role("rpc_router_role", &self.rpc_router_role)?,
            severity_rules: self
                .severity_rules
                .map_or_else(SeverityRules::default, rules),
        })
    }

    fn tasks(&self) -> Result<Vec<Task>, AgentError> {
        let described: Vec<(String, CollectorConfig)> = match &self.collectors {
            Collectors::Names(names) => names
                .iter()
                .map(|name| (name.clone(), CollectorConfig::default()))
                .collect(),
            Collectors::Described(described) => described.0.clone(),
        };
        let mut tasks: Vec<Task> = described.into_iter().map(task).collect();
        if let Some(path) = &self.log_path {
            let name = self.service_name.clone();
            let config = CollectorConfig {
                paths: Some(vec![path.clone()]),
                ..Default::default()
            };
            tasks.push(task((name, config)));
        }
        for (i, task) in tasks.iter().enumerate() {
            if tasks[..i].iter().any(|other| other.name == task.name) {
                return Err(AgentError::Config(format!("{} is named twice", task.name)));
            }
            check_known(task)?;
        }
        Ok(tasks)
    }

    fn watch(&self) -> Option<Watch> {
        let path = self
            .log_path
            .as_ref()
            .filter(|_| self.report_to_role.is_some())?;
        Some(Watch {
            path: path.clone(),
            service_name: self.service_name.clone(),
            interval: Duration::from_secs(self.check_interval_sec.max(1)),
        })
    }

    fn report_to(&self) -> Result<Option<RolePattern>, AgentError> {
        let named = self.report_to_role.as_deref();
        named.map(|text| role("report_to_role", text)).transpose()
    }
}

fn task((name, config): (String, CollectorConfig)) -> Task {
    Task {
        name,
        paths: config.paths,
        rotate_depth: config.rotate_depth.unwrap_or(ROTATE_DEPTH_DEFAULT),
        max_lines: config.max_lines,
    }
}

/// A collector of unknown name can only count lines, and needs to be told where they are.
fn check_known(task: &Task) -> Result<(), AgentError> {
    let name = &task.name;
    let has_place = task.paths.is_some() || skep_sources::defaults(name).is_some();
    if has_place || is_known(name) {
        return Ok(());
    }
    let known = NAMES.join(", ");
    let text = format!("there is no collector {name:?} (there are {known}): give it `paths`");
    Err(AgentError::Config(text))
}

fn letter(config: &LetterConfig) -> Result<LetterTerms, AgentError> {
    let refused = |text: String| AgentError::Config(format!("mail_digest: {text}"));
    let cover = config.cover.as_str();
    let form = || refused(format!("cover: {cover:?} is no span like 24h or 7d"));
    let (number, unit_s) = match (cover.strip_suffix('h'), cover.strip_suffix('d')) {
        (Some(hours), _) => (hours, 3600),
        (_, Some(days)) => (days, 24 * 3600),
        (None, None) => return Err(form()),
    };
    let number: u32 = number.parse().map_err(|_| form())?;
    let cover_s = u64::from(number) * unit_s;
    if !(1..=COVER_S_MAX).contains(&cover_s) {
        return Err(refused(format!("cover: {cover} is not within 1h and 366d")));
    }
    let at = config
        .at
        .parse()
        .map_err(|error| refused(format!("at: {error}")))?;
    Ok(LetterTerms { at, cover_s })
}

fn role(key: &str, text: &str) -> Result<RolePattern, AgentError> {
    text.parse()
        .map_err(|error| AgentError::Config(format!("{key}: {error}")))
}

fn rules(rules: Ordered<Vec<String>>) -> SeverityRules {
    let lower = |words: Vec<String>| words.iter().map(|word| word.to_lowercase()).collect();
    SeverityRules(
        rules
            .0
            .into_iter()
            .map(|(level, words)| (level, lower(words)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::*;

    fn check(config: Value) -> Result<Terms, String> {
        let config: Config = serde_json::from_value(config).map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string())
    }

    fn names(terms: &Terms) -> Vec<&str> {
        terms.tasks.iter().map(|task| task.name.as_str()).collect()
    }

    #[test]
    fn nothing_said_watches_the_usual_without_an_oracle() {
        let terms = check(json!({})).unwrap();
        assert_eq!(names(&terms), ["sshd", "httpd", "systemd"]);
        assert!(terms.oracle.is_none() && terms.watch.is_none());
        assert_eq!(terms.patrol_interval, Duration::from_secs(6 * 3600));
    }

    #[test]
    fn older_directives_are_understood() {
        let terms = check(json!({
            "collectors": {
                "sshd": {"paths": ["/var/log/secure"], "rotate_depth": 1, "max_lines": 1000},
                "postfix": {"paths": ["/var/log/maillog"]},
                "httpd": {},
            },
            "enable_oracle": 1, "oracle_role": "hive.oracle", "oracle_timeout": 120,
            "patrol_interval_hours": 6, "alert_role": "hive.alert",
            "rpc_router_role": "hive.rpc", "check_interval_sec": 10,
        }))
        .unwrap();
        assert_eq!(names(&terms), ["sshd", "postfix", "httpd"]);
        assert_eq!(terms.tasks[0].max_lines, Some(1000));
        assert_eq!(terms.tasks[2].paths, None);
        assert_eq!(terms.oracle.unwrap().timeout, Duration::from_secs(120));
    }

    #[test]
    fn one_file_can_be_named_by_itself() {
        let terms = check(json!({
            "collectors": [], "log_path": "/var/log/app.log", "service_name": "app",
            "severity_rules": {"CRITICAL": ["Boom"], "LOW": ["meh"]},
            "report_to_role": "hive.forensics.data_feed",
        }))
        .unwrap();
        assert_eq!(names(&terms), ["app"]);
        assert_eq!(
            terms.severity_rules.0[0],
            ("CRITICAL".to_owned(), vec!["boom".to_owned()])
        );
        assert_eq!(terms.watch.unwrap().service_name, "app");
        assert_eq!(
            terms.report_to.unwrap().as_str(),
            "hive.forensics.data_feed"
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (config, expected) in [
            (
                json!({"collectors": ["sshdd"]}),
                "there is no collector \"sshdd\"",
            ),
            (
                json!({"collectors": ["sshd", "sshd"]}),
                "sshd is named twice",
            ),
            (
                json!({"patrol_interval_hours": 0}),
                "patrol_interval_hours is 0",
            ),
            (
                json!({"oracle_role": "a b"}),
                "oracle_role: a role may not hold ' '",
            ),
            (json!({"patrol": 1}), "unknown field `patrol`"),
            (
                json!({"collectors": {"sshd": {"path": "x"}}}),
                "did not match any variant",
            ),
        ] {
            let error = check(config).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_letters_time_and_span_are_read() {
        let letter = |at: &str, cover: &str| {
            let config = json!({"mail_digest": {"at": at, "cover": cover}});
            check(config).map(|terms| terms.letter.unwrap().cover_s)
        };
        assert_eq!(letter("07:00", "24h"), Ok(24 * 3600));
        assert_eq!(letter("23:59", "7d"), Ok(7 * 24 * 3600));
        for (at, cover) in [
            ("7:00", "24h"),
            ("07:00", "0h"),
            ("07:00", "24"),
            ("07:00", "400d"),
            ("07:00", "-1h"),
            ("07:00", "99999999999d"),
        ] {
            assert!(letter(at, cover).is_err(), "{at} {cover}");
        }
        assert!(check(json!({})).unwrap().letter.is_none());
    }
}
