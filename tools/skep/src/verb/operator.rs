//! `skep operator`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use skep_identity::{OperatorTerms, Who};
use skep_node::Clock;
use skep_packet::{HandlerPattern, Level};

use super::papers;
use crate::{
    cli::{Globals, OutputFormat},
    failure::{Failure, Kind},
    output, places,
};

/// Let people in
#[derive(Debug, Args)]
pub(crate) struct Operator {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Make an operator, and the file to hand over
    ///
    /// The file holds the operator's private key: hand it over on a safe way, mode 0600.
    #[command(after_help = "\
Examples:
  skep operator add ann --role viewer --out ann.skep
  skep operator add bot --role viewer --only 'logwatch.*' --out bot.skep
  skep operator add eve --role operator --only 'hive.oracle*,*@cmd_list_alerts' --out eve.skep
  skep --as ann.skep digest")]
    Add(Add),
    /// Show who was let in, until when, and who was shut out
    #[command(after_help = "\
Examples:
  skep operator list
  skep operator list --format json")]
    List,
    /// Shut an operator out, for good
    ///
    /// Every node refuses the operator's key as soon as it hears of it.
    #[command(after_help = "\
Examples:
  skep operator revoke ann
  skep operator revoke ann --dry-run")]
    Revoke(Revoke),
}

#[derive(Debug, Args)]
struct Revoke {
    /// The operator's name
    name: String,
    /// Say whose papers would be taken back, and take none back
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct Add {
    /// The operator's name
    name: String,
    /// What the operator may do
    #[arg(long)]
    role: Role,
    /// The only handlers the operator may call: ROLE or ROLE@HANDLER, with `*`, separated by commas
    /// [default: all that the role admits]
    #[arg(long, value_name = "HANDLERS")]
    only: Option<HandlerPattern>,
    /// Where the bundle is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// Look: digests, states
    Viewer,
    /// Act on what runs
    Operator,
    /// Change what runs, and who may
    Admin,
}

impl Operator {
    pub(crate) async fn run(self, globals: &Globals) -> Result<(), Failure> {
        match self.deed {
            Deed::Add(add) => add.run(globals),
            Deed::List => list(globals),
            Deed::Revoke(Revoke { name, dry_run }) => {
                papers::take_back(globals, &Who::Operator(name), dry_run).await
            }
        }
    }
}

impl Add {
    fn run(self, globals: &Globals) -> Result<(), Failure> {
        let add = self;
        let home = places::home(globals)?;
        let level = match add.role {
            Role::Viewer => Level::Viewer,
            Role::Operator => Level::Operator,
            Role::Admin => Level::Admin,
        };
        let now_ms = Clock::start().now().unix_ms;
        let terms = OperatorTerms {
            name: add.name,
            level,
            only: add.only,
        };
        let bundle = home.add_operator(&terms, now_ms);
        let mut bundle = bundle.map_err(|error| places::failure(&error))?;
        if let Some(at) = &globals.at {
            bundle.address.clone_from(at);
        } else if let Ok(address) = bundle.address.parse() {
            bundle.address = places::outward(address).to_string();
        }
        let bytes = bundle
            .to_bytes()
            .map_err(|error| Failure::of(Kind::Home, &error))?;
        papers::write_new(&add.out, &bytes)?;
        let path = add.out.display().to_string();
        match globals.format {
            OutputFormat::Json => output::document(&json!({
                "operator": bundle.name,
                "level": level.name(),
                "only": terms.only,
                "address": bundle.address,
                "file": path,
            })),
            OutputFormat::Text => {
                let name = &bundle.name;
                let only = terms.only.as_ref();
                let only = only.map(|only| format!(" for {only}")).unwrap_or_default();
                output::line(&format!(
                    "{name} is in, as {}{only}; hand over {path}",
                    level.name()
                ));
                match bundle.address.parse::<SocketAddr>() {
                    Ok(address) if address.ip().is_loopback() => output::hint(
                        globals,
                        "it is good on this host only: the node was started without --listen ADDR",
                    ),
                    _ if bundle.address.is_empty() => output::hint(
                        globals,
                        "it names no address, since no people's port is open here: use it with --at HOST:PORT",
                    ),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Everyone with a key, in the order they were let in.
fn list(globals: &Globals) -> Result<(), Failure> {
    let home = places::home(globals)?;
    let papers = home.papers().map_err(|error| places::failure(&error))?;
    let now_ms = Clock::start().now().unix_ms;
    let people = papers
        .iter()
        .filter_map(|paper| Some((paper.operator.as_ref()?, paper)));
    let rows: Vec<[String; 5]> = people
        .map(|((name, level), paper)| {
            [
                name.clone(),
                level.name().to_owned(),
                papers::standing(paper, now_ms).to_owned(),
                papers::day(paper.not_after_ms),
                paper
                    .only
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            ]
        })
        .collect();
    match globals.format {
        OutputFormat::Json => {
            let rows = rows.iter().map(|[name, level, standing, until, only]| {
                let only = (!only.is_empty()).then_some(only);
                json!({
                    "operator": name,
                    "level": level,
                    "standing": standing,
                    "until": until,
                    "only": only,
                })
            });
            output::document(&rows.collect());
        }
        OutputFormat::Text if rows.is_empty() => {
            output::line("no operator was made in this home: run this where `skep init` ran");
        }
        OutputFormat::Text => {
            for [name, level, standing, until, only] in rows {
                let row = format!("{name:<20}  {level:<8}  {standing:<7}  {until}  {only}");
                output::line(row.trim_end());
            }
        }
    }
    Ok(())
}
