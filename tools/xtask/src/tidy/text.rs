//! What stands in the files.

use super::{arrows::PURE, tree::Tree};

/// Lines of a file's production part.
const PRODUCTION_LINES_MAX: usize = 500;
/// Lines of a file of tests.
const TESTS_LINES_MAX: usize = 1000;

/// How a pure room would reach for time, chance or the machine.
const PURE_WORDS: &[&str] = &[
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::env",
    "std::process",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "rand::rng()",
    "thread_rng",
    "OsRng",
    "Uuid::now_v7",
    "Uuid::new_v4",
];

/// Marks of unfinished work; split, so that this file passes its own rule.
const UNFINISHED: &[&str] = &[
    concat!("FIX", "ME"),
    concat!("dbg", "!("),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
];
const LATER: &str = concat!("TO", "DO");
const IGNORED: &str = concat!("#[ig", "nore");
const SLEEP: &str = concat!("thread::sl", "eep");
/// The one place that polls, and the ban itself.
const SLEEPERS: &[&str] = &["tests/e2e/src/wait.rs"];
const KEY_HEAD: &str = concat!("PRIVATE ", "KEY-----");

/// FNV-1a of names of other people's swarms, in lower case: a list that names nobody.
const OTHERS: &[u64] = &[0x7a14_a31e_a1bc_2a70, 0xb21f_93fd_ee84_24cc];

pub(super) fn sizes(tree: &Tree) -> Vec<String> {
    let count = |(path, text): (&str, &str)| {
        let tests = is_tests(path);
        let (max, part) = if tests {
            (TESTS_LINES_MAX, "tests")
        } else {
            (PRODUCTION_LINES_MAX, "production")
        };
        let text = if tests { text } else { production(text) };
        let lines = text.lines().count();
        (lines > max).then(|| format!("{path}: {lines} lines of {part}, {max} are allowed"))
    };
    tree.rust().filter_map(count).collect()
}

pub(super) fn mod_files(tree: &Tree) -> Vec<String> {
    let named = tree.rust().filter(|(path, _)| path.ends_with("/mod.rs"));
    named
        .map(|(path, _)| format!("{path}: write `foo.rs` beside `foo/`"))
        .collect()
}

pub(super) fn pure_words(tree: &Tree) -> Vec<String> {
    let pure = tree.rust().filter(|(path, _)| {
        let room = |room: &&str| path.starts_with(&format!("{room}/src/"));
        !is_tests(path) && PURE.iter().any(room)
    });
    pure.flat_map(|(path, text)| lines_with(path, production(text), PURE_WORDS))
        .collect()
}

pub(super) fn unfinished(tree: &Tree) -> Vec<String> {
    let mut breaches = Vec::new();
    for (path, text) in tree.rust() {
        breaches.extend(lines_with(path, text, UNFINISHED));
        let unnumbered = |line: &str| {
            let mut rests = line.split(LATER).skip(1);
            rests.any(|rest| !rest.starts_with("(#"))
        };
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| unnumbered(line))
        {
            let number = number + 1;
            breaches.push(format!(
                "{path}:{number}: {LATER} without (#issue): {}",
                line.trim()
            ));
        }
    }
    breaches
}

pub(super) fn honest_tests(tree: &Tree) -> Vec<String> {
    let ignored = tree
        .rust()
        .flat_map(|(path, text)| lines_with(path, text, &[IGNORED]));
    let awake = tree.rust().filter(|(path, _)| !SLEEPERS.contains(path));
    let asleep = awake.flat_map(|(path, text)| lines_with(path, text, &[SLEEP]));
    ignored.chain(asleep).collect()
}

pub(super) fn keys(tree: &Tree) -> Vec<String> {
    let holds_key = |text: &str| {
        text.split(KEY_HEAD).skip(1).any(|rest| {
            let body = rest.trim_start_matches(['\\', 'n', '\r', '\n', ' ', '"']);
            let base64 = |sign: &char| sign.is_ascii_alphanumeric() || "+/=".contains(*sign);
            body.chars().take(24).filter(base64).count() == 24
        })
    };
    let files = tree.files.iter().filter(|(_, text)| holds_key(text));
    files
        .map(|(path, _)| format!("{path}: holds a private key"))
        .collect()
}

