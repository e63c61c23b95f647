//! Mutations: small lies about bytes that were true.

use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

/// Most mutations of one input.
pub const STEPS_MAX: u32 = 6;

/// Numbers at the edges of types, and MessagePack's and JSON's own signs.
const EDGES: &[u8] = &[
    0x00, 0x01, 0x0f, 0x1f, 0x20, 0x22, 0x2c, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0x81, 0x90,
    0x91, 0x9f, 0xa0, 0xa1, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb,
    0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd3, 0xd4, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0,
    0xff,
];

/// Markers of MessagePack that a length of 1, 2 or 4 bytes follows.
const LENGTHS: &[(u8, usize)] = &[
    (0xc4, 1),
    (0xc5, 2),
    (0xc6, 4),
    (0xd9, 1),
    (0xda, 2),
    (0xdb, 4),
    (0xdc, 2),
    (0xdd, 4),
    (0xde, 2),
    (0xdf, 4),
];

/// Longest run of one byte that is put in: deep enough for any bound on nesting.
const RUN_MAX: usize = 600;

/// Makes new inputs out of old ones.
#[derive(Debug)]
pub struct Mutator {
    words: &'static [&'static str],
    bytes_max: usize,
}

impl Mutator {
    /// A mutator that knows `words` and makes at most `bytes_max` bytes.
    #[must_use]
    pub fn new(words: &'static [&'static str], bytes_max: usize) -> Self {
        Self { words, bytes_max }
    }

    /// `base`, changed a few times; `other` lends parts of itself.
    pub fn mutate(&self, rng: &mut StdRng, base: &[u8], other: &[u8]) -> Vec<u8> {
        let mut input = base.to_vec();
        for _ in 0..rng.random_range(1..=STEPS_MAX) {
            self.step(rng, &mut input, other);
        }
        input.truncate(self.bytes_max);
        input
    }

    fn step(&self, rng: &mut StdRng, input: &mut Vec<u8>, other: &[u8]) {
        let at = rng.random_range(0..=input.len());
        match rng.random_range(0..12) {
            0 => flip(rng, input),
            1 => set(rng, input),
            2 => insert(input, at, &[edge(rng)]),
            3 => drop(input.drain(range(rng, input.len()))),
            4 => {
                let part = input[range(rng, input.len())].to_vec();
                insert(input, at, &part);
            }
            5 => insert(input, at, &other[range(rng, other.len())]),
            6 => {
                let place = range(rng, input.len());
                let part = other[range(rng, other.len())].to_vec();
                drop(input.splice(place, part));
            }
            7 => input.truncate(at),
            8 => insert(input, at, &length(rng)),
            9 => {
                let n_bytes = rng.random_range(1..=RUN_MAX);
                insert(input, at, &vec![edge(rng); n_bytes]);
            }
            10 => number(rng, input, at),
            _ => {
                let word = self.words.choose(rng).copied().unwrap_or_default();
                insert(input, at, word.as_bytes());
            }
        }
    }
}

fn flip(rng: &mut StdRng, input: &mut [u8]) {
    if let Some(byte) = pick(rng, input) {
        *byte ^= 1 << rng.random_range(0..8);
    }
}

fn set(rng: &mut StdRng, input: &mut [u8]) {
    let value = if rng.random_bool(0.7) {
        edge(rng)
    } else {
        rng.random()
    };
    if let Some(byte) = pick(rng, input) {
        *byte = value;
    }
}

fn pick<'a>(rng: &mut StdRng, input: &'a mut [u8]) -> Option<&'a mut u8> {
    let n_bytes = input.len().max(1);
    input.get_mut(rng.random_range(0..n_bytes))
}

fn edge(rng: &mut StdRng) -> u8 {
    EDGES.choose(rng).copied().unwrap_or_default()
}

/// A length that promises more, or less, than follows.
fn length(rng: &mut StdRng) -> Vec<u8> {
    let (marker, n_bytes) = LENGTHS.choose(rng).copied().unwrap_or((0xdd, 4));
    let bytes = (0..n_bytes).map(|_| {
        if rng.random_bool(0.5) {
            0xff
        } else {
            rng.random()
        }
    });
    [marker].into_iter().chain(bytes).collect()
}

/// A decimal number in the place of the digits behind `at`, for formats people read.
fn number(rng: &mut StdRng, input: &mut Vec<u8>, at: usize) {
    let start = input[at..]
        .iter()
        .position(u8::is_ascii_digit)
        .map(|skip| at + skip);
    let Some(start) = start else { return };
    let n_digits = input[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let number = match rng.random_range(0..4) {
        0 => "0".to_owned(),
        1 => rng.random::<u64>().to_string(),
        2 => format!("-{}", rng.random::<u32>()),
        _ => format!("{}e{}", rng.random::<u8>(), rng.random_range(-400..400)),
    };
    drop(input.splice(start..start + n_digits, number.into_bytes()));
}

fn insert(input: &mut Vec<u8>, at: usize, part: &[u8]) {
    let at = at.min(input.len());
    drop(input.splice(at..at, part.iter().copied()));
}

/// Some part, more often a short one.
fn range(rng: &mut StdRng, n_bytes: usize) -> std::ops::Range<usize> {
    let start = rng.random_range(0..=n_bytes);
    let left = n_bytes - start;
    let n_taken = if rng.random_bool(0.8) {
        rng.random_range(0..=left.min(8))
    } else {
        rng.random_range(0..=left)
    };
    start..start + n_taken
}
