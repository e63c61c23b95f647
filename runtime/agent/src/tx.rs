//! A transaction: an agent's own keys and the packets it sends, committed together.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use skep_packet::{Address, AgentName, encode_content};

use crate::{
    DurableRef, NodePort, Outgoing, Request, SendError, StoreError, request::HANDLER_REPLY,
};

/// What a transaction will do, as it goes to the node's committer.
#[derive(Debug, Default, Clone)]
pub struct TxBuffer {
    /// Values to write (`Some`) or delete (`None`), by the agent's own keys.
    pub writes: BTreeMap<String, Option<Bytes>>,
    /// Packets that leave when the transaction is on disk; the durable ones are part of it.
    pub outgoing: Vec<Outgoing>,
    /// The durable packet whose effect this is.
    pub settles: Option<DurableRef>,
}

/// A transaction being written: reads see its own writes, nothing is on disk before the commit.
pub struct Tx {
    agent: AgentName,
    port: Arc<dyn NodePort>,
    buffer: TxBuffer,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx")
            .field("agent", &self.agent)
            .finish_non_exhaustive()
    }
}

impl Tx {
    pub(crate) fn new(agent: AgentName, port: Arc<dyn NodePort>) -> Self {
        Self {
            agent,
            port,
            buffer: TxBuffer::default(),
        }
    }

    /// Reads a value that the agent keeps.
    ///
    /// # Errors
    /// The store could not be read, or the value does not decode.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let bytes = match self.buffer.writes.get(key) {
            Some(written) => written.clone(),
            None => self.port.get(&self.agent, key)?,
        };
        bytes.map(|bytes| decode_value(key, &bytes)).transpose()
    }

    /// Reads values whose keys start with `prefix` and come after `after`, in key order, at most
    /// `limit`.
    ///
    /// # Errors
    /// The store could not be read, or a value does not decode.
    pub fn scan<T: DeserializeOwned>(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, T)>, StoreError> {
        let wanted = |key: &str| key.starts_with(prefix) && after.is_none_or(|after| key > after);
        let n_deleted = self
            .buffer
            .writes
            .values()
            .filter(|value| value.is_none())
            .count();
        let stored = self
            .port
            .scan(&self.agent, prefix, after, limit + n_deleted)?;
        let mut rows: BTreeMap<String, Bytes> = stored.into_iter().collect();
        for (key, value) in self.buffer.writes.iter().filter(|(key, _)| wanted(key)) {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        rows.into_iter()
            .take(limit)
            .map(|(key, bytes)| decode_value(&key, &bytes).map(|value| (key, value)))
            .collect()
    }

    /// Writes a value.
    ///
    /// # Panics
    /// Where `value` cannot be written as JSON, which is a mistake in its type.
    pub fn put<T: Serialize>(&mut self, key: &str, value: &T) {
        let bytes = serde_json::to_vec(value).expect("our own types encode into memory");
        self.buffer
            .writes
            .insert(key.to_owned(), Some(Bytes::from(bytes)));
    }

    /// Deletes a value, if it is there.
    pub fn delete(&mut self, key: &str) {
        self.buffer.writes.insert(key.to_owned(), None);
    }

    /// Sends a durable packet when the transaction is on disk; never if it is not.
    pub fn send(&mut self, outgoing: Outgoing) {
        self.buffer.outgoing.push(outgoing.durable_if_not());
    }

    /// Answers a request that carries a token, when the transaction is on disk.
    ///
    /// # Errors
    /// [`SendError::NotSealed`] where a person asked.
    pub fn reply<T, R: Serialize>(
        &mut self,
        request: &Request<T>,
        content: &R,
    ) -> Result<(), SendError> {
        let origin = Address::new(self.agent.clone(), self.port.node().clone());
        let port = self.port.as_ref();
        let reply = request.answer(port, &origin, HANDLER_REPLY, encode_content(content))?;
        self.buffer.outgoing.extend(reply);
        Ok(())
    }

    /// Both clocks, now.
    #[must_use]
    pub fn now(&self) -> skep_packet::Now {
        self.port.now()
    }

    /// Whether there is nothing to commit.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.writes.is_empty() && self.buffer.outgoing.is_empty()
    }

    pub(crate) fn into_buffer(self, settles: Option<DurableRef>) -> TxBuffer {
        TxBuffer {
            settles,
            ..self.buffer
        }
    }
}

impl Outgoing {
    /// Packets of a transaction are durable whatever their builder said; a shorter ttl is kept.
    fn durable_if_not(self) -> Self {
        if self.class == skep_packet::Class::Durable {
            self
        } else {
            self.durable()
        }
    }
}

pub(crate) fn decode_value<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|source| StoreError::Value {
        key: key.to_owned(),
        source,
    })
}
