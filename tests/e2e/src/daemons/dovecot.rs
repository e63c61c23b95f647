//! Dovecot with users of the tests' own, by IMAP and POP3, and for Postfix's logins.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::READY_WITHIN;
use crate::{Process, Root, until};

/// A running Dovecot that tells each refused password, too (`auth_verbose`), in a file of its own.
#[derive(Debug)]
pub struct Dovecot {
    _process: Process,
    log: PathBuf,
}

impl Dovecot {
    /// Where it takes IMAP.
    pub const IMAP_PORT: u16 = 1143;
    /// Where it takes POP3.
    pub const POP3_PORT: u16 = 1110;

    /// Starts it inside the root, with these users and one password for all of them.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start(root: &Root, users: &[&str], password: &str) -> Result<Self> {
        let shared = root.shared();
        let log = shared.join("dovecot.log");
        let users: String = users
            .iter()
            .map(|user| format!("{user}:{{PLAIN}}{password}\n"))
            .collect();
        let passwords = root.write("dovecot.passwords", &users)?;
        root.run("mkdir", &["-p", "-m", "777", "/var/spool/boxes"])?;
        root.run("mkdir", &["-p", "/var/spool/postfix/private"])?;
        let config = config(&log, &passwords);
        let config = root.write("dovecot.conf", &config)?;
        let args = ["-F", "-c", &config.to_string_lossy()];
        let process = root.spawn(None, "/usr/sbin/dovecot", &args)?;
        let dovecot = Self {
            _process: process,
            log,
        };
        // Its sockets are open before it says so.
        dovecot.settle("starting up", 1)?;
        Ok(dovecot)
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until its log holds `lines` lines with `text`: it writes them after its answer.
    ///
    /// # Errors
    /// When they do not come; the message carries the log.
    pub fn settle(&self, text: &str, lines: usize) -> Result<()> {
        let log = || fs::read_to_string(&self.log).unwrap_or_default();
        until("dovecot's last line", READY_WITHIN, || {
            (log().matches(text).count() >= lines).then_some(())
        })
        .with_context(log)
    }
}

fn config(log: &Path, passwords: &Path) -> String {
    let (log, passwords) = (log.display(), passwords.display());
    let (imap, pop3) = (Dovecot::IMAP_PORT, Dovecot::POP3_PORT);
    // Without its penalties a client that fails is answered as fast as another.
    format!(
        "protocols = imap pop3\nlisten = *\nssl = no\ndisable_plaintext_auth = no\n\
         log_path = {log}\nauth_verbose = yes\nauth_mechanisms = plain login\n\
         auth_failure_delay = 0\nmail_location = mbox:/var/spool/boxes/%u\nfirst_valid_uid = 1\n\
         passdb {{\n  driver = passwd-file\n  args = {passwords}\n}}\n\
         userdb {{\n  driver = static\n  args = uid=mail gid=mail home=/var/spool/boxes/%u\n}}\n\
         service imap-login {{\n  inet_listener imap {{\n    port = {imap}\n  }}\n  \
         inet_listener imaps {{\n    port = 0\n  }}\n}}\n\
         service pop3-login {{\n  inet_listener pop3 {{\n    port = {pop3}\n  }}\n  \
         inet_listener pop3s {{\n    port = 0\n  }}\n}}\n\
         service anvil {{\n  unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\n\
         service auth {{\n  unix_listener /var/spool/postfix/private/auth {{\n    mode = 0666\n  }}\n}}\n"
    )
}
