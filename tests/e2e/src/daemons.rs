//! Daemons as Debian ships them, with configurations of the tests' own, and their clients.

mod apache;
mod dovecot;
mod fail2ban;
mod journal;
mod mail_client;
mod model;
mod postfix;
mod relay;
mod rsyslog;
mod silent;
mod sshd;

use std::time::Duration;

pub use self::{
    apache::Apache,
    dovecot::Dovecot,
    fail2ban::Fail2ban,
    journal::Journal,
    mail_client::{MailProtocol, mail_client},
    model::Model,
    postfix::Postfix,
    relay::Relay,
    rsyslog::Rsyslog,
    silent::Silent,
    sshd::Sshd,
};

/// How long a daemon may take to answer after its start.
const READY_WITHIN: Duration = Duration::from_secs(60);
