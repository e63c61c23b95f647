//! What the agent's tasks share: its terms, the way to people, and what is shown of its state.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;
use skep_agent::Ctx;
use skep_agent::Outgoing;
use skep_agent::StoreError;
use skep_agent::Tx;
use skep_lines::neutral_cut;
use skep_packet::Address;
use skep_packet::HandlerName;
use skep_packet::Kind;
use skep_packet::PacketId;
use skep_packet::Scope;
use skep_protocol::alert::Alert;
use skep_protocol::callback::CMD_CALLBACK;
use skep_protocol::callback::Callback;
use skep_protocol::callback::Thread;
use skep_protocol::status::StatusEvent;
use skep_sources::Host;
use skep_sources::Own;
use skep_sources::Unfinished;
use tokio::sync::Semaphore;

use crate::LogWatcher;
use crate::config::Terms;
use crate::digest::Settings;
use crate::read::Reader;

/// Digests on demand that may be in the making at a time; one more is refused.
const JOBS_MAX: usize = 8;

/// How long a severity report waits for somebody who takes it; then it explains nothing any more.
const REPORT_TTL: Duration = Duration::from_hours(6);

/// An alert's words in the node's own log are cut here.
const LOGGED_BYTES_MAX: usize = 1024;

/// What the agent's tasks share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) terms: Terms,
    pub(crate) jobs: Arc<Semaphore>,
    host: Host,
    own: Own,
    shown: Mutex<Shown>,
}

/// The agent's observable state.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Shown {
    /// What is watched.
    pub(crate) collectors: Vec<String>,
    /// Patrols that were committed since the start.
    pub(crate) patrols: u64,
    /// The newest patrol, in milliseconds since the Unix epoch.
    pub(crate) last_patrol_ms: Option<u64>,
    /// Its collectors' headlines.
    pub(crate) last_headlines: Vec<String>,
    /// Bytes that a patrol going on has read so far.
    pub(crate) reading_bytes: Option<u64>,
    /// Questions settled as interrupted at the start.
    pub(crate) interrupted: usize,
    /// What went wrong last.
    pub(crate) last_error: Option<String>,
}

impl Shared {
    pub(crate) fn new(terms: Terms) -> Self {
        let collectors = terms.tasks.iter().map(|task| task.name.clone()).collect();
        Self {
            terms,
            jobs: Arc::new(Semaphore::new(JOBS_MAX)),
            host: Host::default(),
            own: Own::of_this_process(),
            shown: Mutex::new(Shown {
                collectors,
                ..Shown::default()
            }),
        }
    }

    pub(crate) fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reader(&self, unfinished: Unfinished) -> Reader {
        Reader {
            host: self.host.clone(),
            own: self.own.clone(),
            unfinished,
        }
    }

    pub(crate) fn settings(&self, now_ms: u64) -> Settings {
        let now_s = i64::try_from(now_ms / 1000).unwrap_or(i64::MAX);
        let mut settings = Settings::new(TimeZone::system(), now_s);
        settings.severity_rules = self.terms.severity_rules.clone();
        settings
    }

    /// Sends callbacks when the transaction is on disk: to the router that holds the session, or
    /// to every one there is. What a person asked for is for that person's session alone.
    pub(crate) fn send_callbacks(
        &self,
        ctx: &Ctx<LogWatcher>,
        tx: &mut Tx,
        thread: &Thread,
        callbacks: &[Callback],
    ) -> Result<(), StoreError> {
        let routers = match &thread.reply_to {
            Some(router) => vec![router.clone()],
            None => self.routers(ctx),
        };
        for callback in callbacks {
            let callback = callback.clone().sealed(thread, |key, about, content| {
                ctx.enclose(key, about, content)
            })?;
            for router in &routers {
                tx.send(outgoing(router.clone(), &callback).durable());
            }
        }
        Ok(())
    }

    /// Offers callbacks that nobody asked for to every router there is but those `told` already;
    /// returns who they were offered to. What a router misses is kept with the digest.
    pub(crate) async fn offer(
        &self,
        ctx: &Ctx<LogWatcher>,
        callbacks: &[Callback],
        told: &[Address],
    ) -> Vec<Address> {
        let mut routers = self.routers(ctx);
        routers.retain(|router| !told.contains(router));
        for router in &routers {
            for callback in callbacks {
                if let Err(error) = ctx.send(outgoing(router.clone(), callback)).await {
                    tracing::debug!(%router, %error, "a patrol's digest did not reach a router");
                    break;
                }
            }
        }
        routers
    }

    fn routers(&self, ctx: &Ctx<LogWatcher>) -> Vec<Address> {
        let endpoints = ctx.endpoints(&self.terms.rpc_role, Scope::Swarm);
        endpoints
            .into_iter()
            .map(|endpoint| endpoint.address)
            .collect()
    }

    /// Notes an alert in the node's own log; with its words, if there is nobody yet to tell people.
    pub(crate) fn log_alert(&self, ctx: &Ctx<LogWatcher>, alert: &Alert) {
        let (cause, level) = (&alert.cause, alert.level);
        if ctx
            .endpoints(&self.terms.alert_role, Scope::Swarm)
            .is_empty()
        {
            let msg = neutral_cut(alert.msg.as_bytes(), LOGGED_BYTES_MAX);
            tracing::error!(cause, %level, msg, "an alert waits for someone to tell people");
        } else {
            tracing::info!(cause, %level, "alert");
        }
    }

    /// Sends a severity report when the transaction is on disk, if the directive names who gets it.
    pub(crate) fn send_report(&self, tx: &mut Tx, event: &StatusEvent) {
        if let Some(role) = &self.terms.report_to {
            let outgoing = Outgoing::to_role(role.clone(), event).kind(Kind::Status);
            tx.send(outgoing.durable().ttl(REPORT_TTL));
        }
    }

    /// An alert on its way to people.
    pub(crate) fn alert(&self, alert: &Alert, id: Option<PacketId>) -> Outgoing {
        let outgoing = Outgoing::to_role(self.terms.alert_role.clone(), alert);
        let outgoing = outgoing.kind(Kind::Alert).durable();
        match id {
            Some(id) => outgoing.id(id),
            None => outgoing,
        }
    }
}

fn outgoing(router: Address, callback: &Callback) -> Outgoing {
    let handler = HandlerName::new(CMD_CALLBACK).expect("a handler written in code is one");
    Outgoing::to_agent(router, handler, callback).kind(Kind::Callback)
}
