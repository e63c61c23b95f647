//! What single sources, accounts and units did, in bounded memory: how much, at how many different
//! things, in which hours. Tables say how often; these say how wide and how long.
//!
//! Up to [`TRACKS_MAX`] keys of a group this is exact but for the estimate of how wide; at the bound
//! the quarter that did least in the fewest hours is dropped and only counted. Tracks merge.

mod everywhere;
mod wide;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::Ipv6Addr;

use foldhash::fast::RandomState;
use skep_protocol::digest::Login;
use skep_protocol::digest::Ordered;
use skep_protocol::digest::Trace;
use skep_protocol::digest::TraceGroup;
use skep_protocol::digest::Traces;

use self::everywhere::is_everywhere;
use self::wide::Thing;
use self::wide::Wide;
use super::table::KEY_BYTES_MAX;
use super::table::Key;

/// Keys of one group that are kept.
const TRACKS_MAX: usize = 16_384;
/// Pairs of user and source whose logins are kept; at the bound those with the fewest failures
/// before them are dropped.
const LOGINS_MAX: usize = 4_096;
/// Hours of one key that are kept apart; at the bound the two oldest become one.
const HOURS_MAX: usize = 200;
/// A report holds this many rows of a group.
const ROWS_MAX: usize = 300;
/// Longest key of a report, in bytes; log text.
const SHOWN_BYTES_MAX: usize = 120;

/// Who tried to come in, or to get at something.
pub(super) const SOURCES: &str = "sources";
/// Accounts of this host that somebody tried to get into.
pub(super) const ACCOUNTS: &str = "accounts";
/// Units that were started again and again.
pub(super) const UNITS: &str = "units";

/// Everything that is followed.
#[derive(Debug, Clone, Default)]
pub(super) struct Tracks {
    /// The hour of the line at hand, since 1970.
    pub(super) hour: u32,
    sources: Group,
    accounts: Group,
    units: Group,
    logins: HashMap<(Key, Key), Came, RandomState>,
}

/// An attempt of somebody at something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) source: &'a [u8],
    /// The user name, path or port.
    pub(super) target: &'a [u8],
    /// Whether the target is an account of this host.
    pub(super) known: bool,
    pub(super) n: u64,
}

#[derive(Debug, Clone, Default)]
struct Group {
    rows: HashMap<Key, Track, RandomState>,
    dropped_keys: u64,
}

#[derive(Debug, Clone, Default)]
struct Track {
    n: u64,
    known: u64,
    wide: Wide,
    known_wide: Wide,
    /// What was done in which hour, the earliest first.
    hours: Vec<(u32, u32)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Came {
    n: u64,
    failures_before: u64,
    hour: u32,
}

impl Tracks {
    /// Somebody tried to get in, or at something.
    pub(super) fn attempt(&mut self, attempt: Attempt<'_>) {
        let Attempt {
            source, target, n, ..
        } = attempt;
        let hour = self.hour;
        let known = attempt.known && !target.is_empty() && !is_everywhere(target);
        let network = network(source);
        if !source.is_empty() {
            self.sources.track(&network, |track| {
                track.see(hour, n);
                let thing = Thing::of(target);
                track.wide.see(thing);
                if known {
                    track.known += n;
                    track.known_wide.see(thing);
                }
            });
        }
        if known {
            self.accounts.track(target, |track| {
                track.see(hour, n);
                track.wide.see(Thing::of(&network));
            });
        }
    }

    /// An attempt that was counted was none.
    pub(super) fn take_back(&mut self, attempt: Attempt<'_>) {
        let network = network(attempt.source);
        self.sources.take_back(&network, &attempt);
        if attempt.known && !is_everywhere(attempt.target) {
            self.accounts.take_back(attempt.target, &attempt);
        }
    }

    /// A unit was started again, or failed.
    pub(super) fn unit(&mut self, unit: &[u8]) {
        let hour = self.hour;
        self.units.track(unit, |track| track.see(hour, 1));
    }

