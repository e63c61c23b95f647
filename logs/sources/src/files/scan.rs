//! Cutting a stream of bytes into lines, in bounded memory.

use std::io;
use std::io::Read;

use crate::sink::LineSink;

/// A line is delivered up to this many bytes; what is beyond is dropped, and the line is counted.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// How much is read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// What a scan did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Bytes up to the end of the last complete (or taken) line.
    pub(super) bytes: u64,
    /// Lines delivered.
    pub(super) lines: u64,
    /// Lines passed over, as asked.
    pub(super) skipped: u64,
    /// Delivered lines that were cut at `LINE_BYTES_MAX`.
    pub(super) long_lines: u64,
    /// Bytes of an unfinished last line that was left.
    pub(super) unfinished_bytes: u64,
    /// The sink ended it.
    pub(super) stopped: bool,
}

/// How many lines a reader holds, an unfinished last one included if `take_last`.
///
/// Returns the lines and whether the sink let it come to its end.
pub(super) fn count_lines(
    reader: &mut dyn Read,
    take_last: bool,
    sink: &mut dyn LineSink,
) -> io::Result<(u64, bool)> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let (mut lines, mut last) = (0, b'\n');
    loop {
        let n = read_some(reader, &mut chunk)?;
        let Some(end) = n.checked_sub(1) else {
            return Ok((lines + u64::from(take_last && last != b'\n'), true));
        };
        lines += memchr::memchr_iter(b'\n', &chunk[..n]).count() as u64;
        last = chunk[end];
        if !sink.keep_going(0) {
            return Ok((lines, false));
        }
    }
}

/// Delivers the lines of a reader, after the first `skip`.
pub(super) fn scan(
    reader: &mut dyn Read,
    skip: u64,
    take_last: bool,
    sink: &mut dyn LineSink,
) -> io::Result<Scanned> {
    let mut cutter = Cutter::new(skip);
    loop {
        let n = match cutter.fill(reader) {
            Ok(n) => n,
            // What was read before the trouble is delivered, and counted by the caller as read.
            Err(error) if cutter.done.bytes > 0 || cutter.kept > 0 => {
                return Err(io::Error::new(
                    error.kind(),
                    Interrupted {
                        done: cutter.done,
                        error,
                    },
                ));
            }
            Err(error) => return Err(error),
        };
        if n == 0 {
            return Ok(cutter.finish(take_last, sink));
        }
        cutter.cut(n, sink);
        if !sink.keep_going(n as u64) {
            cutter.done.stopped = true;
            return Ok(cutter.done);
        }
    }
}

/// A read that failed after some lines had been delivered.
#[derive(Debug, thiserror::Error)]
#[error("reading stopped half-way")]
pub(super) struct Interrupted {
    pub(super) done: Scanned,
    #[source]
    error: io::Error,
}

struct Cutter {
    buffer: Vec<u8>,
    /// Bytes at the buffer's start that belong to a line not finished yet.
    kept: usize,
    /// Bytes of that line which were dropped because it is too long.
    dropped: u64,
    /// NUL bytes dropped at that line's start.
    nuls: u64,
    skip: u64,
    done: Scanned,
}

impl Cutter {
    fn new(skip: u64) -> Self {
        let buffer = vec![0; CHUNK_BYTES];
        Self {
            buffer,
            kept: 0,
            dropped: 0,
            nuls: 0,
            skip,
            done: Scanned::default(),
        }
    }

    fn fill(&mut self, reader: &mut dyn Read) -> io::Result<usize> {
        if self.kept >= LINE_BYTES_MAX {
            self.dropped += (self.kept - LINE_BYTES_MAX) as u64;
            self.kept = LINE_BYTES_MAX;
        }
        if self.buffer.len() < self.kept + CHUNK_BYTES {
            self.buffer.resize(self.kept + CHUNK_BYTES, 0);
        }
        let end = self.kept + CHUNK_BYTES;
        read_some(reader, &mut self.buffer[self.kept..end])
    }

    /// Delivers the lines that the `n` bytes just read have finished.
    fn cut(&mut self, n: usize, sink: &mut dyn LineSink) {
        let buffer = std::mem::take(&mut self.buffer);
        let mut filled = &buffer[..self.kept + n];
        let mut searched = self.kept;
        while let Some(at) = memchr::memchr(b'\n', &filled[searched..]) {
            let (line, rest) = filled.split_at(searched + at);
            self.deliver(line, true, sink);
            filled = &rest[1..];
            searched = 0;
        }
        if self.dropped == 0 && filled.first() == Some(&0) {
            let nuls = filled.iter().take_while(|byte| **byte == 0).count();
            self.nuls += nuls as u64;
            filled = &filled[nuls..];
        }
        let (start, len) = (self.kept + n - filled.len(), filled.len());
        self.buffer = buffer;
        self.buffer.copy_within(start..start + len, 0);
        self.kept = len;
    }

