//! Asking an oracle, with a watchdog for each question.

use std::time::Duration;

use skep_agent::Answer;
use skep_agent::AskError;
use skep_agent::Asking;
use skep_agent::Ctx;
use skep_agent::HandlerError;
use skep_agent::Outgoing;
use skep_agent::Request;
use skep_agent::SendError;
use skep_agent::StoreError;
use skep_agent::Tx;
use skep_packet::Scope;
use skep_packet::Token;
use skep_protocol::callback::Answering;
use skep_protocol::callback::WORKING_INTERVAL_S;
use skep_protocol::oracle;
use skep_protocol::oracle::OracleResponse;
use skep_protocol::oracle::Prompt;
use tokio::time::sleep;

use crate::LogWatcher;
use crate::config::OracleTerms;
use crate::patrol;
use crate::question;
use crate::question::Failure;
use crate::question::Outcome;
use crate::question::Question;
use crate::question::Settled;
use crate::shared::Shared;

/// How long the hand-off waits for someone to serve the oracle's role: at boot, agents come up in
/// any order.
const ROLE_WAIT_MAX: Duration = Duration::from_secs(5);

/// How often it looks meanwhile.
const ROLE_LOOK: Duration = Duration::from_millis(200);

/// Asks about an open question and settles it; the row is on disk already.
pub(crate) async fn pursue(
    ctx: &Ctx<LogWatcher>,
    shared: &Shared,
    question: Question,
) -> Option<Outcome> {
    let Some(terms) = &shared.terms.oracle else {
        return None;
    };
    let outcome = tokio::select! {
        outcome = outcome(ctx, terms, &question) => outcome?,
        () = keep_telling(ctx, shared, &question, terms.timeout) => return None,
    };
    match settle(ctx, shared, &question, &outcome).await {
        Ok(()) => Some(outcome),
        Err(error) => {
            tracing::error!(query = question.query_id, %error, "a question could not be settled");
            None
        }
    }
}

/// The outcome; `None` if the node stops: then the question stays open for its next start.
async fn outcome(
    ctx: &Ctx<LogWatcher>,
    terms: &OracleTerms,
    question: &Question,
) -> Option<Outcome> {
    let asked = match ask(ctx, terms, question).await {
        Ok(mut asking) => asking.next().await.unwrap_or(Err(AskError::Stopping)),
        Err(SendError::NoEndpoint { role, .. }) => {
            return Some(Outcome::Failed(Failure::NoOracle { role }));
        }
        Err(SendError::Stopping) => return None,
        Err(error) => {
            return Some(Outcome::Failed(Failure::Refused {
                reason: error.to_string(),
            }));
        }
    };
    Some(match asked {
        Ok(answer) => match believe(&answer, question) {
            Ok(response) => Outcome::Report(Box::new(response)),
            Err(reason) => Outcome::Failed(Failure::Garbage { reason }),
        },
        Err(AskError::Stopping) => return None,
        Err(AskError::TimedOut) => Outcome::Failed(Failure::TimedOut {
            seconds: terms.timeout.as_secs(),
        }),
        Err(AskError::EndpointLost { endpoint }) => Outcome::Failed(Failure::Lost { endpoint }),
        Err(error) => Outcome::Failed(Failure::Refused {
            reason: error.to_string(),
        }),
    })
}

/// Sends the question; waits a little for someone to send it to.
async fn ask(
    ctx: &Ctx<LogWatcher>,
    terms: &OracleTerms,
    question: &Question,
) -> Result<Asking, SendError> {
    let started_ns = ctx.now().mono_ns;
    let waited = || Duration::from_nanos(ctx.now().mono_ns.saturating_sub(started_ns));
    let token = Token::new(&question.query_id).map_err(|_| SendError::Expired)?;
    loop {
        let within = terms.timeout.saturating_sub(waited());
        let mut prompt = Prompt::about(&question.query_id, ctx.node().as_str(), &question.digest);
        prompt.window = question.window;
        prompt.patrol = question.patrol.is_some();
        prompt.within_ms = u64::try_from(within.as_millis()).ok();
        let outgoing = Outgoing::to_role(terms.role.clone(), &prompt).token(token.clone());
        match ctx.ask(outgoing, within).await {
            Err(SendError::NoEndpoint { .. }) if waited() < ROLE_WAIT_MAX.min(terms.timeout) => {
                sleep(ROLE_LOOK).await;
            }
            result => return result,
        }
    }
}

/// Whether an answer is a report on this question's digest.
fn believe(answer: &Answer, question: &Question) -> Result<OracleResponse, String> {
    let response: OracleResponse = answer.decode().map_err(|error| error.to_string())?;
    check(&response, question)?;
    Ok(response)
}

fn check(response: &OracleResponse, question: &Question) -> Result<(), String> {
    if response.query_id != question.query_id {
        return Err("it answers another question".to_owned());
    }
    let evidence = oracle::evidence_ids(&question.digest);
    oracle::check(&response.report, &evidence).map_err(|error| error.to_string())
}

/// Tells the person every few seconds that the oracle is still being asked, until the question's
/// time is over; never returns.
async fn keep_telling(
    ctx: &Ctx<LogWatcher>,
    shared: &Shared,
    question: &Question,
    timeout: Duration,
) {
    // The sign that would come with the end of the time is the end itself.
    let n_signs = timeout.as_secs().saturating_sub(1) / WORKING_INTERVAL_S;
    for _ in 0..n_signs {
        sleep(Duration::from_secs(WORKING_INTERVAL_S)).await;
        if let Err(error) = tell(ctx, shared, question).await {
            tracing::warn!(%error, "a sign of life could not be sent");
        }
    }
    std::future::pending().await
}

