//! What leaves the host: text without secrets, its people and places under other names.
//!
//! Secrets become `<secret>` and never come back. Mail addresses, and by choice network addresses
//! and user names, become pseudonyms: the same one for the same thing as long as the agent keeps
//! its key, so that answers to two questions speak of the same attacker; they are put back in the
//! answer. The rules look at shapes; they would rather take too much.

mod address;
mod names;
mod pseudonym;
mod secrets;

use schemars::JsonSchema;
use serde::Deserialize;

use self::pseudonym::{Kind, Pseudonyms};
pub(crate) use self::{
    address::{addresses, mails, words},
    names::users_in,
    pseudonym::PseudonymKey,
};

/// What stands for a secret.
const SECRET: &str = "<secret>";

/// Which pseudonyms stand for what, by choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Redact {
    /// Network addresses and names of hosts.
    pub addresses: bool,
    /// User names, but `root`, which every host has.
    pub users: bool,
}

impl Default for Redact {
    fn default() -> Self {
        Self {
            addresses: true,
            users: true,
        }
    }
}

/// The redaction of one question.
#[derive(Debug, Clone)]
pub(crate) struct Redactor {
    choice: Redact,
    /// Names known to be hosts' or users'.
    known: names::Known,
    pseudonyms: Pseudonyms,
}

/// What a span of a text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Becomes {
    Pseudonym(Kind),
    Secret,
}

impl Redactor {
    /// For a question that consists of `texts`, which know of these hosts and users.
    pub(crate) fn new(
        choice: Redact,
        key: PseudonymKey,
        texts: &[&str],
        hosts: &[String],
        users: &[String],
    ) -> Self {
        let hosts = if choice.addresses { hosts } else { &[] };
        let users = if choice.users { users } else { &[] };
        Self {
            choice,
            known: names::Known::new(hosts, users),
            pseudonyms: Pseudonyms::new(key, texts.iter().copied()),
        }
    }

    /// A text of the question as it may leave the host.
    pub(crate) fn redact(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (start, end, becomes) in self.spans(text) {
            out.push_str(text.get(done..start).unwrap_or_default());
            let original = text.get(start..end).unwrap_or_default();
            out.push_str(match becomes {
                Becomes::Secret => SECRET,
                Becomes::Pseudonym(kind) => self.pseudonyms.of(kind, original),
            });
            done = end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }

    /// A text of the answer as people should read it.
    pub(crate) fn restore(&self, text: &str) -> String {
        self.pseudonyms.restore(text)
    }

    /// What goes, in order. All is found in the text as it is, so that nothing that was put in is
    /// taken for a name; spans that overlap go as one, as the most private of them.
    fn spans(&self, text: &str) -> Vec<(usize, usize, Becomes)> {
        let mut found: Vec<(usize, usize, Becomes)> = Vec::new();
        let mut add = |spans: Vec<(usize, usize)>, becomes| {
            found.extend(spans.into_iter().map(|(start, end)| (start, end, becomes)));
        };
        let secrets = secrets::secrets(text);
        // `scheme://user:password@host` is no mail address, and its host says more than nothing.
        let mut mails = mails(text);
        mails.retain(|(start, end)| {
            let at = text.get(*start..*end).and_then(|mail| mail.find('@'));
            !secrets
                .iter()
                .any(|secret| at.is_some_and(|at| secret.1 == start + at))
        });
        add(secrets, Becomes::Secret);
        add(mails, Becomes::Pseudonym(Kind::Mail));
        if self.choice.addresses {
            add(addresses(text), Becomes::Pseudonym(Kind::Address));
            add(names::hosts(text), Becomes::Pseudonym(Kind::Host));
        }
        for (start, end, kind) in self.known.spans(text) {
            add(vec![(start, end)], Becomes::Pseudonym(kind));
        }
        found.sort_unstable();
        let mut merged: Vec<(usize, usize, Becomes)> = Vec::with_capacity(found.len());
        for (start, end, becomes) in found {
            match merged.last_mut().filter(|(_, last, _)| start < *last) {
                Some((_, last, what)) => {
                    *last = end.max(*last);
                    *what = becomes.max(*what);
                }
                None => merged.push((start, end, becomes)),
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests;
