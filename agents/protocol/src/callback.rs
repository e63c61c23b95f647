//! How an agent answers a person: callbacks to the router that holds the person's session.
//!
//! A request carries `session_id`, `token`, `return_handler`, and the packet says where callbacks go
//! (`reply_to`). The router itself writes the first callback, `accepted`, with the origins to expect;
//! each origin then sends parts, and ends with `last`. Numbers count per (origin, token).

use serde::{Deserialize, Serialize};
use skep_packet::{Address, Inscription, SessionKey, Token, encode_content};

/// The router's handler for callbacks.
pub const CMD_CALLBACK: &str = "cmd_rpc_callback";

/// The role of every door to people; results nobody asked for go to all of them.
pub const ROLE_RPC: &str = "hive.rpc";

/// Seconds between two `working` callbacks of an origin that is not done yet.
pub const WORKING_INTERVAL_S: u64 = 10;

/// Seconds without a callback after which an origin counts as lost.
pub const ORIGIN_IDLE_MAX_S: u64 = 30;

/// Bytes of text that one callback carries at most; a longer result is several parts.
pub const PART_BYTES_MAX: usize = 32 * 1024;

/// What a callback says about its origin's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The request went out; `origins` says who will answer.
    Accepted,
    /// Still at it.
    Working,
    /// A part of the result.
    Part,
    /// The final one of this origin.
    Last,
    /// The origin will not answer any more; what still comes is shown as late.
    OriginLost,
}

/// What `lines` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Lines of text for people.
    #[default]
    Text,
    /// Fragments of one JSON document, to be put together without anything between them.
    Json,
}

/// One step of an answer to a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Callback {
    /// The person's session; `None` for what nobody asked for.
    pub session_id: Option<String>,
    /// The request it answers; `None` for what nobody asked for.
    pub token: Option<Token>,
    /// What the client does with it, in its own words.
    pub return_handler: Option<String>,
    /// Who says it.
    pub origin: Address,
    /// Counts this origin's callbacks for this token, from 0.
    pub seq: u64,
    /// What it says.
    pub status: Status,
    /// What `lines` are.
    #[serde(default)]
    pub format: Format,
    /// Number of the first of `lines` within the origin's whole result.
    pub start_line: u64,
    /// The lines, or fragments.
    pub lines: Vec<String>,
    /// Number of the line after the last one here.
    pub next_offset: u64,
    /// When it was made, in milliseconds since the Unix epoch.
    pub timestamp: u64,
    /// Whether this is the origin's final callback; then `seq` is its final number.
    pub last: bool,
    /// Whether it came after its request had ended.
    #[serde(default)]
    pub late: bool,
    /// Why the origin could not do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Who will answer; only with `accepted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<Address>,
    /// What the origin is doing, for progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What only the person's session can read; then `lines`, `error` and `note` are empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Box<Enclosed>>,
}

/// An envelope in a callback, base64. On it stand swarm, token, origin and number, and what is
/// said here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enclosed {
    /// In it is the whole callback; the session stands on it too.
    Callback(String),
    /// In it is a plain reply, `{"said":"…"}` or `{"failed":"…"}`; no session stands on it.
    Reply(String),
}

impl Callback {
    /// What stands on the envelope of this callback; `None` where nobody asked for it.
    #[must_use]
    pub fn inscription(&self) -> Option<Inscription> {
        let session = match self.sealed.as_deref() {
            Some(Enclosed::Reply(_)) => None,
            _ => self.session_id.clone(),
        };
        Some(Inscription {
            session,
            token: self.token.clone()?,
            origin: self.origin.clone(),
            seq: self.seq,
        })
    }

