//! What the lines of services mean: from a body to an event that borrows from it.

pub mod cron;
pub mod dovecot;
pub mod fail2ban;
pub mod httpd;
pub mod logins;
pub mod mod_security;
pub mod netfilter;
pub mod packages;
pub mod pam;
pub mod postfix;
mod repeat;
pub mod sshd;
pub mod sudo;
pub mod systemd;
pub mod words;
