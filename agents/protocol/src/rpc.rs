//! What a person's program and the door to the swarm say to each other: JSON messages, one to each
//! WebSocket text message, told apart by `type`.
//!
//! The door speaks first (`hello`), the client logs in or resumes, then both speak when they like.
//! What the door sends about a request is a [`Callback`], each with a `cursor` that counts within
//! the session: a client that comes back names the last one it has.

use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};
use skep_packet::{Level, NodeId, Token};

use crate::callback::Callback;

/// The version of this conversation; it grows with a change that an older client would not survive.
pub const VERSION: u32 = 1;

/// Largest message of a client, in bytes; a larger one closes the connection.
pub const CLIENT_BYTES_MAX: usize = 384 * 1024;

/// Largest message of the door, in bytes: a callback and what stands around it.
pub const DOOR_BYTES_MAX: usize = 1024 * 1024;

/// Seconds within which a client must log in.
pub const LOGIN_TIME_MAX_S: u64 = 10;

/// Seconds between two pings of the door; a client that is silent for three of them is gone.
pub const PING_INTERVAL_S: u64 = 15;

/// The label of the TLS exporter that a login is bound to (RFC 8446 §7.5), without a context.
pub const EXPORTER_LABEL: &str = "EXPORTER-skep-login";

/// Bytes of the exporter's value; the binding is these in lower-case hex.
pub const EXPORTER_BYTES: usize = 32;

/// The binding of a login over the control socket, which the file's mode protects.
pub const BINDING_UNIX: &str = "unix";

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromClient {
    /// Proves who asks, and opens a session.
    Login {
        /// The signed login, in base64.
        login: String,
        /// The session to go on with, where there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume: Option<Resume>,
    },
    /// Asks whoever serves a role.
    Request(ServiceRequest),
    /// Wants, or no longer wants, what nobody asked for: digests of patrols.
    Subscribe {
        /// Whether it is wanted.
        on: bool,
    },
    /// Wants the swarm's tree, once.
    Tree {},
    /// Ends the session; what is kept of it goes.
    Bye {},
}

/// Where a client left off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The session.
    pub session_id: String,
    /// The last cursor the client has; 0 for none.
    pub cursor: u64,
}

/// A request of a person to whoever serves a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceRequest {
    /// The role, or a pattern of roles.
    pub service: String,
    /// What its handler takes: a JSON document as text, passed on byte for byte, because it is
    /// signed.
    pub payload: String,
    /// Names the request; the same one again is the same request.
    pub token: Token,
    /// The proof over service, payload and token, in base64.
    pub proof: String,
    /// Who is asked.
    #[serde(default)]
    pub choice: Ask,
}

/// Seconds that a call may take unless it says so.
pub const CALL_TIME_S: u64 = 60;

/// The longest time that a call may be given, in seconds.
pub const CALL_TIME_MAX_S: u64 = 900;

/// How many characters the token of a call has: it names the call's session too.
pub const CALL_TOKEN_CHARS: RangeInclusive<usize> = 16..=64;

/// The body of `POST /call`: one request without a conversation.
///
/// Its session is named by its token; the nonce of the login in `proof` is the token too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRequest {
    /// As [`ServiceRequest::service`].
    pub service: String,
    /// As [`ServiceRequest::payload`].
    pub payload: String,
    /// As [`ServiceRequest::token`]: letters, digits and hyphens, [`CALL_TOKEN_CHARS`] of them.
    pub token: Token,
    /// As [`ServiceRequest::proof`].
    pub proof: String,
    /// As [`ServiceRequest::choice`].
    #[serde(default)]
    pub choice: Ask,
    /// Seconds after which the answer ends, whatever is still to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_s: Option<u64>,
}

impl CallRequest {
    /// How long the call may take; `None` where it asks for a time that no call is given.
    #[must_use]
    pub fn within(&self) -> Option<Duration> {
        let within_s = self.within_s.unwrap_or(CALL_TIME_S);
        let is_allowed = (1..=CALL_TIME_MAX_S).contains(&within_s);
        is_allowed.then(|| Duration::from_secs(within_s))
    }

    /// The request in the conversation's words.
    #[must_use]
    pub fn request(self) -> ServiceRequest {
        ServiceRequest {
            service: self.service,
            payload: self.payload,
            token: self.token,
            proof: self.proof,
            choice: self.choice,
        }
    }
}

/// Which endpoints of a role a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Each of them.
    #[default]
    All,
    /// One of them, the same one for the same token.
    One,
}

