//! Asking the oracle about a case.

use std::{sync::Arc, time::Duration};

use skep_agent::{AskError, Ctx, Outgoing, SendError, StoreError};
use skep_packet::{RolePattern, Token};
use skep_protocol::{
    case::{Analysis, Case, Entry},
    digest::{CollectorReport, DigestReport, EvidenceLine, Ordered, Row, Section, Table},
    oracle::{self, OracleResponse, Prompt, Report},
};
use tokio::{sync::Semaphore, time::sleep};
use uuid::Uuid;

use crate::{
    ForensicDetective,
    config::Rules,
    core::{Due, Stored, Unanswered},
    rows, show, tell,
};

/// Cases that the oracle is asked about at a time; more wait for their turn, which the bounds of
/// what is live bound.
const ASKING_MAX: usize = 4;

/// How long a question waits for someone to serve the oracle's role: at boot, agents and other
/// nodes come up in any order.
const ROLE_WAIT_MAX: Duration = Duration::from_secs(5);

/// How often it looks meanwhile.
const ROLE_LOOK: Duration = Duration::from_millis(200);

/// Longest description of a case in words that goes along, in characters.
const WORDS_MAX: usize = 4000;

/// Asks about cases.
#[derive(Debug)]
pub(crate) struct Asker {
    rules: Rules,
    turns: Semaphore,
}

impl Asker {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self {
            rules: rules.clone(),
            turns: Semaphore::new(ASKING_MAX),
        }
    }

    /// Begins to ask about a case, beside everything else.
    pub(crate) fn begin(self: &Arc<Self>, ctx: &Ctx<ForensicDetective>, id: Uuid) {
        let (asker, task_ctx) = (self.clone(), ctx.clone());
        ctx.spawn(async move {
            if let Err(error) = asker.pursue(&task_ctx, id).await {
                tracing::error!(case = %id, %error, "what the oracle said could not be kept");
            }
        });
    }

    async fn pursue(&self, ctx: &Ctx<ForensicDetective>, id: Uuid) -> Result<(), StoreError> {
        let Ok(_turn) = self.turns.acquire().await else {
            return Ok(());
        };
        // A transaction, so that what is asked about is decided.
        let stored = ctx.tx(|tx| tx.get::<Stored>(&rows::case(id))).await?;
        let asked = stored.filter(|stored| stored.case.analysis == Analysis::Asked);
        let Some(asked) = asked else { return Ok(()) };
        let within = self.rules.oracle.as_ref().map(|(_, within)| *within);
        let (prompt, digest) = prompt(&asked, within);
        let Some(analysis) = self.analysis(ctx, &prompt, &digest).await else {
            return Ok(());
        };
        let revision = |stored: &Stored| stored.told.as_ref().map(|told| told.revision);
        ctx.tx(|tx| {
            let now: Option<Stored> = tx.get(&rows::case(id))?;
            // What was told meanwhile is asked about anew.
            let same = now.filter(|now| revision(now) == revision(&asked));
            let Some(mut stored) = same else {
                return Ok(());
            };
            stored.unanswered = match analysis {
                Analysis::Missing { .. } => Some(Unanswered {
                    query_id: prompt.query_id,
                    evidence: oracle::evidence_ids(&digest),
                }),
                _ => None,
            };
            stored.case.analysis = analysis;
            rows::put_analysis(tx, &stored);
            let alert = tell::of_case(ctx.address(), &stored, Due::Record);
            tx.send(self.rules.alert(&alert));
            Ok(())
        })
        .await
    }

    /// What came of asking; `None` if the node stops: the next start asks again.
    async fn analysis(
        &self,
        ctx: &Ctx<ForensicDetective>,
        prompt: &Prompt,
        digest: &DigestReport,
    ) -> Option<Analysis> {
        let missing = |reason: String| Some(Analysis::Missing { reason });
        let Some((role, within)) = &self.rules.oracle else {
            return Some(Analysis::NotAsked);
        };
        let asking = match ask(ctx, role, prompt, *within).await {
            Ok(asking) => asking,
            Err(SendError::Stopping) => return None,
            Err(error) => return missing(error.to_string()),
        };
        let answer = match asking.answer().await {
            Ok(answer) => answer,
            Err(AskError::Stopping) => return None,
            Err(AskError::TimedOut) => {
                return missing(format!("no answer within {} s", within.as_secs()));
            }
            Err(error) => return missing(error.to_string()),
        };
        let response: Result<OracleResponse, _> = answer.decode();
        Some(
            match response
                .map_err(|error| error.to_string())
                .and_then(|said| check(said, digest))
            {
                Ok(report) => Analysis::Report {
                    report: Box::new(report),
                    late: false,
                },
                Err(reason) => Analysis::Missing {
                    reason: format!("the answer is no report: {reason}"),
                },
            },
        )
    }
}

