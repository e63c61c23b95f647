//! Splits lines one after the other, and remembers the last prefix.

use std::ops::Range;

use crate::line::Line;
use crate::severity::Severity;
use crate::stamp::Stamp;

/// Longer prefixes are not remembered.
const PREFIX_BYTES_MAX: usize = 128;

/// Splits like [`Line::split`], faster where lines follow each other with an equal prefix, as the
/// lines of one process in one second do.
#[derive(Debug, Clone, Default)]
pub struct Splitter {
    /// The last prefix that ended in `: `, so that nothing of the body told where it ends.
    prefix: Vec<u8>,
    host: Range<usize>,
    app: Range<usize>,
    stamp: Range<usize>,
    is_bsd: bool,
    severity: Option<Severity>,
    pid: Option<u32>,
}

impl Splitter {
    /// Splits a line; see [`Line::split`].
    #[inline]
    pub fn split<'a>(&mut self, line: &'a [u8]) -> Line<'a> {
        if !self.prefix.is_empty()
            && let Some(body) = line.strip_prefix(self.prefix.as_slice())
        {
            let stamp = &line[self.stamp.clone()];
            return Line {
                stamp: if self.is_bsd {
                    Stamp::Bsd(stamp)
                } else {
                    Stamp::Iso(stamp)
                },
                severity: self.severity,
                host: &line[self.host.clone()],
                app: &line[self.app.clone()],
                pid: self.pid,
                body,
            };
        }
        let split = Line::split(line);
        self.remember(line, &split);
        split
    }

    fn remember(&mut self, line: &[u8], split: &Line<'_>) {
        let prefix = &line[..line.len() - split.body.len()];
        let (stamp, is_bsd) = match split.stamp {
            Stamp::Bsd(stamp) => (stamp, true),
            Stamp::Iso(stamp) => (stamp, false),
            _ => return,
        };
        if !prefix.ends_with(b": ") || prefix.len() > PREFIX_BYTES_MAX {
            return;
        }
        let within = |part: &[u8]| {
            let start = part.as_ptr().addr().wrapping_sub(line.as_ptr().addr());
            // An empty part need not be one of the line's.
            if start + part.len() <= line.len() {
                start..start + part.len()
            } else {
                0..0
            }
        };
        (self.stamp, self.host, self.app) = (within(stamp), within(split.host), within(split.app));
        (self.is_bsd, self.severity, self.pid) = (is_bsd, split.severity, split.pid);
        self.prefix.clear();
        self.prefix.extend_from_slice(prefix);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_splits_like_every_line_by_itself(
            lines in proptest::collection::vec(
                (
                    prop_oneof![
                        Just("Feb 12 14:10:21 h sshd[1]: "), Just("Feb 12 14:10:21 h sshd[1]:"),
                        Just("<38>Feb 12 14:10:21 h kernel: "), Just("Feb 12 14:10:21 sshd[1]: "),
                        Just("2026-02-12T14:10:21Z h a[2]: "), Just("Feb 12 14:10:22 h "),
                        Just("<3>1 - h a 1 - - "), Just("10.0.0.7 - - "), Just(""),
                        Just("Feb 12 14:10:21 ap auth.info sshd[9]: "),
                    ],
                    "[ :a\u{feff}\\[\\]1]{0,6}",
                ),
                0..12,
            ),
        ) {
            let mut splitter = Splitter::default();
            for (prefix, body) in &lines {
                let line = format!("{prefix}{body}");
                prop_assert_eq!(splitter.split(line.as_bytes()), Line::split(line.as_bytes()));
            }
        }
    }
}
