//! `skep init`.

use clap::Args;
use serde_json::json;
use skep_node::Clock;
use skep_packet::NodeId;

use crate::{
    cli::{Globals, OutputFormat},
    failure::{Failure, Kind},
    output, places,
};

/// Mint a swarm and its first node, without running it
///
/// Makes the authority's key, the node's and the first operator's, all in the home. `skep up` does
/// the same by itself in a fresh home.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skep init
  skep init --home certs/dev --name dev-1")]
pub(crate) struct Init {
    /// The node's name [default: this host's]
    #[arg(long, value_parser = node_name)]
    name: Option<NodeId>,
}

impl Init {
    pub(crate) fn run(self, globals: &Globals) -> Result<(), Failure> {
        let home = places::home(globals)?;
        let path = home.path().display().to_string();
        let known = home.identity().map_err(|error| places::failure(&error))?;
        if let Some(identity) = known {
            let (node, swarm) = (&identity.node, identity.swarm());
            let message = format!("{path} is the home of {node} in the swarm {swarm} already");
            return Err(Failure::new(Kind::Home, message)
                .cure("run it with `skep up`, or choose another --home"));
        }
        home.found(self.name)
            .map_err(|error| places::failure(&error))?;
        output::hint(globals, "making the keys …");
        let identity = home.mint(Clock::start().now().unix_ms);
        let identity = identity.map_err(|error| places::failure(&error))?;
        let (node, swarm) = (identity.node.to_string(), identity.swarm().to_string());
        match globals.format {
            OutputFormat::Json => {
                output::document(&json!({ "swarm": swarm, "node": node, "home": path }));
            }
            OutputFormat::Text => output::line(&format!(
                "the swarm {swarm} is minted; its first node is {node}, at home in {path}\n\
                 back up the key that lets others in: skep authority export --out FILE\n\
                 next: skep up"
            )),
        }
        Ok(())
    }
}

/// A node's name as it was typed.
pub(crate) fn node_name(text: &str) -> Result<NodeId, String> {
    NodeId::new(text).map_err(|error| error.to_string())
}
