//! The ways out to people.

mod lines;
mod mail;
mod webhook;

use std::collections::BTreeSet;

use skep_agent::Ctx;

use self::{lines::Lines, mail::Mail, webhook::Webhook};
use crate::{
    AlertAgent,
    config::{CHANNELS_MAX, ChannelConfig, Config},
    message::Message,
};

/// A message did not get through. It may have: then it comes again under the same id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The other side is not there, or takes nothing now; others need not try.
    #[error("{0}")]
    Unreachable(String),
    /// It does not take this message.
    #[error("{0}")]
    Refused(String),
}

/// One way out to people.
#[derive(Debug)]
pub(crate) struct Channel {
    name: String,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Lines(Lines),
    Webhook(Webhook),
    Mail(Mail),
}

impl Channel {
    /// The channels of a config.
    pub(crate) fn all(config: &Config) -> Result<Vec<Self>, String> {
        if config.channels.is_empty() {
            return Err("channels: name at least one, such as {\"type\": \"stdout\"}".to_owned());
        }
        if config.channels.len() > CHANNELS_MAX {
            return Err(format!("channels: at most {CHANNELS_MAX}"));
        }
        let channels: Result<Vec<Self>, String> = config.channels.iter().map(Self::new).collect();
        let channels = channels?;
        let mut names = BTreeSet::new();
        match channels
            .iter()
            .find(|channel| !names.insert(channel.name()))
        {
            Some(twice) => Err(format!("channels: {} is named twice", twice.name())),
            None => Ok(channels),
        }
    }

    fn new(config: &ChannelConfig) -> Result<Self, String> {
        Ok(match config {
            ChannelConfig::Stdout => Self {
                name: "stdout".to_owned(),
                way: Way::Lines(Lines::Stdout),
            },
            ChannelConfig::File { path } => Self {
                name: format!("file {}", path.display()),
                way: Way::Lines(Lines::File(path.clone())),
            },
            ChannelConfig::Webhook {
                url,
                headers,
                proxy,
            } => {
                let webhook = Webhook::new(url, headers, proxy.as_deref())?;
                Self {
                    name: format!("webhook {}", webhook.place()),
                    way: Way::Webhook(webhook),
                }
            }
            ChannelConfig::Smtp(smtp) => {
                let mail = Mail::new(smtp)?;
                let (server, port, to) = (&smtp.server, mail.port(), smtp.to.join(", "));
                Self {
                    name: format!("smtp {server}:{port} to {to}"),
                    way: Way::Mail(mail),
                }
            }
        })
    }

    /// Names the channel: the same after a restart, and in a directive in another order.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Delivers a message.
    ///
    /// Cancel: it may have been delivered.
    pub(crate) async fn deliver(
        &self,
        ctx: &Ctx<AlertAgent>,
        message: &Message,
    ) -> Result<(), Failure> {
        match &self.way {
            Way::Lines(lines) => {
                let (lines, line) = (lines.clone().within(ctx.home()), message.to_line());
                ctx.blocking(move || lines.write(&line)).await
            }
            Way::Webhook(webhook) => webhook.post(message).await,
            Way::Mail(mail) => mail.send(message).await,
        }
    }
}
