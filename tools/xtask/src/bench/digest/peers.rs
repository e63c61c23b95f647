//! The peers that read the same lines: Debian's logwatch and GoAccess, in the throwaway root.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};
use skep_tests_e2e::Root;

use super::{TIMED, timed};

/// A peer: the collector whose lines it reads, and the CPU-seconds it takes for a file of them.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    /// How many times as fast we are to be.
    pub(super) goal: u32,
    pub(super) run: fn(&Root, &Path) -> Result<f64>,
}

pub(super) const PEERS: &[Peer] = &[
    Peer {
        name: "logwatch",
        kind: "sshd",
        goal: 50,
        run: |root, file| logwatch(root, file, "sshd", "secure", "203.0.113."),
    },
    Peer {
        name: "logwatch",
        kind: "httpd",
        goal: 50,
        run: |root, file| logwatch(root, file, "http", "http", "Requests with error"),
    },
    Peer {
        name: "GoAccess",
        kind: "httpd",
        goal: 10,
        run: goaccess,
    },
    Peer {
        name: "logwatch",
        kind: "postfix",
        goal: 50,
        run: |root, file| logwatch(root, file, "postfix", "maillog", "Reject relay denied"),
    },
    Peer {
        name: "logwatch",
        kind: "dovecot",
        goal: 50,
        run: |root, file| logwatch(root, file, "dovecot", "maillog", "Dovecot"),
    },
];

/// `mark` is what its report holds if it read the file.
fn logwatch(root: &Root, file: &Path, service: &str, group: &str, mark: &str) -> Result<f64> {
    // Logwatch reads its configuration in lower case: the file needs a name without capitals.
    const NAME: &str = "/var/log/bench.log";
    root.run("ln", &["-sf", &file.to_string_lossy(), NAME])?;
    let config = format!("LogFile =\nLogFile = {NAME}\nArchive =\n");
    let config = root.write("group.conf", &config)?;
    let groups = "/etc/logwatch/conf/logfiles";
    root.run("mkdir", &["-p", groups, "/var/cache/logwatch"])?;
    let place = format!("{groups}/{group}.conf");
    root.run("cp", &[&config.to_string_lossy(), &place])?;
    let script = format!(
        "{TIMED} logwatch --service {service} --range all --detail high --archives no \
         --output stdout --format text"
    );
    let mut command = root.command(None, "bash");
    read(command.args(["-c", &script]), mark)
}

fn goaccess(root: &Root, file: &Path) -> Result<f64> {
    let script = format!(
        "{TIMED} goaccess --no-global-config --log-format=COMBINED --no-progress -o json {}",
        file.display()
    );
    let mut command = root.command(None, "bash");
    read(command.args(["-c", &script]), "\"valid_requests\"")
}

fn read(command: &mut Command, mark: &str) -> Result<f64> {
    let (cpu_s, said) = timed(command)?;
    let text = String::from_utf8_lossy(&said);
    let start: String = text.chars().take(2_000).collect();
    ensure!(text.contains(mark), "it did not read the file:\n{start}");
    Ok(cpu_s)
}