/// What the door says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromDoor {
    /// The first message: what a login must hold.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// The node that the client is connected to.
        node: NodeId,
        /// Good for one login over this connection.
        nonce: String,
        /// What the login is bound to: `tls-exporter` or `unix`.
        binding: BindingKind,
    },
    /// The login was believed.
    Welcome {
        /// The session, for `resume`, and to be named in a payload as `session_id`.
        session_id: String,
        /// Who it is.
        operator: String,
        /// What the operator may do.
        level: Level,
        /// The cursor of the newest callback that is kept; 0 for none.
        cursor: u64,
        /// For `GET /tree` and `GET /metrics` over TCP while this connection is open:
        /// `Authorization: Bearer …`.
        bearer: String,
    },
    /// One step of an answer.
    Callback {
        /// Counts the session's callbacks, from 1.
        cursor: u64,
        /// The step.
        callback: Callback,
    },
    /// Callbacks that are not kept any more.
    Gap {
        /// The first missing cursor.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// The swarm as the node sees it.
    Tree {
        /// As `GET /tree` gives it, with some of the nodes.
        tree: serde_json::Value,
        /// Whether more of them follow.
        #[serde(default)]
        more: bool,
    },
    /// Something was refused; the session goes on unless `closing`.
    Refused(Problem),
}

/// What a login is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BindingKind {
    /// The value of the TLS exporter [`EXPORTER_LABEL`], in hex. The client computes its own.
    TlsExporter,
    /// The text [`BINDING_UNIX`].
    Unix,
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem.
    pub code: ProblemCode,
    /// The cause, for people.
    pub message: String,
    /// What can be done about it; empty where nothing is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cure: String,
    /// The request it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// Whether the door closes the connection now.
    #[serde(default)]
    pub closing: bool,
}

/// What kind of problem; a code never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// The message is none of this conversation, or came at the wrong time.
    Malformed,
    /// The login was not believed.
    Login,
    /// The session is not known here, or is another operator's; open a new one.
    NoSession,
    /// Nobody serves the role now.
    NoEndpoint,
    /// A bound was reached: sessions, requests, bytes.
    Bound,
    /// The request was refused on its way.
    Refused,
    /// The node is not ready: its keys are still in the making.
    NotReady,
    /// The door is closing; come back and resume.
    Stopping,
    /// The time that a call was given is over.
    Deadline,
}

impl Problem {
    /// A problem that leaves the session as it is.
    #[must_use]
    pub fn new(code: ProblemCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            cure: String::new(),
            token: None,
            closing: false,
        }
    }

    /// The same, with what can be done about it.
    #[must_use]
    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = cure.into();
        self
    }

    /// The same, about one request.
    #[must_use]
    pub fn about(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// The same, after which the connection ends.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.closing = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(message: serde_json::Value) {
        let read: FromClient = serde_json::from_value(message.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), message);
    }

    #[test]
    fn a_clients_messages_are_what_the_protocol_says() {
        check(json!({"type": "login", "login": "AA=="}));
        check(
            json!({"type": "login", "login": "AA==", "resume": {"session_id": "s", "cursor": 7}}),
        );
        check(json!({
            "type": "request", "service": "hive.alert", "payload": "{}", "token": "t",
            "proof": "AA==", "choice": "one"
        }));
        check(json!({"type": "subscribe", "on": true}));
        check(json!({"type": "tree"}));
        check(json!({"type": "bye"}));
    }

    #[test]
    fn a_request_asks_all_unless_it_says_so() {
        let text = r#"{"type":"request","service":"a","payload":"{}","token":"t","proof":""}"#;
        let FromClient::Request(request) = serde_json::from_str(text).unwrap() else {
            panic!("another message")
        };
        assert_eq!(request.choice, Ask::All);
    }

    #[test]
    fn what_the_protocol_does_not_know_is_refused() {
        for text in [
            r#"{"type":"tree","depth":1}"#,
            r#"{"type":"shutdown"}"#,
            r#"{"login":"AA=="}"#,
            r#"{"type":"request","service":"a","payload":{},"token":"t","proof":""}"#,
            r#"{"type":"request","service":"a","payload":"","token":"t t","proof":""}"#,
        ] {
            assert!(serde_json::from_str::<FromClient>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_problem_says_what_is_known_and_no_more() {
        let problem = Problem::new(ProblemCode::NoEndpoint, "nobody serves it");
        let said = serde_json::to_value(FromDoor::Refused(problem)).unwrap();
        assert_eq!(
            said,
            json!({"type": "refused", "code": "no_endpoint", "message": "nobody serves it", "closing": false})
        );
    }
}
