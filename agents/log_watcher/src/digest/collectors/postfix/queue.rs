//! The messages in the queue: what a line says of one depends on those before it.
//!
//! Counts are not held back: a delivery counts when it is told. What is remembered is who sent a
//! message, from where, with whose login, and which of its recipients were put off already.

mod merge;
mod message;

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde::Deserialize;
use serde::Serialize;
use skep_lines::service::postfix::Event;
use skep_lines::service::postfix::Kind;

use self::message::Message;
use self::message::Name;
use crate::digest::collectors::Seen;
use crate::digest::fnv::fnv;
use crate::digest::fnv::fnv_on;
use crate::digest::pairs;
use crate::digest::tally::Tally;

/// So many messages are followed; then the half that was silent longest is forgotten: what becomes
/// of those still counts, but for no sender, and who is put off again counts again.
pub(super) const MESSAGES_OPEN_MAX: usize = 16_384;
/// So many recipients that were put off are remembered; of more, each try counts.
const DEFERRED_MAX: usize = 65_536;

/// A message of a host: both, hashed.
type Key = u64;

/// The messages that are not done, and the first ones of this part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Queue {
    #[serde(
        serialize_with = "pairs::serialize",
        deserialize_with = "pairs::read::<_, _, _, MESSAGES_OPEN_MAX>"
    )]
    open: HashMap<Key, Message, RandomState>,
    /// How each message of this part was first seen, up to [`MESSAGES_OPEN_MAX`]; and what it was
    /// when it ended, if an earlier part may know more of it.
    #[serde(skip)]
    heads: HashMap<Key, Head, RandomState>,
    /// It goes on where another part ended: nothing came before that it does not know.
    #[serde(skip)]
    goes_on: bool,
    clock_ns: i64,
    #[serde(skip)]
    n_deferred: usize,
    /// The host of the last line, hashed.
    #[serde(skip)]
    host: (Vec<u8>, u64),
}

/// The first message of an id in this part.
#[derive(Debug, Clone)]
struct Head {
    begins: Begins,
    closed: Option<Message>,
}

/// What the first line of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// The first there ever is: someone hands it in.
    Anew,
    /// Its message id: the first of those that Postfix makes, the second of others.
    WithItsId,
    /// A later one: it began before.
    Before,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            open: HashMap::default(),
            heads: HashMap::default(),
            goes_on: false,
            clock_ns: i64::MIN,
            n_deferred: 0,
            host: (Vec::new(), fnv(b"")),
        }
    }
}

impl Queue {
    /// Follows what a line says of its message; whether it tells of a recipient that was not put
    /// off before.
    pub(super) fn see(&mut self, seen: &Seen<'_>, event: &Event<'_>, tally: &mut Tally) -> bool {
        if event.queue_id.is_empty() {
            return true;
        }
        self.clock_ns = self.clock_ns.max(seen.unix_ns.unwrap_or(self.clock_ns));
        let key = self.key(seen.line.host, event.queue_id);
        match event.kind {
            Kind::Received | Kind::Submitted => {
                self.close(key);
                let message = self.message(key, Begins::Anew);
                message.is_fresh = true;
                message.learn(Name::Client, event.source, tally);
                message.learn(Name::User, event.user, tally);
                if let Some(from) = event.from {
                    message.learn_sender(from, tally);
                }
            }
            Kind::MessageId => {
                // It comes right after who hands the message in; else it is another message.
                if self.open.get(&key).is_some_and(|message| !message.is_fresh) {
                    self.close(key);
                }
                self.message(key, Begins::WithItsId);
            }
            Kind::Queued | Kind::Expired => {
                let from = event.from.unwrap_or_default();
                self.message(key, Begins::Before).learn_sender(from, tally);
            }
            Kind::Sent => self.message(key, Begins::Before).done([1, 0], tally),
            Kind::Bounced => self.message(key, Begins::Before).done([1, 1], tally),
            Kind::Deferred => return self.put_off(key, event.to),
            Kind::Removed => {
                // One that is not open was an earlier part's: what follows is another.
                self.message(key, Begins::Before);
                self.close(key);
            }
            _ => {}
        }
        true
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
        let mut queue = loaded.unwrap_or_default();
        queue.goes_on = true;
        queue.host.1 = fnv(b"");
        queue.recount();
        queue
    }

    fn key(&mut self, host: &[u8], queue_id: &[u8]) -> Key {
        if self.host.0 != host {
            self.host = (host.to_vec(), fnv(host));
        }
        fnv_on(self.host.1, queue_id)
    }

    /// Remembers a recipient that is put off; whether it was not before.
    fn put_off(&mut self, key: Key, recipient: &[u8]) -> bool {
        let has_room = self.n_deferred < DEFERRED_MAX;
        let message = self.message(key, Begins::Before);
        let recipient = fnv(recipient);
        if message.deferred.contains(&recipient) {
            return false;
        }
        if has_room {
            message.deferred.insert(recipient);
            self.n_deferred += 1;
        }
        true
    }

    /// The open message of an id; a new one if there is none.
    fn message(&mut self, key: Key, begins: Begins) -> &mut Message {
        if self.open.len() >= MESSAGES_OPEN_MAX && !self.open.contains_key(&key) {
            self.forget_half();
        }
        let (goes_on, heads) = (self.goes_on, &mut self.heads);
        let message = self.open.entry(key).or_insert_with(|| Message {
            is_head: !goes_on && begin_head(heads, key, begins),
            ..Message::default()
        });
        message.last_ns = self.clock_ns;
        message.is_fresh = false;
        message
    }

    /// Ends the open message of an id.
    fn close(&mut self, key: Key) {
        if let Some(message) = self.open.remove(&key) {
            // A merge counts them anew when it is done.
            self.n_deferred = self.n_deferred.saturating_sub(message.deferred.len());
            close_head(&mut self.heads, key, message);
        }
    }

    fn forget_half(&mut self) {
        let mut moments: Vec<i64> = self.open.values().map(|message| message.last_ns).collect();
        let middle = moments.len() / 2;
        let (_, median_ns, _) = moments.select_nth_unstable(middle);
        let (median_ns, heads) = (*median_ns, &mut self.heads);
        for (key, message) in self
            .open
            .extract_if(|_, message| message.last_ns <= median_ns)
        {
            close_head(heads, key, message);
        }
        self.recount();
    }

    fn recount(&mut self) {
        let deferred = self.open.values().map(|message| message.deferred.len());
        self.n_deferred = deferred.sum();
    }
}

/// Notes how a message was first seen, if it is the first of its id here.
fn begin_head(heads: &mut HashMap<Key, Head, RandomState>, key: Key, begins: Begins) -> bool {
    if heads.len() >= MESSAGES_OPEN_MAX || heads.contains_key(&key) {
        return false;
    }
    heads.insert(
        key,
        Head {
            begins,
            closed: None,
        },
    );
    true
}

/// Keeps what a message was, where an earlier part may know more of it.
fn close_head(heads: &mut HashMap<Key, Head, RandomState>, key: Key, message: Message) {
    if message.is_head
        && let Some(head) = heads.get_mut(&key)
        && head.begins != Begins::Anew
    {
        head.closed = Some(message);
    }
}