    /// A hole that copytruncate left under a writer without `O_APPEND` reads as NULs: no text.
    fn deliver(&mut self, line: &[u8], newline: bool, sink: &mut dyn LineSink) {
        self.done.bytes += line.len() as u64 + self.dropped + self.nuls + u64::from(newline);
        let overlong = self.dropped > 0 || line.len() > LINE_BYTES_MAX;
        (self.dropped, self.nuls) = (0, 0);
        if self.skip > 0 {
            self.skip -= 1;
            self.done.skipped += 1;
            return;
        }
        let text = match line.first() {
            Some(0) => &line[line.iter().take_while(|byte| **byte == 0).count()..],
            _ => line,
        };
        self.done.lines += 1;
        self.done.long_lines += u64::from(overlong);
        sink.line(&text[..text.len().min(LINE_BYTES_MAX)]);
    }

    fn finish(mut self, take_last: bool, sink: &mut dyn LineSink) -> Scanned {
        let unfinished = self.kept as u64 + self.dropped + self.nuls;
        if take_last && unfinished > 0 {
            let buffer = std::mem::take(&mut self.buffer);
            self.deliver(&buffer[..self.kept], false, sink);
        } else {
            self.done.unfinished_bytes = unfinished;
        }
        self.done
    }
}

fn read_some(reader: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Lines(Vec<Vec<u8>>);

    impl LineSink for Lines {
        fn line(&mut self, line: &[u8]) {
            self.0.push(line.to_vec());
        }
    }

    /// Hands out at most `step` bytes at a time, so that lines straddle reads.
    struct Steps<'a>(&'a [u8], usize);

    impl Read for Steps<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(into.len());
            (&mut self.0).take(n as u64).read(into)
        }
    }

    fn check(text: &[u8], skip: u64, take_last: bool, expected: &[&[u8]]) -> Scanned {
        let mut first = None;
        for step in [1, 2, 3, 7, 4096] {
            let mut lines = Lines::default();
            let scanned = scan(&mut Steps(text, step), skip, take_last, &mut lines).unwrap();
            assert_eq!(lines.0, expected, "step {step}");
            assert_eq!(*first.get_or_insert(scanned), scanned, "step {step}");
        }
        first.unwrap()
    }

    #[test]
    fn lines_are_cut_wherever_reads_end() {
        let scanned = check(b"a\nbb\n\nccc\n", 0, false, &[b"a", b"bb", b"", b"ccc"]);
        assert_eq!(
            (scanned.bytes, scanned.lines, scanned.unfinished_bytes),
            (10, 4, 0)
        );
    }

    #[test]
    fn an_unfinished_line_is_left_or_taken() {
        let left = check(b"a\nbb", 0, false, &[b"a"]);
        assert_eq!((left.bytes, left.unfinished_bytes), (2, 2));
        let taken = check(b"a\nbb", 0, true, &[b"a", b"bb"]);
        assert_eq!((taken.bytes, taken.unfinished_bytes), (4, 0));
        check(b"", 0, true, &[]);
    }

    #[test]
    fn skipped_lines_are_counted() {
        let scanned = check(b"a\nb\nc\n", 2, false, &[b"c"]);
        assert_eq!((scanned.lines, scanned.skipped, scanned.bytes), (1, 2, 6));
    }

    #[test]
    fn any_bytes_pass_and_holes_do_not() {
        check(
            b"\xff\xfe\n\0\0\0x\0y\n\0\0\n",
            0,
            false,
            &[b"\xff\xfe", b"x\0y", b""],
        );
        let hole = check(b"\0\0\0x\n", 0, false, &[b"x"]);
        assert_eq!(hole.bytes, 5);
    }

    #[test]
    fn a_line_is_cut_at_its_bound_and_counted() {
        let mut text = vec![b'x'; LINE_BYTES_MAX];
        text.push(b'\n');
        text.extend(vec![b'y'; 3 * LINE_BYTES_MAX + 5]);
        text.extend(b"\nz\n");
        let mut lines = Lines::default();
        let scanned = scan(&mut &text[..], 0, false, &mut lines).unwrap();
        assert_eq!(scanned.long_lines, 1);
        assert_eq!(scanned.bytes, text.len() as u64);
        let lengths: Vec<usize> = lines.0.iter().map(Vec::len).collect();
        assert_eq!(lengths, [LINE_BYTES_MAX, LINE_BYTES_MAX, 1]);
    }

    #[test]
    fn memory_stays_bounded_on_an_endless_line() {
        let mut cutter = Cutter::new(0);
        let mut endless = io::repeat(b'x');
        for _ in 0..64 {
            let n = cutter.fill(&mut endless).unwrap();
            cutter.cut(n, &mut Lines::default());
        }
        assert!(cutter.buffer.len() <= LINE_BYTES_MAX + 2 * CHUNK_BYTES);
        assert_eq!(cutter.dropped + cutter.kept as u64, 64 * CHUNK_BYTES as u64);
    }

    #[test]
    fn counting_agrees_with_scanning() {
        for (text, take_last, expected) in [
            (&b"a\nb"[..], false, 1),
            (b"a\nb", true, 2),
            (b"a\nb\n", true, 2),
            (b"", true, 0),
        ] {
            let counted = count_lines(&mut &text[..], take_last, &mut Lines::default()).unwrap();
            assert_eq!(counted, (expected, true));
        }
    }
}
