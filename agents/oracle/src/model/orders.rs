//! Log text that speaks to its reader: orders, roles, and answers that someone wrote beforehand.
//!
//! Such text is not shown to a model. The model can then not obey it, and its opinion on the other
//! lines counts as ever; builtin counts the line as any other, and the report says that there are
//! such lines. No rule knows every way to give an order: what gets through raises a report to a
//! warning at most, and lowers nothing (`answer.rs`).

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use regex::RegexSet;

/// Longest text that is looked at; of a longer one, its start and its end.
const LOOKED_BYTES_MAX: usize = 16 * 1024;

/// Shortest word that may be text in Base64.
const CODED_CHARS_MIN: usize = 24;

/// What orders look like, in lower case with one space between words.
static ORDERS: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new([
        // What was said before no longer counts.
        r"\b(?:ignore|disregard|forget|override|overrule|bypass|discard|drop|skip|cancel|stop following|do not follow|don t follow)\b(?: \w+){0,4} (?:instruction|instructions|rule|rules|prompt|prompts|order|orders|direction|directions|guideline|guidelines|command|commands|directive|directives|context|conversation|messages|everything|above|schema|training|policy|policies)\b",
        r"\bignor\w*\b(?: \w+){0,4} (?:anweisungen|befehle|regeln|instructions|consignes|instrucciones|istruzioni|instruções|instrucoes)\b",
        r"\b(?:vergiss|oubliez?|olvida|dimentica)\b(?: \w+){0,4} (?:anweisungen|regeln|instructions|consignes|instrucciones|istruzioni)\b",
        r"игнорируй|забудь (?:все|предыдущие)|忽略.{0,12}(?:指令|指示|规则|提示)|無視して|이전 지시",
        // Who is spoken to, and by whom.
        r"\b(?:system|developer|hidden|initial|original) (?:prompt|message|instructions?|override|note|notice|update|command)\b",
        r"\b(?:new|updated|revised|real|actual|additional|further|important|special|secret) (?:system )?(?:instructions?|orders|directives?|task|objective|role)\b",
        r"\byou (?:are|re|will be|must|should|shall|have to|need to|can|may|will) (?:now |always |never |only |not )?(?:\w+ )?(?:an? |the |act|behave|pretend|report|answer|respond|reply|say|output|write|classify|mark|rate|treat|ignore|consider|conclude|return|print|summari[sz]e|set|call|obey|comply|follow)\b",
        r"\b(?:act|behave|respond|answer|speak|roleplay) as (?:an? |the |if )",
        r"\bpretend (?:to be|you|that)\b",
        r"\b(?:dear|hey|hi|hello|attention|note to|notice to|message to|message for|instructions? (?:to|for)|reminder to|listen) (?:the |all |any )?(?:ai|a i|llm|llms|language model|model|assistant|gpt\w*|chatgpt|claude|copilot|gemini|llama|oracle|analyst|bot|chatbot|analy[sz]er|summari[sz]er|reader)\b",
        r"\b(?:to|for) (?:the |any |all )?(?:ai|llm|llms|language model|ai model|ai assistant|chatbot|ai agents?)\b",
        r"\bas an? (?:ai|llm|language model|assistant)\b",
        r"\b(?:jailbreak|dan mode|developer mode|do anything now|prompt injection)\b",
        // What to answer, and what to leave out.
r"\b(?:report|respond|answer|reply|say|output|classify|mark|flag|label|rate|treat|consider|conclude|declare|summari[sz]e|describe)\b(?: \w+){0,6} (?:severity|benign|harmless|all clear|all is well|all well|nothing|no (?:anomal\w+|threats?|attacks?|findings?|problems?|issues?|incidents?|alerts?)|safe|normal|info|critical|emergency|confidence|anomaly|false positive|clean)\b",
        r"\b(?:write|set|assign|give|use|raise|lower|downgrade|upgrade|escalate|print|return|state)\b(?: \w+){0,6} (?:severity|confidence|anomaly|emergency|benign|harmless|false positive)\b",
        r"\b(?:do not|don t|dont|never|must not|should not|shall not|no need to|avoid|refrain from|stop|without) (?:\w+ )?(?:report|mention|alert|flag|include|show|list|raise|warn|escalate|notify|summari[sz]e|analy[sz]e|cite|tell|disclose|page)(?:ing|ping|ging|s)?\b",
        r"\b(?:this|that|these|those|the (?:above|following|previous|next)) (?:line|lines|log|logs|entry|entries|event|events|messages?|activity|traffic|attempts?|failures?|logins?)(?: \w+){0,3} (?:is|are|was|were|should be|must be|can be) (?:\w+ )?(?:benign|harmless|a test|tests?|expected|authori[sz]ed|safe|normal|ignored|not an attack|false)\b",
        r"\b(?:everything|all) (?:is|was|looks) (?:fine|well|ok|okay|good|normal|clear|in order)\b",
        r"\b(?:repeat|reveal|print|output|leak|show|tell me|send)(?: \w+){0,3} (?:your|the) (?:\w+ )?(?:prompt|instructions|rules|key|api key|secrets?|configuration)\b",
        // Marks that part a conversation.
        r"\b(?:end|begin|start|beginning) of (?:the )?(?:log|logs|data|evidence|digest|input|prompt|context|instructions?|conversation|document|user|system)\b",
        r"\b(?:end|begin) (?:log|logs|data|evidence|digest|input|prompt|system|instructions?)\b",
    ])
    .expect("patterns written in code are some")
});

