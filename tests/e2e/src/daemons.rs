//! Daemons as Debian ships them, with configurations of the tests' own, and their clients.

mod apache;
mod cron;
mod dovecot;
mod dpkg;
mod fail2ban;
mod journal;
mod mail_client;
mod model;
mod nginx;
mod postfix;
mod relay;
mod rsyslog;
mod silent;
mod sshd;
mod syslog_ng;

use std::time::Duration;

pub use self::{
    apache::Apache,
    cron::Cron,
    dovecot::Dovecot,
    dpkg::Dpkg,
    fail2ban::Fail2ban,
    journal::Journal,
    mail_client::{MailProtocol, mail_client},
    model::Model,
    nginx::Nginx,
    postfix::Postfix,
    relay::Relay,
    rsyslog::Rsyslog,
    silent::Silent,
    sshd::Sshd,
    syslog_ng::{Fact, SyslogNg},
};

/// How long a daemon may take to answer after its start.
const READY_WITHIN: Duration = Duration::from_secs(60);
