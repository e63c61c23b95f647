//! OpenSSH's server with password logins, and clients that log in or fail to.

use std::{os::unix::fs::PermissionsExt, process::Output};

use anyhow::{Context, Result};

use super::READY_WITHIN;
use crate::{Process, Root};

const PORT: &str = "2222";

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
        let key = root.shared().join("host_key");
        let key = key.to_string_lossy();
        root.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &key])?;
        root.run("mkdir", &["-p", "/run/sshd"])?;
        let config = format!(
            "Port {PORT}\nHostKey {key}\nPidFile none\nUsePAM yes\nPasswordAuthentication yes\n\
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
