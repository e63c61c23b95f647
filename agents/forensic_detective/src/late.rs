//! What an oracle says of a case after its time was over.

use skep_agent::{Ctx, HandlerError, Request};
use skep_packet::Scope;
use skep_protocol::{
    case::Analysis,
    oracle::{self, OracleResponse},
};
use uuid::Uuid;

use crate::{
    ForensicDetective,
    config::Rules,
    core::{Due, Stored},
    rows, tell,
};

/// Puts an answer into the case that said that none came, and into the alert's record; nobody is
/// told of it as news.
pub(crate) async fn take(
    ctx: &Ctx<ForensicDetective>,
    rules: &Rules,
    request: Request<OracleResponse>,
) -> Result<(), HandlerError> {
    let refuse = |why: &str| Err(HandlerError::Refused(why.to_owned()));
    let Some((role, _)) = &rules.oracle else {
        return refuse("no oracle is asked here");
    };
    let oracles = ctx.endpoints(role, Scope::Swarm);
    if oracles.iter().all(|oracle| oracle.address != request.from) {
        return refuse("only who serves the oracle's role may answer");
    }
    let response = request.content;
    let id = response.query_id.split_once('.').map(|(id, _)| id);
    let Some(id) = id.and_then(|id| Uuid::parse_str(id).ok()) else {
        return refuse("no such question is waiting for an answer");
    };
    let taken = ctx.tx(|tx| {
        let stored: Option<Stored> = tx.get(&rows::case(id))?;
        let Some((mut stored, evidence)) = stored.and_then(|stored| waiting(stored, &response))
        else {
            return Ok(Err("no such question is waiting for an answer".to_owned()));
        };
        if let Err(error) = oracle::check(&response.report, &evidence) {
            return Ok(Err(format!("the answer is no report: {error}")));
        }
        stored.case.analysis = Analysis::Report {
            report: Box::new(response.report),
            late: true,
        };
        rows::put_analysis(tx, &stored);
        let alert = tell::of_case(ctx.address(), &stored, Due::Record);
        tx.send(rules.alert(&alert));
        Ok(Ok(()))
    });
    taken.await?.map_err(HandlerError::Refused)
}

/// The case without the question that is answered, and the lines it was about.
fn waiting(
    mut stored: Stored,
    response: &OracleResponse,
) -> Option<(Stored, std::collections::BTreeSet<String>)> {
    let unanswered = stored.unanswered.take()?;
    (unanswered.query_id == response.query_id).then_some((stored, unanswered.evidence))
}
