//! The forensic detective: makes cases of severity reports, and tells people once.
//!
//! A report commits together with what it changes and with the alert that follows, so a kill at any
//! point neither loses a report nor tells twice. The oracle is asked beside that; what it says, or
//! that it said nothing, goes into the case and into the alert's record. So does what it says too
//! late, marked so.

mod ask;
mod config;
mod core;
mod late;
mod list;
mod rows;
mod show;
mod tell;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use skep_agent::{
    Access, Agent, AgentError, AgentSpec, Ctx, HandlerError, Handlers, Level, Request, RoleUse,
    StoreError, Tx,
};
use skep_protocol::{
    alert,
    case::{self, ListCases, ShowCase},
    oracle,
    severity::Severity,
    status::{self, StatusEvent},
};

use self::{
    ask::Asker,
    config::Rules,
    core::{Due, Step},
    rows::Rows,
};
pub use self::{
    config::Config,
    show::{list_text, text},
};

/// What a registry lists.
pub const SPEC: AgentSpec = AgentSpec::of::<ForensicDetective>();

/// How often it looks for cases that are quiet and updates that are due.
const SWEEP: Duration = Duration::from_secs(30);

/// The forensic detective.
#[derive(Debug)]
pub struct ForensicDetective {
    rules: Rules,
    asker: Arc<Asker>,
    seen: Seen,
}

/// What is shown of its work since its start.
#[derive(Debug, Default)]
struct Seen {
    reports: u64,
    opened: u64,
    closed: u64,
    told: u64,
}

/// What its timers tell it.
#[derive(Debug)]
pub struct Sweep;

impl Agent for ForensicDetective {
    const KIND: &'static str = "forensic_detective";
    const SUMMARY: &'static str = "Makes cases of what hosts report, and tells people once";
    const ROLES: &'static [&'static str] = &[
        "hive.forensics.data_feed@cmd_ingest_status_report",
        "hive.forensics.cases@cmd_list_cases",
        "hive.forensics.case@cmd_show_case",
    ];
    const USES: &'static [RoleUse] = &[
        RoleUse {
            config_key: "oracle_role",
            default: oracle::ROLE,
            enabled_by: "enable_oracle",
        },
        RoleUse {
            config_key: "alert_role",
            default: alert::ROLE,
            enabled_by: "",
        },
    ];

    type Config = Config;
    type Event = Sweep;

    fn handlers() -> Handlers<Self> {
        let viewers = Access::operators(Level::Viewer).or_agents();
        Handlers::<Self>::new()
            .durable(
                status::HANDLER,
                Access::agents(),
                |agent, ctx, tx, request| Box::pin(agent.ingest(ctx, tx, request)),
            )
            .command(
                oracle::RETURN_HANDLER,
                Access::agents(),
                |agent, ctx, request| Box::pin(late::take(ctx, &agent.rules, request)),
            )
            .command(case::HANDLER_LIST, viewers, |agent, ctx, request| {
                Box::pin(agent.list(ctx, request))
            })
            .command(case::HANDLER_SHOW, viewers, |agent, ctx, request| {
                Box::pin(agent.show(ctx, request))
            })
    }

    fn new(config: Config) -> Result<Self, AgentError> {
        let rules = config.check()?;
        Ok(Self {
            asker: Arc::new(Asker::new(&rules)),
            rules,
            seen: Seen::default(),
        })
    }

    async fn start(&mut self, ctx: &Ctx<Self>) -> Result<(), AgentError> {
        for id in rows::asked(ctx)? {
            self.asker.begin(ctx, id);
        }
        ctx.post_after(Duration::ZERO, Sweep);
        Ok(())
    }

    async fn on_event(&mut self, ctx: &Ctx<Self>, Sweep: Sweep) -> Result<(), AgentError> {
        let steps = ctx.tx(|tx| self.sweep(ctx, tx)).await?;
        for step in &steps {
            self.note(step);
            if step.ask {
                self.asker.begin(ctx, step.stored.case.id);
            }
        }
        ctx.post_after(SWEEP, Sweep);
        Ok(())
    }

    fn state(&self) -> Value {
        let Seen {
            reports,
            opened,
            closed,
            told,
        } = self.seen;
        json!({ "reports": reports, "opened": opened, "closed": closed, "told": told })
    }
}

impl ForensicDetective {
    async fn ingest(
        &mut self,
        ctx: &Ctx<Self>,
        tx: &mut Tx,
        request: Request<StatusEvent>,
    ) -> Result<(), HandlerError> {
        let event = request.content;
        if event.report.is_none() && event.severity < Severity::Warning {
            // A state that nobody has to act on.
            return Ok(());
        }
        let now_ms = tx.now().unix_ms;
        let entry = core::entry(event, &request.from, now_ms);
        let step = core::take(
            &mut Rows(tx),
            &self.rules.terms,
            request.id.0,
            entry,
            now_ms,
        )?;
        if step.opened {
            rows::prune(tx, &self.rules.kept, now_ms)?;
        }
        self.tell(ctx, tx, &step);
        self.seen.reports += 1;
        self.note(&step);
        if step.ask {
            // It reads the case in a transaction of its own, which waits for this one.
            self.asker.begin(ctx, step.stored.case.id);
        }
        Ok(())
    }

    fn sweep(&self, ctx: &Ctx<Self>, tx: &mut Tx) -> Result<Vec<Step>, StoreError> {
        let now_ms = tx.now().unix_ms;
        rows::prune_when_due(tx, &self.rules.kept, now_ms)?;
        let steps = core::sweep(&mut Rows(tx), &self.rules.terms, now_ms)?;
        for step in &steps {
            self.tell(ctx, tx, step);
        }
        Ok(steps)
    }

    /// Sends the alerts of a step with its transaction.
    fn tell(&self, ctx: &Ctx<Self>, tx: &mut Tx, step: &Step) {
        let case = &step.stored.case;
        if let Some(due) = step.due {
            let alert = tell::of_case(ctx.address(), &step.stored, due);
            if due == Due::News {
                let (severity, cause) = (case.severity, &case.cause.title);
                tracing::info!(case = %case.id, %severity, cause, "a case is told");
            }
            tx.send(self.rules.alert(&alert));
        }
        for gone in &step.absorbed {
            let alert = tell::of_absorbed(ctx.address(), gone, case.id);
            tx.send(self.rules.alert(&alert));
        }
    }

    fn note(&mut self, step: &Step) {
        self.seen.opened += u64::from(step.opened);
        self.seen.told += u64::from(step.due == Some(Due::News));
        let closed = step.stored.case.state == case::CaseState::Closed;
        self.seen.closed += u64::from(closed);
    }

    async fn list(
        &mut self,
        ctx: &Ctx<Self>,
        request: Request<Option<ListCases>>,
    ) -> Result<(), HandlerError> {
        let wanted = request.content.clone().unwrap_or_default();
        let reader = ctx.clone();
        let cases = ctx.blocking(move || list::find(&reader, &wanted)).await?;
        Ok(ctx.reply(&request, &cases).await?)
    }

    async fn show(
        &mut self,
        ctx: &Ctx<Self>,
        request: Request<ShowCase>,
    ) -> Result<(), HandlerError> {
        let case = list::one(ctx, &request.content.id)?;
        Ok(ctx.reply(&request, &case).await?)
    }
}
