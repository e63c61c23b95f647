//! Debian's cron, which runs jobs once when it starts.

use anyhow::Result;

use crate::{Process, Root};

/// A running cron.
#[derive(Debug)]
pub struct Cron {
    _process: Process,
}

impl Cron {
    /// Starts it inside the root with jobs that run at once, each a command of `user`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(root: &Root, jobs: &[(&str, &str)]) -> Result<Self> {
        let lines = jobs
            .iter()
            .map(|(user, command)| format!("@reboot {user} {command}\n"));
        let table = root.write("crontab", &lines.collect::<String>())?;
        let table = table.to_string_lossy();
        // Jobs of the packages that are installed would run as well.
        root.run("sh", &["-c", "rm -f /etc/cron.d/* /etc/crontab"])?;
        root.run("install", &["-m", "600", &table, "/etc/cron.d/tests"])?;
        let process = root.spawn(None, "/usr/sbin/cron", &["-f"])?;
        Ok(Self { _process: process })
    }
}
