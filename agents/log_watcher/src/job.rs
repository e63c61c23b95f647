//! A digest that somebody asked for: read, shown in parts, and asked about if that was wanted.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use skep_agent::Ctx;
use skep_agent::HandlerError;
use skep_agent::Request;
use skep_agent::StoreError;
use skep_protocol::callback::Answering;
use skep_protocol::callback::Format;
use skep_protocol::callback::Thread;
use skep_protocol::callback::WORKING_INTERVAL_S;
use skep_protocol::digest::Analysis;
use skep_protocol::digest::DigestReport;
use skep_protocol::digest::Document;
use skep_protocol::digest::GenerateDigest;
use skep_protocol::digest::Ordered;
use skep_protocol::digest::Overview;
use skep_protocol::oracle;
use skep_protocol::oracle::Window;
use skep_sources::Unfinished;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

use crate::LogWatcher;
use crate::ask;
use crate::digest::ReportOptions;
use crate::patrol;
use crate::patrol::StopOnDrop;
use crate::question::Question;
use crate::question::query_id;
use crate::read::Progress;
use crate::read::Task;
use crate::read::back;
use crate::seen;
use crate::shared::Shared;
use crate::show;
use crate::show::Facts;

/// The first sign of progress comes after this, the others as often as the callbacks' rule says.
const FIRST_SIGN: Duration = Duration::from_secs(1);

/// A journal goes back for years: a digest on demand covers a day for each rotated file that it
/// would take in, and one more.
const JOURNAL_DAY_S: i64 = 24 * 3600;

/// Begins the digest that a request asks for.
pub(crate) async fn begin(
    ctx: &Ctx<LogWatcher>,
    shared: &Arc<Shared>,
    request: Request<GenerateDigest>,
) -> Result<(), HandlerError> {
    if request.content.last {
        return last(ctx, shared, request).await;
    }
    let tasks = wanted(shared, &request.content.collectors)?;
    if request.content.use_oracle && shared.terms.oracle.is_none() {
        let text = "this node asks no oracle: set `enable_oracle` in its directive";
        return Err(HandlerError::Refused(text.to_owned()));
    }
    let permit = shared.jobs.clone().try_acquire_owned().map_err(|_| {
        HandlerError::Refused("too many digests are in the making: ask again later".to_owned())
    })?;
    let job = Job {
        ctx: ctx.clone(),
        shared: shared.clone(),
        answering: Answering::new(thread(&request), ctx.address().clone()),
        request,
        tasks,
        _permit: permit,
    };
    ctx.spawn(async move {
        if let Err(error) = job.run().await {
            tracing::error!(%error, "a digest could not be delivered");
        }
    });
    Ok(())
}

/// The configured collectors of these names; all of them if none is named.
fn wanted(shared: &Shared, names: &[String]) -> Result<Vec<Task>, HandlerError> {
    let tasks = &shared.terms.tasks;
    if names.is_empty() {
        return Ok(tasks.clone());
    }
    let known: Vec<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
    let mut wanted: Vec<Task> = Vec::new();
    for name in names {
        let Some(task) = tasks.iter().find(|task| task.name == *name) else {
            let known = known.join(", ");
            let text = format!("there is no collector {name:?} here; there are: {known}");
            return Err(HandlerError::Refused(text));
        };
        if !wanted.contains(task) {
            wanted.push(task.clone());
        }
    }
    Ok(wanted)
}

fn thread(request: &Request<GenerateDigest>) -> Thread {
    let content = &request.content;
    let written = || {
        content
            .token
            .as_deref()
            .and_then(|token| token.parse().ok())
    };
    Thread {
        session_id: content.session_id.clone(),
        token: request.token.clone().or_else(written),
        return_handler: content.return_handler.clone(),
        reply_to: request.reply_to.clone(),
        session_key: request.session_key.clone(),
    }
}