pub(super) fn words(tree: &Tree) -> Vec<String> {
    let named = |text: &str| {
        let words = text.split(|sign: char| !sign.is_ascii_alphanumeric());
        words
            .map(str::to_ascii_lowercase)
            .any(|word| OTHERS.contains(&fnv(&word)))
    };
    let lines = tree.files.iter().flat_map(|(path, text)| {
        let lines = text.lines().enumerate();
        lines.map(move |(number, line)| (path, number + 1, line))
    });
    let breaches = lines.filter(|(_, _, line)| named(line));
    breaches
        .map(|(path, number, _)| format!("{path}:{number}: names another swarm"))
        .collect()
}

/// A file's text before its tests.
fn production(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text)
}

fn is_tests(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn lines_with(path: &str, text: &str, words: &[&str]) -> Vec<String> {
    let mut breaches = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if words.iter().any(|word| line.contains(word)) {
            breaches.push(format!("{path}:{}: {}", number + 1, line.trim()));
        }
    }
    breaches
}

/// FNV-1a, 64 bits.
fn fnv(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_named_by_its_production_part() {
        let text = "x\n".repeat(PRODUCTION_LINES_MAX);
        let tested = format!("{text}#[cfg(test)]\nmod tests {{\n{text}}}\n");
        assert!(sizes(&Tree::with_file("a/src/b.rs", &tested)).is_empty());
        let found = sizes(&Tree::with_file("a/src/b.rs", &format!("{text}y\n")));
        assert_eq!(
            found,
            ["a/src/b.rs: 501 lines of production, 500 are allowed"]
        );
        assert!(sizes(&Tree::with_file("a/tests/b.rs", &format!("{text}y\n"))).is_empty());
    }

    #[test]
    fn a_mod_file_is_named() {
        assert_eq!(mod_files(&Tree::with_file("a/src/b/mod.rs", "")).len(), 1);
        assert!(mod_files(&Tree::with_file("a/src/b.rs", "")).is_empty());
    }

    #[test]
    fn a_pure_room_that_reads_the_clock_is_named() {
        let text =
            "fn f() {\n    SystemTime::now();\n}\n\n#[cfg(test)]\nmod tests {\n    OsRng;\n}\n";
        let found = pure_words(&Tree::with_file("runtime/swarm/src/a.rs", text));
        assert_eq!(found, ["runtime/swarm/src/a.rs:2: SystemTime::now();"]);
        assert!(pure_words(&Tree::with_file("runtime/node/src/a.rs", text)).is_empty());
    }

    #[test]
    fn unfinished_work_is_named() {
        for word in UNFINISHED {
            let found = unfinished(&Tree::with_file("a/src/b.rs", &format!("// {word})\n")));
            assert_eq!(found.len(), 1, "{word}");
        }
        let later = |rest: &str| {
            let text = format!("// {LATER}{rest}\n");
            unfinished(&Tree::with_file("a/src/b.rs", &text)).len()
        };
        assert_eq!(later(": soon"), 1);
        assert_eq!(later("(#12): soon"), 0);
    }

    #[test]
    fn a_test_that_is_ignored_or_sleeps_is_named() {
        let found = |path: &str, text: &str| honest_tests(&Tree::with_file(path, text)).len();
        assert_eq!(found("a/src/b.rs", &format!("{IGNORED}]\n")), 1);
        assert_eq!(found("a/src/b.rs", &format!("std::{SLEEP}(x);\n")), 1);
        assert_eq!(found("tests/e2e/src/wait.rs", &format!("{SLEEP}(x);\n")), 0);
    }

    #[test]
    fn a_private_key_is_named_and_its_bare_head_is_not() {
        let found = |text: &str| keys(&Tree::with_file("certs/a.pem", text)).len();
        let body = "MIIEvgIBADANBgkqhkiG9w0BAQEF";
        assert_eq!(found(&format!("-----BEGIN {KEY_HEAD}\n{body}\n")), 1);
        assert_eq!(found(&format!("\"-----BEGIN RSA {KEY_HEAD}\\n{body}\"")), 1);
        assert_eq!(
            found(&format!("assert!(pem.contains(\"{KEY_HEAD}\"));\n")),
            0
        );
    }

    #[test]
    fn a_name_of_others_is_found_whatever_its_case() {
        let name = ["Matrix", "Swarm"].concat();
        let text = format!("like {name}, but\n");
        assert_eq!(
            words(&Tree::with_file("a.md", &text)),
            ["a.md:1: names another swarm"]
        );
        assert!(words(&Tree::with_file("a.md", "a matrix of a swarm\n")).is_empty());
    }
}
