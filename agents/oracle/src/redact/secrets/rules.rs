//! The table: a pattern for each company that secrets keep.
//!
//! A new kind of secret is a line here and a line in the table of the tests.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// One pattern. What is secret is its group `s`, or all of it.
pub(super) struct Rule {
    pub(super) regex: Regex,
    /// What the pattern cannot say: whether this is one.
    pub(super) fits: fn(&Captures<'_>) -> bool,
}

/// Every rule, compiled once.
pub(super) static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rule = |(pattern, fits): &(&str, fn(&Captures<'_>) -> bool)| {
        let pattern = pattern
            .replace("LONG", LONG)
            .replace("SHORT", SHORT)
            .replace("VALUE", VALUE)
            .replace("WORD", WORD);
        Rule {
            regex: Regex::new(&pattern).expect("a pattern written in code is one"),
            fits: *fits,
        }
    };
    PATTERNS.iter().map(rule).collect()
});

/// A key whose value is secret: `db_password`, `"apiKey"`, `x-auth-token`, `PHPSESSID`.
const LONG: &str = r"[\w.\-\[\]]*(?:passw|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private|credential|sess(?:ion)?_?id|session|signature|jwt|csrf|xsrf|key)[\w.\-\[\]]*";

/// A key that is a short word, whole or as the end of a longer one: `smtp_pass`, `sid`.
const SHORT: &str = r"(?:[\w.\-]*[_.\-])?(?:user)?(?:pass|pw|pin|otp|totp|mfa|auth|sid|sig|psk|hmac|resp|nonce|salt)\d*";

/// A value: in quotes up to their end, with or without backslashes before them, or bare.
const VALUE: &str = r#"(?:\\+["'](?s:.*?)(?:\\+["']|$)|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|`[^`]*`?|[^\s"'&;,<>]+)"#;

/// A word of a command line, with its quotes.
const WORD: &str = r#"(?:"[^"]*"?|'[^']*'?|[^\s"']+)"#;

fn all(_: &Captures<'_>) -> bool {
    true
}

type Pattern = (&'static str, fn(&Captures<'_>) -> bool);

