//! From an operator's order to the node, and back.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use skep_agent::{Ctx, Deed as NodeDeed, Order, Request, SignedWord, Stewardship};
use skep_protocol::steward::{AuditPart, Changed, Deed, StewardOrder};

use crate::{Steward, answer::Answer};

/// Bytes of the audit log in one answer, about; an entry larger than this comes alone.
const AUDIT_BYTES_AIM: usize = 64 * 1024;

/// Has an order done and tells its operator what came of it.
pub(crate) async fn run(
    ctx: Ctx<Steward>,
    node: Arc<dyn Stewardship>,
    request: Request<StewardOrder>,
) {
    let mut answer = Answer::new(&ctx, &request);
    let done = answer.working_until(carry_out(&ctx, node, &request)).await;
    if let Err(error) = answer.end(&ctx, &request, done).await {
        tracing::warn!(%error, "the answer to an order could not be sent");
    }
}

async fn carry_out(
    ctx: &Ctx<Steward>,
    node: Arc<dyn Stewardship>,
    request: &Request<StewardOrder>,
) -> Result<Value, String> {
    let order = &request.content;
    let deed = match order.deed.clone() {
        Deed::Audit { after } => return audit(ctx, node.as_ref(), after),
        Deed::Inject { under, agent } => NodeDeed::Inject { under, agent },
        Deed::Replace { agent, with } => NodeDeed::Replace { agent, with },
        Deed::Restart { agent } => NodeDeed::Restart { agent },
        Deed::Delete { agent } => NodeDeed::Delete { agent },
    };
    let word = word(request).ok_or("the order does not carry its operator's signature")?;
    let order = Order {
        deed,
        dry_run: order.dry_run,
        word,
    };
    let dry_run = order.dry_run;
    let done = node.order(order).await?;
    Ok(json!(Changed {
        node: ctx.node().clone(),
        dry_run,
        stopped: done.stopped,
        started: done.started,
        entry: done.entry,
    }))
}

fn word(request: &Request<StewardOrder>) -> Option<SignedWord> {
    Some(SignedWord {
        role: request.role.clone()?,
        token: request.token.clone()?,
        payload: request.bytes.clone(),
        proof: request.proof.clone()?,
    })
}

fn audit(ctx: &Ctx<Steward>, node: &dyn Stewardship, after: u64) -> Result<Value, String> {
    let page = node.audit(after, AUDIT_BYTES_AIM)?;
    let entries = page.entries.iter().map(|entry| STANDARD.encode(entry));
    Ok(json!(AuditPart {
        node: ctx.node().clone(),
        entries: entries.collect(),
        n_entries: page.n_entries,
    }))
}