    /// Somebody came in, after so many failures of that source.
    pub(super) fn login(&mut self, user: &[u8], source: &[u8], n: u64, failures_before: u64) {
        let came = Came {
            n,
            failures_before,
            hour: self.hour,
        };
        let key = |bytes: &[u8]| Key::new(&bytes[..bytes.len().min(KEY_BYTES_MAX)]);
        self.add_login((key(user), key(source)), came);
    }

    /// So many failures of a source came before each of the logins here.
    pub(super) fn precede(&mut self, failures: impl Fn(&[u8]) -> u64) {
        for ((_, source), came) in &mut self.logins {
            came.failures_before += failures(source.bytes());
        }
    }

    /// Adds what came later.
    pub(super) fn merge(&mut self, later: Self) {
        self.sources.merge(later.sources);
        self.accounts.merge(later.accounts);
        self.units.merge(later.units);
        for (pair, came) in later.logins {
            self.add_login(pair, came);
        }
        self.hour = later.hour;
    }

    /// All of it, as others read it.
    pub(super) fn report(&self) -> (Ordered<TraceGroup>, Vec<Login>) {
        let groups = [
            (SOURCES, &self.sources),
            (ACCOUNTS, &self.accounts),
            (UNITS, &self.units),
        ];
        let groups = groups.into_iter().filter(|(_, group)| group.keys() > 0);
        let groups = groups.map(|(name, group)| (name.to_owned(), group.report()));
        let mut logins: Vec<Login> = self.logins.iter().map(login).collect();
        logins.sort_by(|a, b| {
            let order = (b.failures_before, b.n).cmp(&(a.failures_before, a.n));
            order.then_with(|| (&a.user, &a.source).cmp(&(&b.user, &b.source)))
        });
        logins.truncate(ROWS_MAX);
        (Ordered(groups.collect()), logins)
    }

    fn add_login(&mut self, pair: (Key, Key), came: Came) {
        if self.logins.len() >= LOGINS_MAX && !self.logins.contains_key(&pair) {
            let weight = |came: &Came| (came.failures_before, came.hour);
            let mut weights: Vec<(u64, u32)> = self.logins.values().map(weight).collect();
            let middle = weights.len() / 2;
            let (_, median, _) = weights.select_nth_unstable(middle);
            let median = *median;
            self.logins.retain(|_, came| weight(came) > median);
        }
        let known = self.logins.entry(pair).or_default();
        known.n += came.n;
        known.failures_before = known.failures_before.max(came.failures_before);
        known.hour = known.hour.max(came.hour);
    }
}

impl Group {
    /// Changes the track of a key; most keys have one already.
    fn track(&mut self, key: &[u8], change: impl FnOnce(&mut Track)) {
        let key = &key[..key.len().min(KEY_BYTES_MAX)];
        if let Some(track) = self.rows.get_mut(key) {
            return change(track);
        }
        if self.rows.len() >= TRACKS_MAX {
            self.drop_least();
        }
        change(self.rows.entry(Key::new(key)).or_default());
    }

    fn keys(&self) -> u64 {
        self.rows.len() as u64 + self.dropped_keys
    }

    fn take_back(&mut self, key: &[u8], attempt: &Attempt<'_>) {
        let key = &key[..key.len().min(KEY_BYTES_MAX)];
        let Some(track) = self.rows.get_mut(key) else {
            return;
        };
        track.n = track.n.saturating_sub(attempt.n);
        if attempt.known {
            track.known = track.known.saturating_sub(attempt.n);
        }
        if let Some((_, n)) = track.hours.first_mut() {
            *n = n.saturating_sub(u32::try_from(attempt.n).unwrap_or(u32::MAX));
        }
        if track.n == 0 {
            self.rows.remove(key);
        }
    }

