//! An agent in any language: a command that speaks lines of JSON on its stdin and stdout.
//!
//! The directive says what it can be asked, by whom, and which roles it uses; the child can do no
//! more than that. It gets nothing of its node but the lines: no environment, no descriptors, no
//! secrets but those that its own config names. Whatever it does (floods, garbage, silence, a crash)
//! costs it its life at most, and its supervisor starts it again. docs/EXTERNAL.md is the page for
//! those who write one.

mod asks;
mod calls;
mod child;
mod config;
mod event;
mod kept;
mod pace;
mod pipes;
mod pulse;
mod user;
mod wire;

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};
use skep_agent::{Agent, AgentError, AgentSpec, Ctx, Handlers, RoleUse};
use skep_packet::RolePattern;
use skep_protocol::external::{FromChild, LineError, ToChild, VERSION};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    asks::{ASKS_MAX, Want},
    calls::Calls,
    child::Launch,
    event::Happened,
    pipes::{Child, Exit, Reading},
    pulse::{Look, Pulse},
    wire::not_open,
};
pub use crate::{
    config::{Config, Limits},
    event::Event,
};

/// What a registry lists.
pub const SPEC: AgentSpec = AgentSpec::of::<External>();

/// Lines of one life that may be no message; at the bound the child is ended.
const BAD_LINES_MAX: u64 = 100;

/// Largest state of a child, in bytes; a larger one is not taken.
const STATE_BYTES_MAX: usize = 4 * 1024;

/// Longest time between two looks at what is overdue.
const TICK_MAX: Duration = Duration::from_secs(1);

/// How long the child may take to end after it was told to, and after SIGTERM; then it is killed.
/// Together they are less than an agent may take to stop.
const STOP_TIME: Duration = Duration::from_secs(2);
const TERM_TIME: Duration = Duration::from_millis(1500);
const KILL_TIME: Duration = Duration::from_secs(1);

/// How long the end of a child that closed its stdout is waited for.
const END_TIME: Duration = Duration::from_secs(1);

/// The agent.
#[derive(Debug)]
pub struct External {
    config: Config,
    uses: Vec<RolePattern>,
    child: Option<Child>,
    pulse: Option<Pulse>,
    calls: Calls,
    asks: Arc<Semaphore>,
    /// Keys of durable calls that the child does not work on yet.
    waiting: VecDeque<String>,
    n_rows: usize,
    next_row: u64,
    n_bad_lines: u64,
    state: Value,
}

impl Agent for External {
    const KIND: &'static str = "external";
    const SUMMARY: &'static str = "Runs a command that is an agent, in any language";
    const USES: &'static [RoleUse] = &[RoleUse {
        config_key: "uses",
        enabled_by: "",
        default: "",
    }];

    type Config = Config;
    type Event = Event;

    fn handlers() -> Handlers<Self> {
        Handlers::<Self>::new().of_config("handlers", |agent, ctx, tx, request| {
            Box::pin(async move { agent.call(ctx, tx, request) })
        })
    }

    fn new(config: Config) -> Result<Self, AgentError> {
        Ok(Self {
            uses: config.checked()?,
            config,
            child: None,
            pulse: None,
            calls: Calls::default(),
            asks: Arc::new(Semaphore::new(ASKS_MAX)),
            waiting: VecDeque::new(),
            n_rows: 0,
            next_row: 0,
            n_bad_lines: 0,
            state: Value::Null,
        })
    }

    async fn start(&mut self, ctx: &Ctx<Self>) -> Result<(), AgentError> {
        let (child, reading) = Child::start(ctx, Launch::new(&self.config)?).await?;
        let exit = child.exit.clone();
        self.child = Some(child);
        self.tell(&ToChild::Hello {
            version: VERSION,
            agent: ctx.address().agent.clone(),
            node: ctx.node().clone(),
            beacon_ms: u64::try_from(ctx.beacon().as_millis()).unwrap_or(u64::MAX),
        });
        let reading = self.is_ready(reading).await?;
        self.pulse = Some(Pulse::new(ctx.now(), ctx.beacon()));
        ctx.spawn(reading.listen(ctx.clone(), exit));
        tick(ctx);
        self.find_rows(ctx)?;
        self.hand_out(ctx)?;
        Ok(())
    }

    async fn on_event(&mut self, ctx: &Ctx<Self>, event: Event) -> Result<(), AgentError> {
        match event.0 {
            Happened::Said(said, _place) => match said {
                Ok(said) => self.said(ctx, said).await?,
                Err(error) => self.bad_line(ctx, &error)?,
            },
            Happened::Exited(exit) => return Err(self.ended(&exit).await),
            Happened::Kept(key) => {
                self.waiting.push_back(key);
                self.hand_out(ctx)?;
            }
            Happened::Tick => {
                tick(ctx);
                self.look(ctx)?;
                self.upkeep(ctx).await?;
            }
        }
        Ok(())
    }

    fn state(&self) -> Value {
        let pid = self.child.as_ref().map(|child| child.pid.as_raw_pid());
        json!({
            "pid": pid,
            "calls": self.calls.n_calls(),
            "open_calls": self.calls.n_open(),
            "open_asks": ASKS_MAX - self.asks.available_permits(),
            "kept_calls": self.n_rows,
            "bad_lines": self.n_bad_lines,
            "child": self.state,
        })
    }

    async fn stop(&mut self, _: &Ctx<Self>) {
        self.tell(&ToChild::Stop {});
        let Some(child) = &mut self.child else { return };
        for (signal, time) in [
            (None, STOP_TIME),
            (Some(Signal::TERM), TERM_TIME),
            (Some(Signal::KILL), KILL_TIME),
        ] {
            if let Some(signal) = signal {
                child.signal(signal);
            }
            if timeout(time, child.ended()).await.is_ok() {
                return;
            }
        }
    }
}

