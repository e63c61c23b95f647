//! `skep store`, and how a store's failure is told.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;
use skep_node::{
    Clock, Ending, NodeError,
    store::{OpenError, Store, Table, WriteError, set_aside},
};

use crate::{
    cli::{Globals, OutputFormat},
    failure::{Failure, Kind},
    output, places,
};

/// What stands in each table and nowhere else, and so is lost with it.
const HELD: &[(Table, &str)] = &[
    (
        Table::State,
        "what agents keep: patrols' positions, open questions, sessions' answers, alerts, cases, \
         what is usual",
    ),
    (
        Table::Outbox,
        "durable packets that no other node has settled yet",
    ),
    (
        Table::Inbox,
        "which durable packets of others had their effect here",
    ),
    (Table::DeadLetters, "durable packets that found no way"),
    (
        Table::Peers,
        "other nodes' papers and addresses; they tell them again",
    ),
    (
        Table::Revocations,
        "keys that were taken back; other nodes tell of them again",
    ),
    (
        Table::Meta,
        "the outbox's epoch, and the directive as `skep agent` changed it",
    ),
    (
        Table::Requests,
        "which requests of operators have run; without it none that was signed earlier does",
    ),
    (Table::Audit, "the audit log"),
];

/// Look through the store of a node that does not run, or set a damaged one aside
#[derive(Debug, Args)]
pub(crate) struct StoreVerb {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Read every page of the store and say what it holds
    ///
    /// A node does the same at each of its starts.
    #[command(after_help = "\
Examples:
  skep store check
  skep --home /srv/skep store check --format json

Exit codes: 0 it is good, 65 it is damaged, 74 the disk refuses")]
    Check,
    /// Move a damaged store beside its place, so that the next start begins with an empty one
    ///
    /// Nothing is deleted: the file stays in the home, under a name with the time. What stood in it
    /// is lost to the node until a good copy takes its place; keys, papers and the directive are not
    /// in it. Stop the node before.
    #[command(after_help = "\
Examples:
  skep store set-aside --dry-run     what would be lost
  skep store set-aside
  skep up")]
    SetAside(SetAside),
}

#[derive(Debug, Args)]
struct SetAside {
    /// Also a store that can be read
    #[arg(long)]
    even_if_good: bool,
    /// Say what would be lost, and move nothing
    #[arg(long)]
    dry_run: bool,
}

impl StoreVerb {
    pub(crate) fn run(self, globals: &Globals) -> Result<(), Failure> {
        let path = places::home(globals)?.store();
        if !path.exists() {
            let message = format!("there is no store {}", path.display());
            let failure = Failure::new(Kind::File, message);
            return Err(failure.cure("the next `skep up` makes one; is this the right --home?"));
        }
        match self.deed {
            Deed::Check => check(&path, globals),
            Deed::SetAside(deed) => deed.run(&path, globals),
        }
    }
}

fn check(path: &Path, globals: &Globals) -> Result<(), Failure> {
    let sizes = Store::look(path).map_err(|error| of_opening(&error))?;
    let rows = |table: Table| {
        let found = sizes.iter().find(|(of, _)| *of == table);
        found.map_or(0, |(_, rows)| *rows)
    };
    match globals.format {
        OutputFormat::Json => {
            let tables = HELD.iter();
            let tables: serde_json::Map<_, _> = tables
                .map(|(table, _)| (table.name().to_owned(), json!(rows(*table))))
                .collect();
            output::document(&json!({ "store": path, "tables": tables }));
        }
        OutputFormat::Text => {
            output::line(&format!("{} is good", path.display()));
            for (table, what) in HELD {
                output::line(&format!("{:>8}  {:<13}{what}", rows(*table), table.name()));
            }
        }
    }
    Ok(())
}

impl SetAside {
    fn run(self, path: &Path, globals: &Globals) -> Result<(), Failure> {
        match Store::look(path) {
            Err(OpenError::Damaged { .. }) => {}
            Ok(_) if self.even_if_good => {}
            Err(OpenError::Newer { .. }) if self.even_if_good => {}
            Ok(_) => {
                let message = format!("the store {} is good", path.display());
                let failure = Failure::new(Kind::Input, message);
                return Err(failure.cure("--even-if-good sets it aside all the same"));
            }
            Err(error) => return Err(of_opening(&error)),
        }
        if self.dry_run {
            return tell(path, None, globals);
        }
        let now_ms = i64::try_from(Clock::start().now().unix_ms).unwrap_or_default();
        let now = Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let stamp = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ");
        let aside = set_aside(path, &stamp.to_string()).map_err(|error| of_opening(&error))?;
        tell(path, Some(aside), globals)
    }
}

/// Where it is now, what that costs, and how to go on.
fn tell(path: &Path, aside: Option<PathBuf>, globals: &Globals) -> Result<(), Failure> {
    if globals.format == OutputFormat::Json {
        let lost = HELD.iter();
        let lost: serde_json::Map<_, _> = lost
            .map(|(table, what)| (table.name().to_owned(), json!(what)))
            .collect();
        output::document(&json!({ "store": path, "aside": aside, "lost": lost }));
        return Ok(());
    }
    match &aside {
        Some(aside) => output::line(&format!(
            "the store is now {}\nUntil a good copy takes its place, the node is without:",
            aside.display()
        )),
        None => output::line(&format!(
            "{} would be moved beside its place, and the node be without:",
            path.display()
        )),
    }
    for (table, what) in HELD {
        output::line(&format!("  {:<13}{what}", table.name()));
    }
    output::line(
        "It keeps its name, its keys and its papers. Its next patrol covers its whole interval \
         again.\nA packet that other nodes did not see settled comes, and takes effect, again.",
    );
    if aside.is_some() {
        output::line("Go on with `skep up`.");
    }
    Ok(())
}

/// Why a node did not start.
pub(super) fn of_start(error: &NodeError) -> Failure {
    match error {
        NodeError::Store(error) => of_opening(error),
        error => Failure::of(Kind::Node, error),
    }
}

/// Why a node had to end.
pub(super) fn of_ending(ending: &Ending) -> Failure {
    match ending {
        Ending::Store(error) => of_writing(error),
        ending => Failure::of(Kind::Node, ending),
    }
}

fn of_opening(error: &OpenError) -> Failure {
    let kind = match error {
        OpenError::Damaged { .. } | OpenError::Newer { .. } => Kind::Damaged,
        OpenError::Io { .. } => Kind::Disk,
        _ => Kind::Node,
    };
    Failure::of(kind, error).cure(error.cure())
}

fn of_writing(error: &WriteError) -> Failure {
    Failure::of(Kind::Disk, error).cure(error.cure())
}
