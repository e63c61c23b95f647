//! Callbacks of agents: into the journal of their session, in the transaction that settles them.

use std::collections::BTreeSet;

use skep_agent::{Ctx, HandlerError, Request as Packet, Tx};
use skep_protocol::callback::Callback;

use crate::{
    Event, RpcRouter,
    ask::{accepted, note_starts},
    event::Happened,
    request::{Heard, OriginState},
    session::Session,
};

/// Sessions with callbacks that are written and perhaps not on disk yet.
///
/// A connection is shown only what is on disk: a cursor, once seen, always means the same.
#[derive(Debug, Default)]
pub(crate) struct Flush {
    touched: BTreeSet<String>,
    is_running: bool,
}

impl RpcRouter {
    /// An agent says something to a person, or to all who want to hear it.
    pub(crate) async fn callback(
        &mut self,
        ctx: &Ctx<Self>,
        tx: &mut Tx,
        packet: Packet<Callback>,
    ) -> Result<(), HandlerError> {
        let (from, callback) = (packet.from, packet.content);
        if callback.origin != from {
            self.n_dropped += 1;
            tracing::warn!(%from, origin = %callback.origin, "callback in another one's name");
            return Ok(());
        }
        match callback.session_id.clone() {
            Some(id) => match self.sessions.get(&id) {
                Some(session) => {
                    keep(ctx, tx, session, &id, callback);
                    self.flush.touched.insert(id);
                }
                None => {
                    self.n_dropped += 1;
                    tracing::debug!(%from, "callback for a session that has ended");
                }
            },
            None => {
                for (id, session) in self.sessions.iter_mut() {
                    if session.row.subscribed {
                        let mut callback = callback.clone();
                        callback.session_id = Some(id.clone());
                        session.append(tx, id, callback);
                        self.flush.touched.insert(id.clone());
                    }
                }
            }
        }
        self.flush(ctx);
        Ok(())
    }

    /// What a flush waited for is on disk.
    pub(crate) fn committed(&mut self, ctx: &Ctx<Self>, cursors: Vec<(String, u64)>) {
        for (id, cursor) in cursors {
            if let Some(session) = self.sessions.get(&id) {
                session.is_committed(cursor);
            }
        }
        self.flush.is_running = false;
        self.flush(ctx);
    }

    /// Waits, beside the agent, for the handler's own transaction: transactions of an agent commit
    /// in order, so an empty one that has committed stands for all before it.
    fn flush(&mut self, ctx: &Ctx<Self>) {
        if self.flush.is_running || self.flush.touched.is_empty() {
            return;
        }
        self.flush.is_running = true;
        let touched = std::mem::take(&mut self.flush.touched);
        let newest = |id: String| {
            let newest = self.sessions.get(&id)?.journal.newest();
            Some((id, newest))
        };
        let cursors: Vec<(String, u64)> = touched.into_iter().filter_map(newest).collect();
        let ctx = ctx.clone();
        ctx.clone().spawn(async move {
            match ctx.tx(|_| Ok(())).await {
                Ok(()) => ctx.post(Event(Happened::Committed(cursors))).await,
                Err(error) => tracing::debug!(%error, "callbacks were not committed"),
            }
        });
    }
}

fn keep(
    ctx: &Ctx<RpcRouter>,
    tx: &mut Tx,
    session: &mut Session,
    id: &str,
    mut callback: Callback,
) {
    let Some(token) = callback.token.clone() else {
        session.append(tx, id, callback);
        return;
    };
    let Some(request) = session.requests.get_mut(&token) else {
        callback.late = true;
        session.append(tx, id, callback);
        return;
    };
    let joined = match request.heard(&callback.origin, ctx.now().mono_ns) {
        Heard::InTime => None,
        Heard::Late => {
            callback.late = true;
            None
        }
        Heard::Joined => {
            note_starts(ctx, request);
            Some(accepted(ctx, id, &token, &request.answering()))
        }
    };
    let has_ended = callback.last && request.end(&callback.origin, OriginState::Done);
    if has_ended || joined.is_some() {
        request.write(tx, id, &token);
    }
    if let Some(joined) = joined {
        session.append(tx, id, joined);
    }
    session.append(tx, id, callback);
}
