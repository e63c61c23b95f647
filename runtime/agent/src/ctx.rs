//! What an agent may do.

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use skep_packet::{
    Address, Class, HandlerName, Inscription, NodeId, Now, RoleName, RolePattern, Scope,
    SessionKey, Token, encode_content,
};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Agent, Asking, CommitTicket, Door, DurableRef, Endpoint, NodePort, Outgoing, Request,
    SendError, SendResult, Stewardship, StoreError, Tx,
    request::{HANDLER_REPLY, HANDLER_REPLY_ERROR},
    tx::decode_value,
};

/// Pieces of blocking work of one agent that may run at a time; more wait for their turn.
const BLOCKING_MAX: usize = 2;

/// Packets that are handed to the node at a time; more follow when it has taken them.
const SENT_AT_ONCE_MAX: usize = 256;

/// Longest error text that an asker is told, in characters.
const ERROR_CHARS_MAX: usize = 1024;

/// What an agent may do; cheap to clone into its tasks.
pub struct Ctx<A: Agent> {
    inner: Arc<Inner>,
    events: mpsc::Sender<A::Event>,
}

struct Inner {
    address: Address,
    port: Arc<dyn NodePort>,
    beacon: Duration,
    tasks: TaskTracker,
    stop: CancellationToken,
    transactions: Mutex<()>,
    blocking: Arc<Semaphore>,
}

impl<A: Agent> Clone for Ctx<A> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            events: self.events.clone(),
        }
    }
}

impl<A: Agent> std::fmt::Debug for Ctx<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ctx")
            .field("address", &self.inner.address)
            .finish_non_exhaustive()
    }
}

impl<A: Agent> Ctx<A> {
    pub(crate) fn new(
        address: Address,
        port: Arc<dyn NodePort>,
        beacon: Duration,
        tasks: TaskTracker,
        stop: CancellationToken,
        events: mpsc::Sender<A::Event>,
    ) -> Self {
        let blocking = Arc::new(Semaphore::new(BLOCKING_MAX));
        let transactions = Mutex::new(());
        Self {
            inner: Arc::new(Inner {
                address,
                port,
                beacon,
                tasks,
                stop,
                transactions,
                blocking,
            }),
            events,
        }
    }

