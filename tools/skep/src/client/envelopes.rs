//! Opens what agents said for this session's key alone.

use base64::{Engine, engine::general_purpose::STANDARD};
use skep_agent::PlainReply;
use skep_identity::{EnvelopeReader, PrivateKey};
use skep_packet::SwarmId;
use skep_protocol::callback::{Callback, Enclosed, Format};

use crate::failure::{Failure, Kind};

/// Opens the envelopes of one session.
pub(crate) struct Envelopes(EnvelopeReader);

impl Envelopes {
    pub(crate) fn new(swarm: SwarmId, key: &PrivateKey) -> Result<Self, Failure> {
        let reader = EnvelopeReader::new(swarm, key);
        reader
            .map(Self)
            .map_err(|error| Failure::of(Kind::Login, &error))
    }

    /// The callback as its origin said it. What is not sealed is the door's own word, which holds
    /// no lines; and what nobody asked for, which is for everybody who wants to hear it.
    pub(crate) fn open(&mut self, callback: Callback) -> Result<Callback, Failure> {
        let Some(sealed) = callback.sealed.as_deref() else {
            let is_asked_for = callback.token.is_some();
            return match is_asked_for && !callback.lines.is_empty() {
                true => Err(failed(&callback, "it is not sealed for this session")),
                false => Ok(callback),
            };
        };
        let (Enclosed::Callback(text) | Enclosed::Reply(text)) = sealed;
        let about = callback.inscription();
        let about = about.ok_or_else(|| failed(&callback, "it names no request"))?;
        let bytes = STANDARD.decode(text);
        let bytes = bytes.map_err(|error| failed(&callback, &error.to_string()))?;
        let content = self.0.open(&about, &bytes);
        let content = content.map_err(|error| failed(&callback, &error.to_string()))?;
        let readable = match sealed {
            Enclosed::Callback(_) => said(&callback, &content),
            Enclosed::Reply(_) => replied(callback.clone(), &content),
        };
        readable.ok_or_else(|| failed(&callback, "what is in it makes no sense"))
    }
}

/// What stands in the envelope counts, not what a relay wrote around it. That it came late is the
/// door's to say.
fn said(outer: &Callback, content: &[u8]) -> Option<Callback> {
    let inner: Callback = serde_json::from_slice(content).ok()?;
    let is_same = inner.origin == outer.origin
        && inner.token == outer.token
        && inner.session_id == outer.session_id
        && inner.seq == outer.seq;
    is_same.then_some(Callback {
        late: inner.late || outer.late,
        ..inner
    })
}

fn replied(mut callback: Callback, content: &[u8]) -> Option<Callback> {
    callback.sealed = None;
    match serde_json::from_slice(content).ok()? {
        PlainReply::Said(document) => {
            callback.format = Format::Json;
            callback.next_offset = callback.start_line + 1;
            callback.lines = vec![document];
        }
        PlainReply::Failed(error) => callback.error = Some(error),
    }
    Some(callback)
}

fn failed(callback: &Callback, why: &str) -> Failure {
    let message = format!(
        "an answer of {} can not be believed: {why}",
        callback.origin
    );
    Failure::new(Kind::Sealed, message)
        .cure("ask again; if it comes back, the node that you are connected to is not honest")
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, sync::OnceLock};

    use skep_identity::{EnvelopeMaker, SESSION_KEY_BITS};
    use skep_packet::{Inscription, SessionKey, Token};
    use skep_protocol::callback::{Answering, Thread};

    use super::*;

    fn keys() -> &'static [PrivateKey; 2] {
        static KEYS: OnceLock<[PrivateKey; 2]> = OnceLock::new();
        KEYS.get_or_init(|| [(); 2].map(|()| PrivateKey::generate(SESSION_KEY_BITS).unwrap()))
    }

    fn swarm() -> SwarmId {
        SwarmId(uuid::Uuid::from_u128(5))
    }

    /// Three parts of an answer, as an agent sends them.
    fn answer() -> Vec<Callback> {
        let key = keys()[0].public();
        let thread = Thread {
            session_id: Some("s".to_owned()),
            token: Some(Token::new("t").unwrap()),
            return_handler: None,
            reply_to: None,
            session_key: Some(SessionKey(key.spki().clone())),
        };
        let mut answering = Answering::new(thread.clone(), "w@n1".parse().unwrap());
        let maker = RefCell::new(EnvelopeMaker::new(key).unwrap());
        let enclose = |_: &SessionKey, about: &Inscription, content: &[u8]| {
            let envelope = maker.borrow().enclose(swarm(), about, content).unwrap();
            Ok::<_, ()>(STANDARD.encode(envelope))
        };
        let parts = [
            answering.working(1, "reading"),
            answering.text(2, "root from 203.0.113.9", false).remove(0),
            answering.error(3, "no more"),
        ];
        parts
            .map(|part| part.sealed(&thread, enclose).unwrap())
            .into()
    }

    fn open(callback: Callback) -> Result<Callback, String> {
        let opened = Envelopes::new(swarm(), &keys()[0]).unwrap().open(callback);
        opened.map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_session_reads_what_the_door_can_not() {
        let parts = answer();
        let shown = serde_json::to_string(&parts).unwrap();
        for secret in ["203.0.113.9", "reading", "no more"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let opened: Vec<Callback> = parts.into_iter().map(|part| open(part).unwrap()).collect();
        assert_eq!(opened[0].note.as_deref(), Some("reading"));
        assert_eq!(opened[1].lines, ["root from 203.0.113.9"]);
        assert_eq!(opened[2].error.as_deref(), Some("no more"));
    }

    #[test]
    fn what_was_swapped_or_stripped_is_refused_with_the_reason() {
        let check = |change: fn(&mut Callback), part: &str| {
            let mut callback = answer().remove(1);
            change(&mut callback);
            let error = open(callback).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        let differs = "number, origin or token differ";
        check(|callback| callback.seq = 0, differs);
        check(
            |callback| callback.origin = "w@n2".parse().unwrap(),
            differs,
        );
        check(
            |callback| callback.token = Some(Token::new("u").unwrap()),
            differs,
        );
        check(
            |callback| callback.session_id = Some("r".to_owned()),
            differs,
        );
        check(|callback| callback.token = None, "names no request");
        let strip = |callback: &mut Callback| {
            callback.sealed = None;
            callback.lines = vec!["all is well".to_owned()];
        };
        check(strip, "not sealed for this session");
        let as_reply = |callback: &mut Callback| {
            let Some(Enclosed::Callback(text)) = callback.sealed.as_deref().cloned() else {
                unreachable!("an agent's callback is sealed as one")
            };
            callback.sealed = Some(Box::new(Enclosed::Reply(text)));
        };
        check(as_reply, differs);
        check(
            |callback| callback.sealed = Some(Box::new(Enclosed::Callback("AAAA".to_owned()))),
            "no envelope",
        );
        let mut other = Envelopes::new(swarm(), &keys()[1]).unwrap();
        let error = other.open(answer().remove(1)).unwrap_err().to_string();
        assert!(error.contains("another session's key"), "{error}");
    }

    #[test]
    fn the_inner_word_counts() {
        let mut callback = answer().remove(1);
        callback.last = true;
        callback.late = true;
        let opened = open(callback).unwrap();
        assert_eq!((opened.last, opened.late), (false, true));
    }
}
