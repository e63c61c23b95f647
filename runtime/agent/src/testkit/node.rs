//! The node that tests give an agent.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_channel::mpsc;
use futures_util::future::{BoxFuture, FutureExt};
use serde::{Serialize, de::DeserializeOwned};
use skep_packet::{
    Address, AgentName, Destination, Inscription, NodeId, Now, RolePattern, Scope, SessionKey,
    decode_content, encode_content,
};
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use crate::{
    Answer, AskError, AskEvent, Choice, CommitTicket, Door, DurableRef, Endpoint, NodePort,
    OpenAsk, Outgoing, SendError, SendResult, Stewardship, StoreError, TxBuffer,
};

/// Answers that an ask of a test may hold.
const ANSWERS_MAX: usize = 64;

/// Something that the agent sent.
#[derive(Debug)]
pub struct Sent {
    /// What it is.
    pub outgoing: Outgoing,
    /// Where it went; empty for a durable packet whose role nobody serves.
    pub endpoints: Vec<Address>,
    answers: Option<mpsc::Sender<AskEvent>>,
}

impl Sent {
    /// The content.
    ///
    /// # Panics
    /// Where it is something else.
    #[must_use]
    pub fn content<T: DeserializeOwned>(&self) -> T {
        decode_content(&self.outgoing.content).expect("the content is what the test expects")
    }

    /// Whether the agent asks, and waits for an answer.
    #[must_use]
    pub fn is_ask(&self) -> bool {
        self.answers.is_some()
    }

    /// Answers as the first endpoint that was asked.
    ///
    /// # Panics
    /// Where it was no ask.
    pub async fn answer<T: Serialize>(&self, content: &T) {
        let from = self
            .endpoints
            .first()
            .expect("an ask went somewhere")
            .clone();
        self.event(AskEvent::Answer(Answer {
            from,
            content: encode_content(content),
        }));
    }

    /// Ends the ask without an answer.
    ///
    /// # Panics
    /// Where it was no ask.
    pub async fn fail(&self, error: AskError) {
        self.event(AskEvent::Failed(error));
    }

    fn event(&self, event: AskEvent) {
        let answers = self.answers.as_ref().expect("the agent asked");
        if answers.clone().try_send(event).is_err() {
            tracing::debug!("the agent no longer waits");
        }
    }
}

/// The node that tests give an agent.
pub struct FakeNode {
    node: NodeId,
    epoch: Instant,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    store: BTreeMap<String, Bytes>,
    sent: VecDeque<Sent>,
    endpoints: Vec<Endpoint>,
    settled: Vec<DurableRef>,
    failed: Vec<(DurableRef, String)>,
    random: u128,
    fail_commits: bool,
    door: Option<Arc<dyn Door>>,
    steward: Option<Arc<dyn Stewardship>>,
    beacon: Option<Duration>,
}

impl std::fmt::Debug for FakeNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeNode")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

/// What the fake node's wall clock says at the start of a test: 2027-01-15 08:00:00 UTC.
pub(super) const EPOCH_UNIX_MS: u64 = 1_800_000_000_000;

