//! One program that a test started, and that ends with the test.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::wait::until;

/// How long a killed program may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// A running program in a process group of its own; dropping it kills the group.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts `command` with its output in `folder/NAME.out`.
    ///
    /// # Errors
    /// When the program or its output file cannot be opened.
    pub fn spawn(name: &str, mut command: Command, folder: &Path) -> Result<Self> {
        let output = folder.join(format!("{name}.out"));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&output)
            .with_context(|| format!("cannot write {}", output.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            output,
        })
    }

    /// The process id as this process sees it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it prints to.
    #[must_use]
    pub fn output_file(&self) -> &Path {
        &self.output
    }

    /// Everything it printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        fs::read(&self.output)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Waits until its output holds `text`.
    ///
    /// # Errors
    /// When the program ends first or `limit` passes; the message carries its output.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> Result<()> {
        let what = format!("{text:?} from {}", self.name);
        let seen = until(&what, limit, || {
            if self.output().contains(text) {
                return Some(true);
            }
            self.ended().then_some(false)
        });
        match seen {
            Ok(true) => Ok(()),
            Ok(false) => bail!("{} ended without {text:?}:\n{}", self.name, self.output()),
            Err(error) => Err(error.context(self.output())),
        }
    }

    /// Waits until `probe` holds, or fails at once when the program ends.
    ///
    /// # Errors
    /// As [`Process::wait_for`].
    pub fn wait_until(
        &mut self,
        what: &str,
        limit: Duration,
        mut probe: impl FnMut() -> bool,
    ) -> Result<()> {
        let seen = until(what, limit, || {
            if probe() {
                return Some(true);
            }
            self.ended().then_some(false)
        });
        match seen {
            Ok(true) => Ok(()),
            Ok(false) => bail!("{} ended before {what}:\n{}", self.name, self.output()),
            Err(error) => Err(error.context(self.output())),
        }
    }

    /// Waits for its own end.
    ///
    /// # Errors
    /// When it has not ended within `limit`.
    pub fn wait_end(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        until(&what, limit, || self.child.try_wait().ok().flatten())
            .map_err(|error| error.context(self.output()))
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills the whole group at once, as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// When the program survives that.
    pub fn kill(&mut self) -> Result<()> {
        self.signal("KILL")?;
        self.wait_end(GONE_WITHIN).map(|_status| ())
    }

    /// Sends a signal (`TERM`, `STOP`, …) to the whole group.
    ///
    /// # Errors
    /// When `kill` itself cannot be run; a group that is gone already is no error.
    pub fn signal(&self, signal: &str) -> Result<()> {
        Command::new("kill")
            .args(["-s", signal, "--", &format!("-{}", self.child.id())])
            .stderr(Stdio::null())
            .status()
            .context("cannot run kill")?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended()
            && let Err(error) = self.kill()
        {
            eprintln!("{} may be left over: {error:#}", self.name);
        }
    }
}
