//! `skep check`.

use std::{fs, path::PathBuf};

use clap::Args;
use serde_json::json;

use crate::{
    cli::{Globals, OutputFormat},
    failure::{Failure, Kind},
    output, plan,
};

/// Look for mistakes in a directive, and show the tree that would run
///
/// Tells every mistake of the file at once, each with its place, its cause and a cure. Nothing is
/// started, and secrets are not read.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skep check n1.json
  skep check --format json n1.json | jq '.diagnostics[].code'

Exit codes: 0 it can run (warnings may stand), 78 it can not")]
pub(crate) struct Check {
    /// The directive
    file: PathBuf,
}

impl Check {
    pub(crate) fn run(self, globals: &Globals) -> Result<(), Failure> {
        let text = read(&self.file)?;
        let checked = plan::check(&text);
        let name = self.file.display().to_string();
        match globals.format {
            OutputFormat::Json => output::document(&json!(checked)),
            OutputFormat::Text => {
                let colored = output::errors_are_colored();
                output::complain(&plan::findings(&checked, &name, &text, colored));
                if let Some(plan) = &checked.plan {
                    output::say(&plan::tree(plan));
                }
            }
        }
        match checked.plan {
            Some(_) => Ok(()),
            None => Err(Failure::said(Kind::Directive)),
        }
    }
}

/// Reads a directive's text.
pub(crate) fn read(path: &PathBuf) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        let message = format!("{} cannot be read", path.display());
        Failure::new(Kind::File, message).because(&error)
    })
}