/// Whether it is a plain question, which one reply answers, rather than a session's request.
fn wants_reply(request: &Request<GenerateDigest>) -> bool {
    request.token.is_some() && request.content.session_id.is_none()
}

struct Job {
    ctx: Ctx<LogWatcher>,
    shared: Arc<Shared>,
    request: Request<GenerateDigest>,
    tasks: Vec<Task>,
    answering: Answering,
    _permit: OwnedSemaphorePermit,
}

impl Job {
    async fn run(mut self) -> Result<(), StoreError> {
        let report = self.read().await?;
        let facts = self.facts(&report).await?;
        if self.request.content.use_oracle {
            return self.ask(report, facts).await;
        }
        if wants_reply(&self.request) {
            return self.reply(&report, &facts, None).await;
        }
        let document = show::document(&report, &facts, None);
        let now_ms = self.ctx.now().unix_ms;
        let parts = match self.request.content.format {
            Format::Text => self.answering.text(now_ms, &show::text(&document), true),
            Format::Json => self.answering.json(now_ms, &show::json(&document), true),
        };
        self.ctx
            .tx(|tx| {
                self.shared
                    .send_callbacks(&self.ctx, tx, &self.answering.thread, &parts)
            })
            .await
    }

    /// What the digest comes to, compared with the last one that was asked for like this.
    async fn facts(&self, report: &DigestReport) -> Result<Facts, StoreError> {
        let made_ms = self.ctx.now().unix_ms;
        let since_s = self.request.content.since_s;
        let facts = Facts {
            host: self.ctx.node().to_string(),
            made_ms,
            window: since_s.map(|since_s| Window {
                from_ms: made_ms.saturating_sub(since_s.saturating_mul(1000)),
                until_ms: made_ms,
            }),
            overview: Overview::default(),
        };
        let names: Vec<&str> = report
            .collectors
            .0
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let kind = format!("{since_s:?} {}", names.join(","));
        self.ctx
            .tx(|tx| seen::compare(tx, &kind, report, facts))
            .await
    }

    /// Reads on a thread of its own, and tells the person how far it came meanwhile.
    async fn read(&mut self) -> Result<DigestReport, StoreError> {
        let settings = self.shared.settings(self.ctx.now().unix_ms);
        let (reader, tasks) = (self.shared.reader(Unfinished::Take), self.tasks.clone());
        let options = ReportOptions {
            // An oracle sees the evidence also where the person does not want to.
            include_details: self.request.content.include_details
                || self.request.content.use_oracle,
            ..ReportOptions::default()
        };
        let since_s = self.request.content.since_s;
        let progress = Arc::new(Progress::default());
        let _ends_with_us = StopOnDrop(progress.clone());
        let watched = progress.clone();
        let ctx = self.ctx.clone();
        let work = ctx.blocking(move || {
            let report = |task: &Task| {
                if let Some(since_s) = since_s {
                    let (task, settings) = back(task, &settings, since_s);
                    let collector = reader.all(&task, &settings, &watched);
                    return (task.name, collector.finish(&options));
                }
                let mut settings = settings.clone();
                let days = i64::from(task.rotate_depth) + 1;
                let back_s = settings.now_unix_s.saturating_sub(days * JOURNAL_DAY_S);
                if reader.is_journal(task, &settings) {
                    settings.since_ns = Some(back_s.saturating_mul(1_000_000_000));
                }
                let mut collector = reader.all(task, &settings, &watched);
                if settings.since_ns.is_some() {
                    collector.note(&format!("the journal was read {days} days back"));
                }
                (task.name.clone(), collector.finish(&options))
            };
            DigestReport {
                collectors: Ordered(tasks.iter().map(report).collect()),
            }
        });
        tokio::pin!(work);
        let mut wait = FIRST_SIGN;
        loop {
            tokio::select! {
                report = &mut work => return Ok(report),
                () = sleep(wait) => self.tell_progress(&progress).await?,
            }
            wait = Duration::from_secs(WORKING_INTERVAL_S);
        }
    }

