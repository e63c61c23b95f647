//! `skep oracle`.

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Value, json};
use skep_directive::AgentPlan;
use skep_oracle::{BackendConfig, Config, ModelConfig, preview};
use skep_packet::Address;
use skep_protocol::{
    callback::Format,
    digest::{DigestReport, GenerateDigest, ROLE},
    oracle::{AskPreview, PREVIEW_ROLE, Preview, Prompt},
    rpc::{Ask, FromDoor},
};
use uuid::Uuid;

use super::{block_on, digest, offline};
use crate::{
    cli::{Globals, OutputFormat},
    client::{self, Access, Answers, End, Session},
    failure::{Failure, Kind},
    output, plan, units,
};

/// The kind of agent that asks models.
const KIND: &str = "oracle";

/// What an oracle does with what it is asked
#[derive(Debug, Args)]
pub(crate) struct Oracle {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Preview(Show),
}

/// Show the exact bytes that would leave the host for a language model
///
/// Every node that watches logs makes a digest, and each oracle shows the requests that a question
/// about it would make: redacted, to the byte, in the order in which its models would be tried.
/// Nothing is sent, spent or learned.
///
/// With --offline no node is needed. Then the pseudonyms are made with a key of this run, and the
/// built-in analysis knows of no earlier digests.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skep oracle preview
  skep oracle preview --collectors sshd --format json
  skep oracle preview --offline sshd=/var/log/auth.log --since 6h --directive node.json")]
struct Show {
    /// Only these collectors, by name
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    collectors: Vec<String>,
    /// Read these files, each as COLLECTOR=FILE, without any node
    #[arg(long, conflicts_with = "collectors")]
    offline: bool,
    /// With --offline: the directive whose oracle it is, instead of one with a model of OpenAI's
    #[arg(long, value_name = "FILE", requires = "offline")]
    directive: Option<PathBuf>,
    /// With --offline: only lines at most this old, like 6h or 2d
    #[arg(long, value_name = "SPAN", requires = "offline", value_parser = units::seconds)]
    since: Option<u64>,
    /// With --offline: COLLECTOR=FILE
    #[arg(value_name = "COLLECTOR=FILE", requires = "offline")]
    files: Vec<String>,
}

/// What would leave an oracle's host about one digest.
#[derive(Debug, Serialize)]
struct Shown {
    digest_of: String,
    oracle: String,
    #[serde(flatten)]
    preview: Preview,
}

impl Oracle {
    pub(crate) fn run(self, globals: &Globals) -> Result<(), Failure> {
        let What::Preview(show) = self.what;
        let shown = match show.offline {
            true => show.offline(globals)?,
            false => block_on(show.ask(globals))?,
        };
        match globals.format {
            OutputFormat::Json => output::document(&json!({ "previews": shown })),
            OutputFormat::Text => shown.iter().for_each(|shown| output::say(&text(shown))),
        }
        Ok(())
    }
}

impl Show {
    fn offline(&self, globals: &Globals) -> Result<Vec<Shown>, Failure> {
        let files = offline::Offline {
            files: self.files.clone(),
            since_s: self.since,
            include_details: true,
            against: None,
            fail_on: None,
        };
        let report = files.read(globals)?;
        let mut key = [0; 32];
        let (front, back) = key.split_at_mut(16);
        front.copy_from_slice(Uuid::new_v4().as_bytes());
        back.copy_from_slice(Uuid::new_v4().as_bytes());
        let prompt = Prompt::about("preview", "", &report);
        let configs = match &self.directive {
            Some(path) => oracles(path)?,
            None => vec![("any".to_owned(), any())],
        };
        let show = |(oracle, config): (String, Config)| {
            let preview = preview(&config, &prompt, key)
                .map_err(|error| Failure::new(Kind::Directive, error))?;
            Ok(Shown {
                digest_of: self.files.join(" "),
                oracle,
                preview,
            })
        };
        configs.into_iter().map(show).collect()
    }

    async fn ask(&self, globals: &Globals) -> Result<Vec<Shown>, Failure> {
        let mut session = Session::open(Access::find(globals).await?).await?;
        let request = GenerateDigest {
            collectors: self.collectors.clone(),
            session_id: Some(session.id().to_owned()),
            format: Format::Json,
            ..GenerateDigest::default()
        };
        let digests = gather(&mut session, ROLE, &json!(request)).await?;
        let mut shown = Vec::new();
        for (watcher, document) in &digests {
            let digest: DigestReport = read(watcher, document)?;
            let question = Prompt::about("preview", watcher.node.as_str(), &digest);
            let request = AskPreview {
                question,
                session_id: Some(session.id().to_owned()),
            };
            let previews = gather(&mut session, PREVIEW_ROLE, &json!(request)).await?;
            for (oracle, document) in &previews {
                shown.push(Shown {
                    digest_of: watcher.to_string(),
                    oracle: oracle.to_string(),
                    preview: read(oracle, document)?,
                });
            }
        }
        session.bye().await;
        Ok(shown)
    }
}

