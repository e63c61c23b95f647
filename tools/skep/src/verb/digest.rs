//! `skep digest`.

mod shown;

use clap::Args;
use serde_json::{Map, Value, json};
use skep_log_watcher::{html, text};
use skep_packet::Token;
use skep_protocol::{
    callback::Format,
    digest::{Document, GenerateDigest, ROLE},
    rpc::{Ask, FromDoor},
    severity::Severity,
};

pub(crate) use self::shown::Shown;
use super::{block_on, offline};
use crate::{
    cli::{Globals, OutputFormat},
    client::{self, Access, Answers, End, Session},
    failure::{Failure, Kind},
    output, units,
};

/// Ask for a digest of the logs
///
/// Every node that watches logs answers, each for its own host. With --offline no node is needed:
/// the files named are read right here.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skep digest
  skep digest --collectors sshd,httpd --oracle
  skep digest --last --format json
  skep digest --since 24h --format html > digest.html
  skep digest --offline sshd=/var/log/auth.log httpd=/var/log/nginx/access.log --since 6h
From cron, with exit code 1 when a person should look:
  skep digest --since 24h --fail-on warning --quiet")]
pub(crate) struct Digest {
    /// Only these collectors, by name
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    collectors: Vec<String>,
    /// Have the digest analysed
    #[arg(long)]
    oracle: bool,
    /// Leave the evidence lines out
    #[arg(long)]
    no_details: bool,
    /// The newest digest that a patrol made, instead of a new one
    #[arg(long, conflicts_with_all = ["collectors", "oracle", "no_details", "since"])]
    last: bool,
    /// Only lines at most this old, like 6h or 2d
    #[arg(long, value_name = "SPAN", value_parser = units::seconds)]
    since: Option<u64>,
    /// Fail when a digest is this grave or graver: notice, warning, error or critical
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    fail_on: Option<Severity>,
    /// Read these files, each as COLLECTOR=FILE, without any node
    #[arg(long, conflicts_with_all = ["collectors", "oracle", "last"])]
    offline: bool,
    /// With --offline: say what changed since this digest, which --format json wrote
    #[arg(long, value_name = "FILE", requires = "offline")]
    against: Option<std::path::PathBuf>,
    /// With --offline: COLLECTOR=FILE
    #[arg(value_name = "COLLECTOR=FILE", requires = "offline")]
    files: Vec<String>,
}

fn severity(text: &str) -> Result<Severity, String> {
    let known = text.parse().ok().filter(|known| *known > Severity::Info);
    known.ok_or_else(|| "it is notice, warning, error or critical".to_owned())
}

impl Digest {
    pub(crate) fn run(self, globals: &Globals) -> Result<(), Failure> {
        if self.offline {
            let offline = offline::Offline {
                files: self.files,
                since_s: self.since,
                include_details: !self.no_details,
                against: self.against,
                fail_on: self.fail_on,
            };
            return offline.run(globals);
        }
        block_on(self.ask(globals))
    }

    async fn ask(self, globals: &Globals) -> Result<(), Failure> {
        let mut session = Session::open(Access::find(globals).await?).await?;
        let token = Session::token();
        // A page, and how grave it is, are made here of the documents.
        let is_made_here = globals.wants_page() || self.fail_on.is_some();
        let request = GenerateDigest {
            collectors: self.collectors,
            use_oracle: self.oracle,
            include_details: !self.no_details,
            session_id: Some(session.id().to_owned()),
            token: Some(token.to_string()),
            return_handler: None,
            format: match globals.format {
                OutputFormat::Text if !is_made_here => Format::Text,
                _ => Format::Json,
            },
            since_s: self.since,
            last: self.last,
        };
        let payload = json!(request).to_string();
        session.request(ROLE, payload, &token, Ask::All).await?;
        if !is_made_here {
            return follow(session, &token, Shown::new(globals)).await;
        }
        let answers = gather(session, &token, &mut Shown::progress_only(globals)).await?;
        let documents = documents(&answers);
        match globals.format {
            OutputFormat::Json => output::document(&document(&answers)),
            OutputFormat::Text if globals.wants_page() => output::say(&html(&documents)),
            OutputFormat::Text => {
                let texts: Vec<String> = documents.iter().map(text).collect();
                output::say(&texts.join("\n"));
            }
        }
        whole(&answers)?;
        check_gravity(&documents, self.fail_on)
    }
}

/// Shows what comes back until all is there; fails where somebody could not answer.
pub(crate) async fn follow(
    session: Session,
    token: &Token,
    mut shown: Shown<'_>,
) -> Result<(), Failure> {
    let answers = gather(session, token, &mut shown).await?;
    shown.finish();
    if shown.is_json() {
        output::document(&document(&answers));
    }
    whole(&answers)
}

