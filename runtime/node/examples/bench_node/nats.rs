//! The other side of `peers` and of `durable`: the same packets through a NATS server.

mod client;
mod flow;
mod jetstream;
mod server;

pub(crate) use flow::flow;
pub(crate) use jetstream::durable;
pub(crate) use server::{Server, Transport};

use serde_json::Value;

use crate::Fallible;

/// The argument with which this program starts itself as a subscriber; what is subscribed to, the
/// server's address and its certificate follow.
pub(crate) const SUBSCRIBE: &str = "nats-subscribe";

/// The subscribing process: it takes messages until the server goes.
pub(crate) fn subscribe(what: &str, address: &str, certificate: &str) -> Fallible<()> {
    let address = address.parse()?;
    skep_node::runtime()?.block_on(async {
        let client = client::Client::connect(address, certificate.as_ref()).await?;
        match what {
            flow::SUBJECT => flow::take(client).await,
            _ => jetstream::take(client).await,
        }
    })
}

/// What a subscriber does with a message: the same as the bee does with a packet's content.
fn is_content(payload: &[u8]) -> Fallible<bool> {
    let content: String = serde_json::from_slice(payload)?;
    Ok(!content.is_empty())
}

/// A message's payload: the same bytes as a packet's content.
fn content() -> Fallible<Vec<u8>> {
    let content = "x".repeat(crate::load::CONTENT_BYTES - 2);
    Ok(serde_json::to_vec(&Value::from(content))?)
}
