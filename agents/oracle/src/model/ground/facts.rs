//! What a text names.

use std::{net::IpAddr, sync::LazyLock};

use regex::{Captures, Regex};

use super::{Fact, Sort};
use crate::redact::{addresses, mails};

static URL: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?i)\bhttps?://[^\s"'<>)]+"#));
static PSEUDONYM: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\bX-(?P<k>addr|host|user|mail)-\w+"));
static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)(?:\b|T)(?P<h>\d{1,2}):(?P<m>\d\d)(?::(?P<s>\d\d))?(?:\s?(?P<half>[ap])\.?m\b)?")
});
static HOUR: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(?P<h>\d{1,2})\s?(?P<half>[ap])\.?m\b"));
static ISO: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?P<y>\d{4})-(?P<mo>\d\d)-(?P<d>\d\d)"));
static MONTH_DAY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?P<mo>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(?P<d>\d{1,2})(?:st|nd|rd|th)?\b",
    )
});
static DAY_MONTH: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?P<d>\d{1,2})(?:st|nd|rd|th)?(?: of)?[\s/-](?P<mo>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b",
    )
});
static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?P<n>\d{1,3}(?:[,'\u{2009}\u{202f}]\d{3})+|\d+)(?P<part>\.\d+)?"));
static WRITTEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:(?P<tens>twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[ -](?P<unit>one|two|three|four|five|six|seven|eight|nine))?|(?P<small>two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|dozen|(?:a|one) hundred|(?:a|one) thousand))\b",
    )
});
static USER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\b(?:users?|usernames?|accounts?|logged in as|login as|user name)\s+(?:named |called )?["'`“‘]?(?P<n>[A-Za-z_][\w.$-]*)"#,
    )
});
static QUOTED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"["'`“‘](?P<n>[A-Za-z_][\w.$-]+)["'`”’]"#));

/// Words that follow `user` in a sentence and name nobody.
const NO_NAMES: &str = "\
    a access account accounts activity after agent all an and any are as at attempt attempted \
    attempts authentication because been before behavior being but by can closed connected \
    could credentials database did do does during enumeration exists failed failures for from \
    had has have id if in information input is it list lists lockout logged login logins made \
    management may name names no not of on or password passwords s session sessions should so \
    space that the then there these this those to tried tries using via was were when which \
    while who with without";

const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern written in code is one")
}

/// The facts of a text, of which none overlap.
#[derive(Default)]
struct Facts(Vec<Fact>);

impl Facts {
    /// Adds one where its place is free.
    fn add(&mut self, sort: Sort, start: usize, end: usize, value: Option<String>) {
        let free = |fact: &Fact| end <= fact.start || fact.end <= start;
        if let Some(value) = value.filter(|_| self.0.iter().all(free)) {
            self.0.push(Fact {
                sort,
                start,
                end,
                value,
            });
        }
    }
}

/// What a text names, in order. Larger things come first, so that a number in an address is none.
pub(super) fn facts(text: &str) -> Vec<Fact> {
    let mut facts = Facts::default();
    places(text, &mut facts);
    times(text, &mut facts);
    counts(text, &mut facts);
    people(text, &mut facts);
    facts.0.sort_by_key(|fact| fact.start);
    facts.0
}

/// Addresses of all kinds, and pseudonyms.
fn places(text: &str, facts: &mut Facts) {
    for url in URL.find_iter(text) {
        let value = Some(url.as_str().to_owned());
        facts.add(Sort::Address, url.start(), url.end(), value);
    }
    for (start, end) in mails(text) {
        facts.add(Sort::User, start, end, Some(String::new()));
    }
    for found in PSEUDONYM.captures_iter(text) {
        let is_person = matches!(&*found["k"].to_lowercase(), "user" | "mail");
        let sort = if is_person { Sort::User } else { Sort::Address };
        let whole = found.get_match();
        let value = Some(whole.as_str().to_lowercase());
        facts.add(sort, whole.start(), whole.end(), value);
    }
    for (start, end) in addresses(text) {
        let named = text.get(start..end).unwrap_or_default();
        let address = named.parse::<IpAddr>();
        let address = address.map(|address| address.to_canonical().to_string());
        let value = address.unwrap_or_else(|_| named.to_lowercase());
        facts.add(Sort::Address, start, end, Some(value));
    }
}

type Value = fn(&Captures<'_>) -> Option<String>;

fn times(text: &str, facts: &mut Facts) {
    let whole: Value = |found| Some(found.get_match().as_str().to_owned());
    let times: [(&Regex, Value); 5] = [
        (&ISO, whole),
        (&MONTH_DAY, day),
        (&DAY_MONTH, day),
        (&CLOCK, clock),
        (&HOUR, clock),
    ];
    for (regex, value) in times {
        for found in regex.captures_iter(text) {
            let whole = found.get_match();
            // The `T` between a date and a time is neither's.
            let hour = found.name("h").filter(|_| found.name("m").is_some());
            let start = hour.map_or(whole.start(), |hour| hour.start());
            facts.add(Sort::Time, start, whole.end(), value(&found));
        }
    }
}

fn counts(text: &str, facts: &mut Facts) {
    for found in NUMBER.captures_iter(text) {
        let whole = found.get_match();
        let value = number(text, &found);
        facts.add(Sort::Count, whole.start(), whole.end(), value);
    }
    for found in WRITTEN.captures_iter(text) {
        let whole = found.get_match();
        facts.add(Sort::Count, whole.start(), whole.end(), written(&found));
    }
}

fn people(text: &str, facts: &mut Facts) {
    for found in USER.captures_iter(text).chain(QUOTED.captures_iter(text)) {
        let Some(name) = found.name("n") else {
            continue;
        };
        let trimmed = name.as_str().trim_end_matches(['.', '-']);
        let lower = trimmed.to_lowercase();
        let is_name = !NO_NAMES.split(' ').any(|word| word == lower);
        let end = name.start() + trimmed.len();
        facts.add(Sort::User, name.start(), end, is_name.then(String::new));
    }
}

fn group<'t>(found: &Captures<'t>, name: &str) -> &'t str {
    found.name(name).map_or("", |group| group.as_str())
}

fn day(found: &Captures<'_>) -> Option<String> {
    let name = group(found, "mo").to_lowercase();
    let month = MONTHS.iter().position(|month| **month == name)? + 1;
    let day: u8 = group(found, "d").parse().ok()?;
    (1..=31)
        .contains(&day)
        .then(|| format!("{month:02}-{day:02}"))
}

/// `HH`, `HH:MM` or `HH:MM:SS`, as a day of 24 hours has them.
fn clock(found: &Captures<'_>) -> Option<String> {
    let mut hour: u8 = group(found, "h").parse().ok()?;
    match group(found, "half").to_lowercase().as_str() {
        "p" if hour < 12 => hour += 12,
        "a" if hour == 12 => hour = 0,
        _ => {}
    }
    let mut value = format!("{hour:02}");
    for part in ["m", "s"] {
        if found.name(part).is_some() {
            value.push(':');
            value.push_str(group(found, part));
        }
    }
    (hour < 25).then_some(value)
}

/// A number that stands for itself: not a part of a name such as `ssh2`, `E1` or `SHA256`.
fn number(text: &str, found: &Captures<'_>) -> Option<String> {
    let whole = found.get_match();
    let (before, after) = (text.get(..whole.start())?, text.get(whole.end()..)?);
    let in_name = |char: char| char.is_alphanumeric() || char == '_';
    let joined = |char: char| matches!(char, '-' | '.' | '/' | ':');
    let behind = |text: &str| text.chars().nth(1).is_some_and(in_name);
    if before.ends_with(in_name) || after.starts_with(in_name) {
        return None;
    }
    let before_last: String = before.chars().rev().take(2).collect();
    if before.ends_with(joined) && before_last.chars().nth(1).is_some_and(char::is_alphabetic) {
        return None;
    }
    if after.starts_with(joined) && behind(after) && !after.starts_with(':') {
        let next = after.chars().nth(1)?;
        if next.is_alphabetic() {
            return None;
        }
    }
    let digits: String = group(found, "n")
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let digits = digits.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    Some(format!("{digits}{}", group(found, "part")))
}

fn written(found: &Captures<'_>) -> Option<String> {
    const UNITS: &[&str] = &[
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: &[&str] = &[
        "", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let lower = |name| group(found, name).to_lowercase();
    let place = |list: &[&str], word: &str| list.iter().position(|known| *known == word);
    let small = lower("small");
    let value = match small.as_str() {
        "" => place(TENS, &lower("tens"))? * 10 + place(UNITS, &lower("unit")).unwrap_or(0),
        "dozen" => 12,
        word if word.ends_with("hundred") => 100,
        word if word.ends_with("thousand") => 1000,
        word => place(UNITS, word)?,
    };
    Some(value.to_string())
}
