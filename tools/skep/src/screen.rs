//! The screen of `skep up`: shows the node's own patrols on its standard output.

use std::{collections::BTreeSet, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use skep_agent::{Access, Agent, AgentError, Ctx, HandlerError, Handlers, Request, Tx};
use skep_packet::Address;
use skep_protocol::callback::{CMD_CALLBACK, Callback};

use crate::output;

/// How long the word on where to go next waits for the analysis of the first digest.
const NEXT_WAIT: Duration = Duration::from_secs(2);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// What to say after the first digest.
    #[serde(default)]
    next: String,
}

/// The agent.
#[derive(Debug)]
pub(crate) struct Screen {
    next: Option<String>,
    is_next_due: bool,
    /// Agents whose first digest was shown; of later ones only a word.
    shown: BTreeSet<Address>,
}

/// Time to say where to go next.
#[derive(Debug)]
pub(crate) struct Next;

impl Agent for Screen {
    const KIND: &'static str = "screen";
    const SUMMARY: &'static str = "Shows this node's patrols where it was started";

    type Config = Config;
    type Event = Next;

    fn handlers() -> Handlers<Self> {
        Handlers::<Self>::new().durable(
            CMD_CALLBACK,
            Access::agents(),
            |agent, ctx, tx, request| Box::pin(agent.callback(ctx, tx, request)),
        )
    }

    fn new(config: Config) -> Result<Self, AgentError> {
        let next = (!config.next.is_empty()).then_some(config.next);
        Ok(Self {
            next,
            is_next_due: false,
            shown: BTreeSet::new(),
        })
    }

    async fn on_event(&mut self, _: &Ctx<Self>, Next: Next) -> Result<(), AgentError> {
        self.say_next();
        Ok(())
    }

    fn state(&self) -> Value {
        json!({ "shown": self.shown })
    }
}

impl Screen {
    async fn callback(
        &mut self,
        ctx: &Ctx<Self>,
        _: &mut Tx,
        request: Request<Callback>,
    ) -> Result<(), HandlerError> {
        let callback = request.content;
        let is_ours = callback.origin == request.from && callback.origin.node == *ctx.node();
        if !is_ours || callback.session_id.is_some() {
            return Ok(());
        }
        if self.shown.contains(&callback.origin) {
            if callback.last {
                output::line(&format!(
                    "{} has a new digest: skep digest --last",
                    callback.origin
                ));
            }
            return Ok(());
        }
        for line in &callback.lines {
            output::line(line);
        }
        if callback.last {
            self.shown.insert(callback.origin);
            self.say_next();
        } else if !callback.lines.is_empty() && !self.is_next_due {
            self.is_next_due = true;
            ctx.post_after(NEXT_WAIT, Next);
        }
        Ok(())
    }

    fn say_next(&mut self) {
        if let Some(next) = self.next.take() {
            output::line(&next);
        }
    }
}
