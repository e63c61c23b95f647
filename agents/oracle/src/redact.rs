//! What leaves the host: text without secrets, its people and places under other names.
//!
//! Secrets become `<secret>` and never come back. Mail addresses, and by choice network addresses
//! and user names, become pseudonyms, the same one for the same thing throughout a question, and
//! are put back in the answer. The rules look at shapes; they would rather take too much.

mod address;
mod secrets;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use self::secrets::without_secrets;

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

/// Names that are nobody's.
const NOBODY: &[&str] = &["", "root", "(unknown)"];

/// Shortest user name or host name that is replaced wherever it stands as a word.
const NAME_CHARS_MIN: usize = 2;

/// The pseudonyms of one question.
#[derive(Debug, Clone)]
pub(crate) struct Redactor {
    choice: Redact,
    /// Begins every pseudonym; nothing in the question does.
    mark: String,
    /// Names known to be hosts' or users', the longest first, with their kind.
    names: Vec<(String, &'static str)>,
    pseudonyms: BTreeMap<String, String>,
    originals: BTreeMap<String, String>,
}

impl Redactor {
    /// For a question that consists of `texts`.
    pub(crate) fn new(choice: Redact, texts: &[&str], hosts: &[String], users: &[String]) -> Self {
        let mark = |n: usize| {
            if n == 0 {
                "X".to_owned()
            } else {
                format!("X{n}X")
            }
        };
        let taken = |mark: &String| texts.iter().any(|text| text.contains(mark.as_str()));
        // A question that holds every mark there is can not be: it would have no end.
        let free = (0..).map(mark).find(|mark| !taken(&format!("{mark}-")));
        let mut redactor = Self {
            choice,
            mark: free.unwrap_or_default(),
            names: Vec::new(),
            pseudonyms: BTreeMap::new(),
            originals: BTreeMap::new(),
        };
        let mut names: BTreeMap<String, &'static str> = BTreeMap::new();
        let mut add = |wanted: bool, name: &str, kind| {
            let fits = name.chars().count() >= NAME_CHARS_MIN && !NOBODY.contains(&name);
            if wanted && fits && !name.contains('@') {
                names.insert(name.to_owned(), kind);
            }
        };
        users
            .iter()
            .for_each(|name| add(choice.users, name, "user"));
        hosts
            .iter()
            .for_each(|name| add(choice.addresses, name, "host"));
        redactor.names = names.into_iter().collect();
        redactor
            .names
            .sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        redactor
    }

    /// A text of the question as it may leave the host.
    pub(crate) fn redact(&mut self, text: &str) -> String {
        let text = without_secrets(text);
        let text = self.without_mails(&text);
        let text = if self.choice.addresses {
            self.without_addresses(&text)
        } else {
            text
        };
        self.without_names(&text)
    }

    /// A text of the answer as people should read it.
    pub(crate) fn restore(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let start = format!("{}-", self.mark);
        while let Some(at) = rest.find(&start) {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let end = from
                .char_indices()
                .find(|(_, char)| !char.is_ascii_alphanumeric() && *char != '-')
                .map_or(from.len(), |(end, _)| end);
            let (word, after) = from.split_at(end);
            out.push_str(self.originals.get(word).map_or(word, String::as_str));
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn pseudonym(&mut self, kind: &str, original: &str) -> String {
        if let Some(known) = self.pseudonyms.get(original) {
            return known.clone();
        }
        let n = self.pseudonyms.len() + 1;
        let pseudonym = format!("{}-{kind}-{n}", self.mark);
        self.pseudonyms
            .insert(original.to_owned(), pseudonym.clone());
        self.originals
            .insert(pseudonym.clone(), original.to_owned());
        pseudonym
    }

    fn without_mails(&mut self, text: &str) -> String {
        let spans = address::mails(text);
        self.replace(text, &spans, "mail")
    }

    fn without_addresses(&mut self, text: &str) -> String {
        let spans = address::addresses(text);
        self.replace(text, &spans, "addr")
    }

    fn without_names(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, kind) in self.names.clone() {
            let spans = address::words(&text, &name);
            if !spans.is_empty() {
                text = self.replace(&text, &spans, kind);
            }
        }
        text
    }

    fn replace(&mut self, text: &str, spans: &[(usize, usize)], kind: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (start, end) in spans {
            out.push_str(text.get(done..*start).unwrap_or_default());
            let original = text.get(*start..*end).unwrap_or_default().to_owned();
            out.push_str(&self.pseudonym(kind, &original));
            done = *end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }
}

/// User names that a line shows by the words before them, whatever wrote it.
pub(crate) fn users_in(line: &str) -> impl Iterator<Item = &str> {
    /// Words that follow `user` in a sentence.
    const NO_NAMES: &[&str] = &[
        "from", "by", "is", "not", "name", "unknown", "and", "with", "in",
    ];
    let starts = ["user=", "USER=", "user ", "logname=", "acct=", "for user "];
    let found = starts.into_iter().flat_map(move |start| {
        line.match_indices(start)
            .filter_map(move |(at, _)| line.get(at + start.len()..))
    });
    let names = found.filter_map(|rest| {
        let rest = rest.trim_start_matches(['"', '\'', '<']);
        rest.split(|char: char| char.is_whitespace() || "\"'<>(),;:[]".contains(char))
            .next()
    });
    names.filter(|name| !NO_NAMES.contains(name))
}

#[cfg(test)]
mod tests;
