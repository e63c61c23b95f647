//! Answers that were given already: the same bytes to the same model need no second asking.
//!
//! Kept in memory only. An answer tells what logs say of people, and is worth one question: nothing
//! of it is to rest on a disk.

use std::collections::{BTreeMap, VecDeque};

use sha2::{Digest, Sha256};

/// How long an answer is as good as a new one.
const KEPT_NS: u64 = 3_600_000_000_000;

/// The name of a question: a hash of where it goes and of its exact bytes.
pub(crate) type QuestionId = [u8; 32];

/// The newest answers; the oldest goes for one more.
#[derive(Debug)]
pub(crate) struct Cache {
    answers_max: usize,
    answers: BTreeMap<QuestionId, (u64, String)>,
    order: VecDeque<QuestionId>,
}

/// The name of a question.
pub(crate) fn question_id(backend: &str, body: &[u8]) -> QuestionId {
    Sha256::new()
        .chain_update((backend.len() as u64).to_be_bytes())
        .chain_update(backend)
        .chain_update(body)
        .finalize()
        .into()
}

impl Cache {
    pub(crate) fn new(answers_max: usize) -> Self {
        Self {
            answers_max,
            answers: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    /// The answer to a question, while it is fresh.
    pub(crate) fn get(&self, id: &QuestionId, now_ns: u64) -> Option<&str> {
        let (at_ns, words) = self.answers.get(id)?;
        (now_ns.saturating_sub(*at_ns) < KEPT_NS).then_some(words)
    }

    pub(crate) fn put(&mut self, id: QuestionId, words: &str, now_ns: u64) {
        if self.answers_max == 0 {
            return;
        }
        if self
            .answers
            .insert(id, (now_ns, words.to_owned()))
            .is_some()
        {
            self.order.retain(|known| *known != id);
        }
        self.order.push_back(id);
        if self.order.len() > self.answers_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_or_another_model_is_another_question() {
        assert_eq!(question_id("m", b"abc"), question_id("m", b"abc"));
        assert_ne!(question_id("m", b"abc"), question_id("m", b"abd"));
        assert_ne!(question_id("m", b"abc"), question_id("ma", b"bc"));
    }

    #[test]
    fn the_oldest_goes_and_none_is_kept_for_long() {
        let id = |n: u8| question_id("m", &[n]);
        let mut cache = Cache::new(2);
        cache.put(id(1), "one", 0);
        cache.put(id(2), "two", 0);
        cache.put(id(1), "one again", 5);
        cache.put(id(3), "three", 5);
        assert_eq!(cache.get(&id(1), 6), Some("one again"));
        assert_eq!(cache.get(&id(2), 6), None);
        assert_eq!(cache.get(&id(3), 5 + KEPT_NS), None);
        let mut none = Cache::new(0);
        none.put(id(1), "one", 0);
        assert_eq!(none.get(&id(1), 0), None);
    }
}
