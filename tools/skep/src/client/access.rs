//! Who asks, and where.

use std::{fs, path::PathBuf};

use skep_identity::OperatorBundle;

use crate::{
    cli::Globals,
    failure::{Failure, Kind},
    places,
};

/// Largest bundle, in bytes.
const BUNDLE_BYTES_MAX: u64 = 64 * 1024;

/// Where a node is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// The control socket of a home.
    Control(PathBuf),
    /// People's port, as `HOST:PORT`.
    People(String),
}

/// Who asks, and where.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) bundle: OperatorBundle,
    pub(crate) route: Route,
}

impl Access {
    /// The bundle of `--as`, else the operator of the home.
    pub(crate) fn find(globals: &Globals) -> Result<Self, Failure> {
        let control = places::home_path(globals).map(|home| home.join("control.sock"));
        let Some(path) = &globals.bundle else {
            let bundle = home_bundle(globals)?;
            let route = match &globals.at {
                Some(at) => Route::People(at.clone()),
                None => Route::Control(control?),
            };
            return Ok(Self { bundle, route });
        };
        let bundle = read_bundle(path)?;
        let route = match &globals.at {
            Some(at) => Route::People(at.clone()),
            None if globals.home.is_some() => Route::Control(control?),
            None if !bundle.address.is_empty() => Route::People(bundle.address.clone()),
            None => Route::Control(
                control
                    .ok()
                    .filter(|path| path.exists())
                    .ok_or_else(nowhere)?,
            ),
        };
        Ok(Self { bundle, route })
    }
}

fn nowhere() -> Failure {
    Failure::new(
        Kind::NoNode,
        "the bundle names no address, and no node runs here",
    )
    .cure("name a node's people's port with --at HOST:PORT")
}

fn home_bundle(globals: &Globals) -> Result<OperatorBundle, Failure> {
    let path = places::home_path(globals)?;
    if !path.exists() {
        return Err(Failure::new(
            Kind::Home,
            format!("there is no home at {}", path.display()),
        )
        .cure("start a node with `skep up`, or name its home with --home DIR"));
    }
    let home = places::home(globals)?;
    let bundle = home.operator().map_err(|error| places::failure(&error))?;
    bundle.ok_or_else(|| {
        let message = format!("{} holds no operator's key", path.display());
        Failure::new(Kind::Login, message).cure(
            "the key lies where the swarm was minted; there, `skep operator add NAME --role viewer \
             --out FILE` makes one to use here with --as FILE",
        )
    })
}

fn read_bundle(path: &PathBuf) -> Result<OperatorBundle, Failure> {
    let fail = |error: &dyn std::error::Error| {
        Failure::new(
            Kind::File,
            format!("{} is no operator's bundle", path.display()),
        )
        .because(error)
        .cure("`skep operator add NAME --role viewer --out FILE` makes one")
    };
    let meta = fs::metadata(path).map_err(|error| fail(&error))?;
    if meta.len() > BUNDLE_BYTES_MAX {
        let message = format!("{} is too large for an operator's bundle", path.display());
        return Err(Failure::new(Kind::File, message));
    }
    let bytes = fs::read(path).map_err(|error| fail(&error))?;
    OperatorBundle::from_bytes(&bytes).map_err(|error| fail(&error))
}
