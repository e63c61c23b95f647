//! The kinds of Postfix's events.

use crate::facts::Outcome;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A recipient's mail was delivered, or handed on.
    Sent,
    /// A delivery was put off.
    Deferred,
    /// A delivery failed for good.
    Bounced,
    /// A test of an address, without mail: it would work, or not.
    Verified,
    /// A recipient was refused at RCPT, for good or for now.
    Rejected,
    /// Something else was refused: a client, a HELO, a sender, a message's content.
    Refused,
    /// A rule only warned, or changed something.
    Noted,
    /// A message was put aside.
    Held,
    /// A message was thrown away.
    Discarded,
    /// A SASL login failed.
    SaslFailed,
    /// A client hands in a message.
    Received,
    /// A local program hands in a message.
    Submitted,
    /// The message's own id.
    MessageId,
    /// The message is tried now; the line names its sender.
    Queued,
    /// The message waited too long and was returned.
    Expired,
    /// The message's end.
    Removed,
    /// A client came.
    Connected,
    /// A client went.
    Disconnected,
    /// A client speaks something else, too much, or not as agreed.
    Abused,
    /// Postscreen's tests caught a client.
    Screened,
    /// A client's name and address do not agree.
    NameMismatch,
    /// Postfix itself is in trouble.
    Trouble,
}

impl Kind {
    /// The event's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "postfix.sent",
            Self::Deferred => "postfix.deferred",
            Self::Bounced => "postfix.bounced",
            Self::Verified => "postfix.verified",
            Self::Rejected => "postfix.rejected",
            Self::Refused => "postfix.refused",
            Self::Noted => "postfix.noted",
            Self::Held => "postfix.held",
            Self::Discarded => "postfix.discarded",
            Self::SaslFailed => "postfix.sasl_failed",
            Self::Received => "postfix.received",
            Self::Submitted => "postfix.submitted",
            Self::MessageId => "postfix.message_id",
            Self::Queued => "postfix.queued",
            Self::Expired => "postfix.expired",
            Self::Removed => "postfix.removed",
            Self::Connected => "postfix.connected",
            Self::Disconnected => "postfix.disconnected",
            Self::Abused => "postfix.abused",
            Self::Screened => "postfix.screened",
            Self::NameMismatch => "postfix.name_mismatch",
            Self::Trouble => "postfix.trouble",
        }
    }

    /// The form of its lines, in words.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Sent => "ID: to=<TO>, relay=RELAY, …, status=sent (WHY)",
            Self::Deferred => "ID: to=<TO>, relay=RELAY, …, status=deferred (WHY)",
            Self::Bounced => "ID: to=<TO>, relay=RELAY, …, status=bounced (WHY)",
            Self::Verified => "ID: to=<TO>, relay=RELAY, …, status=deliverable|undeliverable (WHY)",
            Self::Rejected => "ID|NOQUEUE: [milter-]reject: RCPT from CLIENT: CODE WHY",
            Self::Refused => "ID|NOQUEUE: [milter-]reject: STAGE from CLIENT: CODE WHY",
            Self::Noted => "ID|NOQUEUE: warn|redirect|replace|…: STAGE … from CLIENT",
            Self::Held => "ID: hold: STAGE … from CLIENT",
            Self::Discarded => "ID: discard: STAGE … from CLIENT",
            Self::SaslFailed => "warning: CLIENT: SASL METHOD authentication failed: WHY",
            Self::Received => "ID: client=CLIENT[, sasl_username=USER]",
            Self::Submitted => "ID: uid=N from=<FROM>",
            Self::MessageId => "ID: message-id=<…>",
            Self::Queued => "ID: from=<FROM>, size=N, nrcpt=N",
            Self::Expired => "ID: from=<FROM>, status=expired, returned to sender",
            Self::Removed => "ID: removed",
            Self::Connected => {
                "connect from CLIENT, TLS connection established from CLIENT, PASS CLIENT"
            }
            Self::Disconnected => {
                "disconnect from CLIENT, lost connection|timeout after STAGE from CLIENT"
            }
            Self::Abused => {
                "WHAT from CLIENT: bad commands, limits exceeded, too many errors, pipelining"
            }
            Self::Screened => {
                "PREGREET, DNSBL, HANGUP, DENYLISTED …: a test of postscreen's and CLIENT"
            }
            Self::NameMismatch => "warning: hostname NAME does not resolve to address CLIENT",
            Self::Trouble => "fatal|panic|error: WHY",
        }
    }

    /// How it ended for whoever sends, or tries to.
    #[must_use]
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Sent | Self::Received | Self::Submitted => Some(Outcome::Success),
            Self::Deferred
            | Self::Bounced
            | Self::Rejected
            | Self::Refused
            | Self::Discarded
            | Self::SaslFailed
            | Self::Expired
            | Self::Abused
            | Self::Screened
            | Self::Trouble => Some(Outcome::Failure),
            _ => None,
        }
    }
}
