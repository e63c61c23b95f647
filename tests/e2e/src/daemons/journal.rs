//! Journal files as journald writes them, made without a journald.

use std::{io::Write, path::PathBuf, process::Stdio};

use anyhow::{Context, Result, ensure};

use crate::Root;

/// Makes a journal file from entries.
#[derive(Debug)]
pub struct Journal {
    entries: String,
}

impl Journal {
    /// A journal without entries.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "an empty journal is a start, not a default"
    )]
    pub fn new() -> Self {
        Self {
            entries: String::new(),
        }
    }

    /// Adds an entry: when (microseconds since 1970), who, which process, what.
    pub fn entry(&mut self, unix_us: u64, identifier: &str, pid: u32, message: &str) {
        let sequence = self.entries.len() + 1;
        self.entries += &format!(
            "__CURSOR=s=0123456789abcdef0123456789abcdef;i={sequence:x};\
             b=00000000000000000000000000000001;m={unix_us:x};t={unix_us:x};x={sequence:x}\n\
             __REALTIME_TIMESTAMP={unix_us}\n__MONOTONIC_TIMESTAMP={unix_us}\n\
             _BOOT_ID=00000000000000000000000000000001\n_HOSTNAME=ground\n\
             SYSLOG_IDENTIFIER={identifier}\n_PID={pid}\nSYSLOG_FACILITY=4\nPRIORITY=6\n\
             _SYSTEMD_UNIT={}\n_COMM={identifier}\nMESSAGE={message}\n\n",
            unit(identifier)
        );
    }

    /// Puts it where a host keeps its own.
    ///
    /// # Errors
    /// As [`Journal::write`].
    pub fn install(&self, root: &Root) -> Result<()> {
        let file = self.write(root, "system")?;
        let script = "id=$(cat /etc/machine-id) && [ -n \"$id\" ] || \
                      { id=0123456789abcdef0123456789abcdef; echo $id > /etc/machine-id; }\n\
                      mkdir -p /var/log/journal/$id && cp \"$0\" /var/log/journal/$id/";
        root.run("sh", &["-c", script, &file.to_string_lossy()])
            .map(|_said| ())
    }

    /// Writes `NAME.journal` into the root's shared folder.
    ///
    /// # Errors
    /// When systemd-journal-remote refuses it.
    pub fn write(&self, root: &Root, name: &str) -> Result<PathBuf> {
        let path = root.shared().join(format!("{name}.journal"));
        let mut child = root
            .command(None, "/lib/systemd/systemd-journal-remote")
            .arg("-o")
            .arg(&path)
            .arg("-")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run systemd-journal-remote")?;
        let mut stdin = child.stdin.take().context("it has no input")?;
        stdin.write_all(self.entries.as_bytes())?;
        drop(stdin);
        let output = child.wait_with_output()?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "no journal: {complaint}");
        Ok(path)
    }
}

/// The unit that a program's lines come from.
fn unit(identifier: &str) -> &'static str {
    match identifier {
        "sshd" => "ssh.service",
        "CRON" | "cron" => "cron.service",
        _ => "init.scope",
    }
}
