//! Nodes that send each other durable numbers and count what comes: `skep-load`, the tests' own
//! program around the real node.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{Host, Process, Skep, Skip, SmallDisk, groups::Need};

/// How long a node may take from its start until it listens, on a loaded machine.
const LISTENS_WITHIN: Duration = Duration::from_secs(60);

/// One node of a load, with its host and, where the test fills it, its disk.
#[derive(Debug)]
pub struct LoadNode {
    // Dropped first: the process before its disk and host.
    process: Option<Process>,
    disk: Option<SmallDisk>,
    host: Host,
    home: PathBuf,
    directive: PathBuf,
    variables: Vec<(String, String)>,
    /// Bytes of output from before its last start.
    seen: usize,
}

/// The program that `SKEP_LOAD` names.
pub(crate) fn load_binary() -> Result<PathBuf, Skip> {
    Need::Load.check()?;
    Ok(PathBuf::from(env::var_os("SKEP_LOAD").unwrap_or_default()))
}

impl LoadNode {
    /// A node that does not run yet. Its home is `folder/NAME/home`; `folder/NAME` may be a disk.
    ///
    /// # Errors
    /// When the folder refuses.
    pub fn new(
        folder: &Path,
        host: Host,
        disk: Option<SmallDisk>,
        directive: &Value,
    ) -> Result<Self> {
        let name = folder.file_name().context("a folder without a name")?;
        fs::create_dir_all(folder)?;
        let directive_path = folder.with_file_name(format!("{}.json", name.to_string_lossy()));
        fs::write(&directive_path, directive.to_string())?;
        Ok(Self {
            process: None,
            disk,
            host,
            home: folder.join("home"),
            directive: directive_path,
            variables: Vec::new(),
            seen: 0,
        })
    }

    /// Sets a variable of the environment of later starts.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its disk, where it has one of its own.
    ///
    /// # Panics
    /// Where it has none.
    #[must_use]
    pub fn disk(&self) -> &SmallDisk {
        self.disk.as_ref().expect("a disk of its own")
    }

    /// A program on its host that sees its disk.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        match &self.disk {
            None => self.host.command(program),
            Some(disk) => {
                let [enter, namespace] = disk.prefix();
                let mut command = self.host.command(enter);
                command.arg(namespace).arg(program);
                command
            }
        }
    }

    /// Runs the CLI on its home, to its end.
    ///
    /// # Errors
    /// When it fails; the message carries what it said.
    pub fn skep(&self, skep: &Skep, args: &[&str]) -> Result<String> {
        let mut command = self.command(skep.path());
        let output = command.arg("--home").arg(&self.home).args(args).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!("skep {args:?}: {}\n{said}{complaint}", output.status);
        }
        Ok(said)
    }

    /// Starts the program's node and waits until it listens.
    ///
    /// # Errors
    /// When it ends first; the message carries its output.
    pub fn start(&mut self) -> Result<()> {
        self.launch()?;
        let from = self.seen;
        let process = self.process.as_mut().context("not started")?;
        let output = process.output_file().to_owned();
        process.wait_until("LISTENING", LISTENS_WITHIN, || {
            since(&output, from).contains("LISTENING")
        })
    }

    /// Starts it without waiting for anything.
    ///
    /// # Errors
    /// When it cannot be started at all.
    pub fn launch(&mut self) -> Result<()> {
        let mut command = self.command(&load_binary()?);
        command.arg("up").arg(&self.home).arg(&self.directive);
        command.env("RUST_LOG", "warn");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let folder = self.directive.parent().context("no folder")?;
        let name = self.directive.file_stem().context("no name")?;
        let name = name.to_string_lossy();
        let output = fs::metadata(folder.join(format!("{name}.out")));
        self.seen = output.map_or(Ok(0), |output| output.len().try_into())?;
        self.process = Some(Process::spawn(&name, command, folder)?);
        Ok(())
    }

    /// What its agents said since its last start.
    #[must_use]
    pub fn said(&self) -> String {
        let process = self.process.as_ref();
        process.map_or_else(String::new, |process| {
            since(process.output_file(), self.seen)
        })
    }

    /// The number behind the last `KEPT` or `SENT` since its last start.
    #[must_use]
    pub fn progress(&self) -> Option<u64> {
        let said = self.said();
        let complete = said.rfind('\n').map(|end| said.split_at(end).0)?;
        let lines = complete.lines().rev();
        let mut numbers = lines.filter_map(|line| {
            let number = line.strip_prefix("KEPT ").or(line.strip_prefix("SENT "))?;
            number.parse().ok()
        });
        numbers.next()
    }

    /// The running program.
    ///
    /// # Errors
    /// When it does not run.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("the node does not run")
    }

    /// Kills it as `kill -9` does.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.process()?.kill()
    }

    /// Lets it stop in order, and reads what its agent has kept.
    ///
    /// # Errors
    /// When it does not stop, or its store does not open.
    pub fn stop_and_count(&mut self, agent: &str) -> Result<Value> {
        let process = self.process()?;
        process.signal("TERM")?;
        process.wait_end(LISTENS_WITHIN)?;
        let mut command = self.command(&load_binary()?);
        let output = command.arg("count").arg(&self.home).arg(agent).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(said.trim())
            .with_context(|| format!("{said}{}", String::from_utf8_lossy(&output.stderr)))
    }
}

fn since(path: &Path, from: usize) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned()
}

/// Lets the first node mint the swarm, and the others join it; the first one runs from then on.
///
/// # Errors
/// When one of them is not let in.
pub fn enrol(nodes: &mut [LoadNode]) -> Result<()> {
    let skep = Skep::get()?;
    let (first, others) = nodes.split_first_mut().context("no nodes")?;
    first.skep(&skep, &["init", "--name", "n1"])?;
    first.start()?;
    for (n, other) in others.iter().enumerate() {
        let invite = first.skep(&skep, &["invite"])?;
        let (_, line) = invite.split_once("skep join ").context("no join line")?;
        let words: Vec<&str> = line.split_whitespace().take(2).collect();
        let name = format!("n{}", n + 2);
        other.skep(&skep, &[&["join", "--name", &name], &words[..]].concat())?;
    }
    Ok(())
}
