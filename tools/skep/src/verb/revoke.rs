//! `skep revoke`.

use clap::Args;
use skep_identity::Who;
use skep_packet::NodeId;

use super::{init, papers};
use crate::{cli::Globals, failure::Failure};

/// Shut a node out of the swarm, for good
///
/// Run it where the swarm was minted. Every node that hears of it cuts the node and refuses its key
/// from then on; one that is away hears of it when it comes back. The host can join again with a
/// new invitation, and then has a new key.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skep revoke web-2
  skep revoke web-2 --dry-run
People are shut out with `skep operator revoke NAME`.")]
pub(crate) struct Revoke {
    /// The node's name
    #[arg(value_parser = init::node_name)]
    node: NodeId,
    /// Say what would be taken back, and take nothing back
    #[arg(long)]
    dry_run: bool,
}

impl Revoke {
    pub(crate) async fn run(self, globals: &Globals) -> Result<(), Failure> {
        papers::take_back(globals, &Who::Node(self.node), self.dry_run).await
    }
}
