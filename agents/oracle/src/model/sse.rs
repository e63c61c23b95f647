//! Server-sent events, out of bytes in whatever pieces they come.
//!
//! Pure. Source: the HTML standard, section 9.2, without what nothing here needs: ids and retries.

use crate::model::ModelError;

/// Bytes of one event; a longer one ends the answer.
const EVENT_BYTES_MAX: usize = 512 * 1024;

/// The decoder.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_return: bool,
}

impl Events {
    /// Takes the next bytes; the data of the events that end in them.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, ModelError> {
        let mut events = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    events.extend(self.line());
                }
                _ => {
                    self.after_return = false;
                    self.line.push(*byte);
                }
            }
            if self.line.len() + self.data.len() > EVENT_BYTES_MAX {
                return Err(ModelError::TooLarge {
                    max: EVENT_BYTES_MAX,
                });
            }
        }
        Ok(events)
    }

    /// What stands at the end without an empty line after it: an event too, from servers that hang
    /// up in the place of one.
    pub(crate) fn finish(&mut self) -> Option<String> {
        if !self.line.is_empty() {
            self.line();
        }
        self.event()
    }

    fn line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.event();
        }
        let data = line.strip_prefix(b"data:")?;
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend(data.strip_prefix(b" ").unwrap_or(data));
        None
    }

    fn event(&mut self) -> Option<String> {
        let data = std::mem::take(&mut self.data);
        let has_data = std::mem::take(&mut self.has_data);
        has_data.then(|| String::from_utf8_lossy(&data).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = Events::default();
        let mut events: Vec<String> = Vec::new();
        for piece in pieces {
            events.extend(decoder.push(piece).unwrap());
        }
        events.extend(decoder.finish());
        events
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        let check = |text: &str, expected: &[&str]| assert_eq!(all(&[text.as_bytes()]), expected);
        check("data: a\n\ndata: b\n\n", &["a", "b"]);
        check("event: x\r\ndata:a\r\n\r\n", &["a"]);
        check("data: a\ndata: b\r\rdata\n\n", &["a\nb"]);
        check(": ping\n\n\n\ndata: [DONE]\n\n", &["[DONE]"]);
        check("id: 1\nretry: 2\n\n", &[]);
        check("data: cut off", &["cut off"]);
        check("data:\n\n", &[""]);
    }

    #[test]
    fn an_event_without_end_is_no_memory_without_end() {
        let mut decoder = Events::default();
        let piece = [b'x'; 64 * 1024];
        let pushed: Result<Vec<_>, _> = (0..20).map(|_| decoder.push(&piece)).collect();
        assert!(pushed.is_err());
        let mut decoder = Events::default();
        let pushed: Result<Vec<_>, _> = (0..900_000).map(|_| decoder.push(b"data:x\n")).collect();
        assert!(pushed.is_err());
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_pieces_end(
            text in "(data: ?[a-zä]{0,5}|:|\r|\n|\r\n|event: x){0,30}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|two| &bytes[two[0]..two[1]]).collect();
            prop_assert_eq!(all(&pieces), all(&[bytes]));
        }

        #[test]
        fn any_bytes_are_taken(bytes in any::<Vec<u8>>()) {
            all(&[&bytes]);
        }
    }
}
