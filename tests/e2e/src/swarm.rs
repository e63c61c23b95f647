//! A swarm of real nodes, each on a host of its own, and a person's machine that is none of them.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Host, Network, Node, Process, Skep, Skip, wait::until};

/// How long a node may take from its start until it answers: its keys may still be in the making.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long news may take to be known everywhere.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);

/// Nodes on a network, and one host without a node where the operator sits.
#[derive(Debug)]
pub struct Swarm {
    // Dropped in this order: nodes before their hosts, hosts before their network.
    members: Vec<Member>,
    skep: Skep,
    person: Host,
    network: Network,
    folder: TempDir,
}

/// One node and its host.
#[derive(Debug)]
struct Member {
    name: String,
    node: Option<Node>,
    host: Host,
    home: PathBuf,
    directive: PathBuf,
    /// What `skep up` is told about listening.
    listening: &'static [&'static str],
}

/// Nobody is told where: each node finds out under which address the others can dial it.
const LISTENS: &[&str] = &["--listen", "0.0.0.0"];
/// It accepts nothing.
const DIALS: &[&str] = &["--dial-out"];

impl Swarm {
    /// No nodes yet, only the operator's host.
    ///
    /// # Errors
    /// The reason to skip what needs it.
    pub fn get() -> Result<Self, Skip> {
        let skep = Skep::get()?;
        let mut network = Network::get()?;
        let no_swarm = |error| Skip::new(format!("no swarm: {error:#}"));
        let folder = tempfile::Builder::new().prefix("skep-e2e-").tempdir();
        let folder = folder.map_err(|error| no_swarm(error.into()))?;
        let person = network.host("person").map_err(no_swarm)?;
        Ok(Self {
            members: Vec::new(),
            skep,
            person,
            network,
            folder,
        })
    }

    /// A folder for logs and outputs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The host of the next node: its address may stand in the node's directive.
    ///
    /// # Errors
    /// When the network is full.
    pub fn host(&mut self, name: &str) -> Result<Host> {
        self.network.host(name)
    }

    /// Starts a node on `host`: the first one mints the swarm, the others are invited by it.
    ///
    /// # Errors
    /// When it does not come up; the message carries its output.
    pub fn add(&mut self, name: &str, host: Host, directive: &Value) -> Result<()> {
        self.add_as(name, host, directive, LISTENS)
    }

    /// The same, for a node that accepts no connection.
    ///
    /// # Errors
    /// As [`Swarm::add`].
    pub fn add_dialling(&mut self, name: &str, host: Host, directive: &Value) -> Result<()> {
        self.add_as(name, host, directive, DIALS)
    }

