//! A digest as a mail each day: a letter to people, which is no alarm.
//!
//! It goes to the role that tells people, with the page for mail programs and a text beside it. What
//! was posted last and the letter commit together, so that each day has one letter.

mod due;

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use skep_agent::Ctx;
use skep_agent::StoreError;
use skep_protocol::alert::Alert;
use skep_protocol::alert::MSG_CHARS_MAX;
use skep_protocol::digest::DigestReport;
use skep_protocol::digest::Document;
use skep_protocol::digest::Overview;
use skep_protocol::oracle::Window;
use skep_protocol::severity::Severity;
use skep_sources::Unfinished;
use tokio::time::sleep;
use uuid::Uuid;

pub(crate) use self::due::At;
use crate::LogWatcher;
use crate::digest::ReportOptions;
use crate::patrol::StopOnDrop;
use crate::read::Progress;
use crate::read::back;
use crate::seen;
use crate::shared::Shared;
use crate::show;
use crate::show::Facts;

/// When the last letter was due, in milliseconds since the Unix epoch.
const LAST: &str = "letter/last";

/// A letter that could not be sent in time is sent so much later at most.
const LATE_MAX_MS: u64 = 6 * 3600 * 1000;

/// The longest sleep: the wall clock may be set meanwhile.
const LOOK: Duration = Duration::from_secs(60);

/// Mail services cut a page that is longer.
const PAGE_BYTES_MAX: usize = 100 * 1024;

/// The name space of letters' ids; random, fixed for good.
const SPACE: Uuid = Uuid::from_u128(0x2c6f_8a10_57e3_4b9d_9f41_d0c8_3e7a_b516);

/// When letters are due, and what each covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LetterTerms {
    pub(crate) at: At,
    pub(crate) cover_s: u64,
}

/// Posts until the agent stops.
pub(crate) async fn post(ctx: Ctx<LogWatcher>, shared: Arc<Shared>, terms: LetterTerms) {
    let zone = TimeZone::system();
    loop {
        let now_ms = ctx.now().unix_ms;
        if let Some(due_ms) = terms.at.last_before(now_ms, &zone)
            && let Err(error) = post_one(&ctx, &shared, terms, due_ms).await
        {
            tracing::error!(%error, "a letter could not be posted, it is tried again");
        }
        let next_ms = terms.at.next_after(now_ms, &zone).unwrap_or(u64::MAX);
        let left = next_ms.saturating_sub(ctx.now().unix_ms).max(1);
        sleep(Duration::from_millis(left).min(LOOK)).await;
    }
}

/// Posts the letter that was due then, unless it was posted or is too old.
async fn post_one(
    ctx: &Ctx<LogWatcher>,
    shared: &Arc<Shared>,
    terms: LetterTerms,
    due_ms: u64,
) -> Result<(), StoreError> {
    let last: Option<u64> = ctx.get(LAST)?;
    if last.is_some_and(|last| last >= due_ms) {
        return Ok(());
    }
    // Nobody waits for a letter of before the agent was told to write any.
    let is_late = ctx.now().unix_ms.saturating_sub(due_ms) > LATE_MAX_MS;
    if last.is_none() || is_late {
        if last.is_some() {
            tracing::warn!(due_ms, "a letter is left out: it was due too long ago");
        }
        return ctx
            .tx(|tx| {
                tx.put(LAST, &due_ms);
                Ok(())
            })
            .await;
    }
    let window = Window {
        from_ms: due_ms.saturating_sub(terms.cover_s.saturating_mul(1000)),
        until_ms: due_ms,
    };
    let report = read(ctx, shared, terms.cover_s, window).await;
    let facts = Facts {
        host: ctx.node().to_string(),
        made_ms: ctx.now().unix_ms,
        window: Some(window),
        overview: Overview::default(),
    };
    ctx.tx(|tx| {
        let facts = seen::compare(tx, "letter", &report, facts)?;
        let document = show::document(&report, &facts, None);
        let letter = letter(ctx, &document, due_ms);
        tx.put(LAST, &due_ms);
        tx.send(shared.alert(&letter, letter.packet_id()));
        Ok(())
    })
    .await?;
    tracing::info!(due_ms, "a letter is on its way");
    Ok(())
}

/// Reads the span on a thread of its own.
async fn read(
    ctx: &Ctx<LogWatcher>,
    shared: &Arc<Shared>,
    cover_s: u64,
    window: Window,
) -> DigestReport {
    let mut settings = shared.settings(window.until_ms);
    settings.until_ns = i64::try_from(window.until_ms.saturating_mul(1_000_000)).ok();
    let (reader, tasks) = (shared.reader(Unfinished::Take), shared.terms.tasks.clone());
    let progress = Arc::new(Progress::default());
    let _ends_with_us = StopOnDrop(progress.clone());
    ctx.blocking(move || {
        let reports = tasks.iter().map(|task| {
            let (task, settings) = back(task, &settings, cover_s);
            let collector = reader.all(&task, &settings, &progress);
            (task.name, collector.finish(&ReportOptions::default()))
        });
        DigestReport {
            collectors: reports.collect(),
        }
    })
    .await
}

/// The letter: one record for each day, told as it is, whatever else is told.
fn letter(ctx: &Ctx<LogWatcher>, document: &Document<'_>, due_ms: u64) -> Alert {
    let overview = &document.overview;
    let what = match overview.needs.len() {
        0 => "nothing needs a person".to_owned(),
        1 => "one thing needs a person".to_owned(),
        n => format!("{n} things need a person"),
    };
    let title = format!("[{}] Digest of {}: {what}", overview.severity, ctx.node());
    let origin = ctx.address().clone();
    // What is grave in it was alerted when it happened: the letter itself is no alarm.
    let mut letter = Alert::new(origin, Severity::Info, "digest", cut(&show::text(document)));
    letter.id = Some(Uuid::new_v5(
        &SPACE,
        format!("{due_ms} {}", ctx.address()).as_bytes(),
    ));
    letter.title = Some(title);
    letter.html = Some(show::html_within(
        std::slice::from_ref(document),
        PAGE_BYTES_MAX,
    ));
    // A story of its own, so that no cooldown of the last letter holds this one back.
    letter.group = Some(format!("digest of {}", show::utc(due_ms)));
    letter.timestamp = document.made_ms;
    letter
}

/// As much of a text as an alert holds, in whole lines.
fn cut(text: &str) -> String {
    const REST: &str = "The rest stands in the page beside this text.\n";
    if text.chars().count() <= MSG_CHARS_MAX {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut left = MSG_CHARS_MAX - REST.len();
    for line in text.split_inclusive('\n') {
        let n_chars = line.chars().count();
        if n_chars > left {
            break;
        }
        left -= n_chars;
        kept.push_str(line);
    }
    kept + REST
}
