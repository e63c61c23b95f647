//! Every session of this door.

use std::collections::{BTreeMap, HashMap};

use skep_agent::{Ctx, OperatorName, StoreError};
use skep_packet::Token;
use skep_protocol::rpc::{Problem, ProblemCode, Resume};

use crate::{
    RpcRouter,
    event::{Opened, stopping},
    journal::{self, Journal, RowSize},
    request::{self, Request},
    session::{self, Session, SessionRow},
};

/// Sessions that a door keeps; at the bound the one that was left the longest time ago goes, and
/// where all are connected a new one is refused.
pub(crate) const SESSIONS_MAX: usize = 128;

/// How long a session without a connection is kept, in nanoseconds: one hour.
pub(crate) const SESSION_IDLE_MAX_NS: u64 = 3_600 * 1_000_000_000;

/// Rows read from the store at a time.
const PAGE: usize = 256;

/// Every session of this door.
#[derive(Debug)]
pub(crate) struct Sessions {
    by_id: BTreeMap<String, Session>,
    by_token: HashMap<Token, String>,
    bytes_max: usize,
}

impl Sessions {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            by_id: BTreeMap::new(),
            by_token: HashMap::new(),
            bytes_max,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn n_connections(&self) -> u32 {
        self.by_id
            .values()
            .map(|session| session.n_connections)
            .sum()
    }

    pub(crate) fn n_open_requests(&self) -> usize {
        self.by_id.values().map(Session::n_open).sum()
    }

    pub(crate) fn get(&mut self, id: &str) -> Option<&mut Session> {
        self.by_id.get_mut(id)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&String, &mut Session)> {
        self.by_id.iter_mut()
    }

    /// The session that a token belongs to.
    pub(crate) fn of_token(&self, token: &Token) -> Option<&String> {
        self.by_token.get(token)
    }

    pub(crate) fn has_token(&mut self, token: Token, id: &str) {
        self.by_token.insert(token, id.to_owned());
    }

    pub(crate) fn drop_tokens(&mut self, tokens: Vec<Token>) {
        for token in tokens {
            self.by_token.remove(&token);
        }
    }

    /// Finds what an earlier life of this door has left.
    pub(crate) fn load(&mut self, ctx: &Ctx<RpcRouter>) -> Result<(), StoreError> {
        let now_ns = ctx.now().mono_ns;
        for (key, row) in pages::<SessionRow>(ctx, session::PREFIX)? {
            let id = key
                .strip_prefix(session::PREFIX)
                .unwrap_or_default()
                .to_owned();
            let mut journal = Journal::new(self.bytes_max);
            for (key, row) in pages::<RowSize>(ctx, &journal::prefix(&id))? {
                if let Some(cursor) = journal::cursor(&key) {
                    journal.found(cursor, row.bytes);
                }
            }
            let mut session = Session::new(row, journal, now_ns);
            let prefix = request::prefix(&id);
            for (key, mut request) in pages::<Request>(ctx, &prefix)? {
                let Ok(token) = Token::new(key.strip_prefix(&prefix).unwrap_or_default()) else {
                    continue;
                };
                request.loaded(now_ns);
                self.by_token.insert(token.clone(), id.clone());
                session.requests.insert(token, request);
            }
            self.by_id.insert(id, session);
        }
        Ok(())
    }

    /// Opens a session for a connection, or goes on with an earlier one of the same operator.
    pub(crate) async fn open(
        &mut self,
        ctx: &Ctx<RpcRouter>,
        operator: OperatorName,
        resume: Option<Resume>,
    ) -> Result<Opened, Problem> {
        match resume {
            Some(resume) => {
                let id = self.resume(&operator, &resume)?;
                self.connected(id)
            }
            None => {
                let id = format!("{:032x}", ctx.random());
                self.open_named(ctx, operator, id).await
            }
        }
    }

    /// Opens a session under a name that no other one has.
    pub(crate) async fn open_named(
        &mut self,
        ctx: &Ctx<RpcRouter>,
        operator: OperatorName,
        id: String,
    ) -> Result<Opened, Problem> {
        self.create(ctx, operator, &id).await?;
        self.connected(id)
    }

    fn connected(&mut self, id: String) -> Result<Opened, Problem> {
        let session = self.by_id.get_mut(&id).ok_or_else(no_session)?;
        session.n_connections += 1;
        Ok(Opened {
            committed: session.watch(),
            session: id,
        })
    }

    fn resume(&self, operator: &OperatorName, resume: &Resume) -> Result<String, Problem> {
        // Another operator's session looks like none: its id is not told from a wrong one. Nor does
        // a bundle that is limited go on with what one that is not may have subscribed to.
        let session = self.by_id.get(&resume.session_id);
        session
            .filter(|session| session.row.operator == operator.name)
            .filter(|session| operator.hears_all || !session.row.hears_all)
            .map(|_| resume.session_id.clone())
            .ok_or_else(no_session)
    }

