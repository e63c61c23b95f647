//! fail2ban with jails of the tests' own that watch one file and ban nobody for real.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};

use super::READY_WITHIN;
use crate::{Process, Root, until};

/// A running fail2ban.
#[derive(Debug)]
pub struct Fail2ban {
    process: Option<Process>,
    folder: PathBuf,
    watched: PathBuf,
    log: PathBuf,
    /// Starts that were waited for.
    starts: usize,
    jails: usize,
}

impl Fail2ban {
    /// Starts it inside the root with these jails, each with how often is too often.
    ///
    /// # Errors
    /// When its jails do not start.
    pub fn start(root: &Root, jails: &[(&str, u32)]) -> Result<Self> {
        let folder = root.shared().join("fail2ban");
        for part in ["action.d", "filter.d"] {
            fs::create_dir_all(folder.join(part))?;
        }
        root.run("mkdir", &["-p", "/run/fail2ban"])?;
        let shared = root.shared();
        let mut fail2ban = Self {
            process: None,
            watched: shared.join("watched.log"),
            log: shared.join("fail2ban.log"),
            folder,
            starts: 0,
            jails: jails.len(),
        };
        fail2ban.configure(jails)?;
        fail2ban.start_again(root)?;
        Ok(fail2ban)
    }

    fn configure(&self, jails: &[(&str, u32)]) -> Result<()> {
        let (log, watched) = (self.log.display(), self.watched.display());
        File::create(&self.watched)?;
        let write = |name: &str, text: &str| fs::write(self.folder.join(name), text);
        write(
            "fail2ban.conf",
            &format!(
                "[Definition]\nloglevel = INFO\nlogtarget = {log}\nsyslogsocket = auto\n\
                 socket = /run/fail2ban/fail2ban.sock\npidfile = /run/fail2ban/fail2ban.pid\n\
                 dbfile = /run/fail2ban/fail2ban.sqlite3\ndbpurgeage = 1d\ndbmaxmatches = 10\n\
                 allowipv6 = auto\n[Thread]\n"
            ),
        )?;
        write(
            "filter.d/door.conf",
            "[Definition]\nfailregex = ^ ?door: bad key from <HOST>$\n",
        )?;
        write(
            "action.d/harmless.conf",
            "[Definition]\nactionstart =\nactionstop =\nactioncheck =\nactionban = true\n\
             actionunban = true\n",
        )?;
        let jails = jails.iter().map(|(name, often)| {
            format!(
                "[{name}]\nenabled = true\nfilter = door\nlogpath = {watched}\nbackend = polling\n\
                 usedns = no\nignoreself = false\nmaxretry = {often}\nfindtime = 600\n\
                 bantime = 3600\naction = harmless\n"
            )
        });
        write("jail.conf", &jails.collect::<String>())?;
        Ok(())
    }

    /// Starts it, and waits for its jails.
    ///
    /// # Errors
    /// When they do not start; the message carries its log.
    pub fn start_again(&mut self, root: &Root) -> Result<()> {
        let folder = self.folder.to_string_lossy().into_owned();
        let args = ["-c", &folder, "-f", "-x", "start"];
        self.process = Some(root.spawn(None, "/usr/bin/fail2ban-server", &args)?);
        self.starts += 1;
        self.wait_for("' started", self.starts * self.jails)
    }

    /// Stops it, as a reboot would: it lets everyone in again, and remembers them.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self, root: &Root) -> Result<()> {
        self.ask(root, &["stop"])?;
        let mut process = self.process.take().context("fail2ban does not run")?;
        process.wait_end(Duration::from_secs(30)).map(|_status| ())
    }

    /// Tells it something by its own client.
    ///
    /// # Errors
    /// When it refuses.
    pub fn ask(&self, root: &Root, words: &[&str]) -> Result<()> {
        let folder = self.folder.to_string_lossy();
        let args = ["-c", &*folder];
        root.run("fail2ban-client", &[&args[..], words].concat())
            .map(|_said| ())
    }

    /// Someone at `from` tries so many bad keys: lines in the file that is watched.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn knock(&self, root: &Root, from: &str, times: usize) -> Result<()> {
        let now = root.run("date", &["+%Y-%m-%d %H:%M:%S"])?;
        let line = format!("{} door: bad key from {from}\n", now.trim());
        let mut file = File::options().append(true).open(&self.watched)?;
        file.write_all(line.repeat(times).as_bytes())?;
        Ok(())
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until its log holds `text` so many times.
    ///
    /// # Errors
    /// When it does not come; the message carries the log.
    pub fn wait_for(&self, text: &str, times: usize) -> Result<()> {
        let log = || fs::read_to_string(&self.log).unwrap_or_default();
        until(text, READY_WITHIN, || {
            (log().matches(text).count() >= times).then_some(())
        })
        .with_context(log)
    }
}
