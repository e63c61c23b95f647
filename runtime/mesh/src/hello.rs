//! The first exchange on a new connection: streams and papers.
//!
//! Each side opens three unidirectional streams. The first byte of each says which lane it is, the
//! first frame of the control lane is a [`Hello`]. Nothing else is read before the peer's is good.

use std::time::Duration;

use bytes::BytesMut;
use quinn::{Connection, ConnectionError, ReadExactError, RecvStream, SendStream, WriteError};
use rustls::pki_types::CertificateDer;
use skep_identity::{Passport, certificate_key};
use skep_packet::{Frame, Hello, KeyId, Lane, NodeId, Refusal, decode, encode};
use tokio::time::timeout;

use crate::{
    lane,
    mesh::Shared,
    reader::{FrameReader, Piece},
};

/// Version of the protocol.
pub(crate) const VERSION: u8 = 1;

/// A new connection has so long to show its papers.
const HELLO_DEADLINE: Duration = Duration::from_secs(5);

/// Largest hello, in bytes.
const HELLO_BYTES_MAX: usize = 32 * 1024;

/// What both sides know after the exchange.
pub(crate) struct Met {
    pub(crate) hello: Hello,
    pub(crate) passport: Passport,
    pub(crate) senders: [SendStream; 3],
    pub(crate) readers: [FrameReader; 3],
}

/// Why it did not come to that.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HelloError {
    #[error("the connection broke")]
    Connection(#[from] ConnectionError),
    #[error("no papers came in time")]
    Silent,
    #[error("the papers are refused: {}", refusal.name())]
    Refused {
        node: Option<NodeId>,
        refusal: Refusal,
    },
}

impl HelloError {
    fn refused(refusal: Refusal) -> Self {
        Self::Refused {
            node: None,
            refusal,
        }
    }
}

impl From<WriteError> for HelloError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::ConnectionLost(error) => Self::Connection(error),
            _ => Self::refused(Refusal::Malformed),
        }
    }
}

/// Exchanges hellos and judges the peer's; `expected` is who was dialled.
pub(crate) async fn meet(
    shared: &Shared,
    connection: &Connection,
    expected: Option<&NodeId>,
) -> Result<Met, HelloError> {
    let both = async {
        let senders = open(shared, connection).await?;
        let mut readers = accept(connection).await?;
        let hello = read_hello(&mut readers[Lane::Control.index()]).await?;
        let node = Some(hello.node.clone());
        let passport = judge(shared, connection, &hello, expected)
            .map_err(|refusal| HelloError::Refused { node, refusal })?;
        Ok(Met {
            hello,
            passport,
            senders,
            readers,
        })
    };
    let met = timeout(HELLO_DEADLINE, both).await;
    met.unwrap_or(Err(HelloError::Silent))
}

/// Opens our streams, with the hello on the control lane.
async fn open(shared: &Shared, connection: &Connection) -> Result<[SendStream; 3], HelloError> {
    let hello = encode(&Frame::Hello(shared.hello()));
    let stream = async |lane: Lane| -> Result<SendStream, HelloError> {
        let mut stream = connection.open_uni().await?;
        // Fails only for a stream that is closed, and then the write says so.
        stream.set_priority(lane::priority(lane)).ok();
        let mut first = BytesMut::from(&[tag(lane)][..]);
        if lane == Lane::Control {
            lane::put(&mut first, &hello);
        }
        stream.write_chunk(first.freeze()).await?;
        Ok(stream)
    };
    Ok([
        stream(Lane::ALL[0]).await?,
        stream(Lane::ALL[1]).await?,
        stream(Lane::ALL[2]).await?,
    ])
}

const fn tag(lane: Lane) -> u8 {
    match lane {
        Lane::Control => 0,
        Lane::Command => 1,
        Lane::Bulk => 2,
    }
}

/// Takes the peer's streams, which come in the order of the lanes.
async fn accept(connection: &Connection) -> Result<[FrameReader; 3], HelloError> {
    let stream = async |lane: Lane| -> Result<FrameReader, HelloError> {
        let mut stream: RecvStream = connection.accept_uni().await?;
        let mut first = [0];
        match stream.read_exact(&mut first).await {
            Ok(()) if first[0] == tag(lane) => Ok(FrameReader::new(stream)),
            Err(ReadExactError::ReadError(quinn::ReadError::ConnectionLost(error))) => {
                Err(HelloError::Connection(error))
            }
            _ => Err(HelloError::refused(Refusal::Malformed)),
        }
    };
    Ok([
        stream(Lane::ALL[0]).await?,
        stream(Lane::ALL[1]).await?,
        stream(Lane::ALL[2]).await?,
    ])
}

async fn read_hello(control: &mut FrameReader) -> Result<Hello, HelloError> {
    match control.next(HELLO_BYTES_MAX).await {
        Ok(Piece::Whole(bytes)) => match decode::<Frame>(&bytes, HELLO_BYTES_MAX) {
            Ok(Frame::Hello(hello)) => Ok(hello),
            Ok(_) => Err(HelloError::refused(Refusal::Malformed)),
            Err(error) => Err(HelloError::refused(error.refusal())),
        },
        Ok(Piece::TooLarge) => Err(HelloError::refused(Refusal::Oversized)),
        Ok(Piece::End) => Err(HelloError::refused(Refusal::Truncated)),
        Err(quinn::ReadError::ConnectionLost(error)) => Err(HelloError::Connection(error)),
        Err(_) => Err(HelloError::refused(Refusal::Malformed)),
    }
}

/// Who the peer says it is, against its passport, its certificate and whom we wanted.
fn judge(
    shared: &Shared,
    connection: &Connection,
    hello: &Hello,
    expected: Option<&NodeId>,
) -> Result<Passport, Refusal> {
    let own = shared.hello();
    if hello.version != VERSION {
        return Err(Refusal::WrongVersion);
    }
    if hello.swarm != own.swarm {
        return Err(Refusal::WrongSwarm);
    }
    let passport = (shared.gate)(hello)?;
    if passport.node() != Some(&hello.node) {
        return Err(Refusal::WrongSigner);
    }
    if peer_key(connection)? != passport.key_id() {
        return Err(Refusal::WrongSigner);
    }
    let is_expected = expected.is_none_or(|node| *node == hello.node);
    if !is_expected || hello.node == own.node {
        return Err(Refusal::WrongRecipient);
    }
    Ok(passport)
}

/// The key of the certificate that TLS has checked.
fn peer_key(connection: &Connection) -> Result<KeyId, Refusal> {
    let identity = connection.peer_identity();
    let chain = identity.and_then(|any| any.downcast::<Vec<CertificateDer<'static>>>().ok());
    let chain = chain.ok_or(Refusal::UnknownSigner)?;
    certificate_key(chain.first().ok_or(Refusal::UnknownSigner)?)
}
