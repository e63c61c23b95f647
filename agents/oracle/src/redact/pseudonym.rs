//! Names that stand for others: the same one for the same thing, for as long as the key lives.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;
use sha2::{Digest, Sha256};

/// The key of an agent's pseudonyms. Without it nobody can tell whose they are.
#[derive(Clone, Copy)]
pub(crate) struct PseudonymKey(pub(crate) [u8; 32]);

impl std::fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PseudonymKey(…)")
    }
}

/// Characters of a pseudonym's end: so many that among a thousand names of a question two meet once in a
/// thousand questions; those that meet are told apart.
const END_CHARS: usize = 6;

/// No vowels, so that no words come out, and nothing that looks like another.
const ALPHABET: &[u8; 28] = b"bcdfghjkmnpqrstvwxyz23456789";

/// A name that may be a pseudonym, whoever wrote it.
static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)X-(?:addr|host|user|mail)-[a-z0-9]{6}").expect("a pattern written in code")
});

/// What a pseudonym stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Host,
    User,
    Address,
    Mail,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::User => "user",
            Self::Address => "addr",
            Self::Mail => "mail",
        }
    }
}

/// The pseudonyms of one question.
#[derive(Debug, Clone)]
pub(crate) struct Pseudonyms {
    key: PseudonymKey,
    /// Names in the question's own texts that look like pseudonyms; none is given to anybody.
    taken: BTreeSet<String>,
    given: BTreeMap<String, String>,
    originals: BTreeMap<String, String>,
}

impl Pseudonyms {
    /// For a question that consists of `texts`.
    pub(crate) fn new<'a>(key: PseudonymKey, texts: impl Iterator<Item = &'a str>) -> Self {
        let taken = texts.flat_map(|text| shaped(text).map(|(_, name)| name.to_lowercase()));
        Self {
            key,
            taken: taken.collect(),
            given: BTreeMap::new(),
            originals: BTreeMap::new(),
        }
    }

    /// The pseudonym of a name.
    pub(crate) fn of(&mut self, kind: Kind, original: &str) -> &str {
        if !self.given.contains_key(original) {
            let free = (0_u32..)
                .map(|n| self.key.name(kind, original, n))
                .find(|name| {
                    let name = name.to_lowercase();
                    !self.taken.contains(&name) && !self.originals.contains_key(&name)
                });
            let name = free.expect("there are more pseudonyms than names in a question");
            self.originals
                .insert(name.to_lowercase(), original.to_owned());
            self.given.insert(original.to_owned(), name);
        }
        &self.given[original]
    }

    /// A text with the names that its pseudonyms stand for.
    pub(crate) fn restore(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (at, name) in shaped(text) {
            out.push_str(text.get(done..at).unwrap_or_default());
            let original = self.originals.get(&name.to_lowercase());
            out.push_str(original.map_or(name, String::as_str));
            done = at + name.len();
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }
}

fn shaped(text: &str) -> impl Iterator<Item = (usize, &str)> {
    SHAPE
        .find_iter(text)
        .map(|found| (found.start(), found.as_str()))
}

impl PseudonymKey {
    /// The `n`th name for something; all but the first are for names that meet.
    fn name(self, kind: Kind, original: &str, n: u32) -> String {
        // A keyed hash: the outer one keeps an inner one that is known from being carried on.
        let inner = Sha256::new()
            .chain_update(self.0)
            .chain_update(kind.word())
            .chain_update([0])
            .chain_update(n.to_be_bytes())
            .chain_update(original);
        let outer = Sha256::new()
            .chain_update(self.0)
            .chain_update(inner.finalize())
            .finalize();
        let mut bits = outer
            .iter()
            .take(8)
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let mut name = format!("X-{}-", kind.word());
        for _ in 0..END_CHARS {
            let letter = bits % ALPHABET.len() as u64;
            let letter = usize::try_from(letter).expect("it is less than the alphabet's length");
            name.push(char::from(ALPHABET[letter]));
            bits /= ALPHABET.len() as u64;
        }
        name
    }
}
