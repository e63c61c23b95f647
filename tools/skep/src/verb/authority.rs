//! `skep authority`.

mod rotate;
mod show;

use std::{
    fs,
    io::{self, BufRead, IsTerminal, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::json;
use skep_identity::{BACKUP_BYTES_MAX, PeerHint};
use skep_node::home::HomeError;
use skep_packet::NodeId;
use zeroize::Zeroizing;

use super::{init, papers};
use crate::{
    cli::{Globals, OutputFormat},
    failure::{Failure, Kind},
    output, places,
};

/// Longest passphrase, in bytes.
const PASSPHRASE_BYTES_MAX: u64 = 4096;

/// The key that lets others in: show it, back it up, bring it back, replace it
#[derive(Debug, Args)]
pub(crate) struct Authority {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Write the authority to a file, under a passphrase
    ///
    /// It is the only backup there is. Without the authority no host can join and no papers can be
    /// renewed. Whoever has file and passphrase has the swarm: keep them apart.
    #[command(after_help = "\
Examples:
  skep authority export --out swarm.backup
  skep authority export --out swarm.backup --passphrase-file /root/passphrase")]
    Export(Export),
    /// Bring the authority back from a file
    ///
    /// Into a node of its swarm, which then lets others in; or into a fresh home, which becomes a
    /// new node of that swarm. Stop the node of that home before.
    #[command(after_help = "\
Examples:
  skep authority import swarm.backup
  skep authority import swarm.backup --name web-9 --peer web-2@10.0.0.2:7400")]
    Import(Import),
    /// Replace the authority's key; for a while both count
    ///
    /// Makes a new key here, at once. Every node that hears of it within the overlap believes both,
    /// and gets papers of the new one by itself. After the overlap nothing counts that the old one
    /// signed. A node that was away all that time joins again: it keeps its name, its key and its
    /// store. People need a new bundle each.
    ///
    /// The old key is written over. Backups of it are worth nothing after the overlap, and until
    /// then as much as the swarm: make a new one, and destroy them.
    #[command(after_help = "\
Examples:
  skep authority rotate --dry-run
  skep authority rotate
  skep authority rotate --overlap 1h      # somebody else may have the old key
  skep authority export --out swarm.backup")]
    Rotate(rotate::Rotate),
    /// Show whose word counts here, until when, and who still has papers of the one before
    #[command(after_help = "\
Examples:
  skep authority show
  skep authority show --format json")]
    Show,
}

#[derive(Debug, Args)]
struct Export {
    /// Where it is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Read the passphrase from this file instead of the terminal
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Import {
    /// What `skep authority export` wrote
    file: PathBuf,
    /// Read the passphrase from this file instead of the terminal
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The name of the new node, in a fresh home [default: this host's]
    #[arg(long, value_parser = init::node_name)]
    name: Option<NodeId>,
    /// A node of the swarm to connect to first, in a fresh home
    #[arg(long, value_name = "NODE@ADDR", value_parser = peer)]
    peer: Vec<PeerHint>,
}

impl Authority {
    pub(crate) async fn run(self, globals: &Globals) -> Result<(), Failure> {
        match self.deed {
            Deed::Export(export) => export.run(globals),
            Deed::Import(import) => import.run(globals),
            Deed::Rotate(rotate) => rotate.run(globals).await,
            Deed::Show => show::run(globals),
        }
    }
}

impl Export {
    fn run(self, globals: &Globals) -> Result<(), Failure> {
        let home = places::home(globals)?;
        let held = home.authority().map_err(|error| places::failure(&error))?;
        if held.is_none() {
            let path = home.path().to_owned();
            return Err(places::failure(&HomeError::NoAuthority { path }));
        }
        let passphrase = passphrase(self.passphrase_file.as_deref(), "A passphrase for it: ")?;
        let text = home.export_authority(&passphrase);
        let text = text.map_err(|error| places::failure(&error))?;
        let path = self.out.display().to_string();
        papers::write_new(&self.out, text.as_bytes())?;
        match globals.format {
            OutputFormat::Json => output::document(&json!({ "file": path })),
            OutputFormat::Text => output::line(&format!(
                "the authority is in {path}; keep it away from this host, and from its passphrase"
            )),
        }
        Ok(())
    }
}

impl Import {
    fn run(self, globals: &Globals) -> Result<(), Failure> {
        let text = read(&self.file, BACKUP_BYTES_MAX as u64)?;
        let home = places::home(globals)?;
        let passphrase = passphrase(self.passphrase_file.as_deref(), "Its passphrase: ")?;
        let card = home.import_authority(&text, &passphrase, self.name, &self.peer);
        let card = card.map_err(|error| places::failure(&error))?;
        let (node, swarm) = (card.node.to_string(), card.swarm.to_string());
        match globals.format {
            OutputFormat::Json => output::document(&json!({ "node": node, "swarm": swarm })),
            OutputFormat::Text => {
                output::line(&format!(
                    "{node} holds the authority of the swarm {swarm} now"
                ));
                output::line("next: skep up");
            }
        }
        Ok(())
    }
}

/// `NODE@ADDR` as it was typed.
fn peer(text: &str) -> Result<PeerHint, String> {
    let form = || format!("{text:?} is not like web-2@10.0.0.2:7400");
    let (node, address) = text.split_once('@').ok_or_else(form)?;
    let address: SocketAddr = address.parse().map_err(|_| form())?;
    Ok(PeerHint {
        node: init::node_name(node)?,
        addresses: vec![address],
    })
}

/// From a file, from a person who sees nothing of it, or from a pipe.
fn passphrase(file: Option<&Path>, prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let typed = match file {
        Some(path) => read(path, PASSPHRASE_BYTES_MAX)?,
        None if io::stdin().is_terminal() => {
            let typed = rpassword::prompt_password(prompt);
            Zeroizing::new(typed.map_err(|error| unread("the terminal", &error))?)
        }
        None => {
            let mut line = Zeroizing::new(String::new());
            let mut stdin = io::stdin().lock().take(PASSPHRASE_BYTES_MAX);
            let read = stdin.read_line(&mut line);
            read.map_err(|error| unread("standard input", &error))?;
            line
        }
    };
    Ok(Zeroizing::new(
        typed.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

fn read(path: &Path, bytes_max: u64) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let opened = fs::File::open(path);
    let read = opened.and_then(|file| file.take(bytes_max).read_to_string(&mut text));
    read.map_err(|error| unread(&path.display().to_string(), &error))?;
    Ok(text)
}

fn unread(what: &str, error: &io::Error) -> Failure {
    Failure::new(Kind::File, format!("{what} cannot be read")).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_name_and_an_address() {
        let hint = peer("web-2@10.0.0.2:7400").unwrap();
        assert_eq!(hint.node.as_str(), "web-2");
        assert_eq!(hint.addresses, ["10.0.0.2:7400".parse().unwrap()]);
        for text in [
            "web-2",
            "web-2@",
            "web-2@10.0.0.2",
            "@10.0.0.2:1",
            "a b@[::1]:1",
        ] {
            assert!(peer(text).is_err(), "{text}");
        }
    }
}
