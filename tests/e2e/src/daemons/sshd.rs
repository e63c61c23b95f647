//! OpenSSH's server with password logins, and clients that log in or fail to.

use std::{os::unix::fs::PermissionsExt, process::Output};

use anyhow::{Context, Result};

use super::READY_WITHIN;
use crate::{Process, Root};

const PORT: &str = "2222";

/// The key of a user, and one of a stranger, in the root's shared folder.
const KNOWN_KEY: &str = "known_key";
const UNKNOWN_KEY: &str = "unknown_key";

/// A running sshd that logs to syslog.
#[derive(Debug)]
pub struct Sshd {
    process: Process,
}

impl Sshd {
    /// Starts it inside the root, on the root's own network.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn start(root: &Root) -> Result<Self> {
        Self::start_with(root, "PasswordAuthentication yes\n")
    }

    /// Starts one that takes keys only; `user` has one, and there is another that nobody knows.
    ///
    /// # Errors
    /// As [`Sshd::start`].
    pub fn start_keys_only(root: &Root, user: &str) -> Result<Self> {
        for name in [KNOWN_KEY, UNKNOWN_KEY] {
            make_key(root, name)?;
        }
        let key = root.shared().join(KNOWN_KEY).with_extension("pub");
        let script = "mkdir -p /home/$0/.ssh && cp \"$1\" /home/$0/.ssh/authorized_keys && \
                      chown -R $0 /home/$0/.ssh && chmod 700 /home/$0 /home/$0/.ssh";
        root.run("sh", &["-c", script, user, &key.to_string_lossy()])?;
        Self::start_with(root, "PasswordAuthentication no\n")
    }

    fn start_with(root: &Root, setting: &str) -> Result<Self> {
        let key = make_key(root, "host_key")?;
        root.run("mkdir", &["-p", "/run/sshd"])?;
        let config = format!(
            "Port {PORT}\nHostKey {key}\nPidFile none\nUsePAM yes\n{setting}\
             KbdInteractiveAuthentication no\nMaxAuthTries 6\nMaxStartups 100\nUseDNS no\n\
             SyslogFacility AUTH\nLogLevel INFO\n"
        );
        let config = root.write("sshd_config", &config)?;
        let askpass = root.write("askpass", "#!/bin/sh\necho \"$PASSWORD\"\n")?;
        std::fs::set_permissions(&askpass, std::fs::Permissions::from_mode(0o755))?;
        let args = ["-D", "-f", &config.to_string_lossy()];
        let mut process = root.spawn(None, "/usr/sbin/sshd", &args)?;
        process.wait_until("sshd's port", READY_WITHIN, || {
            let probe = format!("exec 3<>/dev/tcp/127.0.0.1/{PORT}");
            root.run("bash", &["-c", &probe]).is_ok()
        })?;
        Ok(Self { process })
    }

    /// The daemon.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// A client at `from` that gives `password` up to `prompts` times; whether it got in.
    ///
    /// # Errors
    /// When ssh cannot be run.
    pub fn log_in(
        &self,
        root: &Root,
        from: &str,
        user: &str,
        password: &str,
        prompts: u32,
    ) -> Result<bool> {
        let prompts = format!("-oNumberOfPasswordPrompts={prompts}");
        let options = ["-oPreferredAuthentications=password", &prompts];
        let output = client(root, from, user, password, &options)?;
        Ok(output.status.success())
    }

    /// A client at `from` with a key, the right one or one that nobody knows; whether it got in.
    ///
    /// # Errors
    /// When ssh cannot be run.
    pub fn log_in_by_key(
        &self,
        root: &Root,
        from: &str,
        user: &str,
        is_known: bool,
    ) -> Result<bool> {
        let name = if is_known { KNOWN_KEY } else { UNKNOWN_KEY };
        let key = format!("-oIdentityFile={}", root.shared().join(name).display());
        let options = [
            "-oPreferredAuthentications=publickey",
            "-oIdentitiesOnly=yes",
            &key,
        ];
        let output = client(root, from, user, "", &options)?;
        Ok(output.status.success())
    }

    /// A client at `from` that goes away before it tried anything.
    ///
    /// # Errors
    /// When ssh cannot be run, or got in.
    pub fn probe(&self, root: &Root, from: &str, user: &str) -> Result<()> {
        let output = client(root, from, user, "", &["-oPreferredAuthentications=none"])?;
        anyhow::ensure!(!output.status.success(), "a probe got in");
        Ok(())
    }
}

/// A key in the root's shared folder; returns its path.
fn make_key(root: &Root, name: &str) -> Result<String> {
    let key = root.shared().join(name).to_string_lossy().into_owned();
    root.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &key])?;
    Ok(key)
}

fn client(root: &Root, from: &str, user: &str, password: &str, options: &[&str]) -> Result<Output> {
    root.command(None, "ssh")
        .args([
            "-F",
            "none",
            "-oStrictHostKeyChecking=no",
            "-oUserKnownHostsFile=/dev/null",
        ])
        .args(["-oBatchMode=no", "-oConnectTimeout=10", "-oLogLevel=ERROR"])
        .args(options)
        .args(["-b", from, "-p", PORT, "-l", user, "127.0.0.1", "true"])
        .env("SSH_ASKPASS", root.shared().join("askpass"))
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("PASSWORD", password)
        .stdin(std::process::Stdio::null())
        .output()
        .context("cannot run ssh")
}
