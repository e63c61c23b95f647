//! Connections that are not decided: what failed in one is told at its end, or not at all.

mod connection;

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde::Deserialize;
use serde::Serialize;
use skep_lines::service::dovecot::Event;
use skep_lines::service::dovecot::Kind;

use self::connection::Connection;
use self::connection::End;
use crate::digest::fnv::fnv;
use crate::digest::pairs;
use crate::digest::tally::Tally;

/// A connection that says nothing for this long has ended in silence: a login process waits three
/// minutes.
const OPEN_NS_MAX: i64 = 3_600 * 1_000_000_000;
/// So many are held open; then the half that was silent longest is counted as it is.
pub(super) const CONNECTIONS_OPEN_MAX: usize = 16_384;

/// A connection's own id, hashed.
type Key = u64;

/// The connections that are open, and those that ended in this part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sessions {
    #[serde(
        serialize_with = "pairs::serialize",
        deserialize_with = "pairs::read::<_, _, _, CONNECTIONS_OPEN_MAX>"
    )]
    open: HashMap<Key, Connection, RandomState>,
    /// How those ended that an earlier part may know more of, up to [`CONNECTIONS_OPEN_MAX`].
    #[serde(skip)]
    ended: HashMap<Key, Connection, RandomState>,
    /// It goes on where another part ended: nothing came before that it does not know.
    #[serde(skip)]
    goes_on: bool,
    clock_ns: i64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            open: HashMap::default(),
            ended: HashMap::default(),
            goes_on: false,
            clock_ns: i64::MIN,
        }
    }
}

impl Sessions {
    /// Counts an event, or holds it back until its connection is decided.
    pub(super) fn see(&mut self, unix_ns: Option<i64>, event: &Event<'_>, tally: &mut Tally) {
        self.clock_ns = self.clock_ns.max(unix_ns.unwrap_or(self.clock_ns));
        if event.kind == Kind::LoggedIn {
            super::count_login(event, tally);
        }
        match event.kind {
            Kind::AuthFailed if !event.session.is_empty() => {
                let key = fnv(event.session);
                if self.open.len() >= CONNECTIONS_OPEN_MAX && !self.open.contains_key(&key) {
                    self.settle_half(tally);
                }
                let connection = self.open.entry(key).or_default();
                connection.fail(event);
                connection.last_ns = self.clock_ns;
            }
            Kind::LoggedIn | Kind::Failed => self.end(event, tally),
            _ => {}
        }
    }

    fn end(&mut self, event: &Event<'_>, tally: &mut Tally) {
        let key = fnv(event.session);
        let mut connection = match event.session.is_empty() {
            true => Connection::default(),
            false => self.open.remove(&key).unwrap_or_default(),
        };
        connection.end = Some(End::of(event));
        connection.count(tally);
        let has_room = self.ended.len() < CONNECTIONS_OPEN_MAX;
        if !event.session.is_empty() && !self.goes_on && has_room {
            self.ended.entry(key).or_insert(connection);
        }
    }

    /// Counts everything that is held back.
    pub(super) fn settle_all(&mut self, tally: &mut Tally) {
        for (_, connection) in self.open.drain() {
            connection.count(tally);
        }
    }

    /// Counts what ended in silence.
    pub(super) fn settle_old(&mut self, tally: &mut Tally) {
        self.settle_until(self.clock_ns.saturating_sub(OPEN_NS_MAX), tally);
    }

    fn settle_half(&mut self, tally: &mut Tally) {
        let mut moments: Vec<i64> = self.open.values().map(|open| open.last_ns).collect();
        let middle = moments.len() / 2;
        let (_, median_ns, _) = moments.select_nth_unstable(middle);
        let median_ns = *median_ns;
        self.settle_until(median_ns.saturating_add(1), tally);
    }

    fn settle_until(&mut self, oldest_ns: i64, tally: &mut Tally) {
        for (_, connection) in self.open.extract_if(|_, open| open.last_ns < oldest_ns) {
            connection.count(tally);
        }
    }

    /// Goes on with the connections of later lines: what ended there may have begun here.
    pub(super) fn merge(&mut self, later: Self, tally: &mut Tally, later_tally: &mut Tally) {
        for (key, ended) in later.ended {
            let whole = match self.open.remove(&key) {
                None => ended,
                Some(mut earlier) => {
                    ended.uncount(later_tally);
                    earlier.join(ended);
                    earlier.count(tally);
                    earlier
                }
            };
            if !self.goes_on && self.ended.len() < CONNECTIONS_OPEN_MAX {
                self.ended.entry(key).or_insert(whole);
            }
        }
        for (key, open) in later.open {
            match self.open.get_mut(&key) {
                Some(earlier) => earlier.join(open),
                None => {
                    self.open.insert(key, open);
                }
            }
        }
        self.clock_ns = self.clock_ns.max(later.clock_ns);
        if self.open.len() > CONNECTIONS_OPEN_MAX {
            self.settle_half(tally);
        }
    }

    pub(super) fn save(&self) -> serde_json::Value {
        if self.open.is_empty() {
            return serde_json::Value::Null;
        }
        serde_json::to_value(self).expect("maps of numbers and bytes are JSON")
    }

    /// What an earlier part saved; nothing where it can not be read, as after an upgrade.
    pub(super) fn load(saved: &serde_json::Value) -> Self {
        let loaded: Option<Self> = Self::deserialize(saved).ok();
        Self {
            goes_on: true,
            ..loaded.unwrap_or_default()
        }
    }
}
