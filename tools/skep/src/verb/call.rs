//! `skep call`.

use std::io::{self, Read};

use clap::Args;
use serde_json::{Value, json};
use skep_packet::Token;
use skep_protocol::rpc::Ask;

use super::digest::{self, Shown};
use crate::{
    cli::Globals,
    client::{Access, Session},
    failure::{Failure, Kind},
};

/// Largest payload, in bytes: what fits a packet.
const PAYLOAD_BYTES_MAX: u64 = 240 * 1024;

/// Ask whoever serves a role
///
/// The payload is what the role's handler takes, as JSON. What comes back is printed for each of
/// those who were asked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skep call logwatch.generate.digest --session '{\"collectors\":[\"sshd\"]}'
  skep call hive.oracle --one - < question.json")]
pub(crate) struct Call {
    /// The role, or a pattern of roles like `hive.*`
    role: String,
    /// The payload; `-` reads it from stdin
    #[arg(default_value = "{}")]
    payload: String,
    /// Ask one of those who serve it, instead of all
    #[arg(long)]
    one: bool,
    /// Add `session_id` and `token` to the payload, for handlers that answer in parts
    #[arg(long)]
    session: bool,
}

impl Call {
    pub(crate) async fn run(self, globals: &Globals) -> Result<(), Failure> {
        let text = self.payload()?;
        let mut payload: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::new(Kind::Input, "the payload is no JSON").because(&error))?;
        let mut session = Session::open(Access::find(globals).await?).await?;
        let token = Session::token();
        if self.session {
            add_session(&mut payload, session.id(), &token)?;
        }
        let choice = if self.one { Ask::One } else { Ask::All };
        session
            .request(&self.role, payload.to_string(), &token, choice)
            .await?;
        let shown = Shown::new(globals);
        digest::follow(session, &token, shown).await
    }

    fn payload(&self) -> Result<String, Failure> {
        if self.payload != "-" {
            return Ok(self.payload.clone());
        }
        let mut text = String::new();
        let read = io::stdin()
            .lock()
            .take(PAYLOAD_BYTES_MAX + 1)
            .read_to_string(&mut text);
        read.map_err(|error| {
            Failure::new(Kind::File, "the payload cannot be read").because(&error)
        })?;
        Ok(text)
    }
}

fn add_session(payload: &mut Value, session: &str, token: &Token) -> Result<(), Failure> {
    let Value::Object(object) = payload else {
        let message = "--session needs a payload that is a JSON object";
        return Err(Failure::new(Kind::Input, message));
    };
    object.insert("session_id".to_owned(), json!(session));
    object.insert("token".to_owned(), json!(token));
    Ok(())
}
