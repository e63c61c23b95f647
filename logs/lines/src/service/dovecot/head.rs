//! Which process speaks, about whom, and how gravely.

use memchr::memmem;

use crate::severity::Severity;

/// No process's own name is longer.
const SERVICE_BYTES_MAX: usize = 32;

/// `SERVICE[(USER)][<PID>][<SESSION>]: [LEVEL: ]TEXT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) service: &'a [u8],
    /// The user it serves; for others what stands there, such as a process id.
    pub(super) user: &'a [u8],
    pub(super) session: &'a [u8],
    pub(super) severity: Option<Severity>,
    pub(super) text: &'a [u8],
}

impl<'a> Head<'a> {
    /// In front of the text, as in syslog.
    pub(super) fn leading(body: &'a [u8]) -> Option<Self> {
        let (head, rest) = Self::speaker(body)?;
        Some(head.says(rest.strip_prefix(b": ")?))
    }

    /// Split off already, as in a log file of Dovecot's own.
    pub(super) fn whole(speaker: &'a [u8], text: &'a [u8]) -> Option<Self> {
        let (head, rest) = Self::speaker(speaker)?;
        rest.is_empty().then(|| head.says(text))
    }

    fn speaker(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let is_name = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'0'..=b'9');
        let end = text
            .iter()
            .take(SERVICE_BYTES_MAX)
            .take_while(|byte| is_name(byte))
            .count();
        let (service, mut rest) = text.split_at(end);
        if service.is_empty() {
            return None;
        }
        let mut user = &b""[..];
        if let Some(inside) = rest.strip_prefix(b"(") {
            let end = [&b")<"[..], b"): "]
                .iter()
                .filter_map(|end| memmem::find(inside, end))
                .min()
                .or_else(|| {
                    inside
                        .len()
                        .checked_sub(1)
                        .filter(|_| inside.ends_with(b")"))
                })?;
            (user, rest) = (&inside[..end], &inside[end + 1..]);
        }
        let mut session = &b""[..];
        while let Some(inside) = rest.strip_prefix(b"<") {
            let end = memchr::memchr(b'>', inside)?;
            (session, rest) = (&inside[..end], &inside[end + 1..]);
        }
        let head = Self {
            service,
            user,
            session,
            severity: None,
            text: b"",
        };
        Some((head, rest))
    }

    fn says(self, text: &'a [u8]) -> Self {
        let (severity, text) = level(text);
        Self {
            severity,
            text,
            ..self
        }
    }
}

/// `Info: ` and the like in front of a text.
fn level(text: &[u8]) -> (Option<Severity>, &[u8]) {
    let levels: [(&[u8], Severity); 6] = [
        (b"Info: ", Severity::INFO),
        (b"Debug: ", Severity::DEBUG),
        (b"Warning: ", Severity::WARN),
        (b"Error: ", Severity::ERROR),
        (b"Fatal: ", Severity::CRITICAL),
        (b"Panic: ", Severity::FATAL),
    ];
    for (word, severity) in levels {
        if let Some(rest) = text.strip_prefix(word) {
            return (Some(severity), rest);
        }
    }
    (None, text)
}
