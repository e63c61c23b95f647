//! Answers that were cut off.

/// Deepest nesting of an answer that is mended.
const DEPTH_MAX: usize = 16;

/// An object that ends in the middle, up to its last whole member, with what it left open closed.
pub(super) fn mended(object: &str) -> Option<String> {
    let (mut open, mut in_text, mut escaped) = (Vec::new(), false, false);
    // Where the text can end, and what closes it there.
    let mut last: Option<(usize, Vec<char>)> = None;
    for (at, char) in object.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ if in_text => {}
            '{' => open.push('}'),
            '[' => open.push(']'),
            '}' | ']' => {
                if open.pop() != Some(char) {
                    return None;
                }
                last = Some((at + 1, open.clone()));
            }
            ',' => last = Some((at, open.clone())),
            _ => {}
        }
        if open.len() > DEPTH_MAX {
            return None;
        }
    }
    let (end, open) = last?;
    let closing: String = open.iter().rev().collect();
    Some(format!("{}{closing}", object.get(..end)?))
}
