//! One connection to a login process.

use serde::Deserialize;
use serde::Serialize;
use skep_lines::service::dovecot::Event;
use skep_lines::service::dovecot::Kind;

use crate::digest::collectors::dovecot::BY_PROTOCOL;
use crate::digest::collectors::dovecot::BY_SOURCE;
use crate::digest::collectors::dovecot::BY_USER;
use crate::digest::collectors::dovecot::FAILED;
use crate::digest::tally::Tally;

/// A connection with more attempts than this keeps the names of the last ones.
const ATTEMPTS_MAX: usize = 64;
/// More password databases than this are not told apart.
const DRIVERS_MAX: usize = 4;
/// A longer name is cut here, as tables cut it.
const NAME_BYTES_MAX: usize = 255;

/// What is known of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Connection {
    pub(super) last_ns: i64,
    source: Vec<u8>,
    /// What each password database refused: one attempt may be refused by several of them.
    refused: Vec<Refused>,
    #[serde(skip)]
    pub(super) end: Option<End>,
}

/// The attempts that one password database refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Refused {
    driver: Vec<u8>,
    n: u64,
    /// The names given in the last of them, where the database had a name to look for.
    users: Vec<Vec<u8>>,
}

/// What a login process told at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// The failures it told of; none if the connection came in.
    failed: Option<u64>,
    user: Vec<u8>,
    source: Vec<u8>,
    protocol: Vec<u8>,
}

impl End {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let failed = (event.kind == Kind::Failed).then_some(u64::from(event.attempts));
        Self {
            failed,
            user: cut(event.user),
            source: event.source.to_vec(),
            protocol: event.protocol().to_vec(),
        }
    }
}

impl Connection {
    /// A password database refused an attempt.
    pub(super) fn fail(&mut self, event: &Event<'_>) {
        if self.source.is_empty() {
            self.source = event.source.to_vec();
        }
        let one = Refused {
            driver: event.driver.to_vec(),
            n: u64::from(event.attempts),
            users: match event.user {
                b"" => Vec::new(),
                user => vec![cut(user)],
            },
        };
        self.refuse(one);
    }

    fn refuse(&mut self, more: Refused) {
        let mut known = self.refused.iter_mut();
        if let Some(known) = known.find(|known| known.driver == more.driver) {
            known.n += more.n;
            known.users.extend(more.users);
            let too_many = known.users.len().saturating_sub(ATTEMPTS_MAX);
            known.users.drain(..too_many);
        } else if self.refused.len() < DRIVERS_MAX {
            self.refused.push(more);
        }
    }

    /// Goes on with what later lines say of it.
    pub(super) fn join(&mut self, later: Self) {
        if self.source.is_empty() {
            self.source = later.source;
        }
        for refused in later.refused {
            self.refuse(refused);
        }
        self.end = later.end;
        self.last_ns = self.last_ns.max(later.last_ns);
    }

    /// Counts what failed.
    pub(super) fn count(&self, tally: &mut Tally) {
        tally.totals[FAILED] += self.failed();
        self.each(|table, key, n| tally.tables[table].count(key, n));
    }

    /// Takes back what was counted.
    pub(super) fn uncount(&self, tally: &mut Tally) {
        tally.totals[FAILED] -= self.failed();
        self.each(|table, key, n| tally.tables[table].subtract(key, [n, 0]));
    }

    /// What the login process told, else what was refused by the database that refused most.
    fn failed(&self) -> u64 {
        let told = self.end.as_ref().and_then(|end| end.failed);
        told.unwrap_or_else(|| self.most().map_or(0, |refused| refused.n))
    }

    fn most(&self) -> Option<&Refused> {
        self.refused
            .iter()
            .max_by(|a, b| (a.n, &b.driver).cmp(&(b.n, &a.driver)))
    }

    /// The failures as rows of tables. The names are those of the last attempts; what has no name
    /// of its own goes to the one that the login process told.
    fn each(&self, mut add: impl FnMut(usize, &[u8], u64)) {
        let failed = self.failed();
        if failed == 0 {
            return;
        }
        let source = match &self.end {
            Some(end) if !end.source.is_empty() => &end.source,
            _ => &self.source,
        };
        if !source.is_empty() {
            add(BY_SOURCE, source, failed);
        }
        let mut nameless = failed;
        let users = self.most().map_or(&[][..], |refused| &refused.users);
        for user in users.iter().rev().take(ATTEMPTS_MAX) {
            if nameless == 0 {
                break;
            }
            add(BY_USER, user, 1);
            nameless -= 1;
        }
        let last = self.end.as_ref().map(|end| &end.user).or(users.last());
        if nameless > 0
            && let Some(user) = last
        {
            add(BY_USER, user, nameless);
        }
        if let Some(end) = &self.end {
            add(BY_PROTOCOL, &end.protocol, failed);
        }
    }
}

fn cut(name: &[u8]) -> Vec<u8> {
    name[..name.len().min(NAME_BYTES_MAX)].to_vec()
}
