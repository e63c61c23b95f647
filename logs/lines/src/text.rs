//! Log text made safe to show, and names as their daemon encoded them.

use std::borrow::Cow;
use std::fmt::Write;

/// Bytes of a log as text that can do nothing to a terminal.
///
/// Shape: invalid UTF-8 becomes `\xNN`; control characters, and those that reorder or hide text,
/// become `\xNN` or `\u{NNNN}`; a tab becomes a space.
#[must_use]
pub fn neutral(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            push_neutral(&mut out, char);
        }
        for byte in chunk.invalid() {
            push_hex(&mut out, *byte);
        }
    }
    out
}

/// Like [`neutral`], of the first `bytes_max` bytes, with `…` where something was left out.
#[must_use]
pub fn neutral_cut(bytes: &[u8], bytes_max: usize) -> String {
    if bytes.len() <= bytes_max {
        return neutral(bytes);
    }
    let mut end = bytes_max;
    while end > 0 && bytes[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    let mut out = neutral(&bytes[..end]);
    out.push('…');
    out
}

/// Whether the bytes are text that [`neutral`] leaves as it is, but for tabs.
///
/// Nearly all lines are printable ASCII, which is found out in one branchless pass.
#[must_use]
pub fn is_text(bytes: &[u8]) -> bool {
    // So many at a time; the last ones once more with some before them.
    const STEP: usize = 32;
    let is_odd = match bytes.last_chunk::<STEP>() {
        Some(last) => {
            let (steps, _) = bytes.as_chunks::<STEP>();
            steps.iter().fold(odd(last), |all, step| all | odd(step)) != 0
        }
        None => odd(bytes) != 0,
    };
    !is_odd || is_odd_text(bytes)
}

/// Zero if all bytes are printable ASCII.
#[inline]
fn odd(bytes: &[u8]) -> u8 {
    let is_odd = |byte: &u8| u8::from(byte.wrapping_sub(b' ') > b'~' - b' ');
    bytes.iter().fold(0, |odd, byte| odd | is_odd(byte))
}

#[cold]
fn is_odd_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        let plain = |char: char| char == '\t' || !char.is_control() && !reorders_or_hides(char);
        text.chars().all(plain)
    })
}

fn push_neutral(out: &mut String, char: char) {
    match char {
        '\t' => out.push(' '),
        ' '..='~' => out.push(char),
        '\0'..='\x1f' | '\x7f' => push_hex(out, char as u8),
        _ if char.is_control() || reorders_or_hides(char) => {
            write!(out, "\\u{{{:x}}}", u32::from(char)).expect("a string takes what is written");
        }
        _ => out.push(char),
    }
}

fn push_hex(out: &mut String, byte: u8) {
    write!(out, "\\x{byte:02x}").expect("a string takes what is written");
}

/// Bidirectional controls, invisible characters and line separators.
fn reorders_or_hides(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Undoes `levels` rounds of OpenBSD's `vis` encoding: `\303` for a byte, `\\` for a backslash.
///
/// Borrowed where nothing was encoded, which is nearly always.
pub(crate) fn unvis(bytes: &[u8], levels: u8) -> Cow<'_, [u8]> {
    let mut text = Cow::Borrowed(bytes);
    for _ in 0..levels {
        if !holds_backslash(&text) {
            break;
        }
        text = Cow::Owned(unvis_once(&text));
    }
    text
}

/// Names are short: eight bytes at a time beat a search by longer words. The last ones are looked
/// at once more with some before them.
#[inline]
fn holds_backslash(text: &[u8]) -> bool {
    const STEP: usize = 8;
    let found = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(false, |found, byte| found | (*byte == b'\\'))
    };
    match text.last_chunk::<STEP>() {
        Some(last) => {
            let (steps, _) = text.as_chunks::<STEP>();
            found(last) || steps.iter().any(|step| found(step))
        }
        None => found(text),
    }
}

fn unvis_once(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'\\', [b'\\', after @ ..]) => {
                out.push(b'\\');
                after
            }
            (
                b'\\',
                [
                    a @ b'0'..=b'3',
                    b @ b'0'..=b'7',
                    c @ b'0'..=b'7',
                    after @ ..,
                ],
            ) => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            _ => {
                out.push(*first);
                tail
            }
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_reaches_the_terminal() {
        assert_eq!(neutral(b"a\x1b[31mred\x07"), "a\\x1b[31mred\\x07");
        assert_eq!(neutral("x\u{202e}gpj.exe".as_bytes()), "x\\u{202e}gpj.exe");
        assert_eq!(neutral("müller\u{9b}2J".as_bytes()), "müller\\u{9b}2J");
        assert_eq!(neutral(b"\xff\xfe ok\0"), "\\xff\\xfe ok\\x00");
        assert_eq!(neutral(b"a\tb"), "a b");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(neutral_cut("aäb".as_bytes(), 2), "a…");
        assert_eq!(neutral_cut(b"abc", 3), "abc");
        assert_eq!(neutral_cut(&[0x80; 4], 2), "…");
    }

    #[test]
    fn names_are_decoded_as_often_as_they_were_encoded() {
        assert_eq!(&*unvis(br"m\303\274ller", 1), "müller".as_bytes());
        assert_eq!(&*unvis(br"m\\303\\274ller", 2), "müller".as_bytes());
        assert_eq!(&*unvis(br"a\\b", 1), br"a\b");
        assert_eq!(&*unvis(br"a\9\", 1), br"a\9\");
    }

    proptest! {
        #[test]
        fn what_is_shown_has_no_control_character(bytes in any::<Vec<u8>>()) {
            prop_assert!(!neutral(&bytes).chars().any(char::is_control));
        }

        #[test]
        fn text_is_what_is_shown_as_it_is(bytes in prop_oneof![
            any::<Vec<u8>>(), "[ -~äö€\\t\\r\u{202e}\u{9b}]{0,40}".prop_map(String::into_bytes),
        ]) {
            let untabbed: Vec<u8> =
                bytes.iter().map(|byte| if *byte == b'\t' { b' ' } else { *byte }).collect();
            prop_assert_eq!(is_text(&bytes), neutral(&bytes).as_bytes() == untabbed);
        }
    }
}