    /// The same for the eyes of the person who asked, where the thread has a session's key:
    /// `enclose` makes the envelope. What nobody or an agent asked for stays as it is.
    ///
    /// # Errors
    /// What `enclose` fails with.
    pub fn sealed<E>(
        self,
        thread: &Thread,
        enclose: impl FnOnce(&SessionKey, &Inscription, &[u8]) -> Result<String, E>,
    ) -> Result<Self, E> {
        let (Some(key), Some(about)) = (&thread.session_key, self.inscription()) else {
            return Ok(self);
        };
        let envelope = enclose(key, &about, &encode_content(&self))?;
        Ok(Self {
            lines: Vec::new(),
            error: None,
            note: None,
            sealed: Some(Box::new(Enclosed::Callback(envelope))),
            ..self
        })
    }
}

/// What a request carries, so that its answers find their way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// The person's session.
    pub session_id: Option<String>,
    /// The request.
    pub token: Option<Token>,
    /// What the client does with the answers.
    pub return_handler: Option<String>,
    /// The router that holds the session; `None` sends to every router.
    pub reply_to: Option<Address>,
    /// The session's key, where a person asked: what is said is for it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<SessionKey>,
}

/// Numbers the callbacks of one origin for one request; kept with whatever the answer waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answering {
    /// Where the answers belong.
    pub thread: Thread,
    /// Who answers.
    pub origin: Address,
    next_seq: u64,
    next_line: u64,
}

impl Answering {
    /// The first callback of `origin` in a thread will be number 0.
    #[must_use]
    pub fn new(thread: Thread, origin: Address) -> Self {
        Self {
            thread,
            origin,
            next_seq: 0,
            next_line: 0,
        }
    }

    /// A sign that the origin is still at it.
    pub fn working(&mut self, now_ms: u64, note: impl Into<String>) -> Callback {
        let mut callback = self.callback(now_ms, Status::Working, Format::Text, Vec::new());
        callback.note = Some(note.into());
        callback
    }

    /// The result as parts of at most [`PART_BYTES_MAX`], the final one marked `last` if `last`.
    pub fn text(&mut self, now_ms: u64, text: &str, last: bool) -> Vec<Callback> {
        let pages = pages(text.lines());
        self.parts(now_ms, Format::Text, pages, last)
    }

    /// A JSON document as fragments of at most [`PART_BYTES_MAX`].
    pub fn json(&mut self, now_ms: u64, document: &str, last: bool) -> Vec<Callback> {
        let pages = fragments(document)
            .map(|fragment| vec![fragment.to_owned()])
            .collect();
        self.parts(now_ms, Format::Json, pages, last)
    }

    /// The origin could not do it; nothing follows.
    pub fn error(&mut self, now_ms: u64, error: impl Into<String>) -> Callback {
        let mut callback = self.callback(now_ms, Status::Last, Format::Text, Vec::new());
        callback.last = true;
        callback.error = Some(error.into());
        callback
    }

    fn parts(
        &mut self,
        now_ms: u64,
        format: Format,
        mut pages: Vec<Vec<String>>,
        last: bool,
    ) -> Vec<Callback> {
        if pages.is_empty() {
            pages.push(Vec::new());
        }
        let final_page = pages.len() - 1;
        let part = |(page, lines): (usize, Vec<String>)| {
            let ends = last && page == final_page;
            let status = if ends { Status::Last } else { Status::Part };
            let mut callback = self.callback(now_ms, status, format, lines);
            callback.last = ends;
            callback
        };
        pages.into_iter().enumerate().map(part).collect()
    }

    fn callback(
        &mut self,
        now_ms: u64,
        status: Status,
        format: Format,
        lines: Vec<String>,
    ) -> Callback {
        let (seq, start_line) = (self.next_seq, self.next_line);
        self.next_seq += 1;
        self.next_line += lines.len() as u64;
        Callback {
            session_id: self.thread.session_id.clone(),
            token: self.thread.token.clone(),
            return_handler: self.thread.return_handler.clone(),
            origin: self.origin.clone(),
            seq,
            status,
            format,
            start_line,
            lines,
            next_offset: self.next_line,
            timestamp: now_ms,
            last: false,
            late: false,
            error: None,
            origins: Vec::new(),
            note: None,
            sealed: None,
        }
    }
}

