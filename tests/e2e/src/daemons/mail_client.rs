//! A client of mail servers: what it tried, and how it was answered.

use anyhow::{Context, Result};

use crate::Root;

const SCRIPT: &str = include_str!("mail_client.py");

/// How the client is to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailProtocol {
    /// Logins by IMAP.
    Imap,
    /// Logins by POP3.
    Pop3,
    /// Logins by SMTP.
    Sasl,
    /// A message: its sender, then its recipients.
    Smtp,
}

impl MailProtocol {
    fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Sasl => "sasl",
            Self::Smtp => "smtp",
        }
    }
}

/// One connection of a client at `from`; whether the server said yes to each of its tries.
///
/// # Errors
/// When the client cannot be run, or the server hung up on it.
pub fn mail_client(
    root: &Root,
    protocol: MailProtocol,
    from: &str,
    port: u16,
    tries: &[&str],
) -> Result<Vec<bool>> {
    let script = root.write("mail_client.py", SCRIPT)?;
    let port = port.to_string();
    let args = [&*script.to_string_lossy(), protocol.name(), from, &port];
    let said = root
        .run("python3", &[&args[..], tries].concat())
        .with_context(|| format!("{} {tries:?}", protocol.name()))?;
    Ok(said.lines().map(|answer| answer == "yes").collect())
}
