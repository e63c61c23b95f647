//! Durable calls: kept in the store until the child has done them.
//!
//! The packet's sender is told that all is settled when the row is on disk. From then on the row is
//! what comes again: after the child, the agent or the host died over it. So the child does it at
//! least once, and sees by its id when it comes again.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use skep_agent::{Ctx, HandlerError, Request, StoreError, Tx};
use skep_packet::{Address, HandlerName, PacketId, RoleName};
use skep_protocol::external::{Call, ToChild};

use crate::{
    Event, External, calls,
    calls::Open,
    event::Happened,
    wire::{principal, refused},
};

/// What the keys of kept calls begin with.
const PREFIX: &str = "call/";

/// Durable calls that may be kept; the next one is left with its sender, which tries again.
const KEPT_MAX: usize = 1024;

/// Kept calls that the child works on at a time.
const AT_A_TIME_MAX: usize = 16;

/// A durable call as it stands in the store.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    handler: HandlerName,
    role: Option<RoleName>,
    id: PacketId,
    from: Address,
    operator: Option<skep_protocol::external::Caller>,
    content: Value,
}

impl External {
    /// Keeps a durable call in the transaction that settles it.
    pub(crate) fn keep(
        &mut self,
        ctx: &Ctx<Self>,
        tx: &mut Tx,
        request: Request<Value>,
    ) -> Result<(), HandlerError> {
        if self.n_rows >= KEPT_MAX {
            return Err(refused(format!("{KEPT_MAX} calls are kept already")));
        }
        self.next_row += 1;
        self.n_rows += 1;
        let key = format!("{PREFIX}{:020}", self.next_row);
        let operator = principal(&request.principal);
        let row = Row {
            handler: request.handler,
            role: request.role,
            id: request.id,
            from: request.from,
            operator,
            content: request.content,
        };
        tx.put(&key, &row);
        // The row is read when its transaction is on its way, which is after this call.
        let events = ctx.clone();
        ctx.spawn(async move { events.post(Event(Happened::Kept(key))).await });
        Ok(())
    }

    /// Finds what an earlier life left.
    pub(crate) fn find_rows(&mut self, ctx: &Ctx<Self>) -> Result<(), StoreError> {
        let rows: Vec<(String, Row)> = ctx.scan(PREFIX, None, KEPT_MAX)?;
        self.n_rows = rows.len();
        self.waiting = rows.into_iter().map(|(key, _)| key).collect();
        let last = self.waiting.back().and_then(|key| key.strip_prefix(PREFIX));
        self.next_row = last.and_then(|number| number.parse().ok()).unwrap_or(0);
        Ok(())
    }

    /// Gives the child as many kept calls as it may work on.
    pub(crate) fn hand_out(&mut self, ctx: &Ctx<Self>) -> Result<(), StoreError> {
        while self.calls.n_kept() < AT_A_TIME_MAX {
            let Some(key) = self.waiting.pop_front() else {
                break;
            };
            let Some(row) = ctx.get::<Row>(&key)? else {
                continue;
            };
            let caller = calls::Caller::Kept(key.clone());
            let Some(call) = self.calls.open(ctx.now(), caller, None) else {
                self.waiting.push_front(key);
                break;
            };
            let said = self.tell(&ToChild::Call(Call {
                call,
                handler: row.handler,
                role: row.role,
                id: row.id,
                from: row.from,
                operator: row.operator,
                durable: true,
                parts: false,
                within_ms: None,
                content: row.content,
            }));
            if !said {
                let open: Option<Open> = self.calls.end(call);
                debug_assert!(open.is_some(), "it was opened above");
                self.waiting.push_front(key);
                break;
            }
        }
        Ok(())
    }

    /// Forgets a call that the child has done, or will not do.
    pub(crate) async fn done(&mut self, ctx: &Ctx<Self>, key: &str) -> Result<(), StoreError> {
        ctx.tx(|tx| {
            tx.delete(key);
            Ok(())
        })
        .await?;
        self.n_rows -= 1;
        Ok(())
    }
}
