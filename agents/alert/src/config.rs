//! The agent's part of a directive.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

/// Seconds for which a second alert of one (origin, cause) is held back, unless a directive says
/// otherwise.
pub const COOLDOWN_DEFAULT_S: u64 = 600;

/// Channels of one agent; more are a mistake in the directive.
pub(crate) const CHANNELS_MAX: usize = 32;

/// The agent's part of a directive.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where people are told; each on its own, one that fails does not delay the others.
    #[serde(default = "stdout")]
    #[schemars(length(min = 1, max = 32))]
    pub channels: Vec<ChannelConfig>,
    /// Seconds for which further alerts of one (origin, cause) are held back and counted; 0 holds
    /// nothing back.
    #[serde(default = "cooldown_default")]
    #[schemars(range(max = 604_800))]
    pub cooldown_s: u64,
}

/// Where people are told.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum ChannelConfig {
    /// A line in the node's own output.
    Stdout,
    /// A line at the end of a file.
    File {
        /// The file, in the node's home unless the path begins with `/`. It is made if it is not
        /// there, its folder is not.
        path: PathBuf,
    },
    /// A POST of JSON.
    Webhook {
        /// Where; http or https. Redirects are not followed.
        url: String,
        /// Headers to send along, such as one with a token.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// A proxy; none is taken from the environment.
        #[serde(default)]
        proxy: Option<String>,
    },
    /// A mail.
    Smtp(SmtpConfig),
}

/// Who takes mails, and for whom.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// The host that takes it. With TLS its certificate must bear this name.
    pub server: String,
    /// Its port; where it is absent, 465 with `implicit`, 587 with a password, else 25.
    #[serde(default)]
    pub port: Option<u16>,
    /// Who it is from.
    pub from: String,
    /// Who it is for.
    #[schemars(length(min = 1))]
    pub to: Vec<String>,
    /// Whether it goes through TLS; where it is absent, `required` with a password, else
    /// `opportunistic`.
    #[serde(default)]
    pub tls: Option<SmtpTls>,
    /// Who one is for the server (AUTH PLAIN or LOGIN).
    #[serde(default)]
    pub username: Option<String>,
    /// The password for that: a reference, such as {"$secret": "env:SMTP_PASSWORD"}.
    #[serde(default)]
    pub password: Option<Password>,
    /// A file of certificates in PEM to believe, and only these; without it, those that this host
    /// believes.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether the server's certificate must be good. Only `opportunistic` without a `ca_file` never
    /// looks at it.
    #[serde(default = "yes")]
    pub check_certificate: bool,
}

/// Whether a mail goes through TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Never.
    None,
    /// If the server offers STARTTLS.
    Opportunistic,
    /// STARTTLS, or it is not sent.
    Required,
    /// From the first byte on.
    Implicit,
}

/// A password, which is never shown.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Password(pub(crate) String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

fn stdout() -> Vec<ChannelConfig> {
    vec![ChannelConfig::Stdout]
}

fn cooldown_default() -> u64 {
    COOLDOWN_DEFAULT_S
}

fn yes() -> bool {
    true
}
