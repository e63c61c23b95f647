//! The file of `log_path`, looked at between patrols: who wants to hear of grave lines does.

use std::sync::Arc;

use skep_agent::Ctx;
use skep_agent::StoreError;
use skep_lines::neutral_cut;
use skep_protocol::digest::CollectorReport;
use skep_protocol::oracle::Window;
use skep_protocol::severity::Severity;
use skep_protocol::status::StatusEvent;
use skep_sources::Unfinished;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;

use crate::LogWatcher;
use crate::config::Watch;
use crate::digest::ReportOptions;
use crate::patrol::StopOnDrop;
use crate::read::Position;
use crate::read::Progress;
use crate::read::Task;
use crate::reports::About;
use crate::reports::Group;
use crate::reports::LINE;
use crate::reports::Reader;
use crate::shared::Shared;

/// The position's key.
const POSITION: &str = "watch/position";

/// The level of lines that nobody needs to hear of.
const QUIET: &str = "info";

/// A line in a report is cut to this many characters.
const SHOWN_CHARS_MAX: usize = 300;

/// Looks until the agent stops. What was there before the first look is the patrols' affair.
pub(crate) async fn look_on(ctx: Ctx<LogWatcher>, shared: Arc<Shared>, watch: Watch) {
    let mut ticks = interval(watch.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = look(&ctx, &shared, &watch).await {
            tracing::error!(%error, "a look at a file failed, the next one covers its lines");
        }
    }
}

/// The position and the report commit together: each grave line is reported once.
async fn look(ctx: &Ctx<LogWatcher>, shared: &Shared, watch: &Watch) -> Result<(), StoreError> {
    let before: Option<Position> = ctx.get(POSITION)?;
    let is_first = before.is_none();
    let (report, after) = read(ctx, shared, watch, before.clone().unwrap_or_default()).await;
    if before.as_ref() == Some(&after) {
        return Ok(());
    }
    let event = event(ctx, shared, watch, &report).filter(|_| !is_first);
    ctx.tx(|tx| {
        tx.put(POSITION, &after);
        if let Some(event) = &event {
            shared.send_report(tx, event);
        }
        Ok(())
    })
    .await
}

async fn read(
    ctx: &Ctx<LogWatcher>,
    shared: &Shared,
    watch: &Watch,
    position: Position,
) -> (CollectorReport, Position) {
    let settings = shared.settings(ctx.now().unix_ms);
    let reader = shared.reader(Unfinished::Leave);
    let paths = Some(vec![watch.path.clone()]);
    let task = Task {
        name: "generic".to_owned(),
        paths,
        rotate_depth: 0,
        max_lines: None,
    };
    let progress = Arc::new(Progress::default());
    let _ends_with_us = StopOnDrop(progress.clone());
    ctx.blocking(move || {
        let (collector, reached) = reader.on(&task, &settings, &position, &progress);
        let (report, open) = collector.finish_part(&ReportOptions::default());
        (report, reached.with_open(open))
    })
    .await
}

/// What the grave lines come to, if there are any.
fn event(
    ctx: &Ctx<LogWatcher>,
    shared: &Shared,
    watch: &Watch,
    found: &CollectorReport,
) -> Option<StatusEvent> {
    let grave = found
        .totals
        .0
        .iter()
        .filter(|(level, n)| level != QUIET && *n > 0);
    let (gravest, n) = grave.clone().next()?;
    let counts: Vec<String> = grave.map(|(level, n)| format!("{n} {level}")).collect();
    let section = found
        .sections
        .iter()
        .find(|section| section.name == *gravest);
    let lines = section.map_or(&[][..], |section| section.lines.as_slice());
    let shown = lines
        .last()
        .map(|line| neutral_cut(line.text.as_bytes(), SHOWN_CHARS_MAX));
    let now_ms = ctx.now().unix_ms;
    let about = About {
        origin: ctx.address(),
        window: Window {
            from_ms: now_ms,
            until_ms: now_ms,
        },
        except: None,
    };
    let mut reader = Reader::new(&shared.settings(now_ms), &watch.service_name);
    let mut group = Group::new(&about, *n);
    group.take(&mut reader, lines.iter().rev());
    let severity = gravest.parse().unwrap_or(Severity::Warning);
    let mut event = group.event(&about, &watch.service_name, LINE, severity);
    event.detail = format!(
        "{}; the newest: {}",
        counts.join(", "),
        shown.unwrap_or_default()
    );
    Some(event)
}
