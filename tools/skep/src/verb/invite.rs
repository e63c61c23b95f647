//! `skep invite`.

use clap::Args;
use serde_json::json;
use skep_node::Clock;

use crate::{
    cli::{Globals, OutputFormat},
    failure::Failure,
    output, places, units,
};

/// Make a one-time invitation for another host
///
/// Prints the whole line to type there. Works where the swarm was minted, while its node is up and
/// was started with `--listen ADDR`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skep invite
  skep invite --valid 24h
  ssh web-2 \"$(skep invite -q)\"")]
pub(crate) struct Invite {
    /// How long it is good for
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = units::seconds)]
    valid: u64,
}

impl Invite {
    pub(crate) fn run(self, globals: &Globals) -> Result<(), Failure> {
        let home = places::home(globals)?;
        let now_ms = Clock::start().now().unix_ms;
        let invite = home.invite(self.valid.saturating_mul(1000), now_ms);
        let invite = invite.map_err(|error| places::failure(&error))?;
        let address = match (&globals.at, invite.address.parse()) {
            (Some(at), _) => at.clone(),
            (None, Ok(address)) => places::outward(address).to_string(),
            (None, Err(_)) => invite.address.clone(),
        };
        let command = format!("skep join {address} {invite}");
        match globals.format {
            OutputFormat::Json => output::document(&json!({
                "address": address,
                "token": invite.to_string(),
                "expires_ms": invite.expires_ms,
                "command": command,
            })),
            OutputFormat::Text => {
                output::hint(globals, "good for one host; type this there:");
                output::line(&command);
            }
        }
        Ok(())
    }
}