/// The patterns, by the company.
const PATTERNS: &[Pattern] = &[
    // Blocks, also where their end is missing or their lines are written as `\n`.
    (r"-----BEGIN (?s:.*?)(?:-----END [^-]*-----|\z)", all),
    (r"(?s)PuTTY-User-Key-File.*", all),
    // A key, a sign, a value.
    (
        r#"(?i)(?P<k>LONG)["'\\`\]]{0,4}\s*(?:=>|:=|==?|:|%3[ad]|%22%3a%22)\s*(?P<s>VALUE)"#,
        value,
    ),
    (
        r#"(?i)(?:^|[^a-z0-9_.\-])(?P<k>SHORT)["'\\\])]{0,4}\s*(?:=>|:=|==?|:|%3[ad])\s*(?P<s>VALUE)"#,
        value,
    ),
    // Headers go to the end of their line.
    (
        r#"(?i)cookie2?["'\\]*\s*[:=]\s*["'\\]*(?P<s>[^"'\r\n]+)"#,
        all,
    ),
    (
        r#"(?i)authorization["'\\]*\s*[:=]\s*["'\\]*(?:digest|aws4-hmac-sha256|hawk|oauth|signature)\s+(?P<s>[^\r\n]+)"#,
        all,
    ),
    (
        r#"(?i)authorization["'\\]*\s*[:=]\s*["'\\]*(?:(?:bearer|basic|negotiate|ntlm|token|apikey|key|splunk|ssws|hmac)\s+)?(?P<s>[^\s"'\\,;]+)"#,
        |found| !is_scheme(found),
    ),
    (
        r"(?i)\b(?:bearer|basic|negotiate|ntlm)\s+(?P<s>[\w+/=.~\-]{6,})",
        coded,
    ),
    (
        r"\b(?:AUTH|AUTHENTICATE)\s+(?:PLAIN|LOGIN|XOAUTH2|CRAM-MD5|OAUTHBEARER)\s+(?P<s>[\w+/=\-]{4,})",
        all,
    ),
    // Addresses of things that carry who may: `scheme://user:password@host`.
    (r#"(?i)[a-z][a-z0-9+.\-]*://(?P<s>[^\s/?#"'<>]*)@"#, all),
    (
        r#"(?i)[a-z][a-z0-9+.\-]*://(?P<s>[^\s/?#"'<>:@]*:[^\s"'<>]*)@"#,
        all,
    ),
    (r#"[\w.\-]+:(?P<s>[^\s"':@]+)@(?:tcp|unix|udp)?\("#, all),
    (r#"(?i)otpauth://(?P<s>[^\s"'<>]+)"#, all),
    (
        r#"(?i)hooks\.slack\.com/(?:services|workflows|triggers)/(?P<s>[^\s"'<>]+)"#,
        all,
    ),
    (
        r#"(?i)(?:discord(?:app)?\.com/api/webhooks|webhook\.office\.com/webhookb2)/(?P<s>[^\s"'<>]+)"#,
        all,
    ),
    (
        r#"(?i)[?&](?:code|ticket|state|samlresponse|assertion)=(?P<s>[^\s"'&<>]+)"#,
        all,
    ),
    // Words: `password 'x'`, `password is x`, `PASS x`.
    (
        r#"(?i)(?:passw(?:or)?d|passphrase|secret|token|api[ _-]?key|credentials?)s?\s+(?:(?:is|was|of)\s+|to\s+)?(?P<s>"[^"\n]+"?|'[^'\n]+'?|`[^`\n]+`?)"#,
        all,
    ),
    (
        r#"(?i)(?:passw(?:or)?d|passphrase|passcode|secret)\s+(?:is|was|to|set to|changed to)\s+(?P<s>[^\s"']+)"#,
        no_state,
    ),
    (r"\bPASS\s+(?P<s>[^\s(]\S*)", all),
    (r"(?i)\b(?:pass|file-pass):(?P<s>[^\s'\x22]+)", all),
    // Command lines.
    (
        r"(?i)(?:^|[\s'\x22=\[(,])--?[\w-]*(?:passw(?:or)?d|passphrase|passwd|pass|secret|token|api-?key|access-?key|credentials?)[\w-]*(?:\s*=\s*|\s+)(?P<s>WORD)",
        no_option,
    ),
    (r"(?i)\bsshpass\s+-p\s*(?P<s>WORD)", all),
    (
        r"(?i)\b(?:mysql|mariadb)[\w-]*\b[^\n|;]*?\s-p(?P<s>[^\s'\x22]\S*|'[^']*'?|\x22[^\x22]*\x22?)",
        all,
    ),
    (
        r"(?i)\b(?:curl|wget|http|https|xh|smbclient|rpcclient|net)\b[^\n|;]*?\s(?:-u|-U|--user|--proxy-user|-a)[\s=]*['\x22]?[^\s'\x22:%]+[:%](?P<s>[^\s'\x22]+)",
        all,
    ),
    (
        r"(?i)\bredis-cli\b[^\n|;]*?\s(?:-a|--pass)\s*(?P<s>WORD)",
        all,
    ),
    (r"(?i)\bldap\w+\b[^\n|;]*?\s-w\s*(?P<s>WORD)", all),
    (r"(?i)\bsnmp\w+\b[^\n|;]*?\s-[cAX]\s*(?P<s>WORD)", all),
    (
        r"(?i)\b(?:docker|podman|helm|az|oc)\b[^\n|;]*?\slogin\b[^\n|;]*?\s-p\s*(?P<s>WORD)",
        all,
    ),
    (
        r"(?i)\b(?:useradd|usermod|7z|zip|unzip|unrar|pdftk|mosquitto_\w+)\b[^\n|;]*?\s-[pP]\s*(?P<s>WORD)",
        all,
    ),
    (
        r"(?i)\bhtpasswd\s+-\w*b\w*\s+(?:-\w+\s+)*\S+\s+\S+\s+(?P<s>WORD)",
        all,
    ),
    (
        r"(?i)\b(?:echo|printf)\s+(?:-\w+\s+)*(?P<s>[^|\n]+?)\s*\|\s*(?:\S*/)?(?:sudo|su|passwd|chpasswd|cryptsetup|smbpasswd|kinit|docker|gpg|openssl)\b",
        all,
    ),
    // Shapes with a beginning that nothing else has.
    (
        r"(?:gh[pousr]_|github_pat_|glpat-|gl(?:ptt|dt|rt|cbt|ft|oas|soat)-|npm_|pypi-|dop_v1_|doo_v1_|shp(?:at|ss|ca|pa)_|hf_|lin_api_|whsec_|[srp]k_(?:live|test)_|sq0(?:atp|csp|idp)-|rubygems_|figd_|nfp_|tskey-|PMAK-|secret_|ATATT3x|ATBB|dckr_pat_|ya29\.|EAAC|AGE-SECRET-KEY-1|xox[a-z]-|xapp-)[\w.\-]{6,}",
        all,
    ),
    (
        r"(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA|ABIA|ACCA)[A-Z0-9]{8,}",
        all,
    ),
    (
        r"AIza[\w\-]{16,}|SG\.[\w\-]{8,}\.[\w\-]{8,}|dapi[0-9a-f]{24,}|hv[sbr]\.[\w\-]{20,}",
        all,
    ),
    (r"eyJ[\w\-=]{6,}(?:\.[\w\-=]*){0,4}", all),
    (
        r"(?:^|[^A-Za-z0-9])(?P<s>[spr]k-[A-Za-z0-9_\-]{10,})",
        coded,
    ),
    (r"[0-9]{6,12}:AA[\w\-]{20,}", all),
    (
        r"\$(?:1|2[abxy]?|5|6|7|y|gy|sha1|apr1|argon2\w*|scrypt|pbkdf2[\w\-]*)\$[\w./$=,+\-]{6,}",
        all,
    ),
    (
        r"(?i)\{(?:s?sha(?:256|384|512)?|s?md5|crypt|pbkdf2[\w\-]*|argon2\w*|blf-crypt|plain)\}(?P<s>[\w+/=.$,\-]+)",
        all,
    ),
];

/// Words that stand where a value does and tell nothing.
const NO_VALUES: &[&str] = &[
    "yes", "no", "true", "false", "null", "none", "nil", "ok", "\"\"", "''", "0", "-",
];

/// A value that is not a word such as `yes`, nor the working folder of a command.
fn value(found: &Captures<'_>) -> bool {
    let text = |name| found.name(name).map_or("", |group| group.as_str());
    let (key, value) = (text("k"), text("s"));
    let bare = value.trim_end_matches([')', ']', '}', '.']).to_lowercase();
    let is_folder = matches!(key, "PWD" | "OLDPWD" | "pwd" | "cwd") && value.starts_with('/');
    let is_word = NO_VALUES.contains(&bare.as_str());
    !is_folder && !is_word && !bare.is_empty()
}

fn is_scheme(found: &Captures<'_>) -> bool {
    let secret = found.name("s").map_or("", |group| group.as_str());
    let schemes = [
        "bearer",
        "basic",
        "digest",
        "negotiate",
        "ntlm",
        "token",
        "apikey",
        "hawk",
        "oauth",
        "aws4-hmac-sha256",
        "signature",
        "splunk",
        "ssws",
        "hmac",
    ];
    schemes.contains(&secret.to_lowercase().as_str())
}

/// Not a word of a sentence: `Basic authentication failed`.
fn coded(found: &Captures<'_>) -> bool {
    let secret = found.name("s").map_or("", |group| group.as_str());
    let inner = secret.chars().skip(1);
    let mut others = inner.filter(|char| !char.is_lowercase() && !matches!(char, '.' | '-' | '_'));
    others.next().is_some()
}

/// What is said of a password in its place: `password is expired`.
fn no_state(found: &Captures<'_>) -> bool {
    const STATES: &[&str] = &[
        "incorrect",
        "invalid",
        "wrong",
        "expired",
        "required",
        "not",
        "too",
        "empty",
        "missing",
        "changed",
        "correct",
        "needed",
        "unset",
        "set",
        "a",
        "the",
        "be",
        "only",
        "an",
        "user",
        "successfully",
        "accepted",
        "rejected",
        "denied",
    ];
    let secret = found.name("s").map_or("", |group| group.as_str());
    let word = secret.trim_end_matches(['.', ',', ';', ':', '!', ')']);
    !STATES.contains(&word.to_lowercase().as_str())
}

/// What follows an option is its value, not the next option.
fn no_option(found: &Captures<'_>) -> bool {
    let secret = found.name("s").map_or("", |group| group.as_str());
    !secret.starts_with("--")
}
