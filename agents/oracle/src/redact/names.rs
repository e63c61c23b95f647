//! Names of users and hosts: those that are known, wherever they stand, and those that the words
//! around them give away.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;

use super::{address::words, pseudonym::Kind};

/// Shortest name that is replaced wherever it stands as a word.
const NAME_CHARS_MIN: usize = 2;

/// Names that are replaced everywhere; a question that knows more keeps the longest of them.
const KNOWN_MAX: usize = 4096;

/// Names that are nobody's, and words of log lines, which attackers try as names: they tell of
/// nobody, and a line without them would tell nothing.
const NOBODY: &[&str] = &[
    "",
    "root",
    "(unknown)",
    "unknown",
    "UNKNOWN",
    "from",
    "by",
    "is",
    "not",
    "name",
    "and",
    "with",
    "in",
    "for",
    "to",
    "on",
    "at",
    "of",
    "the",
    "user",
    "users",
    "password",
    "port",
    "ssh2",
    "failed",
    "Failed",
    "invalid",
    "Invalid",
    "Accepted",
    "accepted",
    "error",
    "Error",
    "session",
    "closed",
    "opened",
    "connection",
    "Connection",
    "was",
    "has",
    "authenticated",
    "authenticating",
    "authentication",
    "sshd",
    "null",
    "none",
    "-",
    "(none)",
    "true",
    "false",
];

/// Names that are known to be hosts' or users'.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The longest first.
    names: Vec<(String, Kind)>,
}

impl Known {
    pub(super) fn new(hosts: &[String], users: &[String]) -> Self {
        let mut names: BTreeMap<&str, Kind> = BTreeMap::new();
        let kinds = [(users, Kind::User), (hosts, Kind::Host)];
        for (list, kind) in kinds {
            for name in list.iter().filter(|name| is_name(name)) {
                names.insert(name, kind);
            }
        }
        let owned = names
            .into_iter()
            .map(|(name, kind)| (name.to_owned(), kind));
        let mut names: Vec<(String, Kind)> = owned.collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        names.truncate(KNOWN_MAX);
        Self { names }
    }

    pub(super) fn spans(&self, text: &str) -> Vec<(usize, usize, Kind)> {
        let spans = self.names.iter().flat_map(|(name, kind)| {
            let spans = words(text, name).into_iter();
            spans.map(|(start, end)| (start, end, *kind))
        });
        spans.collect()
    }
}

fn is_name(name: &str) -> bool {
    let is_number = name.chars().all(|char| char.is_ascii_digit());
    name.chars().count() >= NAME_CHARS_MIN
        && !is_number
        && !NOBODY.contains(&name)
        && !name.contains('@')
}

/// A name, after what announces a user.
static USERS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    patterns(&[
        r#"(?i)(?:\b|_)(?:user|username|user_name|ruser|luser|logname|acct|account|login|sasl_username|uname|owner|auid|ouid)\\*["']?(?: = |=|:\s?)\\*["'<]?(?P<n>[^\s"'<>(),;:=\[\]\\]+)"#,
        r#"(?i)\b(?:user|users|account|username|for|login) +["'`<]?(?P<n>[^\s"'`<>(),;:\[\]\\]+)["'`>]?(?:\(uid=|[.:,]? (?:from|by|on|has|is|was|at|tried|failed|logged|not|in)\b|[.,;]?$)"#,
        r#"(?i)\b(?:user|account|username|login) +["'`<(](?P<n>[^\s"'`<>()\\]+)"#,
        r#"\bfor (?:invalid |illegal )?user (?P<n>[^\s"'<>(),;:\[\]]+)"#,
        r"(?:/home|/Users|/var/mail|/var/spool/mail|/var/spool/cron/crontabs|C:\\Users)[/\\](?P<n>[^\s/\\:'\x22]+)",
        r"\bsudo(?:\[\d+\])?:\s+(?P<n>[^\s:]+) :",
        r"\b(?:uid|gid|euid)=\d+\((?P<n>[^)]+)\)",
        r"\(to (?P<n>[^\s)]+)\)",
        r"\) (?P<n>[^\s]+) on (?:pts|tty|none)",
        r"\b[A-Z][A-Z0-9-]{1,14}\\(?P<n>[A-Za-z][\w.$-]+)",
        r"\bCRON\[\d+\]: \((?P<n>[^)\s]+)\)",
    ])
});

/// A name, after what announces a host.
static HOSTS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    patterns(&[
        r#"(?i)(?:\b|_)(?:rhost|host|hostname|client|relay|server|server_name|helo|vhost|remote|peer|upstream|domain|workstation|fqdn)\\*["']?\s*(?:=|: )\s*\\*["'<]?(?:https?://)?(?P<n>[A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?(?:\.[\w-]+)+|[A-Za-z][\w-]+)"#,
        r"(?P<n>[A-Za-z0-9][\w-]*(?:\.[\w-]+)+)\[[0-9a-fA-F.:]+\]",
        r#"[a-z][a-z0-9+.-]*://(?:[^\s/?#"'<>@]*@)?(?P<n>[A-Za-z0-9_][\w.-]*)"#,
        r"(?i)\b(?:helo|ehlo)[ =]<?(?P<n>[A-Za-z0-9][\w-]*(?:\.[\w-]+)+)",
    ])
});

fn patterns(patterns: &[&str]) -> Vec<Regex> {
    let compiled = patterns.iter().map(|pattern| Regex::new(pattern));
    let compiled: Result<Vec<Regex>, regex::Error> = compiled.collect();
    compiled.expect("a pattern written in code is one")
}

/// User names that a line shows by the words before them, whatever wrote it.
pub(crate) fn users_in(line: &str) -> impl Iterator<Item = &str> {
    let found = USERS
        .iter()
        .flat_map(move |regex| regex.captures_iter(line));
    let names = found.filter_map(|found| found.name("n").map(|name| name.as_str()));
    names.filter(|name| is_name(name))
}

/// Where a line shows names of hosts by the words around them.
pub(super) fn hosts(line: &str) -> Vec<(usize, usize)> {
    let found = HOSTS.iter().flat_map(|regex| regex.captures_iter(line));
    let names = found.filter_map(|found| found.name("n"));
    let named = names.filter(|name| is_name(name.as_str()));
    named.map(|name| (name.start(), name.end())).collect()
}
