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
    Smtp {
        /// The host that takes it.
        server: String,
        /// Its port.
        #[serde(default = "smtp_port")]
        port: u16,
        /// Who it is from.
        from: String,
        /// Who it is for.
        #[schemars(length(min = 1))]
        to: Vec<String>,
    },
}

fn stdout() -> Vec<ChannelConfig> {
    vec![ChannelConfig::Stdout]
}

fn cooldown_default() -> u64 {
    COOLDOWN_DEFAULT_S
}

fn smtp_port() -> u16 {
    25
}
