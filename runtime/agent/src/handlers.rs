//! What an agent can be asked, declared as data.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::BoxFuture;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use skep_packet::{HandlerName, Refusal, decode_content};

use crate::{Access, Agent, Ctx, Delivery, HandlerError, Principal, Request, Tx};

/// A handler, as its node and `skep check` see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerInfo {
    /// Its name.
    pub name: HandlerName,
    /// Who may call it.
    pub access: Access,
    /// Whether it runs in a transaction of the store.
    pub durable: bool,
}

pub(crate) type Outcome<'a> = BoxFuture<'a, Result<(), HandlerError>>;

type CommandFn<A> =
    Box<dyn for<'a> Fn(&'a mut A, &'a Ctx<A>, &Delivery) -> Outcome<'a> + Send + Sync>;
type DurableFn<A> =
    Arc<dyn for<'a> Fn(&'a mut A, &'a Ctx<A>, &'a mut Tx, &Delivery) -> Outcome<'a> + Send + Sync>;

pub(crate) enum Call<A: Agent> {
    Command(CommandFn<A>),
    Durable(DurableFn<A>),
}

/// An agent's handlers; built once for each start, as `Handlers::<Self>::new().command(…)`.
pub struct Handlers<A: Agent> {
    entries: Vec<(HandlerInfo, Call<A>)>,
    /// The config key that names more of them, and what they all do.
    named: Option<(&'static str, DurableFn<A>)>,
}

impl<A: Agent> std::fmt::Debug for Handlers<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.entries.iter().map(|(info, _)| info))
            .finish()
    }
}

impl<A: Agent> Default for Handlers<A> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            named: None,
        }
    }
}

impl<A: Agent> Handlers<A> {
    /// No handlers yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A handler for commands and answers. Written as
    /// `|agent, ctx, request| Box::pin(agent.function(ctx, request))`.
    #[must_use]
    pub fn command<T, F>(mut self, name: &'static str, access: Access, handler: F) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        F: for<'a> Fn(&'a mut A, &'a Ctx<A>, Request<T>) -> Outcome<'a> + Send + Sync + 'static,
    {
        let call: CommandFn<A> =
            Box::new(
                move |agent, ctx, delivery| match decode_content(&delivery.packet.content) {
                    Ok(content) => handler(agent, ctx, Request::of(delivery).with(content)),
                    Err(error) => failed(error.into()),
                },
            );
        self.entries
            .push((info(name, access, false), Call::Command(call)));
        self
    }

    /// A handler that runs in a transaction: what it writes and sends commits together with the
    /// packet's id, or not at all. Written as
    /// `|agent, ctx, tx, request| Box::pin(agent.function(ctx, tx, request))`.
    #[must_use]
    pub fn durable<T, F>(mut self, name: &'static str, access: Access, handler: F) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        F: for<'a> Fn(&'a mut A, &'a Ctx<A>, &'a mut Tx, Request<T>) -> Outcome<'a>
            + Send
            + Sync
            + 'static,
    {
        let call = durable_fn(handler);
        self.entries
            .push((info(name, access, true), Call::Durable(call)));
        self
    }

    /// Handlers that only a config knows: it holds an object under `key`, from the names of handlers
    /// to their [`Access`]. All of them are this one function, which runs in a transaction and finds
    /// the name in [`Request::handler`]. Written as [`Handlers::durable`] is.
    #[must_use]
    pub fn of_config<T, F>(mut self, key: &'static str, handler: F) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        F: for<'a> Fn(&'a mut A, &'a Ctx<A>, &'a mut Tx, Request<T>) -> Outcome<'a>
            + Send
            + Sync
            + 'static,
    {
        self.named = Some((key, durable_fn(handler)));
        self
    }

    /// The config key that names handlers beside those declared here.
    #[must_use]
    pub fn config_key(&self) -> Option<&'static str> {
        self.named.as_ref().map(|(key, _)| *key)
    }

    /// The same, with those that this config names. What is declared here goes first; a config that
    /// the agent's own type refuses names none.
    pub(crate) fn with_config(mut self, config: &Value) -> Self {
        let Some((key, call)) = &self.named else {
            return self;
        };
        let named = config
            .get(key)
            .map(BTreeMap::<HandlerName, Access>::deserialize);
        for (name, access) in named.and_then(Result::ok).unwrap_or_default() {
            let info = HandlerInfo {
                name,
                access,
                durable: true,
            };
            self.entries.push((info, Call::Durable(call.clone())));
        }
        self
    }

    /// The handlers as data.
    #[must_use]
    pub fn infos(&self) -> Vec<HandlerInfo> {
        self.entries.iter().map(|(info, _)| info.clone()).collect()
    }

    pub(crate) fn find(&self, name: &str) -> Option<&(HandlerInfo, Call<A>)> {
        self.entries
            .iter()
            .find(|(info, _)| info.name.as_str() == name)
    }
}

fn info(name: &'static str, access: Access, durable: bool) -> HandlerInfo {
    HandlerInfo {
        name: HandlerName::new(name).expect("a name written in code is a name"),
        access,
        durable,
    }
}

fn durable_fn<A, T, F>(handler: F) -> DurableFn<A>
where
    A: Agent,
    T: DeserializeOwned + Send + 'static,
    F: for<'a> Fn(&'a mut A, &'a Ctx<A>, &'a mut Tx, Request<T>) -> Outcome<'a>
        + Send
        + Sync
        + 'static,
{
    Arc::new(
        move |agent, ctx, tx, delivery| match decode_content(&delivery.packet.content) {
            Ok(content) => handler(agent, ctx, tx, Request::of(delivery).with(content)),
            Err(error) => failed(error.into()),
        },
    )
}

fn failed<'a>(error: HandlerError) -> Outcome<'a> {
    Box::pin(std::future::ready(Err(error)))
}

/// Finds the handler that a packet names, for a caller who may call it.
///
/// # Errors
/// [`Refusal::NoHandler`] or [`Refusal::Denied`].
pub fn admit<'a>(
    infos: &'a [HandlerInfo],
    handler: &HandlerName,
    principal: &Principal,
) -> Result<&'a HandlerInfo, Refusal> {
    let info = infos
        .iter()
        .find(|info| info.name == *handler)
        .ok_or(Refusal::NoHandler)?;
    if info.access.admits(principal) {
        Ok(info)
    } else {
        Err(Refusal::Denied)
    }
}
