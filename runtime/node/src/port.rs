//! What an agent reaches of its node.

use std::{path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use skep_agent::{
    AgentStart, CommitTicket, Door, DurableRef, Endpoint, NodePort, OpenAsk, Outgoing, SendError,
    SendResult, Stewardship, StoreError, TxBuffer,
};
use skep_packet::{AgentName, Inscription, NodeId, Now, RolePattern, Scope, SessionKey};
use skep_swarm::roles::{Choice, RoleIndex};
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

use crate::{
    clock::Clock,
    envelopes::Envelopes,
    steward::StewardHandle,
    store::Store,
    switch::{Ask, CommitRequest, Handle, Input, Send},
};

/// Transactions of agents that may wait for the disk; at the bound the next one waits.
pub(crate) const TRANSACTIONS_MAX: usize = 1024;

/// What an agent reaches of its node.
#[derive(Clone)]
pub(crate) struct Port {
    pub(crate) node: NodeId,
    pub(crate) home: Arc<PathBuf>,
    pub(crate) clock: Clock,
    pub(crate) switch: Handle,
    pub(crate) store: Store,
    pub(crate) roles: Arc<ArcSwap<RoleIndex>>,
    pub(crate) transactions: Arc<Semaphore>,
    pub(crate) envelopes: Arc<Envelopes>,
    pub(crate) door: Option<Arc<dyn Door>>,
    pub(crate) steward: Option<StewardHandle>,
}

/// Tells the switch something and waits for its answer; `None` where it stops.
async fn request<T>(switch: Handle, input: Input, done: oneshot::Receiver<T>) -> Option<T> {
    if !switch.tell(input).await {
        return None;
    }
    done.await.ok()
}

impl NodePort for Port {
    fn now(&self) -> Now {
        self.clock.now()
    }

    fn node(&self) -> &NodeId {
        &self.node
    }

    fn home(&self) -> Option<PathBuf> {
        Some(self.home.to_path_buf())
    }

    fn send(
        &self,
        from: AgentName,
        outgoing: Vec<Outgoing>,
    ) -> BoxFuture<'static, Vec<SendResult>> {
        let switch = self.switch.clone();
        async move {
            let n_packets = outgoing.len();
            let (done, sent) = oneshot::channel();
            let input = Input::Send(Send {
                from,
                outgoing,
                done,
            });
            let sent = request(switch, input, sent).await;
            sent.unwrap_or_else(|| vec![Err(SendError::Stopping); n_packets])
        }
        .boxed()
    }

    fn ask(
        &self,
        from: AgentName,
        outgoing: Outgoing,
        within: Duration,
    ) -> BoxFuture<'static, Result<OpenAsk, SendError>> {
        let switch = self.switch.clone();
        async move {
            let (done, opened) = oneshot::channel();
            let input = Input::Ask(Ask {
                from,
                outgoing,
                within,
                done,
            });
            request(switch, input, opened)
                .await
                .unwrap_or(Err(SendError::Stopping))
        }
        .boxed()
    }

    fn commit(
        &self,
        agent: AgentName,
        buffer: TxBuffer,
    ) -> BoxFuture<'static, Result<CommitTicket, StoreError>> {
        let (switch, transactions) = (self.switch.clone(), self.transactions.clone());
        async move {
            let permit = transactions.acquire_owned().await;
            let permit = permit.map_err(|_| StoreError::Stopping)?;
            let (queued, ticket) = oneshot::channel();
            let input = Input::Commit(CommitRequest {
                agent,
                buffer,
                permit,
                queued,
            });
            request(switch, input, ticket)
                .await
                .unwrap_or(Err(StoreError::Stopping))
        }
        .boxed()
    }

    fn durable_failed(&self, agent: AgentName, durable: DurableRef, error: String) {
        // At the bound the packet comes again when its sender misses the settlement.
        if !self.switch.try_tell(Input::DurableFailed {
            agent,
            durable,
            error,
        }) {
            tracing::debug!("the switch is busy: a failure was not counted");
        }
    }

    fn get(&self, agent: &AgentName, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.store
            .get(agent, key)
            .map_err(|error| store_error("reading a value", error))
    }

    fn scan(
        &self,
        agent: &AgentName,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Bytes)>, StoreError> {
        let rows = self.store.scan(agent, prefix, after, limit);
        rows.map_err(|error| store_error("reading values", error))
    }

    fn endpoints(&self, pattern: &RolePattern, scope: Scope) -> Vec<Endpoint> {
        let chosen = self
            .roles
            .load()
            .choose(pattern, scope, Choice::All)
            .unwrap_or_default();
        let endpoint = |endpoint: Arc<skep_swarm::roles::Endpoint>| Endpoint {
            address: endpoint.address.clone(),
            role: endpoint.role.clone(),
            handler: endpoint.handler.clone(),
            start: AgentStart {
                boot: endpoint.boot,
                incarnation: endpoint.agent_incarnation,
            },
        };
        chosen.into_iter().map(endpoint).collect()
    }

    fn enclose(
        &self,
        key: &SessionKey,
        about: &Inscription,
        content: &[u8],
    ) -> Result<String, SendError> {
        self.envelopes.enclose(key, about, content)
    }

    fn random(&self) -> u128 {
        Uuid::new_v4().as_u128() ^ Uuid::new_v4().as_u128().rotate_left(64)
    }

    fn door(&self) -> Option<Arc<dyn Door>> {
        self.door.clone()
    }

    fn steward(&self) -> Option<Arc<dyn Stewardship>> {
        let steward = self.steward.clone()?;
        Some(Arc::new(steward))
    }
}

fn store_error(step: &'static str, error: redb::Error) -> StoreError {
    StoreError::Failed {
        step,
        source: Box::new(error),
    }
}