fn check(said: OracleResponse, digest: &DigestReport) -> Result<Report, String> {
    let evidence = oracle::evidence_ids(digest);
    match oracle::check(&said.report, &evidence) {
        Ok(()) => Ok(said.report),
        Err(error) => Err(error.to_string()),
    }
}

/// Sends the question; waits a little for someone to send it to.
async fn ask(
    ctx: &Ctx<ForensicDetective>,
    role: &RolePattern,
    prompt: &Prompt,
    within: Duration,
) -> Result<skep_agent::Asking, SendError> {
    let token = Token::new(&prompt.query_id).map_err(|_| SendError::Expired)?;
    let started_ns = ctx.now().mono_ns;
    let waited = || Duration::from_nanos(ctx.now().mono_ns.saturating_sub(started_ns));
    loop {
        let outgoing = Outgoing::to_role(role.clone(), prompt).token(token.clone());
        match ctx.ask(outgoing, within.saturating_sub(waited())).await {
            Err(SendError::NoEndpoint { .. }) if waited() < ROLE_WAIT_MAX.min(within) => {
                sleep(ROLE_LOOK).await;
            }
            result => return result,
        }
    }
}

/// The question about a case, and the digest that it is about.
fn prompt(stored: &Stored, within: Option<Duration>) -> (Prompt, DigestReport) {
    let case = &stored.case;
    let revision = stored.told.as_ref().map_or(0, |told| told.revision);
    let digest = digest(case);
    let mut prompt = Prompt::about(
        &format!("{}.{revision}", case.id),
        &case.hosts.join(", "),
        &digest,
    );
    let words = show::story(case);
    prompt.prompt = Some(words.chars().take(WORDS_MAX).collect());
    prompt.within_ms = within.and_then(|within| u64::try_from(within.as_millis()).ok());
    (prompt, digest)
}

/// The timeline as a digest, under the names by which an oracle knows what was counted.
fn digest(case: &Case) -> DigestReport {
    let mut collectors: Vec<(String, CollectorReport)> = Vec::new();
    for (n, entry) in case.timeline.iter().enumerate() {
        let name = match case.hosts.as_slice() {
            [_] => entry.collector.clone(),
            _ => format!("{} on {}", entry.collector, entry.host),
        };
        let at = collectors.iter().position(|(known, _)| *known == name);
        let at = at.unwrap_or_else(|| {
            collectors.push((name, CollectorReport::default()));
            collectors.len() - 1
        });
        add(&mut collectors[at].1, n + 1, entry);
    }
    for (_, report) in &mut collectors {
        let totals = report
            .totals
            .0
            .iter()
            .map(|(name, n)| format!("{n} {name}"));
        report.headline = totals.collect::<Vec<String>>().join(", ");
    }
    DigestReport {
        collectors: Ordered(collectors),
    }
}

fn add(report: &mut CollectorReport, n: usize, entry: &Entry) {
    let name = counted_as(&entry.event);
    match report.totals.0.iter_mut().find(|(known, _)| known == name) {
        Some((_, count)) => *count += entry.count,
        None => report.totals.0.push((name.to_owned(), entry.count)),
    }
    let lines = entry
        .evidence
        .iter()
        .enumerate()
        .map(|(k, line)| EvidenceLine {
            id: format!("{n}.{}", k + 1),
            text: line.text.clone(),
        });
    match report.sections.iter_mut().find(|known| known.name == name) {
        Some(section) => {
            section.count += entry.count;
            section.lines.extend(lines);
        }
        None => report.sections.push(Section {
            name: name.to_owned(),
            count: entry.count,
            lines: lines.collect(),
        }),
    }
    report.lines_read += entry.count;
    report.coverage.lines.analysed += entry.count;
    report.coverage.lines.read += entry.count;
    if let (Some(source), "failed") = (&entry.source, name) {
        add_row(report, source, entry.count);
    }
}

fn add_row(report: &mut CollectorReport, source: &str, count: u64) {
    let tables = &mut report.tables.0;
    if tables.is_empty() {
        let field = "source.address".to_owned();
        let table = Table {
            field,
            ..Table::default()
        };
        tables.push(("by_source".to_owned(), table));
    }
    tables[0].1.rows.push(Row {
        key: source.to_owned(),
        counts: vec![("count".to_owned(), count)],
    });
}

/// The name of a total for an event.
fn counted_as(event: &str) -> &str {
    match event {
        "brute_force" => "failed",
        "login" => "accepted",
        "unit_failed" => "units_failed",
        "oom_kill" => "oom_kills",
        "segfault" => "segfaults",
        "disk_error" => "disk_errors",
        "unit_restart" => "restarts",
        "server_errors" => "status_5xx",
        "errors_logged" => "errors",
        other => other,
    }
}
