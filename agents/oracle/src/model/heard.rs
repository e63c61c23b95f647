//! What was heard of an answer so far.

use super::{ModelError, budget::Usage};

/// Bytes of an answer; a longer one is none.
pub(crate) const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// What was heard of an answer so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// What was said.
    said: String,
    /// What was put into the form.
    form: String,
    /// What it took, if the server tells.
    pub(crate) usage: Option<Usage>,
    /// Whether the time ended before the answer.
    pub(crate) is_cut: bool,
}

impl Heard {
    /// More words.
    pub(super) fn say(&mut self, words: &str) -> Result<(), ModelError> {
        self.said.push_str(words);
        self.fits()
    }

    /// More of the form.
    pub(super) fn fill(&mut self, words: &str) -> Result<(), ModelError> {
        self.form.push_str(words);
        self.fits()
    }

    /// The answer: the form where one was filled in, else what was said.
    pub(crate) fn words(&self) -> &str {
        match self.form.trim() {
            "" => self.said.trim(),
            form => form,
        }
    }

    fn fits(&self) -> Result<(), ModelError> {
        match self.said.len() + self.form.len() <= ANSWER_BYTES_MAX {
            true => Ok(()),
            false => Err(ModelError::TooLarge {
                max: ANSWER_BYTES_MAX,
            }),
        }
    }
}