    /// The agent's own address.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    /// The node it runs on.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.inner.address.node
    }

    /// The node's home folder, in which files that a directive names without a folder belong.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        self.inner.port.home()
    }

    /// The time between two signs of life that its supervisor expects.
    #[must_use]
    pub fn beacon(&self) -> Duration {
        self.inner.beacon
    }

    /// Both clocks, now.
    #[must_use]
    pub fn now(&self) -> Now {
        self.inner.port.now()
    }

    /// A fresh token that nobody can guess.
    #[must_use]
    pub fn fresh_token(&self) -> Token {
        Token::from(uuid::Builder::from_random_bytes(self.random().to_be_bytes()).into_uuid())
    }

    /// A fresh random 128-bit number.
    #[must_use]
    pub fn random(&self) -> u128 {
        self.inner.port.random()
    }

    /// Who serves the roles of a pattern now.
    #[must_use]
    pub fn endpoints(&self, pattern: &RolePattern, scope: Scope) -> Vec<Endpoint> {
        self.inner.port.endpoints(pattern, scope)
    }

    /// Whether this agent is one of those that a packet for `role` may go to now.
    ///
    /// An agent that works on its own at an exclusive role asks before each round: where it stands
    /// by, another one does the work. That is no lock: during a partition each side has one, and at
    /// a hand-over the former may still end what it began.
    #[must_use]
    pub fn serves(&self, role: &RoleName) -> bool {
        let found = self.endpoints(&role.clone().into(), Scope::Node);
        let own = self.address();
        found.iter().any(|endpoint| endpoint.address == *own)
    }

    /// Sends a packet; a durable one is on disk when this returns.
    ///
    /// Cancel: once polled, the packet may have left.
    ///
    /// # Errors
    /// Nobody serves the role, the content is too large, the outbox is full, or the node stops.
    pub async fn send(&self, outgoing: Outgoing) -> Result<Vec<Address>, SendError> {
        if outgoing.class == Class::Durable {
            let kept = self.tx(|tx| {
                tx.send(outgoing);
                Ok(())
            });
            return match kept.await {
                Ok(()) => Ok(Vec::new()),
                Err(StoreError::Send(error)) => Err(error),
                Err(_) => Err(SendError::Stopping),
            };
        }
        let mut sent = self.post_all(vec![outgoing]).await;
        sent.pop().unwrap_or(Err(SendError::Stopping))
    }

    /// Sends many packets, none of them durable, in order and at less cost than one by one; yields
    /// what became of each.
    ///
    /// Cancel: once polled, packets may have left.
    ///
    /// # Panics
    /// On a durable packet: those go through [`Ctx::tx`].
    pub async fn send_all(&self, outgoing: Vec<Outgoing>) -> Vec<SendResult> {
        let are_durable = outgoing.iter().any(|packet| packet.class == Class::Durable);
        assert!(!are_durable, "durable packets are sent in a transaction");
        let mut sent = Vec::with_capacity(outgoing.len());
        let mut rest = outgoing.into_iter().peekable();
        while rest.peek().is_some() {
            let some = rest.by_ref().take(SENT_AT_ONCE_MAX).collect();
            sent.extend(self.post_all(some).await);
        }
        sent
    }

    async fn post_all(&self, outgoing: Vec<Outgoing>) -> Vec<SendResult> {
        let agent = self.inner.address.agent.clone();
        self.inner.port.send(agent, outgoing).await
    }

    /// Asks: sends a packet with a token (a fresh one unless it has one) and yields what comes back
    /// with it, until `within` has passed. Dropping the [`Asking`] cancels it.
    ///
    /// # Errors
    /// As [`Ctx::send`].
    pub async fn ask(&self, mut outgoing: Outgoing, within: Duration) -> Result<Asking, SendError> {
        outgoing.token.get_or_insert_with(|| self.fresh_token());
        outgoing.ttl = outgoing.ttl.min(within);
        let agent = self.inner.address.agent.clone();
        let (endpoints, events) = self.inner.port.ask(agent, outgoing, within).await?;
        Ok(Asking::new(endpoints, events))
    }

    /// Answers a request that carries a token; does nothing for one that carries none.
    ///
    /// # Errors
    /// As [`Ctx::send`].
    pub async fn reply<T, R: Serialize>(
        &self,
        request: &Request<T>,
        content: &R,
    ) -> Result<(), SendError> {
        self.answer(request, HANDLER_REPLY, encode_content(content))
            .await
    }

    /// Answers a request at a handler of the asker's, which also takes the answer if it is late.
    ///
    /// # Errors
    /// As [`Ctx::send`].
    pub async fn reply_at<T, R: Serialize>(
        &self,
        request: &Request<T>,
        handler: &HandlerName,
        content: &R,
    ) -> Result<(), SendError> {
        self.answer(request, handler.as_str(), encode_content(content))
            .await
    }

    /// Tells the asker why there is no answer; at most 1,024 characters of it.
    ///
    /// # Errors
    /// As [`Ctx::send`].
    pub async fn reply_error<T>(&self, request: &Request<T>, error: &str) -> Result<(), SendError> {
        let text: String = error.chars().take(ERROR_CHARS_MAX).collect();
        self.answer(request, HANDLER_REPLY_ERROR, encode_content(&text))
            .await
    }

    async fn answer<T>(
        &self,
        request: &Request<T>,
        handler: &str,
        content: Bytes,
    ) -> Result<(), SendError> {
        let port = self.inner.port.as_ref();
        match request.answer(port, self.address(), handler, content)? {
            Some(reply) => self.send(reply).await.map(drop),
            None => Ok(()),
        }
    }

    /// Encloses what is said to a person in an envelope that only the key of that person's session
    /// opens; yields it as base64. Replies to a person are enclosed anyway.
    ///
    /// # Errors
    /// [`SendError::NotSealed`].
    pub fn enclose(
        &self,
        key: &SessionKey,
        about: &Inscription,
        content: &[u8],
    ) -> Result<String, SendError> {
        self.inner.port.enclose(key, about, content)
    }

    /// Runs `write` in a transaction and waits until it is on disk.
    ///
    /// Transactions of an agent run one after another; each reads what the ones before wrote.
    ///
    /// # Errors
    /// What `write` returned, or the commit failed, and then nothing of it was kept.
    pub async fn tx<T>(
        &self,
        write: impl FnOnce(&mut Tx) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (value, ticket) = {
            let _turn = self.inner.transactions.lock().await;
            let mut tx = self.begin();
            let value = write(&mut tx)?;
            (value, self.enqueue(tx, None).await?)
        };
        ticket.await.unwrap_or(Err(StoreError::Stopping))?;
        Ok(value)
    }

    /// Reads a value that the agent keeps.
    ///
    /// # Errors
    /// The store could not be read, or the value does not decode.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let bytes = self.inner.port.get(&self.inner.address.agent, key)?;
        bytes.map(|bytes| decode_value(key, &bytes)).transpose()
    }

    /// Reads values whose keys start with `prefix` and come after `after`, in key order.
    ///
    /// # Errors
    /// The store could not be read, or a value does not decode.
    pub fn scan<T: DeserializeOwned>(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, T)>, StoreError> {
        self.begin().scan(prefix, after, limit)
    }

    /// Runs a task that ends with the agent.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.inner.stop.clone();
        self.inner.tasks.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }

    /// Runs work that blocks on a thread of its own; two of them at a time, the rest waits.
    ///
    /// Cancel: the work goes on, its result is dropped.
    ///
    /// # Panics
    /// Where `work` panics: the panic is the agent's.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let permit = self.inner.blocking.clone().acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let task = self.inner.tasks.spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        match task.await {
            Ok(value) => value,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Tells the agent something; waits while its events are at their bound.
    pub async fn post(&self, event: A::Event) {
        if self.events.send(event).await.is_err() {
            tracing::debug!(agent = %self.inner.address, "event after the agent's end");
        }
    }

    /// Tells the agent something after a while.
    pub fn post_after(&self, delay: Duration, event: A::Event) {
        let ctx = self.clone();
        self.spawn(async move {
            tokio::time::sleep(delay).await;
            ctx.post(event).await;
        });
    }

    /// Resolves when the agent is told to stop.
    pub async fn stopping(&self) {
        self.inner.stop.cancelled().await;
    }

    /// What only the door to people may use; `None` for every other agent.
    #[must_use]
    pub fn door(&self) -> Option<Arc<dyn Door>> {
        self.inner.port.door()
    }

    /// What only the node's steward may use; `None` for every other agent.
    #[must_use]
    pub fn steward(&self) -> Option<Arc<dyn Stewardship>> {
        self.inner.port.steward()
    }

    pub(crate) fn begin(&self) -> Tx {
        Tx::new(self.inner.address.agent.clone(), self.inner.port.clone())
    }

    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.transactions.lock().await
    }

    pub(crate) async fn enqueue(
        &self,
        tx: Tx,
        settles: Option<DurableRef>,
    ) -> Result<CommitTicket, StoreError> {
        let buffer = tx.into_buffer(settles);
        self.inner
            .port
            .commit(self.inner.address.agent.clone(), buffer)
            .await
    }

    pub(crate) fn durable_failed(&self, durable: DurableRef, error: String) {
        self.inner
            .port
            .durable_failed(self.inner.address.agent.clone(), durable, error);
    }
}