/// What came back, when all is there.
async fn gather(
    mut session: Session,
    token: &Token,
    shown: &mut Shown<'_>,
) -> Result<Answers, Failure> {
    let mut answers = Answers::default();
    while !answers.is_done() {
        match session.next().await? {
            FromDoor::Callback { callback, .. } if callback.token.as_ref() == Some(token) => {
                for callback in answers.take(callback) {
                    shown.take(&callback);
                }
            }
            FromDoor::Refused(problem) => {
                session.bye().await;
                return Err(client::refused(&problem));
            }
            FromDoor::Gap { .. } => answers.gap(),
            _ => {}
        }
    }
    session.bye().await;
    Ok(answers)
}

/// Fails where somebody could not answer.
fn whole(answers: &Answers) -> Result<(), Failure> {
    match answers.has_failed() {
        false => Ok(()),
        true => Err(failed(answers)),
    }
}

pub(crate) fn failed(answers: &Answers) -> Failure {
    let failed = answers
        .origins
        .iter()
        .filter_map(|(origin, answer)| match &answer.end {
            End::Failed(why) => Some(format!("{origin}: {why}")),
            End::Lost(why) => Some(format!("{origin} is lost: {why}")),
            End::Open | End::Done => None,
        });
    let failed: Vec<String> = failed.collect();
    match failed.is_empty() {
        true => Failure::new(Kind::Role, "nobody was asked"),
        false => Failure::new(Kind::Origin, failed.join("; ")),
    }
}

/// Fails where a digest is as grave as `fail_on`, and says which.
pub(super) fn check_gravity(
    documents: &[Document<'_>],
    fail_on: Option<Severity>,
) -> Result<(), Failure> {
    let Some(fail_on) = fail_on else {
        return Ok(());
    };
    let grave = documents
        .iter()
        .filter(|document| document.overview.severity >= fail_on)
        .map(|document| match document.host.as_str() {
            "" => format!("the digest is {}", document.overview.severity),
            host => format!("the digest of {host} is {}", document.overview.severity),
        });
    let grave: Vec<String> = grave.collect();
    match grave.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(Kind::Grave, grave.join("; "))
            .cure("it says what needs a person at its beginning")),
    }
}

/// The documents of those who answered.
fn documents(answers: &Answers) -> Vec<Document<'static>> {
    let answered = answers.origins.values();
    answered
        .filter_map(|answer| serde_json::from_str(&answer.json).ok())
        .collect()
}

fn document(answers: &Answers) -> Value {
    let origins = answers.origins.iter().map(|(origin, answer)| {
        let said = match (&answer.end, serde_json::from_str::<Value>(&answer.json)) {
            (End::Failed(why), _) => json!({ "error": why }),
            (End::Lost(why), _) => json!({ "lost": why }),
            (_, Ok(document)) => document,
            (_, Err(_)) => json!({ "lines": answer.lines }),
        };
        (origin.to_string(), said)
    });
    json!({ "origins": origins.collect::<Map<String, Value>>() })
}

#[cfg(test)]
mod tests {
    use skep_protocol::callback::{Answering, Status, Thread};

    use super::*;

    #[test]
    fn every_origin_stands_in_the_document() {
        let answering = |origin: &str| {
            let thread = Thread {
                session_id: None,
                token: None,
                return_handler: None,
                reply_to: None,
                session_key: None,
            };
            Answering::new(thread, origin.parse().unwrap())
        };
        let mut answers = Answers::default();
        answers.take(answering("w@n1").json(0, r#"{"collectors":{}}"#, true)[0].clone());
        answers.take(answering("w@n2").error(0, "no collector \"ssh\""));
        answers.take(answering("w@n3").text(0, "as text", true)[0].clone());
        let mut lost = answering("w@n4").working(0, "its node is gone");
        lost.status = Status::OriginLost;
        answers.take(lost);
        insta::assert_snapshot!(format!("{:#}", document(&answers)));
        insta::assert_snapshot!(failed(&answers).to_string());
    }

    #[test]
    fn a_grave_digest_is_a_failure_that_names_it() {
        let document = |host: &str, severity| {
            let mut document = Document {
                host: host.to_owned(),
                ..Document::default()
            };
            document.overview.severity = severity;
            document
        };
        let documents = [
            document("web1", Severity::Notice),
            document("web2", Severity::Error),
        ];
        let check = |fail_on| check_gravity(&documents, fail_on).map_err(|why| why.to_string());
        assert_eq!(check(None), Ok(()));
        assert_eq!(check(Some(Severity::Critical)), Ok(()));
        let one = "the digest of web2 is error".to_owned();
        assert_eq!(check(Some(Severity::Warning)), Err(one.clone()));
        let both = format!("the digest of web1 is notice; {one}");
        assert_eq!(check(Some(Severity::Notice)), Err(both));
        assert!(severity("info").is_err() && severity("grave").is_err());
    }
}
