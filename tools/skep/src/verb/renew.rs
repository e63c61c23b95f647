//! `skep renew`.

use std::time::Duration;

use clap::Args;
use hyper::body::Bytes;
use serde_json::json;
use skep_node::home::Home;
use tokio::time::{Instant, interval};

use super::papers;
use crate::{
    cli::{Globals, OutputFormat},
    client,
    failure::{Failure, Kind},
    output, places,
};

/// Time between two looks for the new papers.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Get this node new papers now
///
/// A node asks for them by itself two thirds into the life of its old ones. It asks a node that
/// holds the authority, which makes none before the old ones are an hour old.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skep renew
  skep renew --wait 1m")]
pub(crate) struct Renew {
    /// How long to wait for them
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = crate::units::seconds)]
    wait: u64,
}

impl Renew {
    pub(crate) async fn run(self, globals: &Globals) -> Result<(), Failure> {
        let home = places::home(globals)?;
        let (before, _) = papers_of(&home)?;
        client::post(&home.control_socket(), "/renew", Bytes::new()).await?;
        output::hint(globals, "asking for new papers …");
        let end = Instant::now() + Duration::from_secs(self.wait);
        let mut look = interval(LOOK_INTERVAL);
        while Instant::now() < end {
            look.tick().await;
            let (serial, until_ms) = papers_of(&home)?;
            if serial > before {
                let until = papers::day(until_ms);
                match globals.format {
                    OutputFormat::Json => output::document(&json!({ "until": until })),
                    OutputFormat::Text => output::line(&format!("new papers, good until {until}")),
                }
                return Ok(());
            }
        }
        let message = format!("no new papers came within {} s", self.wait);
        Err(Failure::new(Kind::Node, message).cure(
            "the old ones may be younger than an hour, or the node with the authority is away: \
             it is asked until it answers",
        ))
    }
}

fn papers_of(home: &Home) -> Result<(u64, u64), Failure> {
    let identity = home.identity().map_err(|error| places::failure(&error))?;
    let identity = identity.ok_or_else(|| {
        Failure::new(Kind::Home, "this home has no papers yet").cure("run `skep up` or `skep join`")
    })?;
    Ok((identity.passport.serial, identity.passport.not_after_ms))
}
