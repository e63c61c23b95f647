//! Secrets, by the company they keep and by their shape.

/// What stands for a secret.
const SECRET: &str = "<secret>";

/// Words in a key whose value is secret: `db_password=`, `"apiKey":`.
const KEYS: &[&str] = &[
    "passw",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "private",
    "credential",
    "authorization",
    "cookie",
    "session",
    "signature",
    "jwt",
    "key",
];

/// Words after which a secret stands alone: `Authorization: Bearer …`.
const SCHEMES: &[&str] = &["bearer", "basic", "digest"];

/// How well-known secrets begin.
const PREFIXES: &[&str] = &[
    "sk-",
    "pk-",
    "rk-",
    "sk_",
    "rk_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "eyJ",
    "hvs.",
    "npm_",
    "dop_v1_",
    "SG.",
];

/// Shortest word with a well-known beginning that is one.
const PREFIXED_CHARS_MIN: usize = 12;

/// Shortest word of letters and digits in disorder that is taken for a key.
const DISORDER_CHARS_MIN: usize = 20;

/// The text without its secrets.
pub(super) fn without_secrets(text: &str) -> String {
    let text = without_blocks(text);
    let mut out = String::with_capacity(text.len());
    let mut expect = Expect::Nothing;
    for piece in pieces(&text) {
        match piece {
            Piece::Between(between) => {
                out.push_str(between);
                expect = expect.after(between);
            }
            Piece::Word(word) => {
                let lower = word.to_ascii_lowercase();
                let is_scheme = SCHEMES.contains(&lower.as_str());
                if expect == Expect::Secret && !is_scheme || looks_secret(word) {
                    out.push_str(SECRET);
                    expect = Expect::Nothing;
                } else {
                    out.push_str(word);
                    expect = if is_scheme {
                        Expect::Next
                    } else if KEYS.iter().any(|key| lower.contains(key)) {
                        Expect::Sign
                    } else {
                        Expect::Nothing
                    };
                }
            }
        }
    }
    without_userinfo(&out)
}

/// What the words before make of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Nothing,
    /// A key came; `=` or `:` must follow.
    Sign,
    /// A scheme came; the secret follows after a space.
    Next,
    Secret,
}

impl Expect {
    fn after(self, between: &str) -> Self {
        let quoted =
            between.trim_matches(|char: char| char.is_whitespace() || "\"'\\".contains(char));
        match self {
            Self::Sign if matches!(quoted, "=" | ":" | ":=" | "=>" | "==") => Self::Secret,
            Self::Next if between.trim().is_empty() => Self::Secret,
            Self::Secret if quoted.is_empty() => Self::Secret,
            _ => Self::Nothing,
        }
    }
}

enum Piece<'a> {
    Word(&'a str),
    Between(&'a str),
}

/// Words and what stands between them, in order.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let inside = of_word(first);
        let end = rest
            .char_indices()
            .find(|(_, char)| of_word(*char) != inside);
        let (piece, after) = rest.split_at(end.map_or(rest.len(), |(end, _)| end));
        rest = after;
        Some(if inside {
            Piece::Word(piece)
        } else {
            Piece::Between(piece)
        })
    })
}

/// Characters of keys, values and tokens; not those that stand between them.
fn of_word(char: char) -> bool {
    char.is_alphanumeric() || "_-+.~!$%*^#@/".contains(char)
}

fn looks_secret(word: &str) -> bool {
    let prefixed = PREFIXES.iter().any(|prefix| word.starts_with(prefix));
    if prefixed && word.chars().count() >= PREFIXED_CHARS_MIN {
        return true;
    }
    // Paths and dotted names are words with a meaning; their parts are looked at alone.
    word.split(['/', '.', '@', '!', '$', '%', '*', '^', '#', '~'])
        .any(disordered)
        || (word.contains('+') || word.contains('/')) && !word.starts_with('/') && disordered(word)
}

/// Letters and digits mixed as chance does, not as people do.
fn disordered(word: &str) -> bool {
    let n = word.chars().count();
    if n < DISORDER_CHARS_MIN {
        return false;
    }
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let letters = word
        .chars()
        .filter(|char| char.is_ascii_alphabetic())
        .count();
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

/// PEM blocks go as a whole, also where their end is missing.
fn without_blocks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, block)) = rest.split_once("-----BEGIN ") {
        out.push_str(before);
        out.push_str(SECRET);
        let after = block.split_once("-----END ").map_or("", |(_, after)| after);
        rest = after.split_once("-----").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

/// `scheme://user:password@host` keeps neither the user nor the password.
fn without_userinfo(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find(|char: char| char.is_whitespace() || "/?#\"'<".contains(char));
        let authority = after.get(..end.unwrap_or(after.len())).unwrap_or_default();
        rest = match authority.rfind('@') {
            Some(at) => {
                out.push_str(SECRET);
                after.get(at..).unwrap_or_default()
            }
            None => after,
        };
    }
    out.push_str(rest);
    out
}
