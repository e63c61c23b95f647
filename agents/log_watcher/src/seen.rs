//! The digests that the next ones are compared with: the last of each kind, without its lines.

use serde::Deserialize;
use serde::Serialize;
use skep_agent::StoreError;
use skep_agent::Tx;
use skep_protocol::digest::DigestReport;
use skep_protocol::digest::Other;
use skep_protocol::digest::Table;
use skep_protocol::oracle::Window;

use crate::digest::Before;
use crate::digest::overview;
use crate::show;
use crate::show::Facts;

/// Where they stand, the one that was made last at the end.
const SEEN: &str = "seen";

/// Kinds that are remembered; the one that was not asked for longest goes.
const SEEN_MAX: usize = 8;

/// Rows of a table that are remembered.
const ROWS_MAX: usize = 200;

/// A digest that was made, as much of it as a comparison needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    kind: String,
    window: Option<Window>,
    report: DigestReport,
}

/// What a digest of this kind comes to, compared with the last one; it is the next one's last.
pub(crate) fn compare(
    tx: &mut Tx,
    kind: &str,
    report: &DigestReport,
    facts: Facts,
) -> Result<Facts, StoreError> {
    let mut seen: Vec<Seen> = match tx.get(SEEN) {
        // Rows of another version: there is nothing to compare with.
        Err(StoreError::Value { .. }) => Vec::new(),
        seen => seen?.unwrap_or_default(),
    };
    let last = seen.iter().position(|seen| seen.kind == kind);
    let last = last.map(|at| seen.remove(at));
    let before = last.as_ref().map(|last| Before {
        report: &last.report,
        window: last.window,
    });
    let overview = overview(report, facts.window, before);
    seen.push(Seen {
        kind: kind.to_owned(),
        window: facts.window,
        report: shortened(report),
    });
    let surplus = seen.len().saturating_sub(SEEN_MAX);
    seen.drain(..surplus);
    tx.put(SEEN, &seen);
    Ok(Facts { overview, ..facts })
}

fn shortened(report: &DigestReport) -> DigestReport {
    let mut report = show::without_lines(report);
    let collectors = report.collectors.0.iter_mut();
    for (_, table) in collectors.flat_map(|(_, found)| &mut found.tables.0) {
        shorten(table);
    }
    report
}

/// Whatever goes joins the other keys, so that none of them is taken for new later.
fn shorten(table: &mut Table) {
    let surplus = table.rows.split_off(table.rows.len().min(ROWS_MAX));
    if surplus.is_empty() {
        return;
    }
    let other = table.other.get_or_insert_with(Other::default);
    other.keys += surplus.len() as u64;
    other.count += surplus.iter().map(|row| row.count("count")).sum::<u64>();
}
