//! User names as sshd writes them.

use std::borrow::Cow;

use crate::text::unvis;

/// sshd cuts names at this many bytes in most of its lines, so all are cut there.
const NAME_BYTES_MAX: usize = 100;

/// A user name as written: encoded by `vis` once, or twice where the unprivileged child spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    written: &'a [u8],
    levels: u8,
}

impl<'a> Name<'a> {
    pub(super) fn written(written: &'a [u8], in_child: bool) -> Self {
        Self {
            written,
            levels: 1 + u8::from(in_child),
        }
    }

    /// The name the peer gave: decoded, and at most 100 bytes of it. Any bytes.
    #[must_use]
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        match unvis(self.written, self.levels) {
            Cow::Borrowed(name) => Cow::Borrowed(&name[..name.len().min(NAME_BYTES_MAX)]),
            Cow::Owned(mut name) => {
                name.truncate(NAME_BYTES_MAX);
                Cow::Owned(name)
            }
        }
    }
}
