//! A digest: a report for each collector.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde::ser::SerializeMap;

use super::coverage::Coverage;
use super::ordered::Ordered;
use super::table::Table;
use super::traces::Traces;

/// A digest of the logs of one host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DigestReport {
    /// What each collector found, in the order they were asked for.
    pub collectors: Ordered<CollectorReport>,
}

/// What one collector found.
///
/// Shape: a map of `headline`, `lines_read`, `totals`, the tables under their names (all of which
/// begin with `by_`), `sections`, `coverage`, and `traces` where there are any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CollectorReport {
    /// What it comes to, in one line.
    pub headline: String,
    /// All lines of its sources, analysed or not.
    pub lines_read: u64,
    /// What was counted, under names that stay.
    pub totals: Ordered<u64>,
    /// Tables, under names like `by_source`.
    pub tables: Ordered<Table>,
    /// Lines that show what the totals mean.
    pub sections: Vec<Section>,
    /// What all this stands on.
    pub coverage: Coverage,
    /// How the counts lie in time, and who left them.
    pub traces: Traces,
}

/// Some lines of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Section {
    /// The kind, like `failed`.
    pub name: String,
    /// How many such lines there were.
    pub count: u64,
    /// The newest of them; none where details were not asked for.
    pub lines: Vec<EvidenceLine>,
}

/// A line that stands as evidence.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EvidenceLine {
    /// Names the line in this digest: `sshd/1:4711` is line 4711 of the first source of `sshd`.
    pub id: String,
    /// The line, cut where it is long. Log text: not safe to print as it is.
    pub text: String,
}

impl Serialize for CollectorReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("headline", &self.headline)?;
        map.serialize_entry("lines_read", &self.lines_read)?;
        map.serialize_entry("totals", &self.totals)?;
        for (name, table) in &self.tables.0 {
            map.serialize_entry(name, table)?;
        }
        map.serialize_entry("sections", &self.sections)?;
        map.serialize_entry("coverage", &self.coverage)?;
        if !self.traces.is_empty() {
            map.serialize_entry("traces", &self.traces)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for CollectorReport {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReportVisitor)
    }
}

struct ReportVisitor;

impl<'de> Visitor<'de> for ReportVisitor {
    type Value = CollectorReport;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a collector's report")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CollectorReport, A::Error> {
        let mut report = CollectorReport::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "headline" => report.headline = map.next_value()?,
                "lines_read" => report.lines_read = map.next_value()?,
                "totals" => report.totals = map.next_value()?,
                "sections" => report.sections = map.next_value()?,
                "coverage" => report.coverage = map.next_value()?,
                "traces" => report.traces = map.next_value()?,
                _ if name.starts_with("by_") => {
                    let mut table: Table = map.next_value()?;
                    if table.field.is_empty() {
                        table.field = field_of(&name).to_owned();
                    }
                    report.tables.0.push((name, table));
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(report)
    }
}

/// The field of an empty table, which no row tells.
fn field_of(table: &str) -> &str {
    match table {
        "by_source" => "source.address",
        "by_user" => "user.name",
        _ => table.strip_prefix("by_").unwrap_or(table),
    }
}
