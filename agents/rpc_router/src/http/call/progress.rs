//! Whether a call has all of its answer.

use std::collections::{BTreeMap, BTreeSet};

use skep_packet::Address;
use skep_protocol::{
    callback::{Callback, Status},
    rpc::FromDoor,
};

/// What went out to the client, as far as its end depends on it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Who will answer, once that is known.
    expected: Option<Vec<Address>>,
    seen: BTreeMap<Address, Seen>,
    /// Callbacks are gone for good: whoever has said its last is done.
    has_gap: bool,
}

#[derive(Debug, Default)]
struct Seen {
    next_seq: u64,
    /// Numbers that came before one that is still to come.
    ahead: BTreeSet<u64>,
    last: Option<u64>,
    is_lost: bool,
}

impl Progress {
    pub(super) fn take(&mut self, message: &FromDoor) {
        match message {
            FromDoor::Callback { callback, .. } => self.callback(callback),
            FromDoor::Gap { .. } => self.has_gap = true,
            _ => {}
        }
    }

    fn callback(&mut self, callback: &Callback) {
        if callback.status == Status::Accepted {
            self.expected = Some(callback.origins.clone());
            return;
        }
        let seen = self.seen.entry(callback.origin.clone()).or_default();
        if callback.status == Status::OriginLost {
            seen.is_lost = true;
            return;
        }
        if callback.seq >= seen.next_seq {
            seen.ahead.insert(callback.seq);
        }
        while seen.ahead.remove(&seen.next_seq) {
            seen.next_seq += 1;
        }
        if callback.last {
            seen.last = Some(callback.seq);
        }
    }

    /// Whether every origin that was to answer has ended, and all of it came.
    pub(super) fn is_done(&self) -> bool {
        let has_ended = |origin: &Address| {
            self.seen.get(origin).is_some_and(|seen| {
                let has_all = |last: u64| self.has_gap || seen.next_seq > last;
                seen.is_lost || seen.last.is_some_and(has_all)
            })
        };
        let expected = self.expected.as_ref();
        expected.is_some_and(|origins| origins.iter().all(has_ended))
    }
}

#[cfg(test)]
mod tests {
    use skep_protocol::callback::{Answering, Thread};

    use super::*;

    fn answering(origin: &str) -> Answering {
        let thread = Thread {
            session_id: None,
            token: None,
            return_handler: None,
            reply_to: None,
            session_key: None,
        };
        Answering::new(thread, origin.parse().unwrap())
    }

    fn own(origin: &str, status: Status, origins: &[&str]) -> Callback {
        let mut callback = answering(origin).working(0, "");
        callback.status = status;
        callback.origins = origins.iter().map(|text| text.parse().unwrap()).collect();
        callback
    }

    /// Whether the call is done after each of these.
    fn check(callbacks: &[Callback], expected: &[bool]) {
        let mut progress = Progress::default();
        let done = callbacks.iter().map(|callback| {
            progress.callback(callback);
            progress.is_done()
        });
        assert_eq!(done.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_call_is_done_when_each_origin_has_ended_and_nothing_is_missing() {
        let accepted = own("door@n1", Status::Accepted, &["w@n1", "w@n2"]);
        let first = answering("w@n1").text(0, "a", true);
        let second = answering("w@n2").json(0, &"x".repeat(40_000), true);
        let lost = own("w@n2", Status::OriginLost, &[]);
        check(
            &[accepted.clone(), first[0].clone(), lost],
            &[false, false, true],
        );
        // The last one is here before the one before it.
        let parts = [&accepted, &second[1], &first[0], &second[1], &second[0]];
        check(
            &parts.map(Clone::clone),
            &[false, false, false, false, true],
        );
        // An answer may be faster than the word of who will answer.
        check(
            &[
                first[0].clone(),
                own("door@n1", Status::Accepted, &["w@n1"]),
            ],
            &[false, true],
        );
        check(&[own("door@n1", Status::Accepted, &[])], &[true]);
    }

    #[test]
    fn after_a_gap_the_last_word_is_enough() {
        let parts = answering("w@n1").json(0, &"x".repeat(40_000), true);
        let mut progress = Progress::default();
        progress.callback(&own("door@n1", Status::Accepted, &["w@n1"]));
        progress.callback(&parts[1]);
        assert!(!progress.is_done());
        progress.take(&FromDoor::Gap { from: 2, to: 2 });
        assert!(progress.is_done());
    }
}