    fn merge(&mut self, later: Self) {
        self.dropped_keys += later.dropped_keys;
        for (key, track) in later.rows {
            self.track(key.bytes(), |known| known.merge(track));
        }
    }

    fn drop_least(&mut self) {
        let mut weights: Vec<u64> = self.rows.values().map(Track::weight).collect();
        let quarter = weights.len() / 4;
        let (_, threshold, _) = weights.select_nth_unstable(quarter);
        let threshold = *threshold;
        let before = self.rows.len();
        self.rows.retain(|_, track| track.weight() > threshold);
        self.dropped_keys += (before - self.rows.len()) as u64;
    }

    fn report(&self) -> TraceGroup {
        let mut traces = Traces::default();
        let group = TraceGroup {
            keys: self.keys(),
            rows: self
                .rows
                .iter()
                .map(|(key, track)| track.report(key))
                .collect(),
        };
        traces.groups.0.push((String::new(), group));
        traces.cut(ROWS_MAX);
        traces
            .groups
            .0
            .pop()
            .map(|(_, group)| group)
            .unwrap_or_default()
    }
}

impl Track {
    fn see(&mut self, hour: u32, n: u64) {
        self.n += n;
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        match self.hours.last_mut() {
            Some((last, count)) if *last == hour => *count = count.saturating_add(n),
            _ => self.at(hour, n),
        }
    }

    #[cold]
    fn at(&mut self, hour: u32, n: u32) {
        match self.hours.binary_search_by_key(&hour, |(hour, _)| *hour) {
            Ok(at) => self.hours[at].1 = self.hours[at].1.saturating_add(n),
            Err(at) => self.hours.insert(at, (hour, n)),
        }
        if self.hours.len() > HOURS_MAX {
            let (_, oldest) = self.hours.remove(0);
            self.hours[0].1 = self.hours[0].1.saturating_add(oldest);
        }
    }

    fn merge(&mut self, later: Self) {
        self.n += later.n;
        self.known += later.known;
        self.wide.merge(&later.wide);
        self.known_wide.merge(&later.known_wide);
        for (hour, n) in later.hours {
            self.at(hour, n);
        }
    }

    /// What lasts weighs more than what comes once.
    fn weight(&self) -> u64 {
        self.n.saturating_mul(self.hours.len() as u64)
    }

    fn report(&self, key: &Key) -> Trace {
        let hour = |entry: Option<&(u32, u32)>| entry.map_or(0, |(hour, _)| u64::from(*hour));
        let peak = self.hours.iter().map(|(_, n)| u64::from(*n)).max();
        Trace {
            key: shown(key),
            n: self.n,
            wide: self.wide.estimate(),
            known: self.known,
            known_wide: self.known_wide.estimate(),
            peak: peak.unwrap_or(0),
            hours: self.hours.len() as u64,
            first: hour(self.hours.first()),
            last: hour(self.hours.last()),
        }
    }
}

fn login(((user, source), came): (&(Key, Key), &Came)) -> Login {
    Login {
        user: shown(user),
        source: shown(source),
        n: came.n,
        failures_before: came.failures_before,
        last: u64::from(came.hour),
    }
}

fn shown(key: &Key) -> String {
    let bytes = key.bytes();
    String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_BYTES_MAX)]).into_owned()
}

/// An address; of IPv6 the network that one customer gets, since its owner has 2^64 to choose from.
fn network(source: &[u8]) -> Cow<'_, [u8]> {
    let parsed = || {
        let text = str::from_utf8(source).ok()?;
        text.parse::<Ipv6Addr>().ok()
    };
    if !source.contains(&b':') {
        return Cow::Borrowed(source);
    }
    match parsed() {
        Some(address) => {
            let [a, b, c, d, ..] = address.segments();
            let network = Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0);
            Cow::Owned(format!("{network}/64").into_bytes())
        }
        None => Cow::Borrowed(source),
    }
}

#[cfg(test)]
mod tests;
