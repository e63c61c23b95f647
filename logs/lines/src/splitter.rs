//! Splits lines one after the other, and remembers who wrote the last one.

use crate::line::Line;
use crate::prefix;
use crate::stamp;
use crate::stamp::Stamp;

/// `Feb 12 14:10:`.
const MINUTE_BYTES: usize = 13;

/// Longer names of hosts and programs are not remembered.
const WRITER_BYTES_MAX: usize = 128;

/// Splits like [`Line::split`], faster where one program of one host writes many lines.
#[derive(Debug, Clone, Default)]
pub struct Splitter {
    /// `Feb 12 14:10:` of the last traditional stamp: nearly all lines were written in the minute
    /// of the one before.
    minute: [u8; MINUTE_BYTES],
    /// `HOST APP[`, as it stands behind the stamp; empty if nothing is remembered.
    writer: Vec<u8>,
    host_bytes: usize,
}

impl Splitter {
    /// Splits a line; see [`Line::split`].
    #[inline]
    pub fn split<'a>(&mut self, line: &'a [u8]) -> Line<'a> {
        if let Some((stamp, rest)) = self.leading(line)
            && !self.writer.is_empty()
            && let Some(inside) = rest.strip_prefix(self.writer.as_slice())
            && let Some((pid, body)) = prefix::bracketed(inside)
        {
            let host = &rest[..self.host_bytes];
            let app = &rest[self.host_bytes + 1..self.writer.len() - 1];
            return Line {
                stamp,
                severity: None,
                host,
                app,
                pid,
                body,
            };
        }
        let split = Line::split(line);
        self.remember(line, &split);
        split
    }

    /// The stamp at the start of a line, and what follows.
    #[inline]
    fn leading<'a>(&mut self, line: &'a [u8]) -> Option<(Stamp<'a>, &'a [u8])> {
        if let Some(head) = line.first_chunk::<{ MINUTE_BYTES + 3 }>()
            && head[..MINUTE_BYTES] == self.minute
            && head[MINUTE_BYTES + 2] == b' '
        {
            return Some((
                Stamp::Bsd(&line[..MINUTE_BYTES + 2]),
                &line[MINUTE_BYTES + 3..],
            ));
        }
        let found = stamp::leading(line)?;
        if let (Stamp::Bsd(written), _) = found
            && written.len() == MINUTE_BYTES + 2
            && let Some(minute) = written.first_chunk()
        {
            self.minute = *minute;
        }
        Some(found)
    }

    /// Only `STAMP HOST APP[` is remembered: up to there nothing that follows matters.
    fn remember(&mut self, line: &[u8], split: &Line<'_>) {
        let Some((_, rest)) = stamp::leading(line) else {
            return;
        };
        let length = split.host.len() + 1 + split.app.len() + 1;
        let Some(writer) = rest.get(..length) else {
            return;
        };
        let is_writer = !split.host.is_empty()
            && !split.app.is_empty()
            && writer.len() <= WRITER_BYTES_MAX
            && writer.starts_with(split.host)
            && writer[split.host.len()] == b' '
            && writer[split.host.len() + 1..].starts_with(split.app)
            && writer.ends_with(b"[");
        if is_writer {
            self.writer.clear();
            self.writer.extend_from_slice(writer);
            self.host_bytes = split.host.len();
        }
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
                        Just("Feb 12 14:10:21 h sshd["), Just("Feb 12 14:10:2x h sshd[1]"),
                        Just("Feb 12 14:10:21.5 h sshd[1]"), Just("Feb 7 14:10:21 h sshd[1]"), Just("Feb 12 14:10:21 h sshd[1]:"),
                        Just("<38>Feb 12 14:10:21 h kernel: "), Just("Feb 12 14:10:21 sshd[1]: "),
                        Just("2026-02-12T14:10:21Z h sshd["), Just("Feb 12 14:10:22 h "),
                        Just("<3>1 - h a 1 - - "), Just("10.0.0.7 - - "), Just(""),
                        Just("Feb 12 14:10:21 ap auth.info sshd[9"), Just("Feb 12 14:10:21 h: x["),
                    ],
                    "[ :ax\u{feff}\\[\\]1]{0,12}",
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
