//! Kinds of line, found without knowing the service: a Drain-style tree of a fixed depth.
//!
//! Source: He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017. Own
//! form: the tree is a map from (number of words, first words) to clusters, so that it is small,
//! serialisable and the same on every run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Words of a line that choose its leaf.
const DEPTH: usize = 2;

/// Leaves of a tree; at the bound new kinds share a leaf by their number of words alone.
const LEAVES_MAX: usize = 256;

/// Kinds in one leaf; at the bound a line joins the most similar one.
const CHILDREN_MAX: usize = 16;

/// Words of a line that are looked at; what follows does not tell kinds apart.
const WORDS_MAX: usize = 40;

/// Longest word that is kept as it is, in bytes; a longer one is variable.
const WORD_BYTES_MAX: usize = 40;

/// The share of equal words, in percent, from which on two lines are of one kind.
const SIMILAR_PERCENT: usize = 60;

/// Stands for what varies.
const VARIABLE: &str = "*";

/// The kinds of line seen so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Miner {
    leaves: BTreeMap<String, Vec<Vec<String>>>,
}

impl Miner {
    /// Whether nothing was seen yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// How many kinds were seen.
    #[cfg(test)]
    pub(crate) fn n_kinds(&self) -> usize {
        self.leaves.values().map(Vec::len).sum()
    }

    /// Takes a line in; its kind where it is a new one.
    pub(crate) fn learn(&mut self, line: &str) -> Option<String> {
        let words: Vec<String> = line
            .split_whitespace()
            .take(WORDS_MAX)
            .map(masked)
            .collect();
        if words.is_empty() {
            return None;
        }
        let head = words.get(..DEPTH).unwrap_or(&words).join(" ");
        let mut leaf = format!("{} {head}", words.len());
        if !self.leaves.contains_key(&leaf) && self.leaves.len() >= LEAVES_MAX {
            leaf = words.len().to_string();
        }
        let kinds = self.leaves.entry(leaf).or_default();
        let full = kinds.len() >= CHILDREN_MAX;
        // The first of equally near ones, so that every run finds the same.
        let nearest = kinds
            .iter_mut()
            .map(|kind| (equal(kind, &words), kind))
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        if let Some((same, kind)) = nearest
            && (full || same * 100 >= words.len() * SIMILAR_PERCENT)
        {
            widen(kind, &words);
            return None;
        }
        let text = words.join(" ");
        kinds.push(words);
        Some(text)
    }
}

/// A line without what varies.
pub(crate) fn kind_of(line: &str) -> String {
    let words = line.split_whitespace().take(WORDS_MAX).map(masked);
    words.collect::<Vec<String>>().join(" ")
}

/// A word, or the sign for what varies: numbers, addresses, ids, paths of files, quoted text.
fn masked(word: &str) -> String {
    let varies = word.len() > WORD_BYTES_MAX
        || word
            .chars()
            .any(|char| char.is_ascii_digit() || char.is_control())
        || word.starts_with(['/', '"', '\'']);
    if varies {
        VARIABLE.to_owned()
    } else {
        word.to_owned()
    }
}

/// How many words are the same; what varies is the same as anything.
fn equal(kind: &[String], words: &[String]) -> usize {
    let same = |(a, b): &(&String, &String)| a == b || *a == VARIABLE;
    kind.iter().zip(words).filter(same).count()
}

/// From now on what differs varies.
fn widen(kind: &mut [String], words: &[String]) {
    for (known, word) in kind.iter_mut().zip(words) {
        if known != word {
            VARIABLE.clone_into(known);
        }
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
        ]);
        assert_eq!(
            kinds[0].as_deref(),
            Some("Failed password for root from * port * *")
        );
        assert_eq!(kinds[1], None);
        assert_eq!(
            kinds[2].as_deref(),
            Some("Accepted publickey for ann from * port * *")
        );
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

    proptest! {
        #[test]
        fn nothing_makes_it_grow_beyond_its_bounds(lines in prop::collection::vec(".{0,60}", 0..200)) {
            let mut miner = Miner::default();
            for line in &lines {
                miner.learn(line);
                prop_assert_eq!(miner.learn(line), None, "a line is new only once");
            }
            prop_assert!(miner.leaves.len() <= LEAVES_MAX + WORDS_MAX);
            prop_assert!(miner.leaves.values().all(|kinds| kinds.len() <= CHILDREN_MAX));
        }
    }
}