impl FakeNode {
    pub(super) fn new(node: NodeId) -> Self {
        Self {
            node,
            epoch: Instant::now(),
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn serve(&self, endpoint: Endpoint) {
        self.state().endpoints.push(endpoint);
    }

    pub(super) fn retire(&self, role: &str) {
        self.state()
            .endpoints
            .retain(|endpoint| endpoint.role.as_str() != role);
    }

    pub(super) fn started_anew(&self, address: &Address) {
        for endpoint in &mut self.state().endpoints {
            if endpoint.address == *address {
                endpoint.start.incarnation += 1;
            }
        }
    }

    pub(super) fn open_door(&self, door: Arc<dyn Door>) {
        self.state().door = Some(door);
    }

    pub(super) fn lend_steward(&self, steward: Arc<dyn Stewardship>) {
        self.state().steward = Some(steward);
    }

    pub(super) fn set_beacon(&self, beacon: Duration) {
        self.state().beacon = Some(beacon);
    }

    pub(super) fn beacon(&self) -> Option<Duration> {
        self.state().beacon
    }

    pub(super) fn fail_commits(&self) {
        self.state().fail_commits = true;
    }

    pub(super) fn settled(&self) -> Vec<DurableRef> {
        self.state().settled.clone()
    }

    pub(super) fn failed(&self) -> Vec<(DurableRef, String)> {
        self.state().failed.clone()
    }

    pub(super) fn overwrite(&self, key: &str, value: &[u8]) {
        let value = Bytes::copy_from_slice(value);
        self.state().store.insert(key.to_owned(), value);
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.state().store.keys().cloned().collect()
    }

    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(super) fn take_sent(&self) -> Option<Sent> {
        self.state().sent.pop_front()
    }

    fn resolve(&self, outgoing: &Outgoing) -> Vec<Address> {
        let pattern = match &outgoing.to {
            Destination::Agent(address, _) => return vec![address.clone()],
            Destination::Role(pattern) => pattern,
        };
        let limit = if outgoing.choice == Choice::All {
            usize::MAX
        } else {
            1
        };
        let endpoints = self.serving(pattern, outgoing.scope);
        endpoints
            .into_iter()
            .map(|endpoint| endpoint.address)
            .take(limit)
            .collect()
    }

    fn serving(&self, pattern: &RolePattern, scope: Scope) -> Vec<Endpoint> {
        let state = self.state();
        let near =
            |endpoint: &&Endpoint| scope == Scope::Swarm || endpoint.address.node == self.node;
        let served = state
            .endpoints
            .iter()
            .filter(|endpoint| pattern.matches(&endpoint.role));
        served.filter(near).cloned().collect()
    }

    fn push(&self, outgoing: Outgoing, answers: Option<mpsc::Sender<AskEvent>>) -> Vec<Address> {
        let endpoints = self.resolve(&outgoing);
        self.state().sent.push_back(Sent {
            outgoing,
            endpoints: endpoints.clone(),
            answers,
        });
        self.changed.notify_one();
        endpoints
    }

    fn require(&self, outgoing: &Outgoing) -> Result<(), SendError> {
        if self.resolve(outgoing).is_empty() {
            return Err(SendError::NoEndpoint {
                role: outgoing.wanted(),
                hint: String::new(),
            });
        }
        Ok(())
    }
}

impl NodePort for Arc<FakeNode> {
    fn now(&self) -> Now {
        let passed = self.epoch.elapsed();
        Now {
            mono_ns: 0,
            unix_ms: EPOCH_UNIX_MS,
        }
        .plus(passed)
    }

    fn node(&self) -> &NodeId {
        &self.node
    }

    fn send(
        &self,
        _from: AgentName,
        outgoing: Vec<Outgoing>,
    ) -> BoxFuture<'static, Vec<SendResult>> {
        let send = |outgoing| self.require(&outgoing).map(|()| self.push(outgoing, None));
        std::future::ready(outgoing.into_iter().map(send).collect()).boxed()
    }

    fn ask(
        &self,
        _from: AgentName,
        outgoing: Outgoing,
        within: Duration,
    ) -> BoxFuture<'static, Result<OpenAsk, SendError>> {
        if let Err(error) = self.require(&outgoing) {
            return std::future::ready(Err(error)).boxed();
        }
        let (mut answers, events) = mpsc::channel(ANSWERS_MAX);
        let endpoints = self.push(outgoing, Some(answers.clone()));
        let timer = async move {
            tokio::time::sleep(within).await;
            let timed_out = AskEvent::Failed(AskError::TimedOut);
            if answers.try_send(timed_out).is_err() {
                tracing::debug!("the ask had ended");
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the test's node has no tracker")]
        tokio::spawn(timer);
        std::future::ready(Ok((endpoints, events))).boxed()
    }

    fn commit(
        &self,
        _agent: AgentName,
        buffer: TxBuffer,
    ) -> BoxFuture<'static, Result<CommitTicket, StoreError>> {
        let (done, ticket) = oneshot::channel();
        let failed = {
            let mut state = self.state();
            if !state.fail_commits {
                for (key, value) in buffer.writes {
                    match value {
                        Some(value) => state.store.insert(key, value),
                        None => state.store.remove(&key),
                    };
                }
                state.settled.extend(buffer.settles);
            }
            state.fail_commits
        };
        let result = if failed {
            Err(StoreError::Failed {
                step: "committing",
                source: "the test says so".into(),
            })
        } else {
            for outgoing in buffer.outgoing {
                self.push(outgoing, None);
            }
            Ok(())
        };
        done.send(result).expect("the ticket is held here");
        self.changed.notify_one();
        std::future::ready(Ok(ticket)).boxed()
    }

    fn durable_failed(&self, _agent: AgentName, durable: DurableRef, error: String) {
        self.state().failed.push((durable, error));
        self.changed.notify_one();
    }

    fn get(&self, _agent: &AgentName, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.state().store.get(key).cloned())
    }

    fn scan(
        &self,
        _agent: &AgentName,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Bytes)>, StoreError> {
        let state = self.state();
        let wanted = |key: &str| key.starts_with(prefix) && after.is_none_or(|after| key > after);
        let rows = state
            .store
            .iter()
            .filter(|(key, _)| wanted(key))
            .take(limit);
        Ok(rows
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn endpoints(&self, pattern: &RolePattern, scope: Scope) -> Vec<Endpoint> {
        self.serving(pattern, scope)
    }

    /// In a test everybody may read it.
    fn enclose(
        &self,
        key: &SessionKey,
        about: &Inscription,
        content: &[u8],
    ) -> Result<String, SendError> {
        let content = String::from_utf8_lossy(content);
        let envelope = serde_json::json!({ "for": key, "about": about, "content": content });
        Ok(envelope.to_string())
    }

    fn random(&self) -> u128 {
        let mut state = self.state();
        // An odd multiplier (Knuth's MMIX) spreads the counter over all bits, the same every run.
        state.random = state
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.random
    }

    fn door(&self) -> Option<Arc<dyn Door>> {
        self.state().door.clone()
    }

    fn steward(&self) -> Option<Arc<dyn Stewardship>> {
        self.state().steward.clone()
    }
}
