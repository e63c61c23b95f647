//! The steward of a node: takes operators' orders to change what runs, and shows the audit log.
//!
//! Every node has one. It decides who may order what; how a change is made, whole or not at all, is
//! the node's own affair.

mod answer;
mod order;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use skep_agent::{
    Access, Agent, AgentError, AgentSpec, Ctx, HandlerError, Handlers, Level, Principal, Request,
};
use skep_protocol::steward::{CMD_STEWARD, ORDER_BYTES_MAX, StewardOrder};
use tokio::sync::Semaphore;

/// What a registry lists.
pub const SPEC: AgentSpec = AgentSpec::of::<Steward>();

/// Orders that may be under way, one doing and the others waiting; the next one is refused.
const ORDERS_MAX: usize = 8;

/// The steward's part of a directive: nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The agent.
#[derive(Debug)]
pub struct Steward {
    n_orders: u64,
    places: Arc<Semaphore>,
}

impl Agent for Steward {
    const KIND: &'static str = "steward";
    const SUMMARY: &'static str = "Changes what a running node runs, by an operator's order";

    type Config = Config;
    type Event = ();

    fn handlers() -> Handlers<Self> {
        Handlers::<Self>::new().command(
            CMD_STEWARD,
            Access::operators(Level::Operator),
            |agent, ctx, request| Box::pin(agent.order(ctx, request)),
        )
    }

    fn new(_: Config) -> Result<Self, AgentError> {
        let places = Arc::new(Semaphore::new(ORDERS_MAX));
        let n_orders = 0;
        Ok(Self { n_orders, places })
    }

    async fn on_event(&mut self, _: &Ctx<Self>, (): ()) -> Result<(), AgentError> {
        Ok(())
    }

    fn state(&self) -> Value {
        json!({ "orders": self.n_orders })
    }
}

impl Steward {
    /// Checks who orders what here, and has it done beside the agent.
    async fn order(
        &mut self,
        ctx: &Ctx<Self>,
        request: Request<StewardOrder>,
    ) -> Result<(), HandlerError> {
        let refused = |text: String| Err(HandlerError::Refused(text));
        let order = &request.content;
        if order.node != *ctx.node() {
            return refused(format!("this is {}, not {}", ctx.node(), order.node));
        }
        let least = order.deed.level();
        let Principal::Operator { level, name } = &request.principal else {
            return refused("only operators give orders".to_owned());
        };
        if *level < least {
            let (level, least) = (level.name(), least.name());
            return refused(format!("{name} is {level}; this takes the level {least}"));
        }
        if request.bytes.len() > ORDER_BYTES_MAX {
            return refused(format!("an order has at most {ORDER_BYTES_MAX} bytes"));
        }
        let Some(node) = ctx.steward() else {
            return refused("this node is not changed while it runs".to_owned());
        };
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return refused(format!("{ORDERS_MAX} orders are under way already"));
        };
        self.n_orders += 1;
        let task = order::run(ctx.clone(), node, request);
        ctx.spawn(async move {
            task.await;
            drop(place);
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