    async fn create(
        &mut self,
        ctx: &Ctx<RpcRouter>,
        operator: OperatorName,
        id: &str,
    ) -> Result<(), Problem> {
        if self.by_id.len() >= SESSIONS_MAX {
            let left = self
                .by_id
                .iter()
                .filter(|(_, session)| session.n_connections == 0);
            let oldest = left.min_by_key(|(_, session)| session.idle_since_ns);
            let oldest = oldest.map(|(id, _)| id.clone()).ok_or_else(too_many)?;
            self.delete(ctx, &oldest).await.map_err(|_| stopping())?;
        }
        let row = SessionRow::new(operator);
        let kept = ctx.tx(|tx| {
            tx.put(&session::key(id), &row);
            Ok(())
        });
        kept.await.map_err(|_| stopping())?;
        let session = Session::new(row, Journal::new(self.bytes_max), ctx.now().mono_ns);
        self.by_id.insert(id.to_owned(), session);
        Ok(())
    }

    pub(crate) async fn subscribe(
        &mut self,
        ctx: &Ctx<RpcRouter>,
        id: &str,
        on: bool,
    ) -> Result<(), Problem> {
        let session = self.by_id.get_mut(id).ok_or_else(no_session)?;
        if on && !session.row.hears_all {
            let message = "this operator's passport is limited to some handlers: \
                           what nobody asked for is not for it";
            return Err(Problem::new(ProblemCode::Refused, message));
        }
        session.row.subscribed = on;
        let kept = ctx.tx(|tx| {
            tx.put(&session::key(id), &session.row);
            Ok(())
        });
        kept.await.map_err(|_| stopping())
    }

    /// A connection ended; after `bye` the session goes too.
    pub(crate) async fn closed(
        &mut self,
        ctx: &Ctx<RpcRouter>,
        id: &str,
        bye: bool,
    ) -> Result<(), StoreError> {
        let Some(session) = self.by_id.get_mut(id) else {
            return Ok(());
        };
        session.n_connections = session.n_connections.saturating_sub(1);
        session.idle_since_ns = ctx.now().mono_ns;
        if bye && session.n_connections == 0 {
            self.delete(ctx, id).await?;
        }
        Ok(())
    }

    /// The sessions that nobody came back to.
    pub(crate) fn expired(&self, now_ns: u64) -> Vec<String> {
        let is_over = |session: &Session| {
            let idle_ns = now_ns.saturating_sub(session.idle_since_ns);
            session.n_connections == 0 && idle_ns > SESSION_IDLE_MAX_NS
        };
        let over = self.by_id.iter().filter(|(_, session)| is_over(session));
        over.map(|(id, _)| id.clone()).collect()
    }

    pub(crate) async fn delete(
        &mut self,
        ctx: &Ctx<RpcRouter>,
        id: &str,
    ) -> Result<(), StoreError> {
        let Some(mut session) = self.by_id.remove(id) else {
            return Ok(());
        };
        self.drop_tokens(session.requests.keys().cloned().collect());
        ctx.tx(|tx| {
            session.clear(tx, id);
            Ok(())
        })
        .await
    }
}

fn no_session() -> Problem {
    let message = "this session is not known here: it ended, or it is another operator's";
    Problem::new(ProblemCode::NoSession, message).cure("log in without `resume`")
}

fn too_many() -> Problem {
    let message = format!("{SESSIONS_MAX} sessions are connected already");
    Problem::new(ProblemCode::Bound, message)
        .cure("close one, or try again later")
        .closing()
}

/// All rows under a prefix, read a page at a time.
fn pages<T: serde::de::DeserializeOwned>(
    ctx: &Ctx<RpcRouter>,
    prefix: &str,
) -> Result<Vec<(String, T)>, StoreError> {
    let mut rows: Vec<(String, T)> = Vec::new();
    loop {
        let after = rows.last().map(|(key, _)| key.clone());
        let page = ctx.scan(prefix, after.as_deref(), PAGE)?;
        let is_last = page.len() < PAGE;
        rows.extend(page);
        if is_last {
            return Ok(rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use skep_packet::Level;

    use super::*;

    const HOUR_NS: u64 = SESSION_IDLE_MAX_NS;

    fn sessions(connected: u32) -> Sessions {
        let mut sessions = Sessions::new(1 << 20);
        let row = SessionRow::new(OperatorName {
            name: "ann".to_owned(),
            level: Level::Viewer,
            hears_all: true,
        });
        let mut session = Session::new(row, Journal::new(1 << 20), HOUR_NS);
        session.n_connections = connected;
        sessions.by_id.insert("s".to_owned(), session);
        sessions
    }

    #[test]
    fn a_session_is_kept_for_its_time_and_while_it_is_connected() {
        assert!(sessions(0).expired(2 * HOUR_NS).is_empty());
        assert_eq!(sessions(0).expired(2 * HOUR_NS + 1), ["s"]);
        assert!(sessions(1).expired(9 * HOUR_NS).is_empty());
    }

    #[test]
    fn another_operators_session_looks_like_none() {
        let operator = |name: &str, hears_all: bool| OperatorName {
            name: name.to_owned(),
            level: Level::Admin,
            hears_all,
        };
        let resume = |id: &str| Resume {
            session_id: id.to_owned(),
            cursor: 0,
        };
        let sessions = sessions(0);
        assert_eq!(
            sessions
                .resume(&operator("ann", true), &resume("s"))
                .as_deref(),
            Ok("s")
        );
        // Ann's other bundle, which is limited to some handlers, is no way to it either.
        for (name, hears_all) in [("bob", true), ("ann", false)] {
            let foreign = sessions.resume(&operator(name, hears_all), &resume("s"));
            let none = sessions.resume(&operator(name, hears_all), &resume("none"));
            assert_eq!(foreign, none, "{name}");
            assert!(foreign.is_err(), "{name}");
        }
    }
}
