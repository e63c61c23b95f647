//! Kinds of line, found without knowing the service: Drain.
//!
//! A line goes down a tree of fixed depth, by its number of words and its first words, to a leaf
//! with a few kinds; the nearest of them takes it in, and where a word differs it varies from now
//! on. Source: He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017.
//! Bounded: whatever is written into a log, the tree keeps the kinds that were seen last, and a
//! line costs no more than the kinds of one leaf.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// First words of a line that choose its leaf.
const DEPTH: usize = 2;

/// Branches of a node; further words share the branch of what varies.
const BRANCHES_MAX: usize = 64;

/// Kinds in one leaf; at the bound the one that was seen longest ago is forgotten.
const LEAF_MAX: usize = 16;

/// Kinds of a tree, and bytes of their words; at the bound those that were seen longest ago are
/// forgotten, and are new when they come again: a flood makes more to read, it hides nothing.
const KINDS_MAX: usize = 1_000;
const BYTES_MAX: usize = 96 * 1024;

/// Words of a line that are looked at; what follows does not tell kinds apart.
const WORDS_MAX: usize = 40;

/// Longest word that is kept as it is, in bytes; a longer one is variable.
const WORD_BYTES_MAX: usize = 40;

/// The share of equal words, in percent, from which on two lines are of one kind.
const SIMILAR_PERCENT: usize = 50;

/// Stands for what varies.
const VARIABLE: &str = "*";

/// The kinds of line seen so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Miner {
    /// By the number of words.
    lengths: BTreeMap<usize, Node>,
    n_kinds: usize,
    n_bytes: usize,
    /// Counts lines: says which kind was seen longest ago.
    clock: u64,
}

/// A node of the tree: one more word leads on, and at the end stand the kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Node {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    branches: BTreeMap<String, Node>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<Kind>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Kind {
    words: Vec<String>,
    seen: u64,
}

impl Miner {
    /// Whether nothing was seen yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.n_kinds == 0
    }

    /// How many kinds were seen.
    #[cfg(test)]
    pub(crate) fn n_kinds(&self) -> usize {
        self.n_kinds
    }

    /// Takes a line in; its kind where it is a new one.
    pub(crate) fn learn(&mut self, line: &str) -> Option<String> {
        let words: Vec<String> = words(line).collect();
        if words.is_empty() {
            return None;
        }
        self.clock += 1;
        let now = self.clock;
        let mut node = self.lengths.entry(words.len()).or_default();
        for word in words.iter().take(DEPTH) {
            node = node.branch(word);
        }
        if let Some(kind) = nearest(&mut node.kinds, &words) {
            self.n_bytes -= kind.bytes();
            kind.widen(&words);
            self.n_bytes += kind.bytes();
            kind.seen = now;
            return None;
        }
        let text = words.join(" ");
        let kind = Kind { words, seen: now };
        self.n_bytes += kind.bytes();
        self.n_kinds += 1;
        node.kinds.push(kind);
        if node.kinds.len() > LEAF_MAX {
            let oldest = node.kinds.iter().map(|kind| kind.seen).min().unwrap_or(0);
            self.forget(oldest);
        }
        while self.n_kinds > KINDS_MAX || self.n_bytes > BYTES_MAX {
            self.forget_oldest();
        }
        Some(text)
    }

    /// Forgets the quarter that was seen longest ago, so that a flood pays for it once in a while.
    fn forget_oldest(&mut self) {
        let mut seen = Vec::with_capacity(self.n_kinds);
        for node in self.lengths.values() {
            node.each(&mut |kind| seen.push(kind.seen));
        }
        let quarter = seen.len() / 4;
        let (_, oldest, _) = seen.select_nth_unstable(quarter);
        let oldest = *oldest;
        self.retain(|kind| kind.seen > oldest);
    }

    fn forget(&mut self, seen: u64) {
        self.retain(|kind| kind.seen != seen);
    }

    fn retain(&mut self, stays: impl Fn(&Kind) -> bool) {
        let (mut n_kinds, mut n_bytes) = (0, 0);
        self.lengths.retain(|_, node| {
            node.retain(&stays, &mut |kind| {
                n_kinds += 1;
                n_bytes += kind.bytes();
            })
        });
        (self.n_kinds, self.n_bytes) = (n_kinds, n_bytes);
    }
}

impl Node {
    fn branch(&mut self, word: &str) -> &mut Self {
        let is_full = self.branches.len() >= BRANCHES_MAX;
        let word = match is_full && !self.branches.contains_key(word) {
            true => VARIABLE,
            false => word,
        };
        self.branches.entry(word.to_owned()).or_default()
    }

    fn each(&self, see: &mut impl FnMut(&Kind)) {
        self.kinds.iter().for_each(&mut *see);
        for node in self.branches.values() {
            node.each(see);
        }
    }

    /// Whether anything stays.
    fn retain(&mut self, stays: &impl Fn(&Kind) -> bool, see: &mut impl FnMut(&Kind)) -> bool {
        self.kinds.retain(|kind| stays(kind));
        self.kinds.iter().for_each(&mut *see);
        self.branches.retain(|_, node| node.retain(stays, see));
        !self.kinds.is_empty() || !self.branches.is_empty()
    }
}

