//! `skep up`.

mod hangup;

use std::{
    env, fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use serde_json::json;
use skep_directive::Plan;
use skep_node::{
    LiveDirective, Node, NodeConfig, NodeSettings, PEOPLE_PORT, SWARM_PORT,
    home::{Home, Listening},
};
use skep_packet::NodeId;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval, timeout},
};

use self::hangup::Hangup;
use super::{check, init, store, unit::Unit};
use crate::{
    cli::{Globals, OutputFormat},
    failure::{Failure, Kind},
    logs, output, places, plan,
};

/// How often it looks whether the node listens already.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// How long an orderly stop may take; what is durable is safe anyway.
const STOP_TIME_MAX: Duration = Duration::from_secs(15);

/// Run a node here, in the foreground
///
/// The first start in a fresh home mints a swarm of one. Without a directive it watches this host's
/// own logs. The first digest is shown as soon as the logs are read; keys may still be in the
/// making. Ends on Ctrl-C or SIGTERM; on SIGHUP it reads the directive's file again, and runs what
/// that says now if it is good.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  skep up
  skep up n1.json --listen 10.0.0.1
  skep up --dial-out    behind NAT, or a firewall that lets nothing in
  skep --home /srv/skep up --print-unit > /etc/systemd/system/skep.service")]
pub(crate) struct Up {
    /// What to run [default: watch this host's own logs]
    #[arg(value_name = "DIRECTIVE")]
    file: Option<PathBuf>,
    /// The same, as a flag
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    directive: Option<PathBuf>,
    /// Let other hosts in at this address: ADDR, or ADDR:PORT for the swarm's port
    #[arg(long, value_name = "ADDR", value_parser = parse_listen)]
    listen: Option<SocketAddr>,
    /// Accept no connection: others reach this host through a node that it is connected to
    #[arg(long, conflicts_with = "listen")]
    dial_out: bool,
    /// The node's name, in a fresh home [default: this host's]
    #[arg(long, value_parser = init::node_name)]
    name: Option<NodeId>,
    /// Print a systemd unit that runs this, and do nothing else
    #[arg(long)]
    print_unit: bool,
}

/// An address with or without a port.
fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, SWARM_PORT));
    }
    text.parse().map_err(|_| {
        "expected an address of this host, like 10.0.0.1, 10.0.0.1:7400 or [::]:7400".to_owned()
    })
}

impl Up {
    pub(crate) fn run(self, globals: &Globals) -> Result<(), Failure> {
        if self.print_unit {
            return self.unit(globals);
        }
        let default = if output::is_watched() { "warn" } else { "info" };
        logs::begin(globals, default);
        let directive = self.plan(globals)?;
        let file = self.file().cloned();
        let home = places::home(globals)?;
        let config = self.config(directive, home, globals)?;
        let runtime = skep_node::runtime().map_err(|error| Failure::of(Kind::Node, &error))?;
        let ended = runtime.block_on(run(config, file, globals));
        // Reading of a file that was going on must not hold up the end.
        runtime.shutdown_timeout(Duration::from_secs(1));
        ended
    }

    fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref().or(self.directive.as_ref())
    }

    fn unit(&self, globals: &Globals) -> Result<(), Failure> {
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|error| Failure::of(Kind::File, &error))
        };
        let program = env::current_exe().map_err(|error| Failure::of(Kind::File, &error))?;
        let home = absolute(&places::home_path(globals)?)?;
        let directive = self.file().map(|path| absolute(path)).transpose()?;
        let listen = self.listen.map(|address| address.to_string());
        let unit = Unit {
            program: &program,
            home: &home,
            directive: directive.as_deref(),
            listen: listen.as_deref(),
            dial_out: self.dial_out,
        };
        output::say(&unit.text());
        Ok(())
    }

    /// The plan, its directive's text and how that is called; says every mistake.
    fn plan(&self, globals: &Globals) -> Result<(Plan, String, String), Failure> {
        let (text, name) = match self.file() {
            Some(path) => (check::read(path)?, path.display().to_string()),
            None => (plan::DEFAULT.to_owned(), plan::DEFAULT_NAME.to_owned()),
        };
        let checked = plan::check(&text);
        if !checked.diagnostics.is_empty() {
            match globals.format {
                OutputFormat::Json => output::complain(&format!("{}\n", json!(checked))),
                OutputFormat::Text => {
                    let colored = output::errors_are_colored();
                    output::complain(&plan::findings(&checked, &name, &text, colored));
                }
            }
        }
        match checked.plan {
            Some(plan) => Ok((plan, text, name)),
            None => Err(Failure::said(Kind::Directive)),
        }
    }

    fn config(
        &self,
        (plan, text, directive): (Plan, String, String),
        home: Home,
        globals: &Globals,
    ) -> Result<NodeConfig, Failure> {
        let mut settings: NodeSettings = serde_json::from_value(plan.node.clone())
            .map_err(|error| Failure::of(Kind::Directive, &error))?;
        if let Some(listen) = self.listen {
            let port = if listen.port() == 0 { 0 } else { PEOPLE_PORT };
            settings
                .people
                .get_or_insert(SocketAddr::new(listen.ip(), port));
        }
        let card = home
            .found(self.name.clone())
            .map_err(|error| places::failure(&error))?;
        let next = if globals.quiet {
            String::new()
        } else {
            next(globals)
        };
        let screen = json!({ "next": next });
        let node = card.node;
        Ok(NodeConfig {
            plan: plan::with_own_agents(plan, screen.clone(), &node),
            home,
            directive,
            specs: plan::specs(),
            doors: vec![plan::DOOR],
            steward: Some(plan::STEWARD),
            live: Some(LiveDirective {
                text,
                read: Arc::new(move |text| plan::read(text, &screen, &node)),
            }),
            listen: self.listen,
            dials_only: self.dial_out,
            program: format!("skep {}", env!("CARGO_PKG_VERSION")),
            settings,
        })
    }
}