async fn tell(
    ctx: &Ctx<LogWatcher>,
    shared: &Shared,
    question: &Question,
) -> Result<(), StoreError> {
    let key = question.answering_key();
    let person = ctx
        .get::<Answering>(&key)?
        .and_then(|answering| answering.thread.session_id);
    if person.is_none() {
        return Ok(());
    }
    ctx.tx(|tx| {
        let Some(mut answering) = tx.get::<Answering>(&key)? else {
            return Ok(());
        };
        let working = answering.working(ctx.now().unix_ms, "asking the oracle");
        shared.send_callbacks(ctx, tx, &answering.thread, &[working])?;
        tx.put(&key, &answering);
        Ok(())
    })
    .await
}

/// Ends a question in one transaction; does nothing for one that has ended.
pub(crate) async fn settle(
    ctx: &Ctx<LogWatcher>,
    shared: &Shared,
    question: &Question,
    outcome: &Outcome,
) -> Result<(), StoreError> {
    let now_ms = ctx.now().unix_ms;
    ctx.tx(|tx| {
        let Some(mut answering) = question.close(tx)? else {
            return Ok(());
        };
        let words = question.last_words(&mut answering, outcome, now_ms);
        if answering.thread.session_id.is_some() {
            shared.send_callbacks(ctx, tx, &answering.thread, &words)?;
        }
        if let Some(seq) = question.patrol {
            patrol::note_outcome(tx, seq, outcome)?;
        }
        let terms = shared.terms.oracle.as_ref();
        let alert = terms.and_then(|terms| question.alert(ctx.address(), outcome, terms, now_ms));
        if let Some(alert) = alert {
            shared.log_alert(ctx, &alert);
            tx.send(shared.alert(&alert, alert.packet_id()));
        }
        if matches!(outcome, Outcome::Failed(_)) {
            remember(
                tx,
                &Settled {
                    question: question.clone(),
                    answering,
                },
            )?;
        }
        Ok(())
    })
    .await
}

/// Remembers a question for an answer that comes late; forgets the oldest.
fn remember(tx: &mut Tx, settled: &Settled) -> Result<(), StoreError> {
    let mut order: Vec<String> = tx.get(question::SETTLED_ORDER)?.unwrap_or_default();
    order.push(settled.question.query_id.clone());
    while order.len() > question::SETTLED_MAX {
        tx.delete(&question::settled_key(&order.remove(0)));
    }
    tx.put(question::SETTLED_ORDER, &order);
    tx.put(&question::settled_key(&settled.question.query_id), settled);
    Ok(())
}

/// Settles what was open when this node stopped.
pub(crate) async fn settle_interrupted(
    ctx: &Ctx<LogWatcher>,
    shared: &Shared,
) -> Result<usize, StoreError> {
    let mut n_settled = 0;
    loop {
        let open: Vec<(String, Question)> = match ctx.scan(question::OPEN, None, 16) {
            Err(StoreError::Value { key, source }) => {
                // A row of another version must not keep the agent from starting.
                tracing::error!(key, error = %source, "an open question can not be read: dropped");
                let dropped = ctx.tx(|tx| {
                    tx.delete(&key);
                    Ok(())
                });
                dropped.await?;
                continue;
            }
            open => open?,
        };
        if open.is_empty() {
            return Ok(n_settled);
        }
        for (_, question) in open {
            settle(
                ctx,
                shared,
                &question,
                &Outcome::Failed(Failure::Interrupted),
            )
            .await?;
            n_settled += 1;
        }
    }
}

/// Shows an answer that came after its question had ended.
pub(crate) async fn late(
    ctx: &Ctx<LogWatcher>,
    shared: &Shared,
    request: Request<OracleResponse>,
) -> Result<(), HandlerError> {
    let response = &request.content;
    let refuse = |why: &str| Err(HandlerError::Refused(why.to_owned()));
    let Some(terms) = &shared.terms.oracle else {
        return refuse("no oracle is asked here");
    };
    let oracles = ctx.endpoints(&terms.role, Scope::Swarm);
    if oracles.iter().all(|oracle| oracle.address != request.from) {
        return refuse("only who serves the oracle's role may answer");
    }
    let key = question::settled_key(&response.query_id);
    let Some(settled) = ctx.get::<Settled>(&key)? else {
        return refuse("no such question is waiting for an answer");
    };
    if let Err(reason) = check(response, &settled.question) {
        return Err(HandlerError::Refused(reason));
    }
    let now_ms = ctx.now().unix_ms;
    let written = ctx.tx(|tx| {
        let Some(Settled {
            question,
            mut answering,
        }) = tx.get::<Settled>(&key)?
        else {
            return Ok(());
        };
        tx.delete(&key);
        let words = question.late_words(&mut answering, response, now_ms);
        if answering.thread.session_id.is_some() {
            shared.send_callbacks(ctx, tx, &answering.thread, &words)?;
        }
        if let Some(seq) = question.patrol {
            patrol::note_outcome(tx, seq, &Outcome::Report(Box::new(response.clone())))?;
        }
        let alert = question.late_alert(ctx.address(), response, terms, now_ms);
        tx.send(shared.alert(&alert, None));
        Ok(())
    });
    Ok(written.await?)
}