/// Groups lines into pages; a line longer than a page is a page of its own, cut at the bound.
fn pages<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Vec<String>> {
    let mut pages: Vec<Vec<String>> = Vec::new();
    let mut size = PART_BYTES_MAX;
    for line in lines {
        let line = fragments(line).next().unwrap_or_default();
        if size + line.len() + 1 > PART_BYTES_MAX {
            pages.push(Vec::new());
            size = 0;
        }
        size += line.len() + 1;
        if let Some(page) = pages.last_mut() {
            page.push(line.to_owned());
        }
    }
    pages
}

/// Cuts text at character borders into pieces of at most [`PART_BYTES_MAX`] bytes.
fn fragments(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PART_BYTES_MAX));
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answering() -> Answering {
        let thread = Thread {
            session_id: Some("s".to_owned()),
            token: Some(Token::new("t").unwrap()),
            return_handler: None,
            reply_to: None,
            session_key: None,
        };
        Answering::new(thread, "log_watcher@n1".parse().unwrap())
    }

    #[test]
    fn an_empty_result_still_ends() {
        let parts = answering().text(5, "", true);
        assert_eq!(parts.len(), 1);
        assert!(parts[0].last && parts[0].lines.is_empty());
    }

    #[test]
    fn numbers_go_on_over_several_results() {
        let mut answering = answering();
        let working = answering.working(1, "reading");
        let first = answering.text(2, "a\nb", false);
        let second = answering.text(3, "c", true);
        assert_eq!((working.seq, first[0].seq, second[0].seq), (0, 1, 2));
        assert_eq!((first[0].start_line, first[0].next_offset), (0, 2));
        assert_eq!((second[0].start_line, second[0].next_offset), (2, 3));
        assert_eq!((first[0].last, second[0].last), (false, true));
    }

    #[test]
    fn what_a_person_asked_for_is_for_its_session_alone() {
        let mut answering = answering();
        let clear = answering.text(5, "root from 203.0.113.9", true).remove(0);
        let enclose = |_: &SessionKey, about: &Inscription, content: &[u8]| {
            assert_eq!(about.seq, 0);
            Ok::<_, ()>(format!("{} bytes", content.len()))
        };
        let same = clear.clone().sealed(&answering.thread, enclose).unwrap();
        assert_eq!(same, clear, "an agent asked");
        answering.thread.session_key = Some(SessionKey(bytes_of_a_key()));
        let sealed = clear.clone().sealed(&answering.thread, enclose).unwrap();
        assert!(sealed.lines.is_empty() && sealed.last);
        let text = serde_json::to_string(&sealed).unwrap();
        assert!(!text.contains("203.0.113.9"), "{text}");
        assert_eq!(sealed.inscription(), clear.inscription());
        let mut nobodys = clear;
        nobodys.token = None;
        let same = nobodys.clone().sealed(&answering.thread, enclose).unwrap();
        assert_eq!(same, nobodys);
    }

    fn bytes_of_a_key() -> bytes::Bytes {
        bytes::Bytes::from_static(b"a key")
    }

    proptest! {
        #[test]
        fn a_document_comes_together_again(text in "[a-zäöü€\"{}]{0,200}", times in 1_usize..2000) {
            let document = text.repeat(times);
            let parts = answering().json(0, &document, true);
            prop_assert!(parts.iter().flat_map(|p| &p.lines).all(|l| l.len() <= PART_BYTES_MAX));
            let whole: String = parts.iter().flat_map(|part| part.lines.clone()).collect();
            prop_assert_eq!(whole, document);
            let last: Vec<bool> = parts.iter().map(|part| part.last).collect();
            prop_assert_eq!(last.iter().filter(|last| **last).count(), 1);
            prop_assert!(last.ends_with(&[true]));
        }

        #[test]
        fn lines_keep_their_order_and_count(n in 0_usize..3000) {
            let text: Vec<String> = (0..n).map(|i| format!("line {i}")).collect();
            let parts = answering().text(0, &text.join("\n"), true);
            let lines: Vec<String> = parts.iter().flat_map(|part| part.lines.clone()).collect();
            prop_assert_eq!(lines, text);
        }
    }
}
