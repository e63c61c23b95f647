//! Secrets that nothing announces: words in disorder, and the numbers of cards.

type Spans = Vec<(usize, usize)>;

/// Shortest word of letters and digits in disorder that is taken for a key.
const DISORDER_CHARS_MIN: usize = 20;

/// Digits of a card's number.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Words that look like keys.
pub(super) fn disorder(text: &str) -> Spans {
    let of_word = |char: char| char.is_alphanumeric() || "_-+.~!$%*^#@/=".contains(char);
    let mut spans = Spans::new();
    for (start, word) in runs(text, of_word) {
        // Paths and dotted names are words with a meaning; their parts are looked at alone.
        let mut parts = word.split(['/', '.', '@', '!', '$', '%', '*', '^', '#', '~', '=']);
        let coded = word.contains(['+', '/']) && !word.starts_with('/') && disordered(word);
        if coded || parts.any(disordered) {
            spans.push((start, start + word.len()));
        }
    }
    spans
}

/// Letters and digits mixed as chance does, not as people do.
fn disordered(word: &str) -> bool {
    let n = word.chars().count();
    if n < DISORDER_CHARS_MIN {
        return false;
    }
    let count = |wanted: fn(&char) -> bool| word.chars().filter(wanted).count();
    let digits = count(char::is_ascii_digit);
    let letters = count(char::is_ascii_alphabetic);
    let upper = word.chars().any(|char| char.is_ascii_uppercase());
    let lower = word.chars().any(|char| char.is_ascii_lowercase());
    // The border between kinds of characters is crossed often: `a8F3k…`, not `backup-2026`.
    let kind = |char: char| (char.is_ascii_digit(), char.is_ascii_uppercase());
    let chars: Vec<char> = word.chars().collect();
    let crossings = chars
        .windows(2)
        .filter(|two| kind(two[0]) != kind(two[1]))
        .count();
    letters >= 4 && (digits >= 3 || upper && lower) && crossings * 6 >= n
}

/// Numbers of cards: in one run, or in the groups that are printed on them.
pub(super) fn cards(text: &str) -> Spans {
    let groups: Vec<(usize, &str)> = runs(text, |char| char.is_ascii_digit()).collect();
    let mut spans = Spans::new();
    for (index, (start, first)) in groups.iter().enumerate() {
        if is_card(first) {
            spans.push((*start, start + first.len()));
            continue;
        }
        let (mut digits, mut end) = ((*first).to_owned(), start + first.len());
        // The longest number has five groups: 4-4-4-4-3.
        for (next, group) in groups.iter().skip(index + 1).take(4) {
            let between = text.get(end..*next).unwrap_or_default();
            if !matches!(between, " " | "-" | "." | "\u{a0}" | "%20" | "+") || first.len() != 4 {
                break;
            }
            digits.push_str(group);
            end = next + group.len();
            if is_card(&digits) {
                spans.push((*start, end));
                break;
            }
        }
    }
    spans
}

/// Digits whose check digit is right, and which begin as cards do.
fn is_card(digits: &str) -> bool {
    if !CARD_DIGITS.contains(&digits.len()) || !digits.starts_with(['2', '3', '4', '5', '6']) {
        return false;
    }
    let values = digits.bytes().rev().map(|digit| u32::from(digit - b'0'));
    let sum: u32 = values
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The longest runs of characters of a kind, with where they start.
fn runs(text: &str, inside: impl Fn(char) -> bool + Copy) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(inside)?;
        let run = text.get(start..)?;
        let end = run.find(|char| !inside(char)).unwrap_or(run.len());
        at = start + end;
        Some((start, run.get(..end)?))
    })
}
