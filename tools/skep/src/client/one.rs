//! One question with one document for an answer.

use serde_json::Value;
use skep_packet::Token;
use skep_protocol::{
    callback::Status,
    rpc::{Ask, FromDoor},
};

use super::{Answers, End, Session, refused};
use crate::{
    cli::Globals,
    failure::{Failure, Kind},
    output,
};

/// Asks one endpoint of a role and yields what it says; `payload` is made of the session's name and
/// the token.
pub(crate) async fn ask_one(
    session: &mut Session,
    service: &str,
    payload: impl FnOnce(&str, &Token) -> Value,
    globals: &Globals,
) -> Result<Value, Failure> {
    let token = Session::token();
    let payload = payload(session.id(), &token).to_string();
    session.request(service, payload, &token, Ask::One).await?;
    let mut answers = Answers::default();
    while !answers.is_done() {
        match session.next().await? {
            FromDoor::Callback { callback, .. } if callback.token.as_ref() == Some(&token) => {
                for callback in answers.take(callback) {
                    if callback.status == Status::Working {
                        let note = callback.note.as_deref().unwrap_or("still at it");
                        output::hint(globals, &format!("{}: {note}", callback.origin));
                    }
                }
            }
            FromDoor::Refused(problem) => return Err(refused(&problem)),
            FromDoor::Gap { .. } => answers.gap(),
            _ => {}
        }
    }
    document(&answers)
}

fn document(answers: &Answers) -> Result<Value, Failure> {
    let said = answers
        .origins
        .iter()
        .find(|(_, said)| said.end == End::Done);
    let Some((origin, said)) = said.or_else(|| answers.origins.iter().next()) else {
        return Err(Failure::new(Kind::Role, "nobody was asked"));
    };
    match &said.end {
        End::Failed(why) => Err(Failure::new(Kind::Origin, format!("{origin}: {why}"))),
        End::Lost(why) => Err(Failure::new(
            Kind::Origin,
            format!("{origin} is lost: {why}"),
        )),
        End::Open | End::Done => serde_json::from_str(&said.json).map_err(|error| {
            let message = format!("{origin} gave no readable answer");
            Failure::new(Kind::Protocol, message).because(&error)
        }),
    }
}
