//! What a client does not have yet of its session, in order.

use skep_agent::{Ctx, StoreError};
use skep_protocol::rpc::FromDoor;
use tokio::sync::watch;

use crate::{
    RpcRouter,
    event::Opened,
    journal::{self, Row},
};

/// Callbacks read from the store at a time.
const PAGE: usize = 16;

/// Reads a session's journal for one client.
pub(super) struct Reader {
    ctx: Ctx<RpcRouter>,
    pub(super) session: String,
    committed: watch::Receiver<u64>,
    /// The last cursor that the client has.
    sent: u64,
}

/// The session has ended: nothing more comes.
pub(super) struct Ended;

impl Reader {
    pub(super) fn new(ctx: &Ctx<RpcRouter>, opened: Opened, sent: u64) -> Self {
        Self {
            ctx: ctx.clone(),
            session: opened.session,
            committed: opened.committed,
            sent,
        }
    }

    /// Waits until there is more on disk than [`next`](Self::next) has yielded.
    ///
    /// Cancel: safe.
    pub(super) async fn more(&mut self) -> Result<(), Ended> {
        self.committed.changed().await.map_err(|_| Ended)
    }

    /// The next messages; none when the client has all that is on disk.
    pub(super) fn next(&mut self) -> Result<Vec<FromDoor>, StoreError> {
        let newest = *self.committed.borrow_and_update();
        let mut messages = Vec::new();
        if self.sent >= newest {
            return Ok(messages);
        }
        let after = journal::key(&self.session, self.sent);
        let prefix = journal::prefix(&self.session);
        let rows = self.ctx.scan::<Row>(&prefix, Some(&after), PAGE)?;
        if rows.is_empty() {
            messages.push(self.gap(newest));
        }
        for (key, row) in rows {
            let cursor = journal::cursor(&key).unwrap_or(self.sent + 1);
            if cursor > newest {
                break;
            }
            if cursor > self.sent + 1 {
                messages.push(self.gap(cursor - 1));
            }
            let callback = row.callback;
            messages.push(FromDoor::Callback { cursor, callback });
            self.sent = cursor;
        }
        Ok(messages)
    }

    fn gap(&mut self, to: u64) -> FromDoor {
        let from = self.sent + 1;
        self.sent = to;
        FromDoor::Gap { from, to }
    }
}
