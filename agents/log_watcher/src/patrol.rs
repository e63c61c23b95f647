//! The patrol: covers exactly what came since the last one, whether anyone asks or not.
//!
//! Its checkpoint, its digest and, where an oracle is asked, its open question commit together:
//! after any crash the next patrol goes on where the last committed one ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use skep_agent::Ctx;
use skep_agent::StoreError;
use skep_agent::Tx;
use skep_protocol::callback::Answering;
use skep_protocol::callback::Format;
use skep_protocol::callback::Thread;
use skep_protocol::digest::Analysis;
use skep_protocol::digest::DigestReport;
use skep_protocol::digest::Document;
use skep_protocol::digest::Ordered;
use skep_protocol::oracle::OracleResponse;
use skep_protocol::oracle::Window;
use skep_protocol::status::StatusEvent;
use skep_sources::Unfinished;
use tokio::time::sleep;

use crate::LogWatcher;
use crate::ask;
use crate::digest::Before;
use crate::digest::ReportOptions;
use crate::digest::overview;
use crate::question::Outcome;
use crate::question::Question;
use crate::question::query_id;
use crate::read::Position;
use crate::read::Progress;
use crate::reports;
use crate::shared::Shared;
use crate::show;
use crate::show::Facts;

/// The checkpoint's key.
const CHECKPOINT: &str = "patrol/checkpoint";

/// Kept digests stand under this prefix, by their patrol's number.
const KEPT: &str = "digest/";

/// Digests that are kept; the oldest go.
pub(crate) const KEPT_MAX: u64 = 100;

/// How often a long patrol shows how far it came.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// How long the first digest waits for doors that come up after it: a node's agents start in any
/// order, and the terminal it was started in is one of them.
const DOOR_WAIT: Duration = Duration::from_secs(3);

/// How often it looks meanwhile.
const DOOR_LOOK: Duration = Duration::from_millis(50);

/// Where the last patrol ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Checkpoint {
    /// Patrols committed so far.
    patrols: u64,
    /// The end of the last one's window, in milliseconds since the Unix epoch.
    until_ms: Option<u64>,
    /// How far each collector has come.
    positions: BTreeMap<String, Position>,
}

/// A patrol's digest as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) facts: Facts,
    pub(crate) report: DigestReport,
    pub(crate) analysis: Option<OracleResponse>,
    /// Why there is no analysis.
    pub(crate) reason: Option<String>,
}

impl Kept {
    /// The digest as programs get it.
    pub(crate) fn document(&self) -> Document<'_> {
        show::document(&self.report, &self.facts, self.analysis())
    }

    /// What came of asking about it, if it was asked about and that has ended.
    fn analysis(&self) -> Option<Analysis> {
        (self.analysis.is_some() || self.reason.is_some()).then(|| Analysis {
            query_id: self
                .analysis
                .as_ref()
                .map(|response| response.query_id.clone()),
            report: self
                .analysis
                .as_ref()
                .map(|response| response.report.clone()),
            reason: self.reason.clone(),
        })
    }
}

/// Patrols until the agent stops; the first time at once.
pub(crate) async fn walk(ctx: Ctx<LogWatcher>, shared: Arc<Shared>) {
    loop {
        if let Err(error) = patrol(&ctx, &shared).await {
            tracing::error!(%error, "a patrol failed, the next one covers its lines");
            shared.shown().last_error = Some(error.to_string());
        }
        sleep(shared.terms.patrol_interval).await;
    }
}

