//! `skep authority rotate`.

use clap::Args;
use hyper::body::Bytes;
use serde_json::json;
use skep_identity::Paper;
use skep_node::{Clock, home::Rotation};

use crate::{
    cli::{Globals, OutputFormat},
    client,
    failure::Failure,
    output, places,
    verb::papers,
};

#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// How long the old one still counts
    #[arg(long, value_name = "SPAN", default_value = "30d", value_parser = crate::units::seconds)]
    overlap: u64,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl Rotate {
    pub(super) async fn run(self, globals: &Globals) -> Result<(), Failure> {
        let home = places::home(globals)?;
        let now_ms = Clock::start().now().unix_ms;
        let overlap_ms = self.overlap.saturating_mul(1000);
        if self.dry_run {
            let planned = home.plan_rotation(overlap_ms, now_ms);
            let planned = planned.map_err(|error| places::failure(&error))?;
            told(globals, &planned, true, false);
            return Ok(());
        }
        output::hint(globals, "making the new authority's key …");
        let done = home.rotate(overlap_ms, now_ms);
        let done = done.map_err(|error| places::failure(&error))?;
        let runs = home.listening().map_err(|error| places::failure(&error))?;
        // It looks into its home for a new authority before it renews its own papers.
        let socket = home.control_socket();
        let post = client::post(&socket, "/renew", Bytes::new());
        let is_told = runs.is_some() && post.await.is_ok();
        told(globals, &done, false, is_told);
        Ok(())
    }
}

/// The names of nodes, and of people.
pub(super) fn names(papers: &[Paper]) -> (Vec<String>, Vec<String>) {
    let nodes = papers.iter().filter_map(|paper| paper.node.as_ref());
    let people = papers.iter().filter_map(|paper| paper.operator.as_ref());
    (
        nodes.map(ToString::to_string).collect(),
        people.map(|(name, _)| name.clone()).collect(),
    )
}

fn told(globals: &Globals, rotation: &Rotation, is_dry_run: bool, is_told: bool) {
    let until = papers::day(rotation.until_ms);
    let (nodes, people) = names(&rotation.papers);
    let key = rotation.authority.to_string();
    match globals.format {
        OutputFormat::Json => output::document(&json!({
            "authority": key,
            "old_until": until,
            "nodes": nodes,
            "operators": people,
            "invitations_void": rotation.n_invites,
            "dry_run": is_dry_run,
            "told": is_told,
        })),
        OutputFormat::Text => {
            output::line(&match is_dry_run {
                true => format!("the authority {key} would be replaced, and count until {until}"),
                false => format!("the authority is {key} now; the one before counts until {until}"),
            });
            if rotation.n_invites > 0 {
                let n = rotation.n_invites;
                output::line(&format!("{n} open invitation(s) are void: make new ones"));
            }
            if !nodes.is_empty() {
                let nodes = nodes.join(", ");
                output::line(&format!("get new papers by themselves: {nodes}"));
            }
            if !people.is_empty() {
                let people = people.join(", ");
                output::line(&format!(
                    "need a new bundle (`skep operator add`): {people}"
                ));
            }
            if !is_dry_run {
                hints(globals, is_told);
            }
        }
    }
}

fn hints(globals: &Globals, is_told: bool) {
    if !is_told {
        output::hint(
            globals,
            "the node of this home was not told: the swarm hears of it at its next start, or `skep renew`",
        );
    }
    output::hint(
        globals,
        "make a new backup with `skep authority export`, and destroy the old one",
    );
}
