//! What the agent keeps in its node's store, and under which keys.
//!
//! ```text
//! record/<alert id>        Record    the newest RECORDS_MAX alerts
//! order/<n>                alert id  in the order in which they first came
//! window/<key>             Window    one open cooldown of an (origin, cause)
//! message/<n>              Stored    until every channel is done with it
//! out/<channel's id>/<n>   Waiting   message n waits for a channel
//! counters                 Counters
//! ```

use serde::{Deserialize, Serialize};
use skep_agent::{Ctx, StoreError, Tx};
use skep_protocol::{
    alert::{Alerts, DeliveryState, Record},
    severity::Severity,
};
use uuid::Uuid;

use crate::{AlertAgent, message::Message};

/// Alerts that are kept; beyond it the oldest one goes.
pub(crate) const RECORDS_MAX: u64 = 1000;

/// Cooldowns that are open at a time; at the bound a further (origin, cause) shares one window with
/// all others that come too late, so that no flood passes.
pub(crate) const WINDOWS_MAX: u64 = 4096;

/// Messages that wait for one channel; at the bound a further one is recorded as failed.
pub(crate) const WAITING_MAX: usize = 1000;

/// Deliveries that a record keeps; beyond it the oldest one goes.
pub(crate) const DELIVERIES_MAX: usize = 20;

/// Alerts that a window remembers by their ids; further ones are only counted.
pub(crate) const HELD_IDS_MAX: usize = 50;

/// Alerts listed where nobody says how many.
const LIST_DEFAULT: usize = 20;

/// Alerts listed at most.
const LIST_MAX: usize = 100;

/// Bytes of a list, so that it fits a packet.
const LIST_BYTES_MAX: usize = 192 * 1024;

/// Numbers that go on over restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) next_record: u64,
    pub(crate) n_records: u64,
    pub(crate) next_message: u64,
    pub(crate) n_windows: u64,
}

/// An open cooldown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// When its first message went out.
    pub(crate) since_ms: u64,
    pub(crate) until_ms: u64,
    /// The gravest that it told.
    #[serde(default)]
    pub(crate) level: Severity,
    /// Alerts held back.
    pub(crate) held: u64,
    /// The records of the first ones of them.
    pub(crate) ids: Vec<Uuid>,
    /// The record of the newest one.
    pub(crate) newest: Option<Uuid>,
}

/// A message that at least one channel is not done with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) message: Message,
    /// The records it tells of.
    pub(crate) about: Vec<Uuid>,
    /// Channels that are not done with it.
    pub(crate) left: usize,
}

/// A message on its way to one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// The message's number.
    pub(crate) n: u64,
    pub(crate) channel: String,
    /// Tries that failed.
    pub(crate) attempts: u32,
    pub(crate) since_ms: u64,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) state: DeliveryState,
    pub(crate) error: Option<String>,
}

pub(crate) const COUNTERS: &str = "counters";
pub(crate) const ORDER: &str = "order/";
pub(crate) const OUT: &str = "out/";
const WINDOW: &str = "window/";

pub(crate) fn record(id: Uuid) -> String {
    format!("record/{id}")
}

pub(crate) fn order(n: u64) -> String {
    format!("{ORDER}{n:020}")
}

pub(crate) fn window(key: Uuid) -> String {
    format!("{WINDOW}{key}")
}

pub(crate) fn message(n: u64) -> String {
    format!("message/{n:020}")
}

pub(crate) fn out(channel: &str, n: u64) -> String {
    format!("{}{n:020}", queue(channel))
}

/// The prefix of what waits for a channel. A name may hold anything; its id is one key part.
pub(crate) fn queue(channel: &str) -> String {
    format!(
        "{OUT}{}/",
        Uuid::new_v5(&Uuid::NAMESPACE_OID, channel.as_bytes())
    )
}

/// Every open window, by its key.
pub(crate) fn windows(ctx: &Ctx<AlertAgent>) -> Result<Vec<(Uuid, Window)>, StoreError> {
    let max = usize::try_from(WINDOWS_MAX)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let rows: Vec<(String, Window)> = ctx.scan(WINDOW, None, max)?;
    let keyed = rows.into_iter().filter_map(|(key, window)| {
        let key = key.strip_prefix(WINDOW)?.parse().ok()?;
        Some((key, window))
    });
    Ok(keyed.collect())
}

/// What waits for a channel, the oldest first.
pub(crate) fn waiting(tx: &Tx, channel: &str) -> Result<Vec<Waiting>, StoreError> {
    let rows: Vec<(String, Waiting)> = tx.scan(&queue(channel), None, WAITING_MAX)?;
    Ok(rows.into_iter().map(|(_, waiting)| waiting).collect())
}

/// The newest records, as many as were asked for and fit a packet.
pub(crate) fn newest(ctx: &Ctx<AlertAgent>, limit: Option<usize>) -> Result<Alerts, StoreError> {
    let limit = limit.unwrap_or(LIST_DEFAULT).min(LIST_MAX);
    let counters: Counters = ctx.get(COUNTERS)?.unwrap_or_default();
    let mut alerts = Alerts::default();
    let mut bytes = 0;
    for n in (0..counters.next_record).rev().take(limit) {
        let Some(id) = ctx.get::<Uuid>(&order(n))? else {
            break;
        };
        let Some(record) = ctx.get::<Record>(&record(id))? else {
            continue;
        };
        bytes += serde_json::to_vec(&record).map_or(LIST_BYTES_MAX, |json| json.len());
        if bytes > LIST_BYTES_MAX {
            break;
        }
        alerts.alerts.push(record);
    }
    Ok(alerts)
}
