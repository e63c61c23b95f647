//! What a question brings, made ready for whoever is asked.

use std::{borrow::Cow, collections::BTreeSet};

use skep_protocol::{
    digest::DigestReport,
    oracle::{Prompt, Report},
};

use crate::{
    builtin::{self, About},
    config::ResponseMode,
    model::question::{Material, withheld},
    redact::{PseudonymKey, Redact},
};

/// What a question brings.
#[derive(Debug)]
pub(crate) struct Inquiry<'a> {
    pub(crate) prompt: &'a Prompt,
    pub(crate) digest: Cow<'a, DigestReport>,
    /// What a person asks in words beside a digest.
    words: String,
    withheld: BTreeSet<String>,
}

/// How it is told to a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Telling {
    pub(crate) mode: ResponseMode,
    pub(crate) redact: Redact,
    pub(crate) key: PseudonymKey,
}

impl<'a> Inquiry<'a> {
    pub(crate) fn new(prompt: &'a Prompt) -> Self {
        let asked = text_of(prompt);
        // The lines are the question's evidence where there is no digest; not both.
        let (digest, words) = match &prompt.digest {
            Some(digest) => (Cow::Borrowed(digest), asked),
            None => (Cow::Owned(builtin::digest_of(&asked)), String::new()),
        };
        Self {
            prompt,
            withheld: withheld(&digest),
            digest,
            words,
        }
    }

    pub(crate) fn about(&self) -> About<'a> {
        About {
            host: &self.prompt.host,
            window: self.prompt.window,
        }
    }

    pub(crate) fn material<'m>(&'m self, builtin: &'m Report, telling: Telling) -> Material<'m> {
        Material {
            digest: &self.digest,
            about: self.about(),
            builtin,
            asked: &self.words,
            mode: telling.mode,
            redact: telling.redact,
            key: telling.key,
            withheld: &self.withheld,
        }
    }
}

/// What a person asks in words.
pub(crate) fn text_of(prompt: &Prompt) -> String {
    let messages = prompt
        .messages
        .iter()
        .filter(|message| message.role != "system");
    let mut texts: Vec<&str> = messages.map(|message| message.content.as_str()).collect();
    texts.extend(prompt.prompt.as_deref());
    texts.join("\n").trim().to_owned()
}
