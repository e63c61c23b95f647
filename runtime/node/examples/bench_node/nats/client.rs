//! A small NATS client: the text protocol, as much of it as a load needs.
//!
//! It gathers what it publishes to writes of 32 KiB, as the mesh does, and hands out a payload
//! without copying it: the server is what is measured, not a client's habits.

use std::{net::SocketAddr, path::Path, sync::Arc};

use bytes::{Buf, Bytes, BytesMut};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::Fallible;

/// A write is as large as one of the mesh's.
const WRITE_BYTES: usize = 32 * 1024;

/// The subscription for answers to this client's own requests.
pub(super) const INBOX: u8 = b'9';

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection to a server.
pub(super) struct Client {
    stream: Box<dyn Stream>,
    received: BytesMut,
    unsent: Vec<u8>,
}

/// What came for a subscription.
pub(super) struct Message {
    /// The subscription's digit.
    pub(super) subscription: u8,
    /// Where an answer goes.
    pub(super) reply: Option<String>,
    pub(super) payload: Bytes,
}

/// What a server says.
enum Said {
    Message(Message),
    Ping,
    Other,
}

impl Client {
    /// Connects; with TLS where the server wants it, which then must show `certificate` (DER).
    pub(super) async fn connect(address: SocketAddr, certificate: &Path) -> Fallible<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut client = Self {
            stream: Box::new(stream),
            received: BytesMut::new(),
            unsent: Vec::new(),
        };
        let line = client.line().await?;
        let info = line.strip_prefix(b"INFO ").ok_or("no INFO")?;
        let info: Value = serde_json::from_slice(info)?;
        if info["tls_required"] == true {
            client.stream = encrypted(client.stream, certificate).await?;
        }
        client.unsent.extend_from_slice(
            b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":false}\r\n",
        );
        client.flush().await?;
        Ok(client)
    }

    /// Has the server send what comes for `subject`.
    pub(super) fn subscribe(&mut self, subject: &str, subscription: u8) {
        let line = format!("SUB {subject} {}\r\n", char::from(subscription));
        self.unsent.extend_from_slice(line.as_bytes());
    }

    /// Publishes; what is not yet a full write waits for [`Client::flush`].
    pub(super) async fn publish(
        &mut self,
        subject: &str,
        reply: &str,
        payload: &[u8],
    ) -> Fallible<()> {
        let space = if reply.is_empty() { "" } else { " " };
        let line = format!("PUB {subject} {reply}{space}{}\r\n", payload.len());
        self.unsent.extend_from_slice(line.as_bytes());
        self.unsent.extend_from_slice(payload);
        self.unsent.extend_from_slice(b"\r\n");
        if self.unsent.len() >= WRITE_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    pub(super) async fn flush(&mut self) -> Fallible<()> {
        self.stream.write_all(&self.unsent).await?;
        self.stream.flush().await?;
        self.unsent.clear();
        Ok(())
    }

    /// Asks, and waits for the answer; what comes for other subscriptions meanwhile is dropped.
    pub(super) async fn request(&mut self, subject: &str, payload: &[u8]) -> Fallible<Bytes> {
        self.publish(subject, "inbox.request", payload).await?;
        self.flush().await?;
        loop {
            let message = self.next().await?;
            if message.subscription == INBOX {
                return Ok(message.payload);
            }
        }
    }

    /// The next message.
    pub(super) async fn next(&mut self) -> Fallible<Message> {
        loop {
            if let Some(message) = self.try_next()? {
                return Ok(message);
            }
            if !self.unsent.is_empty() {
                self.flush().await?;
            }
            self.read().await?;
        }
    }

    /// The next message that is here already.
    pub(super) fn try_next(&mut self) -> Fallible<Option<Message>> {
        while let Some(said) = self.parse()? {
            match said {
                Said::Message(message) => return Ok(Some(message)),
                Said::Ping => self.unsent.extend_from_slice(b"PONG\r\n"),
                Said::Other => {}
            }
        }
        Ok(None)
    }

    async fn read(&mut self) -> Fallible<()> {
        self.received.reserve(2 * WRITE_BYTES);
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err("the NATS server closed the connection".into()),
            _ => Ok(()),
        }
    }

    async fn line(&mut self) -> Fallible<Bytes> {
        loop {
            if let Some(n) = self.received.iter().position(|byte| *byte == b'\n') {
                return Ok(self.received.split_to(n + 1).freeze());
            }
            self.read().await?;
        }
    }

    /// `MSG subject sid [reply] n`, `HMSG subject sid [reply] n_header n`, and the payload behind it.
    fn parse(&mut self) -> Fallible<Option<Said>> {
        let Some(n) = self.received.iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let line = std::str::from_utf8(&self.received[..n])?.trim_end();
        let mut words = line.split(' ');
        let verb = words.next().unwrap_or_default();
        let n_headers = match verb {
            "MSG" => 0,
            "HMSG" => 1,
            "PING" | "PONG" | "+OK" | "INFO" => {
                let said = if verb == "PING" {
                    Said::Ping
                } else {
                    Said::Other
                };
                self.received.advance(n + 1);
                return Ok(Some(said));
            }
            _ => return Err(format!("the NATS server says {line}").into()),
        };
        let words: Vec<&str> = words.collect();
        let n_bytes: usize = words.last().ok_or("no length")?.parse()?;
        let n_header: usize = match n_headers {
            0 => 0,
            _ => words[words.len() - 2].parse()?,
        };
        let end = n + 1 + n_bytes + 2;
        if self.received.len() < end {
            return Ok(None);
        }
        let subscription = words.get(1).and_then(|word| word.bytes().next());
        let message = Message {
            subscription: subscription.ok_or("no subscription")?,
            reply: (words.len() == 4 + n_headers).then(|| words[2].to_owned()),
            payload: Bytes::new(),
        };
        let mut whole = self.received.split_to(end);
        whole.truncate(end - 2);
        let payload = whole.freeze().slice(n + 1 + n_header..);
        Ok(Some(Said::Message(Message { payload, ..message })))
    }
}

async fn encrypted(stream: Box<dyn Stream>, certificate: &Path) -> Fallible<Box<dyn Stream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(std::fs::read(certificate)?))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect("localhost".try_into()?, stream).await?;
    Ok(Box::new(stream))
}
