//! A decoder under test.

/// What an input led to, in few words: inputs with the same outcome are taken to have gone the same
/// way, so it holds no numbers or texts of the input itself.
pub type Outcome = String;

/// One input to begin with: a file's name and its bytes.
pub type Plant = (String, Vec<u8>);

/// A decoder, and what must hold for any bytes it is given.
#[derive(Debug)]
pub struct Target {
    /// Its name, as `cargo xtask fuzz` takes it.
    pub name: &'static str,
    /// The folder of the crate it tests, from the top; the corpus is `corpus/NAME` below it.
    pub room: &'static str,
    /// Longest input worth trying: just above the decoder's own bound, or where it has a large one,
    /// as long as structure goes.
    pub bytes_max: usize,
    /// Words that the format is made of.
    pub words: &'static [&'static str],
    /// Makes the inputs to begin with.
    pub plant: fn() -> Vec<Plant>,
    /// Decodes the bytes; panics where something does not hold.
    pub run: fn(&[u8]) -> Outcome,
}

/// An error's words before the first and behind the last part it quotes, without numbers.
pub(crate) fn words_of(error: &dyn std::fmt::Display) -> Outcome {
    const QUOTES: [char; 3] = ['`', '"', '\''];
    let text = error.to_string();
    let head = text.split(QUOTES).next().unwrap_or_default();
    let tail = text.rsplit(QUOTES).next().filter(|_| text.contains(QUOTES));
    let words = head.chars().chain(tail.unwrap_or_default().chars());
    words.filter(|c| !c.is_ascii_digit()).take(160).collect()
}

/// The names of types and variants in a value, each once.
pub(crate) fn shape_of(value: &dyn std::fmt::Debug) -> Outcome {
    let text = format!("{value:?}");
    let mut names = std::collections::BTreeSet::new();
    let mut rest = text.as_str();
    while let Some((plain, quoted)) = rest.split_once('"') {
        names.extend(names_in(plain));
        rest = behind_quote(quoted);
    }
    names.extend(names_in(rest));
    let names: Vec<&str> = names.into_iter().collect();
    format!("good {}", names.join(" "))
}

fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
}

fn behind_quote(text: &str) -> &str {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '"' => return text.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_hold_nothing_of_the_input() {
        assert_eq!(
            words_of(&"unknown field `a\"1`, expected `x` or `y` at 17"),
            "unknown field  at "
        );
        assert_eq!(words_of(&"3 bytes stand behind"), " bytes stand behind");
        assert_eq!(shape_of(&Some("None \\ \" Some")), "good Some");
        assert_eq!(shape_of(&(Some(1), None::<u8>)), "good None Some");
    }
}
