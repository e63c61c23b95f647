//! What the child wants from others: asks and sends to the roles that its directive says it uses.

use std::time::Duration;

use serde_json::Value;
use skep_agent::{Answer, AskError, Asking, Ctx, Outgoing};
use skep_packet::{Address, CodecError, RolePattern};
use skep_protocol::external::ToChild;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::{External, config::covers};

/// Asks of a child that may be open; the next one is refused.
pub(crate) const ASKS_MAX: usize = 64;

/// Seconds that an ask waits unless it says so.
const ASK_TIME_S: u64 = 30;

/// Longest time that an ask may wait, in seconds.
const ASK_TIME_MAX_S: u64 = 900;

/// What a child wants of a role.
pub(crate) struct Want {
    pub(crate) role: RolePattern,
    pub(crate) content: Value,
    pub(crate) all: bool,
}

impl External {
    fn outgoing(&self, want: Want) -> Result<Outgoing, String> {
        let Want { role, content, all } = want;
        if !covers(&self.uses, &role) {
            return Err(format!("the directive does not say that it uses {role}"));
        }
        let outgoing = Outgoing::to_role(role, &content);
        Ok(match all {
            true => outgoing.to_all(),
            false => outgoing,
        })
    }

    /// Asks, and tells the child what comes back, in a task of its own.
    pub(crate) fn ask(&mut self, ctx: &Ctx<Self>, ask: u64, want: Want, within_s: Option<u64>) {
        let within_s = within_s.unwrap_or(ASK_TIME_S).clamp(1, ASK_TIME_MAX_S);
        let place = self.asks.clone().try_acquire_owned();
        let busy = |_| format!("{ASKS_MAX} asks are open already");
        let ready = place
            .map_err(busy)
            .and_then(|place| Ok((place, self.outgoing(want)?)));
        let Some(child) = &self.child else { return };
        let lines = child.lines();
        match ready {
            Ok((place, outgoing)) => {
                let within = Duration::from_secs(within_s);
                let following = Following { ask, lines, place };
                ctx.spawn(following.run(ctx.clone(), outgoing, within));
            }
            Err(error) => {
                let last = true;
                self.tell(&ToChild::Failed { ask, error, last });
            }
        }
    }

    /// Sends; the child is told what came of it where it wants to know.
    ///
    /// # Errors
    /// Why nothing was sent, where the child has no number for it.
    pub(crate) async fn send(
        &mut self,
        ctx: &Ctx<Self>,
        send: Option<u64>,
        want: Want,
        durable: bool,
    ) -> Result<(), String> {
        let sent = match self.outgoing(want) {
            Ok(outgoing) => {
                let outgoing = if durable {
                    outgoing.durable()
                } else {
                    outgoing
                };
                let sent = ctx.send(outgoing).await;
                sent.map_err(|error| error.to_string())
            }
            Err(why) => Err(why),
        };
        match (send, sent) {
            (Some(send), sent) => {
                let error = sent.err();
                self.tell(&ToChild::Sent { send, error });
                Ok(())
            }
            (None, sent) => sent.map(drop),
        }
    }
}

/// An open ask of the child's.
struct Following {
    ask: u64,
    lines: mpsc::Sender<Vec<u8>>,
    place: OwnedSemaphorePermit,
}

impl Following {
    async fn run(self, ctx: Ctx<External>, outgoing: Outgoing, within: Duration) {
        match ctx.ask(outgoing, within).await {
            Ok(asking) => self.follow(asking).await,
            Err(error) => self.failed(error.to_string(), true).await,
        }
        drop(self.place);
    }

    async fn follow(&self, mut asking: Asking) {
        let mut n_left = asking.endpoints().len();
        while let Some(next) = asking.next().await {
            n_left = n_left.saturating_sub(1);
            let is_over = matches!(next, Err(AskError::TimedOut | AskError::Stopping));
            let last = n_left == 0 || is_over;
            match next {
                Ok(answer) => self.answered(&answer, last).await,
                Err(error) => self.failed(error.to_string(), last).await,
            }
            if last {
                return;
            }
        }
        self.failed("nothing more comes".to_owned(), true).await;
    }

    async fn answered(&self, answer: &Answer, last: bool) {
        let content: Result<Value, CodecError> = answer.decode();
        let from: Address = answer.from.clone();
        match content {
            Ok(content) => {
                let ask = self.ask;
                self.tell(&ToChild::Answer {
                    ask,
                    from,
                    content,
                    last,
                })
                .await;
            }
            Err(error) => self.failed(error.to_string(), last).await,
        }
    }

    async fn failed(&self, error: String, last: bool) {
        let ask = self.ask;
        self.tell(&ToChild::Failed { ask, error, last }).await;
    }

    async fn tell(&self, message: &ToChild) {
        if self.lines.send(message.line()).await.is_err() {
            tracing::debug!("the child is gone");
        }
    }
}
