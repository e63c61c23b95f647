//! Papers that are handed over or taken back: what `operator`, `authority` and `revoke` share.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use jiff::Timestamp;
use serde_json::json;
use skep_identity::{Paper, Who};
use skep_node::Clock;
use skep_packet::encode;

use crate::{
    cli::{Globals, OutputFormat},
    client,
    failure::{Failure, Kind},
    output, places,
};

/// Takes back every paper of someone, and tells the node of this home if it runs.
pub(crate) async fn take_back(
    globals: &Globals,
    who: &Who,
    is_dry_run: bool,
) -> Result<(), Failure> {
    let home = places::home(globals)?;
    let now_ms = Clock::start().now().unix_ms;
    if is_dry_run {
        let keys = home.keys_of(who, now_ms);
        let n_keys = keys.map_err(|error| places::failure(&error))?.len();
        return told(globals, who, n_keys, "would be revoked", false);
    }
    let made = home.revoke(who, now_ms);
    let made = made.map_err(|error| places::failure(&error))?;
    let runs = home
        .listening()
        .map_err(|error| places::failure(&error))?
        .is_some();
    if runs {
        let socket = home.control_socket();
        client::post(&socket, "/revocations", encode(&made)).await?;
    }
    told(globals, who, made.len(), "is revoked", runs)
}

fn told(
    globals: &Globals,
    who: &Who,
    n_keys: usize,
    what: &str,
    runs: bool,
) -> Result<(), Failure> {
    match globals.format {
        OutputFormat::Json => output::document(&json!({
            "who": who.to_string(),
            "keys": n_keys,
            "told": runs,
        })),
        OutputFormat::Text => {
            output::line(&format!("{who} {what}, {n_keys} key(s)"));
            if runs {
                output::hint(
                    globals,
                    "every node that is connected hears of it now, the others when they come back",
                );
            } else if what == "is revoked" {
                output::hint(
                    globals,
                    "no node runs in this home: the swarm hears of it when it does",
                );
            }
        }
    }
    Ok(())
}

/// Writes secrets to a new file: others cannot read it, not even for a moment, and it replaces none.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| {
        let message = format!("{} cannot be written", path.display());
        Failure::new(Kind::File, message)
            .because(&error)
            .cure("name a new file with --out")
    })
}

/// How a paper stands, in a word.
pub(crate) fn standing(paper: &Paper, now_ms: u64) -> &'static str {
    match (paper.revoked_ms, paper.stands(now_ms)) {
        (Some(_), _) => "revoked",
        (None, true) => "good",
        (None, false) => "ended",
    }
}

/// A day as people write it.
pub(crate) fn day(unix_ms: u64) -> String {
    let stamp = i64::try_from(unix_ms).ok();
    let stamp = stamp.and_then(|unix_ms| Timestamp::from_millisecond(unix_ms).ok());
    stamp.map_or_else(String::new, |stamp| stamp.strftime("%Y-%m-%d").to_string())
}
