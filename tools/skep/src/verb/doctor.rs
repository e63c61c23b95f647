//! `skep doctor`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::check;
use crate::{
    cli::{Globals, OutputFormat},
    doctor::{Examined, Finding, Standing, gather, judge, text},
    failure::{Failure, Kind},
    output, places, plan,
};

/// Look for what is wrong with this host, this home and its node
///
/// Clock, keys, passports, ports, disk, store, control socket, secrets, logs and journal: how each
/// stands, with the cure where it is not well. Nothing is changed and no secret is shown. A node
/// that runs is asked on its control socket; without one the rest is looked at.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skep doctor
  skep doctor n1.json
  sudo -u skep skep --home /var/lib/skep doctor /etc/skep/n1.json
  skep doctor --format json | jq '.findings[] | select(.standing != \"ok\")'

Exit codes: 0 no failure (warnings may stand), 1 a failure")]
pub(crate) struct Doctor {
    /// The directive whose collectors, ports and secrets are looked at [default: the one that
    /// `skep up` runs without any]
    #[arg(value_name = "DIRECTIVE")]
    file: Option<PathBuf>,
}

impl Doctor {
    pub(crate) async fn run(self, globals: &Globals) -> Result<(), Failure> {
        let home = places::home_path(globals)?;
        let (text, name) = match &self.file {
            Some(path) => (check::read(path)?, path.display().to_string()),
            None => (plan::DEFAULT.to_owned(), plan::DEFAULT_NAME.to_owned()),
        };
        output::hint(globals, &format!("looking at {} …", home.display()));
        let facts = gather(Examined { home, text, name }).await;
        show(&judge(&facts), globals)
    }
}

fn show(findings: &[Finding], globals: &Globals) -> Result<(), Failure> {
    let is_well = findings.iter().all(|one| one.standing < Standing::Failure);
    match globals.format {
        OutputFormat::Json => {
            output::document(&json!({ "ok": is_well, "findings": findings }));
        }
        OutputFormat::Text => output::say(&text(findings)),
    }
    match is_well {
        true => Ok(()),
        false => Err(Failure::said(Kind::Ailing)),
    }
}
