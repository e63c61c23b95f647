//! Two parts become one: what the first left in the queue meets what the second saw of it.

use super::Begins;
use super::Head;
use super::Key;
use super::MESSAGES_OPEN_MAX;
use super::Message;
use super::Queue;
use crate::digest::tally::Tally;

impl Queue {
    /// Goes on with the messages of later lines.
    ///
    /// What the later part counted because it did not know what came before is taken back from
    /// `later_tally`.
    pub(in crate::digest::collectors::postfix) fn merge(
        &mut self,
        mut later: Self,
        tally: &mut Tally,
        later_tally: &mut Tally,
    ) {
        for (key, head) in std::mem::take(&mut later.heads) {
            let open = later.open.remove(&key);
            let continues = self
                .open
                .get(&key)
                .is_some_and(|earlier| head.continues(earlier));
            if continues {
                self.join(key, head, open, tally, later_tally);
            } else {
                self.close(key);
                let is_head = self.adopt_head(key, head);
                self.adopt(key, open, is_head);
            }
        }
        for (key, message) in std::mem::take(&mut later.open) {
            self.close(key);
            self.adopt(key, Some(message), false);
        }
        self.clock_ns = self.clock_ns.max(later.clock_ns);
        self.recount();
        if self.open.len() > MESSAGES_OPEN_MAX {
            self.forget_half();
        }
    }

    /// One message, begun here and gone on there; perhaps another one of its id followed it.
    fn join(
        &mut self,
        key: Key,
        head: Head,
        open: Option<Message>,
        tally: &mut Tally,
        later_tally: &mut Tally,
    ) {
        let (first, is_closed, another) = match open {
            Some(first) if first.is_head => (Some(first), false, None),
            another => (head.closed, true, another),
        };
        if let (Some(earlier), Some(first)) = (self.open.get_mut(&key), first) {
            earlier.join(first, tally, later_tally);
        }
        if is_closed {
            self.close(key);
            self.adopt(key, another, false);
        }
    }

    /// Nothing is known here of an id that the later part saw first: perhaps a third part knows it.
    fn adopt_head(&mut self, key: Key, head: Head) -> bool {
        let is_first = !self.goes_on && super::begin_head(&mut self.heads, key, head.begins);
        if is_first && let Some(known) = self.heads.get_mut(&key) {
            known.closed = head.closed;
        }
        is_first
    }

    fn adopt(&mut self, key: Key, message: Option<Message>, is_head: bool) {
        if let Some(message) = message {
            let is_head = is_head && message.is_head;
            self.open.insert(key, Message { is_head, ..message });
        }
    }
}

impl Head {
    /// Whether it is a later line of that message.
    fn continues(&self, earlier: &Message) -> bool {
        match self.begins {
            Begins::Anew => false,
            Begins::WithItsId => earlier.is_fresh,
            Begins::Before => true,
        }
    }
}