    async fn tell_progress(&mut self, progress: &Progress<'_>) -> Result<(), StoreError> {
        if wants_reply(&self.request) {
            return Ok(());
        }
        let note = format!("reading: {} MB so far", progress.bytes() / 1_000_000);
        let working = self.answering.working(self.ctx.now().unix_ms, note);
        self.ctx
            .tx(|tx| {
                self.shared
                    .send_callbacks(&self.ctx, tx, &self.answering.thread, &[working])
            })
            .await
    }

    /// Shows the digest, opens the question in the same transaction, and pursues it.
    async fn ask(mut self, digest: DigestReport, facts: Facts) -> Result<(), StoreError> {
        let Some(terms) = &self.shared.terms.oracle else {
            return Ok(());
        };
        let now = self.ctx.now();
        let question = Question {
            query_id: query_id(&self.request.id.to_string(), self.ctx.address()),
            deadline_ms: now.plus(terms.timeout).unix_ms,
            format: self.request.content.format,
            include_details: self.request.content.include_details,
            patrol: None,
            window: None,
            facts,
            digest,
        };
        let parts = match question.format {
            Format::Text => {
                let text = show::text(&show::document(&question.shown(), &question.facts, None));
                self.answering.text(now.unix_ms, &text, false)
            }
            // One document, which is whole only with what comes of asking.
            Format::Json => vec![self.answering.working(now.unix_ms, "asking the oracle")],
        };
        let opened = self.ctx.tx(|tx| {
            if tx.get::<Question>(&question.key())?.is_some() {
                // The same command came twice: the first one is at it.
                return Ok(false);
            }
            question.open(tx, &self.answering);
            if !wants_reply(&self.request) {
                self.shared
                    .send_callbacks(&self.ctx, tx, &self.answering.thread, &parts)?;
            }
            Ok(true)
        });
        if !opened.await? {
            return Ok(());
        }
        let outcome = ask::pursue(&self.ctx, &self.shared, question.clone()).await;
        match outcome {
            Some(outcome) if wants_reply(&self.request) => {
                let analysis = question.analysis(&outcome);
                self.reply(&question.shown(), &question.facts, analysis)
                    .await
            }
            _ => Ok(()),
        }
    }

    /// Answers an agent in one packet, with as much of the digest as fits.
    async fn reply(
        &self,
        report: &DigestReport,
        facts: &Facts,
        analysis: Option<Analysis>,
    ) -> Result<(), StoreError> {
        let fitted = oracle::fitted(report, oracle::DIGEST_BYTES_MAX);
        Ok(self
            .ctx
            .reply(&self.request, &show::document(&fitted, facts, analysis))
            .await?)
    }
}

/// Shows the newest kept digest.
async fn last(
    ctx: &Ctx<LogWatcher>,
    shared: &Shared,
    request: Request<GenerateDigest>,
) -> Result<(), HandlerError> {
    let Some(kept) = patrol::newest(ctx)? else {
        let text = "there is no digest yet: the first patrol is still reading";
        return Err(HandlerError::Refused(text.to_owned()));
    };
    if wants_reply(&request) {
        let fitted = oracle::fitted(&kept.report, oracle::DIGEST_BYTES_MAX);
        return Ok(ctx
            .reply(
                &request,
                &&Document {
                    collectors: Cow::Borrowed(&fitted.collectors),
                    ..kept.document()
                },
            )
            .await?);
    }
    let now_ms = ctx.now().unix_ms;
    let mut answering = Answering::new(thread(&request), ctx.address().clone());
    let parts = match request.content.format {
        Format::Text => answering.text(now_ms, &show::text(&kept.document()), true),
        Format::Json => answering.json(now_ms, &show::json(&kept.document()), true),
    };
    let sent = ctx.tx(|tx| shared.send_callbacks(ctx, tx, &answering.thread, &parts));
    Ok(sent.await?)
}
