//! Severity by words, for logs that nothing else is known of.

use memchr::memmem::Finder;

/// Levels, each with the words that tell it; the first level with a word in the line is its level.
#[derive(Debug, Clone)]
pub struct Words {
    levels: Vec<(String, Vec<Finder<'static>>)>,
    /// The line in lower case, kept to spare an allocation for each line.
    lowered: Vec<u8>,
}

impl Words {
    /// Levels in the order they are tried; words match in any case, anywhere in a line.
    pub fn new<'a>(levels: impl IntoIterator<Item = (&'a str, &'a [String])>) -> Self {
        let finder = |word: &String| Finder::new(&word.to_ascii_lowercase()).into_owned();
        let levels = levels
            .into_iter()
            .map(|(level, words)| {
                (
                    level.to_owned(),
                    words
                        .iter()
                        .filter(|word| !word.is_empty())
                        .map(finder)
                        .collect(),
                )
            })
            .collect();
        Self {
            levels,
            lowered: Vec::new(),
        }
    }

    /// The names of the levels, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().map(|(level, _)| level.as_str())
    }

    /// The position of a line's level; none where no word is in it. Linear time for each word.
    pub fn level(&mut self, line: &[u8]) -> Option<usize> {
        self.lowered.clear();
        self.lowered.extend(line.iter().map(u8::to_ascii_lowercase));
        let line = &self.lowered;
        self.levels
            .iter()
            .position(|(_, words)| words.iter().any(|word| word.find(line).is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_level_that_fits_wins() {
        let fatal = ["Fatal".to_owned(), String::new()];
        let error = ["error".to_owned(), "denied".to_owned()];
        let mut words = Words::new([("CRITICAL", &fatal[..]), ("WARNING", &error[..])]);
        assert_eq!(words.level(b"a FATAL error"), Some(0));
        assert_eq!(words.level(b"Access Denied\xff"), Some(1));
        assert_eq!(words.level(b"all is well"), None);
        assert_eq!(words.names().collect::<Vec<_>>(), ["CRITICAL", "WARNING"]);
    }
}
