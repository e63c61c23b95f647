//! `skep cases`.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use skep_forensic_detective::{list_text, text};
use skep_node::Clock;
use skep_protocol::{
    callback::Status,
    case::{self, Case, CaseState, Cases as Found, ListCases, ShowCase},
    rpc::{Ask, FromDoor, ProblemCode},
};

use crate::{
    cli::{Globals, OutputFormat},
    client::{self, Access, Answers, End, Session},
    failure::{Failure, Kind},
    output, units,
};

/// Show what hosts reported, put together to cases
///
/// Without an id it lists cases, those that changed last first. With one it shows the case: what it
/// probably is, its timeline, the lines that show it, and what the oracle says.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skep cases
  skep cases --state open --since 24h
  skep cases --search 203.0.113.9
  skep cases 7c3190ae
  skep cases 7c3190ae --format json")]
pub(crate) struct Cases {
    /// A case's id, or enough of its beginning
    #[arg(conflicts_with_all = ["state", "search", "since", "limit"])]
    id: Option<String>,
    /// Only cases in this state
    #[arg(long)]
    state: Option<State>,
    /// Only cases that hold these words somewhere
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only cases about something that happened at most so long ago, like 6h or 2d
    #[arg(long, value_name = "SPAN", value_parser = units::seconds)]
    since: Option<u64>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
}

/// The states that people ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Open,
    Closed,
}

impl Cases {
    pub(crate) async fn run(self, globals: &Globals) -> Result<(), Failure> {
        match &self.id {
            Some(id) => show(id, globals).await,
            None => self.list(globals).await,
        }
    }

    async fn list(&self, globals: &Globals) -> Result<(), Failure> {
        let now_ms = Clock::start().now().unix_ms;
        let wanted = ListCases {
            query: self.search.clone(),
            state: self.state.map(|state| match state {
                State::Open => CaseState::Open,
                State::Closed => CaseState::Closed,
            }),
            since: self
                .since
                .map(|span_s| now_ms.saturating_sub(span_s.saturating_mul(1000))),
            limit: Some(usize::from(self.limit)),
        };
        let answers = ask(case::ROLE_LIST, json!(wanted), globals).await?;
        if let Some(failure) = failed(&answers) {
            return Err(failure);
        }
        let mut all = Found::default();
        for (origin, answer) in &answers.origins {
            let found: Found = serde_json::from_str(&answer.json).map_err(|error| {
                let message = format!("{origin}: what it says is no list of cases");
                Failure::new(Kind::Protocol, message).because(&error)
            })?;
            all.more += found.more;
            all.cases.extend(found.cases);
        }
        all.cases
            .sort_by_key(|case| std::cmp::Reverse((case.updated_ms, case.id)));
        match globals.format {
            OutputFormat::Json => output::document(&json!(all)),
            OutputFormat::Text => output::say(&list_text(&all)),
        }
        Ok(())
    }
}

/// Every detective is asked; one of them has it.
async fn show(id: &str, globals: &Globals) -> Result<(), Failure> {
    let wanted = ShowCase { id: id.to_owned() };
    let answers = ask(case::ROLE_SHOW, json!(wanted), globals).await?;
    let mut found = answers
        .origins
        .values()
        .filter(|answer| answer.end == End::Done);
    let Some(answer) = found.next() else {
        return Err(
            failed(&answers).unwrap_or_else(|| Failure::new(Kind::Role, "nobody was asked"))
        );
    };
    let unreadable = |error: serde_json::Error| {
        Failure::new(Kind::Protocol, "the case is not readable").because(&error)
    };
    match globals.format {
        OutputFormat::Json => {
            let case: Value = serde_json::from_str(&answer.json).map_err(unreadable)?;
            output::document(&case);
        }
        OutputFormat::Text => {
            let case: Case = serde_json::from_str(&answer.json).map_err(unreadable)?;
            output::say(&text(&case));
        }
    }
    Ok(())
}

/// Asks all who serve a role, and says meanwhile who that is.
async fn ask(role: &str, wanted: Value, globals: &Globals) -> Result<Answers, Failure> {
    let mut session = Session::open(Access::find(globals).await?).await?;
    let token = Session::token();
    session
        .request(role, wanted.to_string(), &token, Ask::All)
        .await?;
    let mut answers = Answers::default();
    while !answers.is_done() {
        match session.next().await? {
            FromDoor::Callback { callback, .. } if callback.token.as_ref() == Some(&token) => {
                if callback.status == Status::Accepted {
                    let names: Vec<String> =
                        callback.origins.iter().map(ToString::to_string).collect();
                    output::hint(globals, &format!("asked {}", names.join(", ")));
                }
                answers.take(callback);
            }
            FromDoor::Refused(problem) => {
                session.bye().await;
                let failure = client::refused(&problem);
                return Err(match problem.code {
                    ProblemCode::NoEndpoint => {
                        failure.cure("run an agent `forensic_detective` on one of the nodes")
                    }
                    _ => failure,
                });
            }
            FromDoor::Gap { .. } => answers.gap(),
            _ => {}
        }
    }
    session.bye().await;
    Ok(answers)
}

/// Why somebody could not answer.
fn failed(answers: &Answers) -> Option<Failure> {
    let failed = answers
        .origins
        .iter()
        .filter_map(|(origin, answer)| match &answer.end {
            End::Failed(why) => Some(format!("{origin}: {why}")),
            End::Lost(why) => Some(format!("{origin} is lost: {why}")),
            End::Open | End::Done => None,
        });
    let failed: Vec<String> = failed.collect();
    (!failed.is_empty()).then(|| Failure::new(Kind::Origin, failed.join("; ")))
}