impl External {
    /// Says something to the child; false where it does not keep up.
    fn tell(&self, message: &ToChild) -> bool {
        self.child.as_ref().is_some_and(|child| child.tell(message))
    }

    /// Waits for the child's first word.
    async fn is_ready(&mut self, mut reading: Reading) -> Result<Reading, AgentError> {
        let within = Duration::from_secs(self.config.ready_time_s);
        let failed = |why: String| AgentError::outside("start the command", why);
        let first = timeout(within, reading.next()).await;
        match first {
            Err(_) => {
                let why = format!("it was not ready within {} s", within.as_secs());
                Err(failed(why))
            }
            Ok(None) => {
                let why = self.end_of_child().await;
                Err(failed(format!("it ended before it was ready: {why}")))
            }
            Ok(Some(Ok(FromChild::Ready { version: VERSION }))) => Ok(reading),
            Ok(Some(Ok(FromChild::Ready { version }))) => Err(failed(format!(
                "it speaks version {version}, not {VERSION}"
            ))),
            Ok(Some(Ok(_))) => Err(failed("its first line is not `ready`".to_owned())),
            Ok(Some(Err(error))) => Err(failed(error.to_string())),
        }
    }

    async fn end_of_child(&mut self) -> String {
        let Some(child) = &mut self.child else {
            return pending().await;
        };
        match timeout(END_TIME, child.ended()).await {
            Ok(exit) => child.obituary(&exit).await,
            Err(_) => "it closed its stdout".to_owned(),
        }
    }

    async fn said(&mut self, ctx: &Ctx<Self>, said: FromChild) -> Result<(), AgentError> {
        let taken = match said {
            FromChild::Reply { call, content } => match self.calls.end(call) {
                Some(open) => return self.answer(ctx, open, Ok(content)).await,
                None => Err(not_open(call)),
            },
            FromChild::Error { call, error } => match self.calls.end(call) {
                Some(open) => return self.answer(ctx, open, Err(error)).await,
                None => Err(not_open(call)),
            },
            FromChild::Working { call, note } => match self.calls.get(call) {
                Some(open) => {
                    open.note = note;
                    self.working(ctx, call).await
                }
                None => Err(not_open(call)),
            },
            FromChild::Part { call, text } => self.part(ctx, call, &text).await,
            FromChild::Ask {
                ask,
                role,
                content,
                within_s,
                all,
            } => {
                self.ask(ctx, ask, Want { role, content, all }, within_s);
                Ok(())
            }
            FromChild::Send {
                send,
                role,
                content,
                durable,
                all,
            } => {
                let want = Want { role, content, all };
                self.send(ctx, send, want, durable).await
            }
            FromChild::State { state } => self.show(state),
            FromChild::Beacon {} => {
                self.pulse.iter_mut().for_each(Pulse::heard);
                Ok(())
            }
            FromChild::Ready { .. } => Err("it is ready already".to_owned()),
        };
        if let Err(reason) = taken {
            tracing::debug!(agent = %ctx.address(), reason, "a line of the child is not taken");
            self.tell(&ToChild::Refused { reason });
        }
        Ok(())
    }

    fn show(&mut self, state: Value) -> Result<(), String> {
        if state.to_string().len() > STATE_BYTES_MAX {
            return Err(format!("a state has at most {STATE_BYTES_MAX} bytes"));
        }
        self.state = state;
        Ok(())
    }

    fn bad_line(&mut self, ctx: &Ctx<Self>, error: &LineError) -> Result<(), AgentError> {
        self.n_bad_lines += 1;
        let reason = skep_agent::one_line(error);
        if self.n_bad_lines.is_power_of_two() {
            let n_bad_lines = self.n_bad_lines;
            tracing::warn!(agent = %ctx.address(), n_bad_lines, reason, "the child says what is no message");
        }
        self.tell(&ToChild::Refused { reason });
        if self.n_bad_lines >= BAD_LINES_MAX {
            let why = format!("{BAD_LINES_MAX} of its lines are no messages");
            self.kill();
            return Err(AgentError::outside("understand the command", why));
        }
        Ok(())
    }

    fn look(&mut self, ctx: &Ctx<Self>) -> Result<(), AgentError> {
        match self.pulse.as_mut().map(|pulse| pulse.look(ctx.now())) {
            Some(Look::Ask) => {
                // Where it does not read, no answer comes: that is what is found out.
                self.tell(&ToChild::Beacon {});
                Ok(())
            }
            Some(Look::Hung) => {
                let why = "it hangs: no beacon came";
                self.kill();
                Err(AgentError::outside("reach the command", why))
            }
            Some(Look::Wait) | None => Ok(()),
        }
    }

    /// Ends a child that is beyond words.
    fn kill(&self) {
        if let Some(child) = &self.child {
            child.signal(Signal::KILL);
        }
    }

    async fn ended(&mut self, exit: &Exit) -> AgentError {
        if exit.is_clean {
            return AgentError::Ended;
        }
        let why = match &mut self.child {
            Some(child) => child.obituary(exit).await,
            None => exit.text.clone(),
        };
        AgentError::outside("keep the command running", why)
    }
}

fn tick(ctx: &Ctx<External>) {
    ctx.post_after(ctx.beacon().min(TICK_MAX), Event(Happened::Tick));
}

#[cfg(test)]
mod tests;
