//! `skep agent`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use skep_packet::{AgentName, NodeId};
use skep_protocol::steward::{Changed, Deed, StewardOrder, role_of};

use super::check;
use crate::{
    cli::{Globals, OutputFormat},
    client::{Access, Session, ask_one},
    failure::{Failure, Kind},
    output,
};

/// Change what a running node runs
///
/// A change is made whole or not at all: the changed directive is checked like a file, and when what
/// it starts is not healthy within ten seconds, everything is put back. It outlives a restart of the
/// node, until the directive's file changes: then the file counts. Each command stands in the node's
/// audit log with your signature (see `skep audit`).
#[derive(Debug, Args)]
pub(crate) struct Agent {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add an agent, and what is below it
    ///
    /// Takes the level admin.
    #[command(after_help = "\
Examples:
  skep agent inject oracle.json
  skep agent inject oracle.json --under watcher --node web-1 --dry-run")]
    Inject(Inject),
    /// Put another agent in the place of one
    ///
    /// What is below it stays where the file names no children. Takes the level admin.
    #[command(after_help = "\
Examples:
  skep agent replace watcher watcher.json")]
    Replace(Replace),
    /// Stop an agent and what is below it, and start them again
    ///
    /// Takes the level operator.
    #[command(after_help = "\
Examples:
  skep agent restart watcher
  skep --as ann.skep agent restart watcher --node web-1")]
    Restart(Named),
    /// Take out an agent, and what is below it
    ///
    /// What it keeps in the node's store stays there. Takes the level admin.
    #[command(after_help = "\
Examples:
  skep agent delete watcher --dry-run
  skep agent delete watcher")]
    Delete(Named),
}

#[derive(Debug, Args)]
struct Inject {
    /// The agent as a directive writes it
    file: PathBuf,
    /// The agent above it [default: none]
    #[arg(long, value_name = "AGENT")]
    under: Option<AgentName>,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Args)]
struct Replace {
    /// The agent that goes
    agent: AgentName,
    /// The one that comes, under the same universal_id
    file: PathBuf,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Args)]
struct Named {
    /// The agent's universal_id
    agent: AgentName,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Args)]
struct Terms {
    /// The node that runs it [default: the one that is asked]
    #[arg(long, value_name = "NODE")]
    node: Option<NodeId>,
    /// Only check, and say what would be stopped and started
    #[arg(long)]
    dry_run: bool,
}

impl Agent {
    pub(crate) async fn run(self, globals: &Globals) -> Result<(), Failure> {
        let (deed, terms) = self.verb.order()?;
        let mut session = Session::open(Access::find(globals).await?).await?;
        let node = terms.node.unwrap_or_else(|| session.node().clone());
        let payload = |session: &str, token: &skep_packet::Token| {
            json!(StewardOrder {
                node: node.clone(),
                deed,
                dry_run: terms.dry_run,
                session_id: Some(session.to_owned()),
                token: Some(token.to_string()),
            })
        };
        let done = ask_one(&mut session, &role_of(&node), payload, globals).await;
        session.bye().await;
        let done = done?;
        match globals.format {
            OutputFormat::Json => output::document(&done),
            OutputFormat::Text => {
                let done: Changed = serde_json::from_value(done).map_err(|error| {
                    Failure::new(Kind::Protocol, "the answer is not readable").because(&error)
                })?;
                output::line(&text(&done));
            }
        }
        Ok(())
    }
}

impl Verb {
    fn order(self) -> Result<(Deed, Terms), Failure> {
        Ok(match self {
            Self::Inject(Inject { file, under, terms }) => {
                let agent = read(&file)?;
                (Deed::Inject { under, agent }, terms)
            }
            Self::Replace(Replace { agent, file, terms }) => {
                let with = read(&file)?;
                (Deed::Replace { agent, with }, terms)
            }
            Self::Restart(Named { agent, terms }) => (Deed::Restart { agent }, terms),
            Self::Delete(Named { agent, terms }) => (Deed::Delete { agent }, terms),
        })
    }
}

/// An agent in a file; the node checks it within its directive.
fn read(path: &PathBuf) -> Result<Value, Failure> {
    let text = check::read(path)?;
    skep_directive::value_of(&text).map_err(|finding| {
        let place = finding.plain(&path.display().to_string(), &text);
        Failure::new(Kind::Directive, place.trim_end().to_owned())
    })
}

fn text(done: &Changed) -> String {
    let listed = |agents: &[AgentName]| {
        let names: Vec<&str> = agents.iter().map(AgentName::as_str).collect();
        names.join(", ")
    };
    let (stop, start) = match done.dry_run {
        true => ("would stop", "would start"),
        false => ("stopped", "started"),
    };
    let mut parts = Vec::new();
    if !done.stopped.is_empty() {
        parts.push(format!("{stop} {}", listed(&done.stopped)));
    }
    if !done.started.is_empty() {
        parts.push(format!("{start} {}", listed(&done.started)));
    }
    if parts.is_empty() {
        parts.push("nothing to do".to_owned());
    }
    let entry = done.entry.map(|entry| format!(" (audit entry {entry})"));
    format!(
        "{}: {}{}",
        done.node,
        parts.join("; "),
        entry.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_one_line() {
        let check = |dry_run, stopped: &[&str], started: &[&str], entry, expected: &str| {
            let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
            let done = Changed {
                node: NodeId::new("n1").unwrap(),
                dry_run,
                stopped: names(stopped),
                started: names(started),
                entry,
            };
            assert_eq!(text(&done), expected);
        };
        let both = "n1: stopped b, a; started a, b (audit entry 3)";
        check(false, &["b", "a"], &["a", "b"], Some(3), both);
        check(true, &[], &["a"], None, "n1: would start a");
        check(true, &[], &[], None, "n1: nothing to do");
    }
}
