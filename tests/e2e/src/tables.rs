//! Reading what a digest says.

use std::collections::BTreeMap;

use serde_json::Value;

/// A table of a collector's report as `key → (count, second)`, without rows that count nothing.
///
/// # Panics
/// Where the report has no such table.
#[must_use]
pub fn table(report: &Value, name: &str, key: &str, second: &str) -> BTreeMap<String, (u64, u64)> {
    let rows = report[name].as_array();
    let rows = rows.unwrap_or_else(|| panic!("{name} in {report:#}"));
    let number = |row: &Value, field: &str| row[field].as_u64().unwrap_or_default();
    rows.iter()
        .map(|row| {
            let name = row[key].as_str();
            let name = name.unwrap_or_else(|| panic!("{key} in {row}"));
            (name.to_owned(), (number(row, "count"), number(row, second)))
        })
        .filter(|(_, counts)| *counts != (0, 0))
        .collect()
}
