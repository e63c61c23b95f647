//! What the agent keeps in its node's store, and under which keys.
//!
//! ```text
//! case/<id>     Stored     a case, or what may become one
//! brief/<id>    CaseBrief  what a list shows of a case
//! live/<id>     Live       its keys, while a report may belong to it
//! pruned        u64        when old cases were last looked for
//! ```

use serde::de::DeserializeOwned;
use skep_agent::{Ctx, StoreError, Tx};
use skep_protocol::case::{Analysis, CaseBrief, CaseState};
use uuid::Uuid;

use crate::{
    ForensicDetective,
    core::{LIVE_MAX, Live, Shelf, Stored},
};

pub(crate) const CASE: &str = "case/";
pub(crate) const BRIEF: &str = "brief/";
const LIVE: &str = "live/";
const PRUNED: &str = "pruned";

/// How often cases that are too old are looked for.
const PRUNE_INTERVAL_MS: u64 = 3_600_000;

/// Rows that a scan of briefs yields at a time.
const PAGE: usize = 256;

/// Which cases are kept.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// So many; beyond it the closed one to which nothing came for longest goes.
    pub(crate) cases_max: usize,
    /// A closed one so long after its last report.
    pub(crate) age_ms: u64,
}

pub(crate) fn case(id: Uuid) -> String {
    format!("{CASE}{id}")
}

fn brief(id: Uuid) -> String {
    format!("{BRIEF}{id}")
}

fn live(id: Uuid) -> String {
    format!("{LIVE}{id}")
}

/// The cases of a transaction.
pub(crate) struct Rows<'a>(pub(crate) &'a mut Tx);

impl Rows<'_> {
    /// A row; one of another version that can not be read is dropped, and that is said: it must not
    /// keep reports from being taken.
    fn read<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, StoreError> {
        match self.0.get(key) {
            Err(StoreError::Value { key, source }) => {
                unreadable(&key, &source);
                self.0.delete(&key);
                Ok(None)
            }
            row => row,
        }
    }
}

fn unreadable(key: &str, error: &serde_json::Error) {
    tracing::error!(key, %error, "a row can not be read: dropped");
}

impl Shelf for Rows<'_> {
    type Error = StoreError;

    fn live(&mut self) -> Result<Vec<Live>, StoreError> {
        loop {
            match self.0.scan(LIVE, None, LIVE_MAX + 1) {
                Err(StoreError::Value { key, source }) => {
                    unreadable(&key, &source);
                    self.0.delete(&key);
                }
                Err(error) => return Err(error),
                Ok(rows) => return Ok(rows.into_iter().map(|(_, live)| live).collect()),
            }
        }
    }

    fn case(&mut self, id: Uuid) -> Result<Option<Stored>, StoreError> {
        self.read(&case(id))
    }

    fn put(&mut self, stored: &Stored, keys: Option<&Live>) -> Result<(), StoreError> {
        let id = stored.case.id;
        self.0.put(&case(id), stored);
        if stored.case.state != CaseState::Watching {
            self.0.put(&brief(id), &stored.case.brief());
        }
        match keys {
            Some(keys) => self.0.put(&live(id), keys),
            None => self.0.delete(&live(id)),
        }
        Ok(())
    }

    fn remove(&mut self, id: Uuid) -> Result<(), StoreError> {
        for key in [case(id), brief(id), live(id)] {
            self.0.delete(&key);
        }
        Ok(())
    }
}

/// Writes what became of asking about a case; nothing else of it changes.
pub(crate) fn put_analysis(tx: &mut Tx, stored: &Stored) {
    tx.put(&case(stored.case.id), stored);
}

/// Cases about which the oracle was being asked when the agent stopped.
pub(crate) fn asked(ctx: &Ctx<ForensicDetective>) -> Result<Vec<Uuid>, StoreError> {
    let live: Vec<(String, Live)> = match ctx.scan(LIVE, None, LIVE_MAX + 1) {
        // The next report drops what can not be read.
        Err(StoreError::Value { .. }) => Vec::new(),
        rows => rows?,
    };
    let mut asked = Vec::new();
    for (_, live) in live {
        let stored: Option<Stored> = ctx.get(&case(live.id)).unwrap_or_default();
        if stored.is_some_and(|stored| stored.case.analysis == Analysis::Asked) {
            asked.push(live.id);
        }
    }
    Ok(asked)
}

/// Every case in a line.
pub(crate) fn briefs(ctx: &Ctx<ForensicDetective>) -> Result<Vec<CaseBrief>, StoreError> {
    all(|after| ctx.scan(BRIEF, after, PAGE))
}

fn all(
    mut page: impl FnMut(Option<&str>) -> Result<Vec<(String, CaseBrief)>, StoreError>,
) -> Result<Vec<CaseBrief>, StoreError> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let rows = page(after.as_deref())?;
        let Some((last, _)) = rows.last() else {
            return Ok(found);
        };
        after = Some(last.clone());
        found.extend(rows.into_iter().map(|(_, brief)| brief));
    }
}

/// Prunes where that was not done for a while.
pub(crate) fn prune_when_due(tx: &mut Tx, kept: &Kept, now_ms: u64) -> Result<(), StoreError> {
    let last_ms: u64 = tx.get(PRUNED)?.unwrap_or_default();
    if now_ms.abs_diff(last_ms) < PRUNE_INTERVAL_MS {
        return Ok(());
    }
    tx.put(PRUNED, &now_ms);
    prune(tx, kept, now_ms)
}

/// Forgets cases that are too old, and those that are too many; an open one never.
pub(crate) fn prune(tx: &mut Tx, kept: &Kept, now_ms: u64) -> Result<(), StoreError> {
    let mut briefs = all(|after| tx.scan(BRIEF, after, PAGE))?;
    let n_too_many = briefs.len().saturating_sub(kept.cases_max);
    briefs.retain(|brief| brief.state == CaseState::Closed);
    briefs.sort_by_key(|brief| brief.updated_ms);
    for (n, brief) in briefs.iter().enumerate() {
        let is_old = now_ms > brief.updated_ms.saturating_add(kept.age_ms);
        if n < n_too_many || is_old {
            Rows(tx).remove(brief.id)?;
        }
    }
    Ok(())
}
