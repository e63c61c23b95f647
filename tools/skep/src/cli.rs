//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::verb::{
    agent::Agent, audit::Audit, authority::Authority, call::Call, cases::Cases, check::Check,
    completions::Completions, digest::Digest, doctor::Doctor, explain::Explain, init::Init,
    invite::Invite, join::Join, operator::Operator, oracle::Oracle, renew::Renew, revoke::Revoke,
    store::StoreVerb, tree::Tree, up::Up,
};

const EXIT_CODES: &str = "\
Exit codes:
  0   it worked
  1   it did not, or a digest is as grave as --fail-on says; the reason stands on stderr
  2   the command line makes no sense
  65  the node's store is damaged, and was left as it is
  74  the disk refused: the node ended, or could not start
  78  the directive is not usable
  130 it was interrupted

Environment:
  SKEP_HOME   the home, unless --home says otherwise
  NO_COLOR    no colors";

/// A swarm of agents that watches the logs of your hosts.
#[derive(Debug, Parser)]
#[command(name = "skep", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Globals {
    /// The folder of a node's keys, state and sockets [default: /var/lib/skep for root, else
    /// $XDG_STATE_HOME/skep]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) home: Option<PathBuf>,
    /// Act as the operator of this bundle (see `skep operator add`)
    #[arg(long = "as", value_name = "FILE", global = true)]
    pub(crate) bundle: Option<PathBuf>,
    /// Where to reach a node of the swarm, instead of where the bundle says
    #[arg(long, value_name = "HOST:PORT", global = true)]
    pub(crate) at: Option<String>,
    /// How results are printed
    #[arg(
        long = "format",
        value_name = "FORMAT",
        global = true,
        default_value = "text"
    )]
    typed: Typed,
    /// What that means for all but digests, which also come as pages.
    #[arg(skip)]
    pub(crate) format: OutputFormat,
    /// Say less: no progress, no hints
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more; twice for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The formats that can be typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Typed {
    /// For people
    Text,
    /// For programs: one JSON document
    Json,
    /// A page for a browser or a mail: digests only
    Html,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OutputFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document.
    Json,
}

impl Globals {
    /// The same with what was typed in the form the verbs read.
    pub(crate) fn settled(mut self) -> Self {
        self.format = match self.typed {
            Typed::Text | Typed::Html => OutputFormat::Text,
            Typed::Json => OutputFormat::Json,
        };
        self
    }

    /// Whether a page was asked for.
    pub(crate) fn wants_page(&self) -> bool {
        self.typed == Typed::Html
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Up(Up),
    Init(Init),
    Invite(Invite),
    Join(Join),
    Authority(Authority),
    Revoke(Revoke),
    Renew(Renew),
    Operator(Operator),
    Oracle(Oracle),
    Check(Check),
    Tree(Tree),
    Digest(Digest),
    Explain(Explain),
    Cases(Cases),
    Call(Call),
    Agent(Agent),
    Audit(Audit),
    Store(StoreVerb),
    Doctor(Doctor),
    Completions(Completions),
}
