//! What came of a request: each origin's callbacks, in their order.

use std::collections::BTreeMap;

use skep_packet::Address;
use skep_protocol::callback::{Callback, Format, Status};

/// Callbacks of one origin that may wait for one before them; a door keeps no more of a session.
const AHEAD_MAX: usize = 4096;

/// How far an origin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Still at it.
    Open,
    /// All came.
    Done,
    /// All came, and it could not do it.
    Failed(String),
    /// It will not answer any more.
    Lost(String),
}

/// One who was asked.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) end: End,
    /// The fragments of its JSON document.
    pub(crate) json: String,
    /// Its lines.
    pub(crate) lines: Vec<String>,
    next_seq: u64,
    ahead: BTreeMap<u64, Callback>,
}

/// What came of a request.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) origins: BTreeMap<Address, Origin>,
    is_accepted: bool,
}

impl Origin {
    fn new() -> Self {
        Self {
            end: End::Open,
            json: String::new(),
            lines: Vec::new(),
            next_seq: 0,
            ahead: BTreeMap::new(),
        }
    }

    fn take(&mut self, callback: &Callback) {
        match callback.format {
            Format::Json => self.json.extend(callback.lines.iter().map(String::as_str)),
            Format::Text => self.lines.extend(callback.lines.iter().cloned()),
        }
        if callback.last {
            self.end = match &callback.error {
                Some(error) => End::Failed(error.clone()),
                None => End::Done,
            };
        }
    }
}

impl Answers {
    /// Takes a callback; yields those that are now next in their origin's order.
    pub(crate) fn take(&mut self, callback: Callback) -> Vec<Callback> {
        match callback.status {
            Status::Accepted => {
                self.is_accepted = true;
                // A later list leaves out whoever another one took the place of.
                self.origins.retain(|address, origin| {
                    origin.end != End::Open || callback.origins.contains(address)
                });
                for origin in &callback.origins {
                    self.origins
                        .entry(origin.clone())
                        .or_insert_with(Origin::new);
                }
                return vec![callback];
            }
            Status::OriginLost => {
                let origin = self
                    .origins
                    .entry(callback.origin.clone())
                    .or_insert_with(Origin::new);
                if origin.end == End::Open {
                    origin.end = End::Lost(callback.note.clone().unwrap_or_default());
                }
                return vec![callback];
            }
            Status::Working | Status::Part | Status::Last => {}
        }
        let origin = self
            .origins
            .entry(callback.origin.clone())
            .or_insert_with(Origin::new);
        if callback.seq < origin.next_seq || origin.ahead.len() >= AHEAD_MAX {
            return Vec::new();
        }
        origin.ahead.insert(callback.seq, callback);
        let mut ready = Vec::new();
        while let Some(callback) = origin.ahead.remove(&origin.next_seq) {
            origin.next_seq += 1;
            origin.take(&callback);
            ready.push(callback);
        }
        ready
    }

    /// Callbacks are gone for good: nobody can be waited for any more.
    pub(crate) fn gap(&mut self) {
        let open = self
            .origins
            .values_mut()
            .filter(|origin| origin.end == End::Open);
        for origin in open {
            origin.end = End::Lost("a part of its answer is not kept any more".to_owned());
        }
    }

    /// Whether nothing more is to come.
    pub(crate) fn is_done(&self) -> bool {
        self.is_accepted && self.origins.values().all(|origin| origin.end != End::Open)
    }

    /// Whether somebody could not answer.
    pub(crate) fn has_failed(&self) -> bool {
        self.origins.is_empty() || self.origins.values().any(|origin| origin.end != End::Done)
    }
}

#[cfg(test)]
mod tests {
    use skep_packet::Token;
    use skep_protocol::callback::{Answering, Thread};

    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn answering(origin: &str) -> Answering {
        let thread = Thread {
            session_id: Some("s".to_owned()),
            token: Some(Token::new("t").unwrap()),
            return_handler: None,
            reply_to: None,
            session_key: None,
        };
        Answering::new(thread, address(origin))
    }

    fn accepted(origins: &[&str]) -> Callback {
        let mut callback = answering("rpc_router@n1").working(0, "");
        callback.status = Status::Accepted;
        callback.origins = origins.iter().map(|origin| address(origin)).collect();
        callback
    }

    #[test]
    fn it_is_done_when_every_origin_is() {
        let mut answers = Answers::default();
        assert!(!answers.is_done());
        answers.take(accepted(&["w@n1", "w@n2"]));
        assert!(!answers.is_done());
        for part in answering("w@n1").text(1, "a\nb", true) {
            assert_eq!(answers.take(part).len(), 1);
        }
        assert!(!answers.is_done());
        answers.take(answering("w@n2").error(1, "no"));
        assert!(answers.is_done() && answers.has_failed());
        assert_eq!(answers.origins[&address("w@n1")].lines, ["a", "b"]);
        assert_eq!(
            answers.origins[&address("w@n2")].end,
            End::Failed("no".to_owned())
        );
    }

    #[test]
    fn callbacks_out_of_order_or_twice_make_the_same_document() {
        let document = "x".repeat(100_000);
        let parts = answering("w@n1").json(1, &document, true);
        let mut answers = Answers::default();
        answers.take(accepted(&["w@n1"]));
        for part in parts.iter().rev().chain(&parts) {
            answers.take(part.clone());
        }
        assert!(answers.is_done() && !answers.has_failed());
        assert_eq!(answers.origins[&address("w@n1")].json, document);
    }

    #[test]
    fn the_last_one_does_not_end_what_has_a_hole() {
        let parts = answering("w@n1").json(1, &"x".repeat(100_000), true);
        let mut answers = Answers::default();
        answers.take(accepted(&["w@n1"]));
        answers.take(parts[3].clone());
        assert!(!answers.is_done());
        answers.gap();
        assert!(answers.is_done() && answers.has_failed());
    }

    #[test]
    fn a_lost_origin_ends_and_a_done_one_is_not_lost() {
        let mut lost = answering("w@n1").working(0, "its node is gone");
        lost.status = Status::OriginLost;
        let mut answers = Answers::default();
        answers.take(accepted(&["w@n1"]));
        answers.take(lost.clone());
        assert!(answers.is_done() && answers.has_failed());
        let mut answers = Answers::default();
        answers.take(accepted(&["w@n1"]));
        answers.take(answering("w@n1").text(1, "a", true)[0].clone());
        answers.take(lost);
        assert!(!answers.has_failed());
    }

    #[test]
    fn nobody_waits_for_whoever_was_replaced() {
        let mut answers = Answers::default();
        answers.take(accepted(&["w@n1"]));
        answers.take(accepted(&["w@n2"]));
        answers.take(answering("w@n2").text(1, "a", true)[0].clone());
        assert!(answers.is_done() && !answers.has_failed());
    }

    #[test]
    fn nobody_who_answers_is_a_failure() {
        let mut answers = Answers::default();
        answers.take(accepted(&[]));
        assert!(answers.is_done() && answers.has_failed());
    }
}