impl Kind {
    fn bytes(&self) -> usize {
        self.words.iter().map(String::len).sum()
    }

    /// From now on what differs varies.
    fn widen(&mut self, words: &[String]) {
        for (known, word) in self.words.iter_mut().zip(words) {
            if known != word {
                VARIABLE.clone_into(known);
            }
        }
    }
}

/// The kind that a line is of: one that takes it as it is, or the one with the most words the same,
/// if those are enough. What varies is no word the same. Of equally near ones the first, so that
/// every run finds the same.
fn nearest<'a>(kinds: &'a mut [Kind], words: &[String]) -> Option<&'a mut Kind> {
    let nearness = |kind: &Kind| {
        let pairs = || kind.words.iter().zip(words);
        let same = pairs().filter(|(known, word)| known == word && *known != VARIABLE);
        let same = same.count();
        let takes = pairs().all(|(known, word)| known == word || known == VARIABLE);
        (takes, same)
    };
    let best = kinds
        .iter_mut()
        .map(|kind| (nearness(kind), kind))
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    let ((takes, same), kind) = best?;
    (takes || same * 100 >= words.len() * SIMILAR_PERCENT).then_some(kind)
}

/// A line without what varies.
pub(crate) fn kind_of(line: &str) -> String {
    words(line).collect::<Vec<String>>().join(" ")
}

fn words(line: &str) -> impl Iterator<Item = String> {
    line.split_whitespace().take(WORDS_MAX).map(masked)
}

/// A word, or the sign for what varies: numbers, addresses, ids, paths of files, quoted text, what
/// is assigned.
fn masked(word: &str) -> String {
    let varies = word.len() > WORD_BYTES_MAX
        || word
            .chars()
            .any(|char| char.is_ascii_digit() || char.is_control())
        || word.starts_with(['/', '"', '\'']);
    match word.split_once('=') {
        _ if varies => VARIABLE.to_owned(),
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            format!("{name}={VARIABLE}")
        }
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mine(lines: &[&str]) -> Vec<Option<String>> {
        let mut miner = Miner::default();
        lines.iter().map(|line| miner.learn(line)).collect()
    }

    #[test]
    fn lines_that_differ_in_what_varies_are_of_one_kind() {
        let kinds = mine(&[
            "Failed password for root from 203.0.113.9 port 4711 ssh2",
            "Failed password for admin from 198.51.100.7 port 9 ssh2",
            "Accepted publickey for ann from 192.0.2.1 port 22 ssh2",
            "Failed password for a stranger whom nobody knew",
            "pam: check pass user=ann tty=ssh",
            "pam: check pass user=bob tty=con",
        ]);
        let expected = [
            Some("Failed password for root from * port * *"),
            None,
            Some("Accepted publickey for ann from * port * *"),
            Some("Failed password for a stranger whom nobody knew"),
            Some("pam: check pass user=* tty=*"),
            None,
        ];
        let kinds: Vec<Option<&str>> = kinds.iter().map(Option::as_deref).collect();
        assert_eq!(kinds, expected);
    }

    #[test]
    fn a_kind_reads_back_as_it_was_written() {
        let mut miner = Miner::default();
        assert!(miner.learn("unit nginx.service failed").is_some());
        let json = serde_json::to_string(&miner).unwrap();
        let mut again: Miner = serde_json::from_str(&json).unwrap();
        assert_eq!(again, miner);
        assert_eq!(again.learn("unit nginx.service failed"), None);
    }

    #[test]
    fn a_flood_of_kinds_hides_no_new_one_and_what_goes_on_stays_known() {
        let letters = |mut n: usize| -> String {
            let mut word = String::new();
            for _ in 0..5 {
                word.push(char::from(b'a' + u8::try_from(n % 26).unwrap()));
                n /= 26;
            }
            word
        };
        let mut miner = Miner::default();
        miner.learn("backup finished in time");
        for n in 0..8_000 {
            let line = format!("{} {} {}", letters(n), letters(n * 7), letters(n * 11));
            miner.learn(&line);
            if n % 100 == 0 {
                assert_eq!(miner.learn("backup finished in time"), None, "at {n}");
            }
        }
        assert!(miner.n_kinds() <= KINDS_MAX && miner.n_bytes <= BYTES_MAX);
        assert!(miner.learn("kernel panics").is_some());
        assert!(serde_json::to_string(&miner).unwrap().len() < 4 * BYTES_MAX);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_grow_beyond_its_bounds(lines in prop::collection::vec(".{0,60}", 0..200)) {
            let mut miner = Miner::default();
            for line in &lines {
                miner.learn(line);
                prop_assert_eq!(miner.learn(line), None, "a line is new only once");
            }
            let (mut n, mut bytes) = (0, 0);
            for node in miner.lengths.values() {
                node.each(&mut |kind| {
                    n += 1;
                    bytes += kind.bytes();
                });
            }
            prop_assert_eq!((n, bytes), (miner.n_kinds, miner.n_bytes));
        }
    }
}
