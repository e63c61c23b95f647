//! `skep join`.

use std::net::SocketAddr;

use clap::Args;
use serde_json::json;
use skep_identity::Invite;
use skep_node::{
    Clock,
    home::{JoinOutcome, node_name},
};
use skep_packet::NodeId;
use tokio::net::lookup_host;

use super::init;
use crate::{
    cli::{Globals, OutputFormat},
    failure::{Failure, Kind},
    output, places,
};

/// Make this host a node of a swarm that invited it
///
/// The node's key is made here and never leaves this host. `skep up` then runs the node. A node
/// whose papers ended joins its swarm again: it keeps its name, its key and its store.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skep join 10.0.0.1:7400 skep1.…
  skep join --name web-2 10.0.0.1:7400 skep1.… && skep up --listen 10.0.0.2")]
pub(crate) struct Join {
    /// Where to ask, as `skep invite` printed it
    address: String,
    /// The token, as `skep invite` printed it
    token: String,
    /// The node's name [default: this host's]
    #[arg(long, value_parser = init::node_name)]
    name: Option<NodeId>,
}

impl Join {
    pub(crate) async fn run(self, globals: &Globals) -> Result<(), Failure> {
        let invite = Invite::from_token(&self.token).map_err(|error| {
            Failure::of(Kind::Input, &error).cure("copy the whole line that `skep invite` printed")
        })?;
        let home = places::home(globals)?;
        let node = self.name.unwrap_or_else(node_name);
        output::hint(globals, "making this node's key …");
        let prepared = home.prepare_join(invite, node, Vec::new());
        let prepared = prepared.map_err(|error| places::failure(&error))?;
        let address = resolve(&self.address).await?;
        output::hint(globals, &format!("asking {address} …"));
        let answer = skep_mesh::join(address, prepared.request.clone()).await;
        let answer = answer.map_err(|error| {
            Failure::of(Kind::Join, &error)
                .cure("is the node up, and was it started with `skep up --listen ADDR`?")
        })?;
        let now_ms = Clock::start().now().unix_ms;
        let joined = home.finish_join(prepared, &answer, now_ms);
        let (identity, _, outcome) = joined.map_err(|error| {
            Failure::of(Kind::Join, &error).cure("ask for a new line of `skep invite`")
        })?;
        let (node, swarm) = (identity.node.to_string(), identity.swarm().to_string());
        let replaced = match &outcome {
            JoinOutcome::Fresh | JoinOutcome::Again => None,
            JoinOutcome::Replaced(path) => Some(path.display().to_string()),
        };
        match globals.format {
            OutputFormat::Json => {
                let joined = json!({ "swarm": swarm, "node": node, "replaced": replaced });
                output::document(&joined);
            }
            OutputFormat::Text => {
                let now = match outcome {
                    JoinOutcome::Again => "still, with new papers",
                    _ => "now",
                };
                output::line(&format!("this host is {node} in the swarm {swarm} {now}"));
                if let Some(path) = replaced {
                    output::line(&format!("its own swarm of one was moved to {path}"));
                }
                output::line("next: skep up");
            }
        }
        Ok(())
    }
}

async fn resolve(address: &str) -> Result<SocketAddr, Failure> {
    let fail = || {
        Failure::new(
            Kind::Input,
            format!("{address:?} is no address like HOST:PORT"),
        )
    };
    let mut found = lookup_host(address)
        .await
        .map_err(|error| fail().because(&error))?;
    found.next().ok_or_else(fail)
}