/// Where to go next, said after the first digest.
fn next(globals: &Globals) -> String {
    let program = env::args().next().unwrap_or_default();
    let program = match Path::new(&program).file_name() {
        Some(name) if fs::exists(&program).unwrap_or(false) && program.contains('/') => {
            tracing::debug!(?name, "the program is called by its path");
            program
        }
        _ => "skep".to_owned(),
    };
    let home = globals.home.as_ref();
    let home = home
        .map(|home| format!(" --home {}", home.display()))
        .unwrap_or_default();
    format!(
        "\nThis node goes on watching. In another terminal:\n\
         \x20 {program}{home} tree               who is there, and what runs\n\
         \x20 {program}{home} digest --oracle    a new digest, analysed\n\
         \x20 {program}{home} digest --help      more of that, also on files without any node\n\
         Another host joins with what `{program}{home} invite` prints, \
         once this node is up with --listen ADDR.\n"
    )
}

async fn run(config: NodeConfig, file: Option<PathBuf>, globals: &Globals) -> Result<(), Failure> {
    let home = config.home.clone();
    let listen = config.listen;
    let directive = config.directive.clone();
    let has_door = plan::has_people(&config.plan);
    let has_keys = home
        .identity()
        .map_err(|error| places::failure(&error))?
        .is_some();
    let mut terminate = stop_signal(SignalKind::terminate())?;
    let mut interrupt = stop_signal(SignalKind::interrupt())?;
    let mut hangup = Hangup::new(file)?;
    let started = Node::start(config);
    let mut node = started.map_err(|error| store::of_start(&error))?;
    let keys = if has_keys {
        ""
    } else {
        "; its keys are being made"
    };
    let (name, swarm, path) = (node.name(), node.swarm(), home.path().display());
    output::hint(
        globals,
        &format!("{name} of the swarm {swarm}, at home in {path}{keys}"),
    );
    output::hint(globals, &format!("it runs {directive}"));
    let mut where_to = Whereabouts {
        has_door,
        n_looks: 0,
    };
    let mut looks = interval(LOOK_INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_said = false;
    let reason = loop {
        tokio::select! {
            reason = node.failed() => break Some(reason),
            _ = terminate.recv() => break None,
            _ = interrupt.recv() => break None,
            text = hangup.next() => match text {
                // The node's log says what comes of it.
                Some(text) => drop(node.reload(text)),
                None => break None,
            },
            _ = looks.tick(), if !is_said => is_said = where_to.say(&home, listen, globals),
        }
    };
    output::hint(globals, "stopping …");
    if timeout(STOP_TIME_MAX, node.stop()).await.is_err() {
        tracing::error!("the node did not stop in time");
    }
    match reason {
        None => Ok(()),
        Some(reason) => Err(store::of_ending(&reason)),
    }
}

fn stop_signal(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::of(Kind::Node, &error))
}

/// Where the node listens, to be said once.
struct Whereabouts {
    /// Whether a people's port is to come.
    has_door: bool,
    n_looks: u32,
}

impl Whereabouts {
    /// Looks for people's port after the swarm's is open; then what is there is said.
    const LOOKS_MAX: u32 = 10;

    /// True when all was said.
    fn say(&mut self, home: &Home, listen: Option<SocketAddr>, globals: &Globals) -> bool {
        let Ok(Some(Listening {
            swarm: Some((swarm, _)),
            dials_only,
            people,
        })) = home.listening()
        else {
            return false;
        };
        self.n_looks += 1;
        if self.has_door && people.is_none() && self.n_looks < Self::LOOKS_MAX {
            return false;
        }
        let people = people
            .map(|people| format!(", people at {people}/tcp"))
            .unwrap_or_default();
        if dials_only {
            let said = format!(
                "it dials out only: the swarm reaches it through a node that it is connected to{people}"
            );
            output::hint(globals, &said);
            return true;
        }
        let only = match listen {
            None => " (this host only: --listen ADDR lets others in)",
            Some(_) => "",
        };
        output::hint(
            globals,
            &format!("the swarm reaches it at {swarm}/udp{people}{only}"),
        );
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_no_port() {
        let check = |text: &str, expected: Option<&str>| {
            let parsed = parse_listen(text).ok().map(|address| address.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        };
        check("10.0.0.1", Some("10.0.0.1:7400"));
        check("10.0.0.1:9", Some("10.0.0.1:9"));
        check("::", Some("[::]:7400"));
        check("[::1]", Some("[::1]:7400"));
        check("[::1]:0", Some("[::1]:0"));
        check("web-1", None);
        check("10.0.0.1:", None);
        check("", None);
    }
}
