//! Postfix that takes mail by SMTP and delivers it to a mailbox of the tests' own.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::READY_WITHIN;
use crate::{Host, Process, Root, until};

const PARTS: &str = include_str!("mail_parts.py");

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
        Self::start_with(root, host, &[])
    }

    /// Starts it for clients that it does not trust: they may log in where Dovecot says so, and
    /// send to its own users. Of mail from the root itself, that to `closed.test` finds no server,
    /// and that to `refused.test` comes back; nobody can send to `later@mail.test` now.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start_for_strangers(root: &Root) -> Result<Self> {
        let refuse = root.write(
            "refuse",
            "#!/bin/sh\n# No such user, by sysexits.h.\nexit 67\n",
        )?;
        fs::set_permissions(&refuse, fs::Permissions::from_mode(0o755))?;
        let service = format!(
            "refuse/unix=refuse unix - n n - - pipe user=nobody argv={}",
            refuse.display()
        );
        root.run("postconf", &["-M", &service])?;
        let settings = [
            "mynetworks=127.0.0.1/32",
            "smtpd_sasl_auth_enable=yes",
            "smtpd_sasl_type=dovecot",
            "smtpd_sasl_path=private/auth",
            "smtpd_peername_lookup=no",
            "smtpd_error_sleep_time=0",
            "transport_maps=inline:{{closed.test=smtp:[127.0.0.1]:9},{refused.test=refuse:}}",
            "smtpd_recipient_restrictions=check_recipient_access \
             inline:{{later@mail.test=450 4.7.1 status=sent later}}, permit",
        ];
        Self::start_with(root, None, &settings)
    }

    /// Starts it for clients that come through TLS and log in, which Dovecot decides.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start_secure(root: &Root, host: &Host) -> Result<Self> {
        let (key, certificate) = (root.shared().join("mail.key"), Self::certificate(root));
        let [key, certificate] = [key, certificate].map(|path| path.display().to_string());
        let name = format!("subjectAltName=IP:{}", host.address());
        // The distribution's own settings would make it an authority, which no server may be.
        let plain = root.write("openssl.cnf", "[req]\ndistinguished_name=dn\n[dn]\n")?;
        let plain = plain.display().to_string();
        let mut args = vec![
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ];
        args.extend([
            "-config",
            &plain,
            "-subj",
            "/CN=mail.test",
            "-addext",
            &name,
        ]);
        args.extend(["-addext", "basicConstraints=critical,CA:FALSE"]);
        args.extend(["-keyout", &key, "-out", &certificate]);
        root.run("openssl", &args)?;
        let files = [
            format!("smtpd_tls_key_file={key}"),
            format!("smtpd_tls_cert_file={certificate}"),
        ];
        let settings = [
            &files[0],
            &files[1],
            "smtpd_tls_security_level=encrypt",
            "smtpd_tls_auth_only=yes",
            "smtpd_sasl_auth_enable=yes",
            "smtpd_sasl_type=dovecot",
            "smtpd_sasl_path=private/auth",
            "smtpd_recipient_restrictions=permit_sasl_authenticated,reject",
        ];
        Self::start_with(root, Some(host), &settings)
    }

    /// The file of the certificate of a secure one, which vouches for itself.
    #[must_use]
    pub fn certificate(root: &Root) -> PathBuf {
        root.shared().join("mail.pem")
    }

    fn start_with(root: &Root, host: Option<&Host>, more: &[&str]) -> Result<Self> {
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
        root.run("postconf", &[&["-e"], &args[..], more].concat())?;
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

    /// The mails that were delivered so far: `from`, `subject`, `received`, `type`, and the text of
    /// each of their `parts` by its type.
    ///
    /// # Errors
    /// When they cannot be read as mails.
    pub fn mails(&self, root: &Root) -> Result<Vec<Value>> {
        let script = root.write("mail_parts.py", PARTS)?;
        let args = [&*script.to_string_lossy(), &*self.mailbox.to_string_lossy()];
        Ok(serde_json::from_str(&root.run("python3", &args)?)?)
    }

    /// Waits until its log holds `lines` lines with `text`.
    ///
    /// # Errors
    /// When they do not come; the message carries the log.
    pub fn settle(&self, text: &str, lines: usize) -> Result<()> {
        let log = || fs::read_to_string(&self.log).unwrap_or_default();
        until(text, READY_WITHIN, || {
            (log().matches(text).count() >= lines).then_some(())
        })
        .with_context(log)
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