/// Asks all who serve a role; each one's document.
async fn gather(
    session: &mut Session,
    role: &str,
    payload: &Value,
) -> Result<Vec<(Address, String)>, Failure> {
    let token = Session::token();
    let payload = payload.to_string();
    session.request(role, payload, &token, Ask::All).await?;
    let mut answers = Answers::default();
    while !answers.is_done() {
        match session.next().await? {
            FromDoor::Callback { callback, .. } if callback.token.as_ref() == Some(&token) => {
                answers.take(callback);
            }
            FromDoor::Refused(problem) => return Err(client::refused(&problem)),
            FromDoor::Gap { .. } => answers.gap(),
            _ => {}
        }
    }
    if answers.has_failed() {
        return Err(digest::failed(&answers));
    }
    let origins = answers.origins.into_iter();
    let done = origins.filter(|(_, origin)| origin.end == End::Done);
    Ok(done
        .map(|(address, origin)| (address, origin.json))
        .collect())
}

fn read<T: serde::de::DeserializeOwned>(origin: &Address, document: &str) -> Result<T, Failure> {
    serde_json::from_str(document).map_err(|error| {
        let message = format!("{origin} answers something that is not of this protocol");
        Failure::new(Kind::Protocol, message).because(&error)
    })
}

/// The oracles of a directive, with a word in the place of each secret.
fn oracles(path: &PathBuf) -> Result<Vec<(String, Config)>, Failure> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::new(Kind::File, format!("{name} cannot be read")).because(&error)
    })?;
    let checked = plan::check(&text);
    let Some(plan) = checked.plan else {
        let message = format!("{name} is not usable");
        return Err(Failure::new(Kind::Directive, message).cure(format!("skep check {name}")));
    };
    let agents = plan.all();
    let oracles = agents.iter().filter(|agent| agent.kind == KIND);
    let config = |agent: &&AgentPlan| {
        let config = serde_json::from_value(plan::without_secrets(&agent.config));
        let config = config.map_err(|error| Failure::of(Kind::Directive, &error))?;
        Ok((agent.id.to_string(), config))
    };
    oracles.map(config).collect()
}

/// An oracle with a model of OpenAI's, for those who have none yet.
fn any() -> Config {
    let model = ModelConfig::new("https://api.openai.com/v1", "gpt-4o-mini");
    Config {
        backends: vec![BackendConfig::Openai(model)],
        ..Config::default()
    }
}

fn text(shown: &Shown) -> String {
    let Shown {
        digest_of,
        oracle,
        preview,
    } = shown;
    if preview.requests.is_empty() {
        return format!(
            "{oracle} has no language model: nothing of {digest_of} leaves its host.\n"
        );
    }
    let mut out = String::new();
    for request in &preview.requests {
        out.push_str(&format!(
            "{oracle} about {digest_of}, to {} at {}, {} bytes:\n{}\n\n",
            request.backend,
            request.url,
            request.body.len(),
            request.body
        ));
    }
    if !preview.withheld.is_empty() {
        let ids = preview.withheld.join(", ");
        out.push_str(&format!(
            "Not shown to any model, because they speak to their reader: {ids}\n"
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::Parser;
    use skep_protocol::oracle::OutboundRequest;

    use super::*;
    use crate::cli::{Cli, Verb};

    #[test]
    fn the_bytes_stand_as_they_are() {
        let request = OutboundRequest {
            backend: "openai small".to_owned(),
            url: "http://127.0.0.1:8080/v1/chat/completions".to_owned(),
            body: "{\"model\":\"small\"}".to_owned(),
        };
        let mut shown = Shown {
            digest_of: "w@n1".to_owned(),
            oracle: "oracle@n1".to_owned(),
            preview: Preview {
                requests: vec![request],
                withheld: vec!["sshd/1:7".to_owned()],
            },
        };
        let url = "http://127.0.0.1:8080/v1/chat/completions";
        assert_eq!(
            text(&shown),
            format!(
                "oracle@n1 about w@n1, to openai small at {url}, 17 bytes:\n{{\"model\":\"small\"}}\n\n\
                 Not shown to any model, because they speak to their reader: sshd/1:7\n"
            )
        );
        shown.preview.requests.clear();
        assert_eq!(
            text(&shown),
            "oracle@n1 has no language model: nothing of w@n1 leaves its host.\n"
        );
    }

    #[test]
    fn an_offline_preview_needs_no_node_and_shows_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("auth.log");
        let line = "2026-11-20T10:00:00+00:00 web1 sshd[9]: Failed password for carol from 203.0.113.9 port 9 ssh2\n";
        fs::write(&log, line.repeat(3)).unwrap();
        let directive = folder.path().join("n.json");
        let text = r#"{"children": [{"universal_id": "o1", "name": "oracle", "config": {"backends": [
            {"type": "anthropic", "url": "http://127.0.0.1:9", "model": "m", "api_key": {"$secret": "env:NO_SUCH_KEY"}}]}}]}"#;
        fs::write(&directive, text).unwrap();
        let file = format!("sshd={}", log.display());
        let typed = [
            "skep",
            "oracle",
            "preview",
            "--offline",
            &file,
            "--directive",
        ];
        let typed = typed
            .map(OsString::from)
            .into_iter()
            .chain([directive.into()]);
        let cli = Cli::try_parse_from(typed).unwrap();
        let Verb::Oracle(Oracle {
            what: What::Preview(show),
        }) = cli.verb
        else {
            panic!("another verb")
        };
        let globals = cli.globals;
        let shown = show.offline(&globals).unwrap();
        let request = &shown[0].preview.requests[0];
        assert_eq!(shown[0].oracle, "o1");
        assert_eq!(request.url, "http://127.0.0.1:9/v1/messages");
        assert!(request.body.contains("\"model\":\"m\""));
        for private in ["carol", "203.0.113.9", "web1"] {
            assert!(!request.body.contains(private), "{private}");
        }
    }
}