/// The best known of them without any space, for those who set spaces where none belong.
static SQUEEZED: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new([
        r"(?:ignore|disregard|forget|override|bypass)(?:all|any|the|your|these|of|previous|prior|earlier|above|preceding){1,5}(?:instruction|rule|prompt|order|direction|guideline|command)",
        r"youarenow|donotreport|newinstructions",
    ])
    .expect("patterns written in code are some")
});

/// Marks of conversations and of answers, in the text as it is, in lower case.
static MARKS: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new([
        r"<\|[\w ]{2,30}\|>|\[/?inst\]|<</?sys>>|</s>|<s>|\[/?(?:system|assistant|user)\]",
        r"</?(?:system|assistant|user|human|instructions?|evidence|data|logs?|log_?lines?|prompt|tool_?(?:call|result)s?|function_?(?:call|results?)|thinking|answer|report|digest|context|document)\b[^<>]{0,40}>",
        r"(?:^|[\s\x22'`\]:;.|>\\n]|\\r|\\n)(?:system|assistant|human|developer|ai)\s?:\s",
        r"#{2,}\s*(?:system|assistant|user|human|instruction|response|end|new|task|input|output)",
        r#"["'\\]+(?:summary|findings|anomaly|degraded|confidence)["'\\]+\s*:"#,
        r#"["'\\]+role["'\\]+\s*:\s*["'\\]+(?:system|assistant|user|developer|tool)"#,
        r#"["'\\]+severity["'\\]+\s*:\s*["'\\]+\w+["'\\]+\s*,\s*["'\\]+(?:title|evidence|summary|findings|advice)"#,
        r"-{3,}\s*(?:end|begin|system|new|stop)\b|={3,}\s*(?:end|begin|system|new|stop)\b",
        r"```",
        r#"^[\s\x22'`]*\}\s*[\]}]*\s*,?\s*[\[{]|"\s*\}\s*\]\s*[,}]"#,
    ])
    .expect("patterns written in code are some")
});

/// Whether a text from a log speaks to its reader.
pub(crate) fn speaks_to_its_reader(text: &str) -> bool {
    let text = looked_at(text);
    if hides(&text) {
        return true;
    }
    let plain = plain(&text);
    let decoded = decoded(&plain);
    let coded = in_base64(&text);
    let lower = text.to_lowercase();
    let mut forms = vec![plain.as_str(), &lower];
    if decoded != plain {
        forms.push(&decoded);
    }
    forms.extend(coded.iter().map(String::as_str));
    forms.into_iter().any(gives_orders)
}

fn gives_orders(text: &str) -> bool {
    let words = words(text);
    let unleet = unleet(&words);
    MARKS.is_match(text)
        || ORDERS.is_match(&words)
        || ORDERS.is_match(&unleet)
        || SQUEEZED.is_match(&unleet.replace(' ', ""))
}

