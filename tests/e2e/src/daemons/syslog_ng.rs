//! syslog-ng, reading a `/dev/log` of the root's own and writing one file under its default heads.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;

use super::READY_WITHIN;
use crate::{Process, Root, until};

/// A running syslog-ng.
#[derive(Debug)]
pub struct SyslogNg {
    _process: Process,
    file: PathBuf,
    facts: PathBuf,
}

/// What was logged, before any head was put in front of it.
#[derive(Debug)]
pub struct Fact {
    /// When, in microseconds since 1970.
    pub unix_us: u64,
    /// The name it was logged under.
    pub program: String,
    /// The process; 0 where it named none.
    pub pid: u32,
    /// What it said.
    pub message: String,
}

impl SyslogNg {
    /// Starts it; everything logged lands in [`SyslogNg::file`].
    ///
    /// # Errors
    /// When it does not open its socket.
    pub fn start(root: &Root) -> Result<Self> {
        let file = root.shared().join("messages");
        let facts = root.shared().join("facts");
        let config = format!(
            "@version: 3.38\noptions {{ keep-hostname(yes); }};\n\
             source local {{ unix-dgram(\"/dev/log\"); }};\n\
             destination all {{ file(\"{}\"); }};\n\
             destination facts {{ file(\"{}\" \
             template(\"${{UNIXTIME}}\\t${{PROGRAM}}\\t${{PID}}\\t${{MSGONLY}}\\n\")); }};\n\
             log {{ source(local); destination(facts); destination(all); }};\n",
            file.display(),
            facts.display()
        );
        let config = root.write("syslog-ng.conf", &config)?;
        let config = config.to_string_lossy();
        root.run("mkdir", &["-p", "/var/lib/syslog-ng"])?;
        let args = ["-F", "--no-caps", "-f", &config];
        let mut process = root.spawn(None, "/usr/sbin/syslog-ng", &args)?;
        process.wait_until("syslog-ng's first line", READY_WITHIN, || {
            root.run("logger", &["-t", "ground", "syslog-ng is up"])
                .is_ok()
                && file.exists()
        })?;
        Ok(Self {
            _process: process,
            file,
            facts,
        })
    }

    /// The file it writes.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Everything written so far.
    #[must_use]
    pub fn text(&self) -> String {
        let bytes = fs::read(&self.file).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Everything written so far, by its parts.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        let bytes = fs::read(&self.facts).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().filter_map(fact).collect()
    }

    /// Logs a last line and waits until it stands in the file: all before it does too.
    ///
    /// # Errors
    /// When it never comes.
    pub fn settle(&self, root: &Root, mark: &str) -> Result<()> {
        root.run("logger", &["-t", "ground", mark])?;
        until("syslog-ng's last line", Duration::from_secs(10), || {
            self.text().contains(mark).then_some(())
        })
    }
}

fn fact(line: &str) -> Option<Fact> {
    let mut parts = line.splitn(4, '\t');
    let seconds: u64 = parts.next()?.parse().ok()?;
    Some(Fact {
        unix_us: seconds * 1_000_000,
        program: parts.next()?.to_owned(),
        pid: parts.next()?.parse().unwrap_or(0),
        message: parts.next()?.to_owned(),
    })
}
