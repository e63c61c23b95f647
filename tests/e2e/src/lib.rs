//! Real daemons, real hosts, the real binary: the ground the end-to-end tests stand on.
//!
//! Nothing here touches the machine it runs on. Daemons are installed into a layer in the cache
//! folder and run from an overlay of the tests' own ([`Root`]); hosts are network namespaces
//! ([`Network`]); whatever was started dies with its test.

mod cache;
mod daemons;
mod groups;
mod image;
mod load;
mod network;
mod process;
mod root;
mod skep;
mod small_disk;
mod snapshot;
mod swarm;
mod tables;
mod wait;

pub use crate::{
    cache::cache_folder,
    daemons::{
        Apache, Cron, Dovecot, Dpkg, Fact, Fail2ban, Journal, MailProtocol, Model, Nginx, Postfix,
        Relay, Rsyslog, Silent, Sshd, SyslogNg, mail_client,
    },
    groups::{GROUPS, Group, Need, Skip},
    image::{Image, PACKAGES},
    load::{LoadNode, enrol},
    network::{Gate, Host, Network, Weather},
    process::Process,
    root::Root,
    skep::{Node, Skep},
    small_disk::SmallDisk,
    snapshot::Snapshot,
    swarm::{Swarm, documents},
    tables::table,
    wait::{Stopwatch, until},
};