fn looked_at(text: &str) -> String {
    if text.len() <= LOOKED_BYTES_MAX {
        return text.to_owned();
    }
    let start = text.floor_char_boundary(LOOKED_BYTES_MAX / 2);
    let end = text.ceil_char_boundary(text.len() - LOOKED_BYTES_MAX / 2);
    let part = |range| text.get(range).unwrap_or_default();
    format!("{} {}", part(0..start), part(end..text.len()))
}

/// Characters that no program writes into a log: tags, which spell letters nobody sees, and those
/// that turn the order of letters around.
fn hides(text: &str) -> bool {
    let is_hidden = |char| matches!(char, '\u{e0000}'..='\u{e007f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().any(is_hidden)
}

/// In lower case, without what has no width, and with the letters that others look like.
fn plain(text: &str) -> String {
    let seen = text.chars().filter(|char| {
        !matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{300}'..='\u{36f}' | '\u{180e}')
    });
    seen.map(look_alike).flat_map(char::to_lowercase).collect()
}

/// The Latin letter that a letter looks like.
fn look_alike(char: char) -> char {
    match char {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xfee0).unwrap_or(char),
        '\u{1d400}'..='\u{1d6a3}' => {
            // Mathematical letters: alphabets of 52 in a row.
            let nth = (u32::from(char) - 0x1d400) % 52;
            let letter = if nth < 26 { nth + 65 } else { nth - 26 + 97 };
            char::from_u32(letter).unwrap_or(char)
        }
        '\u{24b6}'..='\u{24cf}' => char::from_u32(u32::from(char) - 0x24b6 + 65).unwrap_or(char),
        '\u{24d0}'..='\u{24e9}' => char::from_u32(u32::from(char) - 0x24d0 + 97).unwrap_or(char),
        'а' | 'α' => 'a',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ε' => 'e',
        'һ' => 'h',
        'і' | 'ι' | 'ı' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' => 'l',
        'м' => 'm',
        'п' | 'η' => 'n',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{3000}' | '\u{2028}' | '\u{2029}' => ' ',
        _ => char,
    }
}

/// The text with `%41`, `\x41`, `\u0041`, `&#65;` and `+` as what they stand for.
fn decoded(text: &str) -> String {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let code = [
            ("%", 2, ""),
            ("\\x", 2, ""),
            ("\\u", 4, ""),
            ("&#x", 2, ";"),
        ]
        .into_iter()
        .find_map(|(start, digits, end)| {
            let after = rest.strip_prefix(start)?;
            let value = u32::from_str_radix(after.get(..digits)?, 16).ok()?;
            Some((value, after.get(digits..)?.strip_prefix(end)?))
        });
        match code {
            Some((value, after)) => {
                match u8::try_from(value) {
                    Ok(byte) => bytes.push(byte),
                    Err(_) => {
                        bytes.extend(char::from_u32(value).unwrap_or(' ').to_string().bytes())
                    }
                }
                rest = after;
            }
            None => {
                let mut buffer = [0; 4];
                let char = if char == '+' { ' ' } else { char };
                bytes.extend(char.encode_utf8(&mut buffer).bytes());
                rest = rest
                    .get(rest.chars().next().map_or(1, char::len_utf8)..)
                    .unwrap_or_default();
            }
        }
    }
    plain(&String::from_utf8_lossy(&bytes))
}

/// Text that words of the text are in Base64. Case is part of it, so it is looked for as it came.
fn in_base64(text: &str) -> Vec<String> {
    let of_code = |char: char| char.is_ascii_alphanumeric() || "+/-_".contains(char);
    let words = text.split(|char| !of_code(char));
    let long = words.filter(|word| word.len() >= CODED_CHARS_MIN);
    let decode = |word: &str| {
        let word = word.replace('-', "+").replace('_', "/");
        // One character alone is no byte.
        let end = word.len() - usize::from(word.len() % 4 == 1);
        String::from_utf8(STANDARD_NO_PAD.decode(word.get(..end)?).ok()?).ok()
    };
    long.filter_map(decode).map(|text| plain(&text)).collect()
}

/// Words with one space between them.
fn words(text: &str) -> String {
    let words = text.split(|char: char| !char.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// `1gn0r3` is read as people read it.
fn unleet(words: &str) -> String {
    let letter = |char| match char {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '7' => 't',
        _ => char,
    };
    words.chars().map(letter).collect()
}

#[cfg(test)]
mod tests;
