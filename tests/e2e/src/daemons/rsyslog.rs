//! rsyslog, reading a `/dev/log` of the root's own and writing one file.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;

use super::READY_WITHIN;
use crate::{Process, Root, until};

/// A running rsyslogd.
#[derive(Debug)]
pub struct Rsyslog {
    _process: Process,
    file: PathBuf,
}

impl Rsyslog {
    /// Starts it; everything logged lands in [`Rsyslog::file`], in the format of `template`.
    ///
    /// # Errors
    /// When it does not open its socket.
    pub fn start(root: &Root, template: &str) -> Result<Self> {
        let file = root.shared().join("syslog");
        let config = format!(
            "module(load=\"imuxsock\")\n\
             $RepeatedMsgReduction on\n\
             *.* action(type=\"omfile\" file=\"{}\" template=\"{template}\")\n",
            file.display()
        );
        let config = root.write("rsyslog.conf", &config)?;
        let config = config.to_string_lossy();
        let args = ["-n", "-f", &config, "-i", "/run/rsyslogd.pid"];
        let mut process = root.spawn(None, "/usr/sbin/rsyslogd", &args)?;
        process.wait_until("rsyslog's first line", READY_WITHIN, || {
            // It answers once its socket is there: what is said before is lost, so say it again.
            root.run("logger", &["-t", "ground", "rsyslog is up"])
                .is_ok()
                && file.exists()
        })?;
        Ok(Self {
            _process: process,
            file,
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

    /// Logs a last line and waits until it stands in the file: all before it does too.
    ///
    /// # Errors
    /// When it never comes.
    pub fn settle(&self, root: &Root, mark: &str) -> Result<()> {
        root.run("logger", &["-t", "ground", mark])?;
        until("rsyslog's last line", Duration::from_secs(10), || {
            self.text().contains(mark).then_some(())
        })
    }
}
