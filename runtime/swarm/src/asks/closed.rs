//! Asks that ended a while ago, so that a late answer is known for what it is.

use std::collections::{HashMap, VecDeque};

use skep_packet::{Address, AgentName, Token};

/// Most ended asks that are remembered; the oldest is forgotten, and its answers are then unknown.
pub(super) const CLOSED_MAX: usize = 16_384;

type Key = (AgentName, Token);

/// Ended asks, the newest [`CLOSED_MAX`] of them.
#[derive(Debug, Default)]
pub(super) struct Closed {
    asked: HashMap<Key, (u64, Box<[Address]>)>,
    order: VecDeque<(u64, Key)>,
    next: u64,
}

impl Closed {
    pub(super) fn remember(&mut self, key: Key, asked: Box<[Address]>) {
        self.next += 1;
        self.order.push_back((self.next, key.clone()));
        self.asked.insert(key, (self.next, asked));
        while self.order.len() > CLOSED_MAX {
            let Some((serial, key)) = self.order.pop_front() else {
                return;
            };
            // A token asked again later has a newer entry, which stays.
            if self
                .asked
                .get(&key)
                .is_some_and(|(newest, _)| *newest == serial)
            {
                self.asked.remove(&key);
            }
        }
    }

    /// Whom the ended ask was sent to.
    pub(super) fn asked(&self, key: &Key) -> Option<&[Address]> {
        self.asked.get(key).map(|(_, asked)| &**asked)
    }
}
