//! `skep digest`.

use std::collections::VecDeque;

use clap::Args;
use serde_json::{Map, Value, json};
use skep_packet::{Address, Token};
use skep_protocol::{
    callback::{Callback, Format, Status},
    digest::{GenerateDigest, ROLE},
    rpc::{Ask, FromDoor},
};

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
  skep digest --offline sshd=/var/log/auth.log httpd=/var/log/nginx/access.log --since 6h")]
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
    #[arg(long, conflicts_with_all = ["collectors", "oracle", "no_details"])]
    last: bool,
    /// Read these files, each as COLLECTOR=FILE, without any node
    #[arg(long, conflicts_with_all = ["collectors", "oracle", "last"])]
    offline: bool,
    /// Only lines at most this old, like 6h or 2d
    #[arg(long, value_name = "SPAN", requires = "offline", value_parser = units::seconds)]
    since: Option<u64>,
    /// With --offline: COLLECTOR=FILE
    #[arg(value_name = "COLLECTOR=FILE", requires = "offline")]
    files: Vec<String>,
}

impl Digest {
    pub(crate) fn run(self, globals: &Globals) -> Result<(), Failure> {
        if self.offline {
            return offline::run(&self.files, self.since, !self.no_details, globals);
        }
        block_on(self.ask(globals))
    }

    async fn ask(self, globals: &Globals) -> Result<(), Failure> {
        let mut session = Session::open(Access::find(globals).await?).await?;
        let token = Session::token();
        let request = GenerateDigest {
            collectors: self.collectors,
            use_oracle: self.oracle,
            include_details: !self.no_details,
            session_id: Some(session.id().to_owned()),
            token: Some(token.to_string()),
            return_handler: None,
            format: match globals.format {
                OutputFormat::Text => Format::Text,
                OutputFormat::Json => Format::Json,
            },
            last: self.last,
        };
        let payload = json!(request).to_string();
        session.request(ROLE, payload, &token, Ask::All).await?;
        follow(session, &token, Shown::new(globals)).await
    }
}

/// Shows what comes back until all is there; fails where somebody could not answer.
pub(crate) async fn follow(
    mut session: Session,
    token: &Token,
    mut shown: Shown<'_>,
) -> Result<(), Failure> {
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
    shown.finish(&answers);
    match answers.has_failed() {
        false => Ok(()),
        true => Err(failed(&answers)),
    }
}

fn failed(answers: &Answers) -> Failure {
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

/// What a person sees meanwhile: text of one origin at a time, progress on stderr.
pub(crate) struct Shown<'a> {
    globals: &'a Globals,
    /// Whose text is being printed.
    current: Option<Address>,
    /// Text of others, which waits until the current one is done.
    waiting: VecDeque<Callback>,
}

impl<'a> Shown<'a> {
    pub(crate) fn new(globals: &'a Globals) -> Self {
        Self {
            globals,
            current: None,
            waiting: VecDeque::new(),
        }
    }

    fn take(&mut self, callback: &Callback) {
        match callback.status {
            Status::Accepted => {
                let names: Vec<String> = callback.origins.iter().map(ToString::to_string).collect();
                output::hint(self.globals, &format!("asked {}", names.join(", ")));
            }
            Status::Working => {
                let note = callback.note.as_deref().unwrap_or("still at it");
                output::hint(self.globals, &format!("{}: {note}", callback.origin));
            }
            Status::OriginLost => self.end(&callback.origin),
            Status::Part | Status::Last => self.text(callback.clone()),
        }
    }

    fn text(&mut self, callback: Callback) {
        if self.globals.format == OutputFormat::Json {
            return;
        }
        match &self.current {
            Some(current) if *current != callback.origin => self.waiting.push_back(callback),
            _ => {
                self.print(&callback);
                self.current = Some(callback.origin.clone());
                if callback.last {
                    self.end(&callback.origin);
                }
            }
        }
    }

    fn print(&self, callback: &Callback) {
        match callback.format {
            Format::Text => {
                for line in &callback.lines {
                    output::line(line);
                }
            }
            // A handler that answers with a document, whatever was asked for.
            Format::Json => {
                output::say(&callback.lines.concat());
                if callback.last {
                    output::line("");
                }
            }
        }
    }

    /// The current origin is done: whoever waited longest is next.
    fn end(&mut self, origin: &Address) {
        if self.current.as_ref() != Some(origin) {
            return;
        }
        self.current = None;
        for callback in std::mem::take(&mut self.waiting) {
            self.text(callback);
        }
    }

    fn finish(&mut self, answers: &Answers) {
        self.current = None;
        for callback in std::mem::take(&mut self.waiting) {
            self.text(callback);
        }
        if self.globals.format == OutputFormat::Json {
            output::document(&document(answers));
        }
    }
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
    use skep_protocol::callback::{Answering, Thread};

    use super::*;

    #[test]
    fn every_origin_stands_in_the_document() {
        let answering = |origin: &str| {
            let thread = Thread {
                session_id: None,
                token: None,
                return_handler: None,
                reply_to: None,
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
}