    fn add_as(
        &mut self,
        name: &str,
        host: Host,
        directive: &Value,
        listening: &'static [&'static str],
    ) -> Result<()> {
        let home = self.folder().join(name);
        let path = self.folder().join(format!("{name}.json"));
        fs::write(&path, directive.to_string())?;
        self.enrol(name, &host, &home)?;
        self.members.push(Member {
            name: name.to_owned(),
            node: None,
            host,
            home,
            directive: path,
            listening,
        });
        self.start(name)
    }

    /// The home of the first member is minted, that of any other invited.
    fn enrol(&self, name: &str, host: &Host, home: &Path) -> Result<()> {
        // All hosts here share the machine's name, so each node is given one.
        let own_home = home.to_string_lossy();
        let Some(first) = self.members.first() else {
            let args = ["--home", &*own_home, "init", "--name", name];
            return self.skep.run(Some(host), &args).map(|_said| ());
        };
        let first_home = first.home.to_string_lossy();
        let invite = self
            .skep
            .run(Some(&first.host), &["--home", &first_home, "invite"])?;
        let (_, line) = invite
            .split_once("skep join ")
            .with_context(|| format!("no join line in {invite:?}"))?;
        let join: Vec<&str> = line.split_whitespace().take(2).collect();
        let args = [&["--home", &*own_home, "join", "--name", name], &join[..]].concat();
        self.skep.run(Some(host), &args).map(|_said| ())
    }

    /// Starts the node of a member again, with its home and directive.
    ///
    /// # Errors
    /// As [`Swarm::add`].
    pub fn start(&mut self, name: &str) -> Result<()> {
        let skep = self.skep.clone();
        let member = self.member(name)?;
        let directive = member.directive.to_string_lossy().into_owned();
        let args = [&["--directive", &*directive], member.listening].concat();
        let mut node = skep.up(Some(&member.host), &member.home, &args)?;
        let home = member.home.to_string_lossy().into_owned();
        let answers = || {
            let output = skep.output(Some(&member.host), &["--home", &home, "tree"]);
            output.is_ok_and(|output| output.status.success())
        };
        let what = format!("{name} to answer");
        node.process().wait_until(&what, READY_WITHIN, answers)?;
        member.node = Some(node);
        Ok(())
    }

    /// Kills a node as `kill -9` does.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self, name: &str) -> Result<()> {
        let node = self.member(name)?.node.take();
        node.context("the node does not run")?.process().kill()
    }

    /// Runs the CLI at a member, with the member's home.
    ///
    /// # Errors
    /// When it fails.
    pub fn at(&mut self, name: &str, args: &[&str]) -> Result<String> {
        let skep = self.skep.clone();
        let member = self.member(name)?;
        let home = member.home.to_string_lossy();
        skep.run(Some(&member.host), &[&["--home", &home], args].concat())
    }

    /// Lets the operator in and returns the bundle's path.
    ///
    /// # Errors
    /// When the first member refuses.
    pub fn operator(&mut self, name: &str, role: &str) -> Result<String> {
        let bundle = self.folder().join(format!("{name}.bundle"));
        let bundle = bundle.to_string_lossy().into_owned();
        let first = self
            .members
            .first()
            .context("a swarm without nodes")?
            .name
            .clone();
        self.at(
            &first,
            &["operator", "add", name, "--role", role, "--out", &bundle],
        )?;
        Ok(bundle)
    }

    /// Runs the CLI at the operator's host, which is no node.
    ///
    /// # Errors
    /// When it fails.
    pub fn person(&self, args: &[&str]) -> Result<String> {
        self.skep.run(Some(&self.person), args)
    }

    /// Starts the CLI at the operator's host and goes on.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn person_starts(&self, name: &str, args: &[&str]) -> Result<Process> {
        let mut command = self.skep.command(Some(&self.person));
        command.args(args);
        Process::spawn(name, command, self.folder())
    }

    /// Waits until the tree, as a member sees it, holds all of `texts`.
    ///
    /// # Errors
    /// When it does not; the message carries the tree.
    pub fn wait_for_tree(&mut self, name: &str, texts: &[&str]) -> Result<()> {
        let mut tree = String::new();
        let known = until("the tree", KNOWN_WITHIN, || {
            tree = self
                .at(name, &["tree"])
                .unwrap_or_else(|error| format!("{error:#}"));
            texts.iter().all(|text| tree.contains(text)).then_some(())
        });
        known.with_context(|| format!("{texts:?} not in what {name} sees:\n{tree}"))
    }

    /// Everything a node printed so far.
    #[must_use]
    pub fn output(&self, name: &str) -> String {
        let path = self.folder().join(format!("{name}.out"));
        fs::read(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    fn member(&mut self, name: &str) -> Result<&mut Member> {
        let mut members = self.members.iter_mut();
        members
            .find(|member| member.name == name)
            .with_context(|| format!("no member {name}"))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // A failed test shows what the nodes said; a passed one's output is not shown.
        let path = self.home.with_extension("out");
        eprintln!("---- {} printed:", self.name);
        eprintln!("{}", fs::read_to_string(path).unwrap_or_default());
        self.node = None;
    }
}

/// Every JSON object in `text` or within it that has the key `key`.
///
/// # Errors
/// When `text` holds no JSON document.
pub fn documents(text: &str, key: &str) -> Result<Vec<Value>> {
    let start = text
        .find(['{', '['])
        .with_context(|| format!("no JSON in {text:?}"))?;
    let mut found = Vec::new();
    let values = serde_json::Deserializer::from_str(text.get(start..).unwrap_or_default());
    for value in values.into_iter::<Value>() {
        gather(
            &value.with_context(|| format!("not JSON: {text}"))?,
            key,
            &mut found,
        );
    }
    Ok(found)
}

fn gather(value: &Value, key: &str, found: &mut Vec<Value>) {
    match value {
        Value::Object(fields) if fields.contains_key(key) => found.push(value.clone()),
        Value::Object(fields) => fields.values().for_each(|value| gather(value, key, found)),
        Value::Array(values) => values.iter().for_each(|value| gather(value, key, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_wherever_they_stand() {
        let text = "asked\n{\"a\":[{\"k\":1},{\"b\":{\"k\":{\"k\":2}}}]}\n{\"k\":3}\n";
        let found = documents(text, "k").unwrap();
        let texts: Vec<String> = found.iter().map(Value::to_string).collect();
        assert_eq!(texts, ["{\"k\":1}", "{\"k\":{\"k\":2}}", "{\"k\":3}"]);
        assert!(documents("nothing", "k").is_err());
    }
}
