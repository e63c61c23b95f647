//! A short text: most names take no memory of their own.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
    ops::Deref,
    sync::Arc,
};

/// Texts up to this many bytes stand in place; longer ones are shared.
const SHORT_BYTES_MAX: usize = 22;

/// A text that never changes. A packet holds half a dozen of them, and is copied from task to
/// task: so cloning a short one touches nothing that another thread counts on.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Text {
    /// How many bytes, and the bytes; those behind are zero.
    Short(u8, [u8; SHORT_BYTES_MAX]),
    Long(Arc<str>),
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let mut bytes = [0; SHORT_BYTES_MAX];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(n)) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short(n, bytes)
            }
            _ => Self::Long(Arc::from(text)),
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Short(..) => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Self::Long(text) => text,
        }
    }
}

impl Text {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(n, bytes) => bytes.get(..usize::from(*n)).unwrap_or_default(),
            Self::Long(text) => text.as_bytes(),
        }
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        // The order of texts is that of their bytes.
        self.as_bytes().cmp(other.as_bytes())
    }
}

/// As `str` does it: names are looked up by `str` too.
impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        str::hash(self, state);
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_takes_three_words() {
        assert_eq!(size_of::<Text>(), 24);
        assert_eq!(size_of::<Option<Text>>(), 24);
    }

    #[test]
    fn short_and_long_texts_meet_at_the_bound() {
        for n in SHORT_BYTES_MAX - 1..=SHORT_BYTES_MAX + 1 {
            let written = "ä".repeat(n / 2) + &"x".repeat(n % 2);
            let text = Text::from(&*written);
            assert_eq!(&*text, written);
            assert_eq!(matches!(text, Text::Short(..)), n <= SHORT_BYTES_MAX);
        }
    }

    proptest! {
        #[test]
        fn texts_are_as_their_letters(a in ".{0,12}", b in ".{0,12}") {
            let hashing = RandomState::new();
            let (left, right) = (Text::from(&*a), Text::from(&*b));
            prop_assert_eq!(&*left, &*a);
            prop_assert_eq!(left == right, a == b);
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
            prop_assert_eq!(hashing.hash_one(&left), hashing.hash_one(&*a));
        }
    }
}
