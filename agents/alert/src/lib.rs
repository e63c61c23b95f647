//! The alert agent: keeps a record of every alert and tells people, once, on their channels.
//!
//! Taking an alert is one transaction: its record, the cooldown it falls under and the message for
//! each channel commit together. A task for each channel then delivers what waits, in order, and
//! tries again until it is delivered or too old. What the cooldown holds back is counted in the
//! message that goes out when its window ends.

mod backoff;
mod channel;
mod config;
mod courier;
mod ledger;
mod message;
mod rows;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use skep_agent::{
    Access, Agent, AgentError, AgentSpec, Ctx, HandlerError, Handlers, Level, Request, Tx,
};
use skep_protocol::alert::{self, Alert, Alerts, ListAlerts};
use uuid::Uuid;

pub use self::config::{COOLDOWN_DEFAULT_S, ChannelConfig, Config, Password, SmtpConfig, SmtpTls};
use self::{channel::Channel, courier::Courier, ledger::Ledger};

/// The alert agent's program, as data.
pub const SPEC: AgentSpec = AgentSpec::of::<AlertAgent>();

/// The alert agent.
#[derive(Debug)]
pub struct AlertAgent {
    ledger: Ledger,
    couriers: Vec<Arc<Courier>>,
}

/// What its timers tell it.
#[derive(Debug)]
pub struct WindowEnded {
    /// Which window.
    key: Uuid,
    /// When it was opened: a window that was opened anew is another one.
    since_ms: u64,
}

impl Agent for AlertAgent {
    const KIND: &'static str = "alert";
    const SUMMARY: &'static str = "Tells people, once, on the channels they chose";
    const ROLES: &'static [&'static str] = &[
        "hive.alert@cmd_send_alert_msg",
        "hive.alert.list@cmd_list_alerts",
    ];

    type Config = Config;
    type Event = WindowEnded;

    fn handlers() -> Handlers<Self> {
        Handlers::<Self>::new()
            .durable(
                alert::HANDLER,
                Access::agents(),
                |agent, ctx, tx, request| Box::pin(agent.take(ctx, tx, request)),
            )
            .command(
                alert::HANDLER_LIST,
                Access::operators(Level::Viewer),
                |agent, ctx, request| Box::pin(agent.list(ctx, request)),
            )
    }

    fn new(config: Config) -> Result<Self, AgentError> {
        let channels = Channel::all(&config).map_err(AgentError::Config)?;
        let ledger = Ledger {
            cooldown: Duration::from_secs(config.cooldown_s),
            channels: channels
                .iter()
                .map(|channel| channel.name().to_owned())
                .collect(),
        };
        let couriers = channels
            .into_iter()
            .map(|channel| Arc::new(Courier::new(channel)));
        Ok(Self {
            ledger,
            couriers: couriers.collect(),
        })
    }

    async fn start(&mut self, ctx: &Ctx<Self>) -> Result<(), AgentError> {
        let ledger = &self.ledger;
        ctx.tx(|tx| ledger.settle_gone_channels(tx)).await?;
        for (key, window) in rows::windows(ctx)? {
            let left_ms = window.until_ms.saturating_sub(ctx.now().unix_ms);
            // The wall clock may have stepped back while the agent was down.
            let left = Duration::from_millis(left_ms).min(self.ledger.cooldown);
            ctx.post_after(
                left,
                WindowEnded {
                    key,
                    since_ms: window.since_ms,
                },
            );
        }
        for courier in &self.couriers {
            ctx.spawn(courier.clone().run(ctx.clone()));
        }
        Ok(())
    }

    async fn on_event(&mut self, ctx: &Ctx<Self>, ended: WindowEnded) -> Result<(), AgentError> {
        let ledger = &self.ledger;
        let opened = ctx
            .tx(|tx| ledger.end_window(tx, ended.key, ended.since_ms))
            .await?;
        self.opened(ctx, opened);
        Ok(())
    }

    fn state(&self) -> Value {
        let channels = self.couriers.iter().map(|courier| courier.state());
        json!({ "channels": channels.collect::<Vec<_>>() })
    }
}

impl AlertAgent {
    async fn take(
        &mut self,
        ctx: &Ctx<Self>,
        tx: &mut Tx,
        request: Request<Alert>,
    ) -> Result<(), HandlerError> {
        let id = request.content.id.unwrap_or(request.id.0);
        let opened = self.ledger.take(tx, id, request.content.clone())?;
        // The couriers and the timer read the store in transactions of their own, which wait for
        // this one: what they are told of here they find there, or it never was.
        self.opened(ctx, opened);
        tx.reply(&request, &json!({ "id": id }))?;
        Ok(())
    }

    async fn list(
        &mut self,
        ctx: &Ctx<Self>,
        request: Request<Option<ListAlerts>>,
    ) -> Result<(), HandlerError> {
        let limit = request.content.unwrap_or_default().limit;
        let alerts: Alerts = rows::newest(ctx, limit)?;
        Ok(ctx.reply(&request, &alerts).await?)
    }

    /// A message may have been queued, and a window opened.
    fn opened(&self, ctx: &Ctx<Self>, window: Option<WindowEnded>) {
        for courier in &self.couriers {
            courier.wake();
        }
        if let Some(ended) = window {
            ctx.post_after(self.ledger.cooldown, ended);
        }
    }
}
