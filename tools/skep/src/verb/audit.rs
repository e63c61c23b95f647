//! `skep audit`.

use base64::{Engine, engine::general_purpose::STANDARD};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};
use skep_identity::{
    AuditEntry, AuditError, AuditEvent, AuditHead, Keyring, Lineage, OperatorIdentity,
};
use skep_node::home::Home;
use skep_packet::{Hash, NodeId};
use skep_protocol::steward::{AuditPart, Deed, StewardOrder, role_of};

use crate::{
    cli::{Globals, OutputFormat},
    client::{Access, Session, ask_one},
    failure::{Failure, Kind},
    output, places,
};

/// See what operators changed on a running node
///
/// Each command stands in the node's audit log as its operator signed it, and what came of it. The
/// entries are chained. Takes the level operator.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check every entry, its place in the chain and its operator's signature
    ///
    /// Nothing is taken on the node's word but that the log ends where it says: keep the head that is
    /// printed, and name it with --head the next time.
    #[command(after_help = "\
Examples:
  skep audit verify
  skep audit verify --node web-1 --head 5f0c…")]
    Verify(Verify),
    /// Show every entry
    #[command(after_help = "\
Examples:
  skep audit list
  skep audit list --format json")]
    List(Place),
}

#[derive(Debug, Args)]
struct Verify {
    /// A head that was printed earlier; the log must go on from there
    #[arg(long, value_name = "HASH")]
    head: Option<Hash>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Place {
    /// The node whose log it is [default: the one that is asked]
    #[arg(long, value_name = "NODE")]
    node: Option<NodeId>,
}

/// A log that was found good.
struct Log {
    node: NodeId,
    entries: Vec<(AuditEntry, Option<OperatorIdentity>)>,
    head: AuditHead,
    /// Whether the earlier head stands in it; none was named: true.
    has_earlier: bool,
}

impl Audit {
    pub(crate) async fn run(self, globals: &Globals) -> Result<(), Failure> {
        let (place, earlier, is_list) = match self.verb {
            Verb::Verify(verify) => (verify.place, verify.head, false),
            Verb::List(place) => (place, None, true),
        };
        let access = Access::find(globals).await?;
        let (swarm, authority) = (access.bundle.swarm, access.bundle.authority.clone());
        // Entries of before a rotation were signed under the authority of then.
        let kept = Home::at(&places::home_path(globals)?).successions();
        let lineage = Lineage::restore(swarm, authority, &kept.unwrap_or_default());
        let keyring = Keyring::of(lineage);
        let mut session = Session::open(access).await?;
        let node = place.node.unwrap_or_else(|| session.node().clone());
        let log = fetch(&mut session, node, &keyring, earlier, globals).await;
        session.bye().await;
        let log = log?;
        if !log.has_earlier {
            let message = format!("the log of {} does not go on from that head", log.node);
            return Err(Failure::new(Kind::Audit, message)
                .cure("its end was cut off, or it was written anew"));
        }
        show(&log, is_list, globals);
        Ok(())
    }
}

async fn fetch(
    session: &mut Session,
    node: NodeId,
    keyring: &Keyring,
    earlier: Option<Hash>,
    globals: &Globals,
) -> Result<Log, Failure> {
    let mut log = Log {
        has_earlier: earlier.is_none_or(|earlier| earlier == AuditHead::default().hash),
        node,
        entries: Vec::new(),
        head: AuditHead::default(),
    };
    loop {
        let part = part(session, &log.node, log.head.seq, globals).await?;
        if part.entries.is_empty() {
            if part.n_entries == log.head.seq {
                return Ok(log);
            }
            let (seq, n) = (log.head.seq, part.n_entries);
            let message = format!("the log of {} ends after {seq} of {n} entries", log.node);
            return Err(Failure::new(Kind::Audit, message));
        }
        for text in &part.entries {
            let bytes = STANDARD.decode(text).map_err(|error| {
                Failure::new(Kind::Protocol, "an entry is no base64").because(&error)
            })?;
            let entry = log
                .head
                .follow(&log.node, &bytes)
                .map_err(|error| broken(&error))?;
            let who = entry.operator(keyring).map_err(|error| broken(&error))?;
            log.has_earlier |= earlier == Some(log.head.hash);
            log.entries.push((entry, who));
        }
    }
}

async fn part(
    session: &mut Session,
    node: &NodeId,
    after: u64,
    globals: &Globals,
) -> Result<AuditPart, Failure> {
    let payload = |session: &str, token: &skep_packet::Token| {
        json!(StewardOrder {
            node: node.clone(),
            deed: Deed::Audit { after },
            dry_run: false,
            session_id: Some(session.to_owned()),
            token: Some(token.to_string()),
        })
    };
    let part = ask_one(session, &role_of(node), payload, globals).await?;
    serde_json::from_value(part)
        .map_err(|error| Failure::new(Kind::Protocol, "the log is not readable").because(&error))
}

fn broken(error: &AuditError) -> Failure {
    Failure::of(Kind::Audit, error).cure("somebody changed the log: believe no entry from there on")
}

fn show(log: &Log, is_list: bool, globals: &Globals) {
    let n_commands = log.entries.iter().filter(|(_, who)| who.is_some()).count();
    match globals.format {
        OutputFormat::Json => {
            let mut document = json!({
                "node": log.node,
                "entries": log.head.seq,
                "commands": n_commands,
                "head": log.head.hash.to_string(),
            });
            if is_list {
                document["log"] = log.entries.iter().map(document_of).collect();
            }
            output::document(&document);
        }
        OutputFormat::Text if is_list => {
            for (entry, who) in &log.entries {
                output::line(&text(entry, who.as_ref()));
            }
        }
        OutputFormat::Text => output::line(&format!(
            "{}: {} entries, {n_commands} of them commands, all good; the head is {}",
            log.node, log.head.seq, log.head.hash
        )),
    }
}

fn document_of((entry, who): &(AuditEntry, Option<OperatorIdentity>)) -> Value {
    let mut document = json!({ "seq": entry.seq, "at_ms": entry.at_ms });
    match &entry.event {
        AuditEvent::Command(warrant) => {
            document["event"] = json!("command");
            document["operator"] = json!(who.as_ref().map(|who| &who.name));
            document["order"] = serde_json::from_slice(&warrant.payload).unwrap_or_default();
        }
        AuditEvent::Outcome {
            of, is_done, text, ..
        } => {
            document["event"] = json!("outcome");
            document["of"] = json!(of);
            document["is_done"] = json!(is_done);
            document["text"] = json!(text);
        }
        AuditEvent::Superseded { .. } => document["event"] = json!("superseded"),
        AuditEvent::Reloaded { is_done, text, .. } => {
            document["event"] = json!("reloaded");
            document["is_done"] = json!(is_done);
            document["text"] = json!(text);
        }
    }
    document
}

fn text(entry: &AuditEntry, who: Option<&OperatorIdentity>) -> String {
    let at = i64::try_from(entry.at_ms).ok();
    let at = at.and_then(|at_ms| Timestamp::from_millisecond(at_ms).ok());
    let at = at.map(|at| format!("{at:.0}")).unwrap_or_default();
    let what = match &entry.event {
        AuditEvent::Command(warrant) => {
            let who = who.map_or("?", |who| who.name.as_str());
            let order = serde_json::from_slice::<StewardOrder>(&warrant.payload);
            let order = order.map_or_else(|_| "an unknown order".to_owned(), |order| named(&order));
            format!("{who}: {order}")
        }
        AuditEvent::Outcome {
            of, is_done, text, ..
        } => match is_done {
            true => format!("{of} was done: {text}"),
            false => format!("{of} was not done: {text}"),
        },
        AuditEvent::Superseded { .. } => {
            "another directive: changes made while the last one ran were dropped".to_owned()
        }
        AuditEvent::Reloaded { is_done, text, .. } => match is_done {
            true => format!("the directive's file was read again: {text}"),
            false => format!("the directive's file was read again, nothing was done: {text}"),
        },
    };
    format!("{:>5}  {at}  {what}", entry.seq)
}

fn named(order: &StewardOrder) -> String {
    let id = |agent: &Value| agent["universal_id"].as_str().unwrap_or("?").to_owned();
    match &order.deed {
        Deed::Inject { under, agent } => {
            let under = under.as_ref().map(|under| format!(" under {under}"));
            format!("inject {}{}", id(agent), under.unwrap_or_default())
        }
        Deed::Replace { agent, .. } => format!("replace {agent}"),
        Deed::Restart { agent } => format!("restart {agent}"),
        Deed::Delete { agent } => format!("delete {agent}"),
        Deed::Audit { .. } => "read the audit log".to_owned(),
    }
}
