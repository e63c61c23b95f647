//! `skep authority show`.

use serde_json::json;
use skep_identity::Lineage;
use skep_node::{Clock, home::HomeError};
use skep_packet::KeyId;

use super::rotate::names;
use crate::{
    cli::{Globals, OutputFormat},
    failure::Failure,
    output, places,
    verb::papers,
};

/// What is known of the authority in a home.
struct Seen {
    lineage: Lineage,
    /// The authority that signed the papers of this home's node, and until when they last.
    own: Option<(KeyId, u64)>,
    /// Whether the authority lies here.
    is_held: bool,
    /// Nodes and people with papers of the one before.
    outdated: (Vec<String>, Vec<String>),
}

pub(super) fn run(globals: &Globals) -> Result<(), Failure> {
    let now_ms = Clock::start().now().unix_ms;
    let seen = look(globals, now_ms)?;
    let current = seen.lineage.current().id();
    let since = seen.lineage.succession(current);
    let (nodes, people) = &seen.outdated;
    let before = since.filter(|said| said.until_ms >= now_ms);
    let until = before.map(|said| papers::day(said.until_ms));
    if globals.format == OutputFormat::Json {
        output::document(&json!({
            "authority": current.to_string(),
            "swarm": seen.lineage.swarm().to_string(),
            "since": since.map(|said| papers::day(said.issued_at_ms)),
            "held": seen.is_held,
            "old_until": until,
            "own_papers": seen.own.map(|(signer, until_ms)| json!({
                "authority": signer.to_string(),
                "until": papers::day(until_ms),
            })),
            "outdated": { "nodes": nodes, "operators": people },
        }));
        return Ok(());
    }
    let place = match seen.is_held {
        true => "it lies in this home",
        false => "it lies elsewhere",
    };
    output::line(&format!("authority   {current}, {place}"));
    output::line(&format!("swarm       {}", seen.lineage.swarm()));
    if let Some(said) = since {
        let day = papers::day(said.issued_at_ms);
        output::line(&format!("since       {day}, in the place of another one"));
    }
    if let Some(until) = until {
        output::line(&format!("the old one counts until {until}"));
    }
    if let Some((signer, until_ms)) = seen.own {
        let whose = match signer == current {
            true => "of it",
            false => "of the one before",
        };
        let day = papers::day(until_ms);
        output::line(&format!("own papers  {whose}, until {day}"));
    }
    for (what, names) in [("nodes", nodes), ("people", people)] {
        if !names.is_empty() {
            let names = names.join(", ");
            output::line(&format!("{what} with papers of the old one: {names}"));
        }
    }
    Ok(())
}

fn look(globals: &Globals, now_ms: u64) -> Result<Seen, Failure> {
    let home = places::home(globals)?;
    let failed = |error| places::failure(&error);
    let identity = home.identity().map_err(failed)?;
    let authority = home.authority().map_err(failed)?;
    let lineage = match (&authority, &identity) {
        (Some(authority), _) => authority.lineage(),
        (None, Some(identity)) => home.lineage(identity).map_err(failed)?,
        (None, None) => {
            let path = home.path().to_owned();
            return Err(failed(HomeError::NoAuthority { path }));
        }
    };
    let own = identity.map(|identity| {
        let signer = identity.credentials.passport.signer;
        (signer, identity.passport.not_after_ms)
    });
    Ok(Seen {
        lineage,
        own,
        is_held: authority.is_some(),
        outdated: names(&home.outdated(now_ms).map_err(failed)?),
    })
}