async fn patrol(ctx: &Ctx<LogWatcher>, shared: &Arc<Shared>) -> Result<(), StoreError> {
    let before = checkpoint(ctx)?;
    let until_ms = ctx.now().unix_ms;
    let interval_ms = u64::try_from(shared.terms.patrol_interval.as_millis()).unwrap_or(u64::MAX);
    let from_ms = before
        .until_ms
        .unwrap_or(until_ms.saturating_sub(interval_ms));
    let window = Window { from_ms, until_ms };
    let (report, positions) = read(ctx, shared, &before, window).await;
    let after = Checkpoint {
        patrols: before.patrols + 1,
        until_ms: Some(until_ms),
        positions,
    };
    let seq = after.patrols;
    let reports = reports(ctx, shared, &report, window);
    let answering = Answering::new(nobody(), ctx.address().clone());
    let facts = facts(ctx, &before, window, &report)?;
    let asked = shared.terms.oracle.as_ref().filter(|_| has_news(&report));
    let question = asked.map(|terms| Question {
        query_id: query_id(&format!("patrol {seq} {from_ms} {until_ms}"), ctx.address()),
        deadline_ms: ctx.now().plus(terms.timeout).unix_ms,
        format: Format::Text,
        include_details: true,
        patrol: Some(seq),
        window: Some(window),
        facts: facts.clone(),
        digest: report.clone(),
    });
    let kept = Kept {
        facts,
        report,
        analysis: None,
        reason: None,
    };
    ctx.tx(|tx| {
        tx.put(CHECKPOINT, &after);
        tx.put(&key(seq), &kept);
        if let Some(oldest) = seq.checked_sub(KEPT_MAX) {
            tx.delete(&key(oldest));
        }
        if let Some(question) = &question {
            question.open(tx, &answering);
        }
        for event in &reports {
            shared.send_report(tx, event);
        }
        Ok(())
    })
    .await?;
    show(shared, &kept, seq);
    hand_on(ctx, shared, &kept, question);
    Ok(())
}

/// What somebody who correlates hosts should know, if the directive names one.
fn reports(
    ctx: &Ctx<LogWatcher>,
    shared: &Shared,
    digest: &DigestReport,
    window: Window,
) -> Vec<StatusEvent> {
    if shared.terms.report_to.is_none() {
        return Vec::new();
    }
    let watch = shared.terms.watch.as_ref();
    let about = reports::About {
        origin: ctx.address(),
        window,
        // The looks at this file report its lines as they come.
        except: watch.map(|watch| watch.service_name.as_str()),
    };
    let settings = shared.settings(window.until_ms);
    let (events, n_left_out) = reports::of_digest(digest, &about, &settings);
    if n_left_out > 0 {
        tracing::warn!(n_left_out, "too much to report: the mildest was left out");
    }
    events
}

/// What the digest comes to, compared with the last patrol's.
fn facts(
    ctx: &Ctx<LogWatcher>,
    checkpoint: &Checkpoint,
    window: Window,
    report: &DigestReport,
) -> Result<Facts, StoreError> {
    let last: Option<Kept> = match ctx.get(&key(checkpoint.patrols)) {
        // A row of another version: there is nothing to compare with.
        Err(StoreError::Value { .. }) => None,
        last => last?,
    };
    let before = last.as_ref().map(|last| Before {
        report: &last.report,
        window: last.facts.window,
    });
    Ok(Facts {
        host: ctx.node().to_string(),
        made_ms: window.until_ms,
        window: Some(window),
        overview: overview(report, Some(window), before),
    })
}

/// Whether there is anything to ask an oracle about.
fn has_news(report: &DigestReport) -> bool {
    let mut coverages = report.collectors.0.iter().map(|(_, found)| &found.coverage);
    coverages.any(|coverage| coverage.lines.analysed > 0 || !coverage.gaps.is_empty())
}

/// Reads what came since the checkpoint, on a thread of its own.
async fn read(
    ctx: &Ctx<LogWatcher>,
    shared: &Arc<Shared>,
    before: &Checkpoint,
    window: Window,
) -> (DigestReport, BTreeMap<String, Position>) {
    let mut settings = shared.settings(window.until_ms);
    let from_ns = i64::try_from(window.from_ms)
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000_000);
    settings.since_ns = Some(from_ns);
    let (reader, tasks) = (shared.reader(Unfinished::Leave), shared.terms.tasks.clone());
    let known = before.positions.clone();
    let progress = Arc::new(Progress::default());
    let _ends_with_us = StopOnDrop(progress.clone());
    let watched = progress.clone();
    let work = ctx.blocking(move || {
        let mut positions = known.clone();
        let mut collectors = Vec::new();
        for task in &tasks {
            let position = known.get(&task.name).cloned().unwrap_or_default();
            let (collector, reached) = reader.on(task, &settings, &position, &watched);
            let (report, open) = collector.finish_part(&ReportOptions::default());
            positions.insert(task.name.clone(), reached.with_open(open));
            collectors.push((task.name.clone(), report));
        }
        (
            DigestReport {
                collectors: Ordered(collectors),
            },
            positions,
        )
    });
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = sleep(PROGRESS_INTERVAL) => {
                shared.shown().reading_bytes = Some(progress.bytes());
                tracing::info!(bytes = progress.bytes(), "the patrol is reading");
            }
        }
    }
}

