//! What was never there before: kinds of line, who comes in from where, hosts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use skep_lines::{Line, neutral};
use skep_protocol::{
    digest::{CollectorReport, Login},
    oracle::{EVIDENCE_MAX, Finding},
    severity::Severity,
};

use super::{
    evidence::{finding, naming, shown},
    logins,
    templates::Miner,
};

/// New kinds that are shown; the others are only counted.
const SHOWN_MAX: usize = 3;

/// Longest kind that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 120;

/// Users, networks of one of them, and hosts that are remembered; at the bound those that came
/// last in the alphabet are forgotten, and named as new again when they come.
const USERS_MAX: usize = 500;
const NETWORKS_MAX: usize = 32;
const HOSTS_MAX: usize = 200;

/// Longest name that is remembered, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Digests before it is said who or what is new: at first all is.
const DIGESTS_MIN: u32 = 4;

/// Attempts at an account in one digest, after which a login from a new place is more than new.
const ATTEMPTS_MIN: u64 = 20;

/// Who came in from where, and which hosts wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Known {
    digests: u32,
    users: BTreeMap<String, BTreeSet<String>>,
    hosts: BTreeSet<String>,
}

impl Known {
    pub(super) fn look(&self, name: &str, collector: &CollectorReport) -> Vec<Finding> {
        if self.digests < DIGESTS_MIN {
            return Vec::new();
        }
        let logins = collector.traces.logins.iter();
        let new: Vec<&Login> = logins.filter(|login| !self.knows(login)).collect();
        let mut findings = Vec::new();
        findings.extend(tried_before(collector, &new));
        findings.extend(new_places(name, collector, &new));
        findings.extend(self.new_hosts(name, collector));
        findings
    }

    pub(super) fn learn(&mut self, collector: &CollectorReport) {
        self.digests = self.digests.saturating_add(1);
        for login in &collector.traces.logins {
            if login.user.len() <= NAME_BYTES_MAX {
                let networks = self.users.entry(login.user.clone()).or_default();
                networks.insert(network(&login.source));
                if networks.len() > NETWORKS_MAX {
                    networks.pop_last();
                }
            }
        }
        while self.users.len() > USERS_MAX {
            self.users.pop_last();
        }
        self.hosts.extend(hosts(collector).map(str::to_owned));
        while self.hosts.len() > HOSTS_MAX {
            self.hosts.pop_last();
        }
    }

    fn knows(&self, login: &Login) -> bool {
        let networks = self.users.get(&login.user);
        networks.is_some_and(|networks| networks.contains(&network(&login.source)))
    }

    fn new_hosts(&self, name: &str, collector: &CollectorReport) -> Option<Finding> {
        if self.hosts.is_empty() {
            return None;
        }
        let new: Vec<&str> = hosts(collector)
            .filter(|host| !self.hosts.contains(*host))
            .collect();
        let first = new.first()?;
        let title = match new.len() {
            1 => format!("{name}: lines of a new host, {}", shown(first)),
            n => format!("{name}: lines of {n} new hosts, such as {}", shown(first)),
        };
        Some(finding("new_host", Severity::Notice, 60, title))
    }
}

/// An account that many tried to get into was entered from a place it was never entered from.
fn tried_before(collector: &CollectorReport, new: &[&Login]) -> Option<Finding> {
    let accounts = collector.traces.rows("accounts");
    let tried = new.iter().filter_map(|login| {
        let account = accounts.iter().find(|account| account.key == login.user)?;
        (account.n >= ATTEMPTS_MIN).then_some((*login, account))
    });
    let (login, account) = tried.max_by_key(|(_, account)| account.n)?;
    let title = format!(
        "{} came in from a new place, {}, after {} failures of {} sources at that account",
        shown(&login.user),
        shown(&login.source),
        account.n,
        account.wide.max(1)
    );
    Some(logins::success(collector, title, &login.source, true))
}

fn new_places(name: &str, collector: &CollectorReport, new: &[&Login]) -> Option<Finding> {
    let first = new.first()?;
    let (user, source) = (shown(&first.user), shown(&first.source));
    let title = match new.len() {
        1 => format!(
            "{name}: {user} came in from {source}, where nobody of that name came from before"
        ),
        n => format!("{name}: {n} logins from new places, such as {user} from {source}"),
    };
    let keys: Vec<&str> = new.iter().map(|login| login.source.as_str()).collect();
    Some(Finding {
        evidence: naming(collector, &["accepted", "logins"], &keys),
        ..finding("new_login_source", Severity::Notice, 60, title)
    })
}

/// Takes a collector's lines into `miner`; says what is new, unless all of it is.
pub(super) fn kinds(name: &str, collector: &CollectorReport, miner: &mut Miner) -> Option<Finding> {
    let first_time = miner.is_empty();
    let (mut kinds, mut evidence) = (Vec::new(), Vec::new());
    for line in collector.sections.iter().flat_map(|section| &section.lines) {
        let body = String::from_utf8_lossy(Line::split(line.text.as_bytes()).body).into_owned();
        if let Some(kind) = miner.learn(&body) {
            kinds.push(kind);
            evidence.push(line.id.clone());
        }
    }
    if first_time || kinds.is_empty() {
        return None;
    }
    let shown = kinds.iter().take(SHOWN_MAX).map(|kind| {
        let cut: String = kind.chars().take(SHOWN_CHARS_MAX).collect();
        format!("\u{201c}{}\u{201d}", neutral(cut.as_bytes()))
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    let title = match kinds.len() {
        1 => format!("{name}: a new kind of line: {shown}"),
        n => format!("{name}: {n} new kinds of line, such as {shown}"),
    };
    evidence.truncate(EVIDENCE_MAX);
    Some(Finding {
        evidence,
        ..finding("new_kind", Severity::Notice, 50, title)
    })
}

fn hosts(collector: &CollectorReport) -> impl Iterator<Item = &str> {
    let tables = collector.tables.0.iter();
    let tables = tables.filter(|(_, table)| table.field == "host.name");
    let rows = tables.flat_map(|(_, table)| &table.rows);
    rows.map(|row| row.key.as_str())
        .filter(|host| host.len() <= NAME_BYTES_MAX)
}

/// The network that an address is likely to change within.
fn network(source: &str) -> String {
    use std::net::{IpAddr, Ipv6Addr};
    match source.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
        Err(_) => source.chars().take(NAME_BYTES_MAX).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_are_one_place() {
        for (source, expected) in [
            ("203.0.113.9", "203.0.113.0/24"),
            ("2001:db8:1:2::5", "2001:db8:1::/48"),
            ("UNKNOWN", "UNKNOWN"),
        ] {
            assert_eq!(network(source), expected);
        }
    }
}
