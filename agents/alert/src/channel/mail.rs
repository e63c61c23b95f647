//! A mail.

mod server;

use std::time::{Duration, SystemTime};

use lettre::{
    AsyncTransport, Message as Letter,
    message::{
        Mailbox, MultiPart, MultiPartKind, SinglePart,
        header::{ContentType, Header, HeaderName, HeaderValue, MIME_VERSION_1_0},
    },
    transport::smtp::Error as SmtpError,
};
use skep_agent::one_line;
use tokio::time::timeout;

use self::server::Server;
use super::Failure;
use crate::{config::SmtpConfig, message::Message};

/// Longest time a mail may take, all of it; lettre itself waits for a server's words for ever.
const SEND_TIME_MAX: Duration = Duration::from_secs(25);

/// Who takes mails, and whose they are.
#[derive(Debug)]
pub(super) struct Mail {
    server: Server,
    from: Mailbox,
    to: Vec<Mailbox>,
}

/// Tells other programs that nobody sits here to be answered: RFC 3834 §5.
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Mail {
    pub(super) fn new(config: &SmtpConfig) -> Result<Self, String> {
        let mailbox = |key: &str, text: &str| {
            text.parse::<Mailbox>()
                .map_err(|error| format!("smtp: {key}: {text:?} is no mail address: {error}"))
        };
        if config.to.is_empty() {
            return Err("smtp: to: name at least one mail address".to_owned());
        }
        let to = config.to.iter().map(|address| mailbox("to", address));
        Ok(Self {
            server: Server::new(config)?,
            from: mailbox("from", &config.from)?,
            to: to.collect::<Result<Vec<Mailbox>, String>>()?,
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.server.port
    }

    pub(super) async fn send(&self, message: &Message) -> Result<(), Failure> {
        let letter = self.letter(message)?;
        let transport = self.server.transport()?;
        match timeout(SEND_TIME_MAX, transport.send(letter)).await {
            Ok(sent) => sent.map(drop).map_err(|error| failure(&error)),
            Err(_) => Err(Failure::Unreachable(
                "the mail server took too long".to_owned(),
            )),
        }
    }

    /// The same bytes for the same message, however often it is sent.
    fn letter(&self, message: &Message) -> Result<Letter, Failure> {
        let made = SystemTime::UNIX_EPOCH + Duration::from_millis(message.made_ms);
        let domain = self.from.email.domain();
        let mut letter = Letter::builder()
            .message_id(Some(format!("<{}@{domain}>", message.id)))
            .date(made)
            .from(self.from.clone())
            .subject(message.to_subject())
            .header(AutoSubmitted)
            .header(MIME_VERSION_1_0);
        for to in &self.to {
            letter = letter.to(to.clone());
        }
        let built = match &message.html {
            Some(html) => letter.multipart(alternatives(message, html)),
            None => letter
                .header(ContentType::TEXT_PLAIN)
                .body(message.to_mail()),
        };
        built.map_err(|error| Failure::Refused(one_line(&error)))
    }
}

/// The same message twice, the better form last: RFC 2046 §5.1.4. The boundary is the message's, so
/// that a repeat has the same bytes.
fn alternatives(message: &Message, html: &str) -> MultiPart {
    MultiPart::builder()
        .kind(MultiPartKind::Alternative)
        .boundary(format!("skep-{}", message.id.simple()))
        .singlepart(SinglePart::plain(message.to_mail()))
        .singlepart(SinglePart::html(html.to_owned()))
}

fn failure(error: &SmtpError) -> Failure {
    let text = one_line(error);
    match error.is_permanent() {
        true => Failure::Refused(text),
        false => Failure::Unreachable(text),
    }
}

#[cfg(test)]
mod tests;