/// Ends a read whose result nobody waits for any more.
pub(crate) struct StopOnDrop(pub(crate) Arc<Progress<'static>>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn show(shared: &Shared, kept: &Kept, seq: u64) {
    let mut shown = shared.shown();
    shown.patrols += 1;
    shown.last_patrol_ms = kept.facts.window.map(|window| window.until_ms);
    shown.reading_bytes = None;
    let collectors = kept.report.collectors.0.iter();
    shown.last_headlines = collectors
        .map(|(name, collector)| format!("{name}: {}", collector.headline))
        .collect();
    let lines: u64 = kept
        .report
        .collectors
        .0
        .iter()
        .map(|(_, found)| found.lines_read)
        .sum();
    tracing::info!(seq, lines, "patrol done");
}

/// Offers the digest to the doors and asks about it, beside the patrols to come.
fn hand_on(ctx: &Ctx<LogWatcher>, shared: &Arc<Shared>, kept: &Kept, question: Option<Question>) {
    let is_first = shared.shown().patrols == 1;
    let mut answering = Answering::new(nobody(), ctx.address().clone());
    let now_ms = ctx.now().unix_ms;
    let text = show::text(&kept.document());
    let parts = answering.text(now_ms, &text, question.is_none());
    let (door_ctx, door_shared) = (ctx.clone(), shared.clone());
    ctx.spawn(async move {
        let mut told = door_shared.offer(&door_ctx, &parts, &[]).await;
        let until_ns = door_ctx.now().mono_after(DOOR_WAIT);
        while is_first && door_ctx.now().mono_ns < until_ns {
            sleep(DOOR_LOOK).await;
            told.extend(door_shared.offer(&door_ctx, &parts, &told).await);
        }
    });
    let Some(question) = question else { return };
    let (ctx, shared) = (ctx.clone(), shared.clone());
    ctx.clone().spawn(async move {
        let Some(outcome) = ask::pursue(&ctx, &shared, question.clone()).await else {
            return;
        };
        let words = question.last_words(&mut answering, &outcome, ctx.now().unix_ms);
        shared.offer(&ctx, &words, &[]).await;
    });
}

/// Writes what came of the question to the digest it is about, if that is still kept.
pub(crate) fn note_outcome(tx: &mut Tx, seq: u64, outcome: &Outcome) -> Result<(), StoreError> {
    let Some(mut kept) = tx.get::<Kept>(&key(seq))? else {
        return Ok(());
    };
    match outcome {
        Outcome::Report(response) => {
            kept.analysis = Some((**response).clone());
            kept.reason = None;
        }
        Outcome::Failed(failure) => kept.reason = Some(failure.to_string()),
    }
    tx.put(&key(seq), &kept);
    Ok(())
}

/// The newest kept digest.
pub(crate) fn newest(ctx: &Ctx<LogWatcher>) -> Result<Option<Kept>, StoreError> {
    ctx.get(&key(checkpoint(ctx)?.patrols))
}

/// The checkpoint; one of another version that can not be read begins anew, and says so.
fn checkpoint(ctx: &Ctx<LogWatcher>) -> Result<Checkpoint, StoreError> {
    match ctx.get(CHECKPOINT) {
        Err(StoreError::Value { source, .. }) => {
            tracing::error!(error = %source, "the checkpoint can not be read: patrols begin anew");
            Ok(Checkpoint::default())
        }
        checkpoint => Ok(checkpoint?.unwrap_or_default()),
    }
}

fn key(seq: u64) -> String {
    format!("{KEPT}{seq:012}")
}

/// What nobody asked for belongs to no session.
fn nobody() -> Thread {
    Thread {
        session_id: None,
        token: None,
        return_handler: None,
        reply_to: None,
        session_key: None,
    }
}
