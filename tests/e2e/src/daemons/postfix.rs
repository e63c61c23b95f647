//! Postfix that takes mail by SMTP and delivers it to a mailbox of the tests' own.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};

use super::READY_WITHIN;
use crate::{Host, Process, Root, until};

/// A running Postfix with one mailbox, `watch@mail.test`.
#[derive(Debug)]
pub struct Postfix {
    _process: Process,
    mailbox: PathBuf,
    log: PathBuf,
}

impl Postfix {
    /// Where it listens for mail.
    pub const PORT: u16 = 25;
    /// The address it delivers.
    pub const RECIPIENT: &str = "watch@mail.test";

    /// Starts it inside the root; it listens at `host`'s address, or on the root's own loopback.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start(root: &Root, host: Option<&Host>) -> Result<Self> {
        let shared = root.shared();
        let boxes = shared.join("mail");
        fs::create_dir_all(&boxes)?;
        root.run("useradd", &["--no-create-home", "watch"])?;
        root.run("chown", &["watch:watch", &boxes.to_string_lossy()])?;
        let log = shared.join("maillog");
        let settings = [
            "compatibility_level=3.6".to_owned(),
            "myhostname=mail.test".to_owned(),
            "mydestination=mail.test, localhost".to_owned(),
            "mynetworks=127.0.0.0/8 10.77.0.0/24".to_owned(),
            "inet_interfaces=all".to_owned(),
            "inet_protocols=ipv4".to_owned(),
            "smtpd_tls_security_level=none".to_owned(),
            "mailbox_command=".to_owned(),
            format!("maillog_file_prefixes={}", shared.display()),
            format!("maillog_file={}", log.display()),
            format!("mail_spool_directory={}", boxes.display()),
        ];
        let args: Vec<&str> = settings.iter().map(String::as_str).collect();
        root.run("postconf", &[&["-e"], &args[..]].concat())?;
        let process = root.spawn(host, "/usr/sbin/postfix", &["start-fg"])?;
        let postfix = Self {
            _process: process,
            mailbox: boxes.join("watch"),
            log,
        };
        until("postfix's first words", READY_WITHIN, || {
            let address = host.map_or("127.0.0.1", Host::address);
            let probe = format!("exec 3<>/dev/tcp/{address}/25; read -t 5 line <&3; echo $line");
            let mut command = root.command(host, "bash");
            let output = command.args(["-c", &probe]).output().ok()?;
            String::from_utf8_lossy(&output.stdout)
                .contains("220 mail.test")
                .then_some(())
        })
        .with_context(|| fs::read_to_string(postfix.log()).unwrap_or_default())?;
        Ok(postfix)
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// What was delivered so far, in mbox format.
    #[must_use]
    pub fn mailbox(&self) -> String {
        let bytes = fs::read(&self.mailbox).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for a mail that holds `text`.
    ///
    /// # Errors
    /// When none comes within `limit`; the message carries Postfix's log.
    pub fn wait_for(&self, text: &str, limit: Duration) -> Result<String> {
        until("the mail", limit, || {
            let mailbox = self.mailbox();
            mailbox.contains(text).then_some(mailbox)
        })
        .with_context(|| fs::read_to_string(&self.log).unwrap_or_default())
    }
}
