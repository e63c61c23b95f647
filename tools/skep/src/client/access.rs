//! Who asks, and where.

use std::{fs, path::PathBuf, time::Duration};

use skep_identity::OperatorBundle;
use skep_node::home::Home;
use tokio::{
    net::UnixStream,
    time::{interval, timeout},
};

use crate::{
    cli::Globals,
    failure::{Failure, Kind},
    output, places,
};

/// How long a new node's keys are waited for; making them takes seconds.
const KEYS_TIME_MAX: Duration = Duration::from_secs(45);

/// Time between two looks for them.
const KEYS_INTERVAL: Duration = Duration::from_millis(100);

/// Looks after which a home without keys and without a node is given up.
const NODE_LOOKS: u32 = 10;

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
    ///
    /// Waits for a new node's keys, and says so.
    pub(crate) async fn find(globals: &Globals) -> Result<Self, Failure> {
        let control = places::home_path(globals).map(|home| home.join("control.sock"));
        let Some(path) = &globals.bundle else {
            let bundle = home_bundle(globals).await?;
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

async fn home_bundle(globals: &Globals) -> Result<OperatorBundle, Failure> {
    let path = places::home_path(globals)?;
    if !path.exists() {
        return Err(Failure::new(
            Kind::Home,
            format!("there is no home at {}", path.display()),
        )
        .cure("start a node with `skep up`, or name its home with --home DIR"));
    }
    let home = places::home(globals)?;
    let say = || output::hint(globals, "the node's keys are still being made: waiting …");
    match timeout(KEYS_TIME_MAX, made_bundle(&home, say)).await {
        Ok(bundle) => bundle,
        Err(_) => {
            let message = format!("the keys of {} are still being made", path.display());
            Err(Failure::new(Kind::NoNode, message).cure("try again in a minute"))
        }
    }
}

/// The first operator of a home, as soon as it is made; `say` is called once when that takes time.
async fn made_bundle(home: &Home, say: impl FnOnce()) -> Result<OperatorBundle, Failure> {
    let mut say = Some(say);
    let mut looks = interval(KEYS_INTERVAL);
    let mut n_looks = 0;
    loop {
        looks.tick().await;
        if let Some(bundle) = home.operator().map_err(|error| places::failure(&error))? {
            return Ok(bundle);
        }
        let identity = home.identity().map_err(|error| places::failure(&error))?;
        if identity.is_some() {
            return Err(no_operator(home));
        }
        // Where no node runs nobody makes keys; a node that has just begun opens its socket at once.
        n_looks += 1;
        let is_up = UnixStream::connect(home.control_socket()).await.is_ok();
        if !is_up && n_looks >= NODE_LOOKS {
            let message = format!(
                "{} has no keys yet, and no node runs",
                home.path().display()
            );
            return Err(Failure::new(Kind::NoNode, message).cure("start one with `skep up`"));
        }
        if is_up && let Some(say) = say.take() {
            say();
        }
    }
}

fn no_operator(home: &Home) -> Failure {
    let message = format!("{} holds no operator's key", home.path().display());
    Failure::new(Kind::Login, message).cure(
        "the key lies where the swarm was minted; there, `skep operator add NAME --role viewer \
         --out FILE` makes one to use here with --as FILE",
    )
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

#[cfg(test)]
mod tests {
    use std::{cell::Cell, os::unix::net::UnixListener};

    use skep_node::Clock;

    use super::*;

    fn founded() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(&folder.path().join("home")).unwrap();
        home.found(None).unwrap();
        (folder, home)
    }

    #[tokio::test]
    async fn keys_in_the_making_are_waited_for_and_that_is_said() {
        let (_folder, home) = founded();
        let _node = UnixListener::bind(home.control_socket()).unwrap();
        let (said, minted) = (Cell::new(false), home.clone());
        let (say, has_said) = tokio::sync::oneshot::channel();
        let mint = async {
            // Not before somebody waits.
            has_said.await.unwrap();
            tokio::task::spawn_blocking(move || minted.mint(Clock::start().now().unix_ms)).await
        };
        let wait = made_bundle(&home, || {
            said.set(true);
            say.send(()).unwrap();
        });
        let (bundle, identity) = tokio::join!(wait, mint);
        identity.unwrap().unwrap();
        assert_eq!(bundle.unwrap().name, "admin");
        assert!(said.get());
    }

    #[tokio::test]
    async fn keys_that_nobody_makes_are_not_waited_for() {
        let (_folder, home) = founded();
        let failure = made_bundle(&home, || panic!("nothing to wait for")).await;
        let failure = failure.err().unwrap().to_string();
        assert!(
            failure.ends_with("has no keys yet, and no node runs"),
            "{failure}"
        );
    }
}
