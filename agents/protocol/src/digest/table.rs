//! A table of a digest: rows of a key and its counts, and what did not fit.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde::ser::SerializeMap;
use serde::ser::SerializeSeq;

/// Rows under one field, the largest first.
///
/// Shape: `[{"source.address":"10.0.0.7","count":4,"probes":0}, …, {"other":{"keys":9,…}}]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// The field of the keys, by its semantic-convention name.
    pub field: String,
    /// The rows.
    pub rows: Vec<Row>,
    /// The keys that have no row here.
    pub other: Option<Other>,
}

/// A key with its counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// The key.
    pub key: String,
    /// What was counted: `count` first.
    pub counts: Vec<(String, u64)>,
}

/// The keys of a table that are not shown, together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Other {
    /// How many keys; of an approximate table, at most this many.
    pub keys: u64,
    /// The sum of their `count`.
    pub count: u64,
    /// In a table that had more keys than are kept: a row's count may lack up to this many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_max: Option<u64>,
}

impl Row {
    /// The count under a name; 0 where there is none.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        self.counts
            .iter()
            .find(|(known, _)| known == name)
            .map_or(0, |(_, count)| *count)
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = self.rows.len() + usize::from(self.other.is_some());
        let mut seq = serializer.serialize_seq(Some(length))?;
        for row in &self.rows {
            seq.serialize_element(&FieldRow {
                field: &self.field,
                row,
            })?;
        }
        if let Some(other) = &self.other {
            seq.serialize_element(&OtherRow { other })?;
        }
        seq.end()
    }
}

struct FieldRow<'a> {
    field: &'a str,
    row: &'a Row,
}

impl Serialize for FieldRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.row.counts.len()))?;
        map.serialize_entry(self.field, &self.row.key)?;
        for (name, count) in &self.row.counts {
            map.serialize_entry(name, count)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct OtherRow<'a> {
    other: &'a Other,
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TableVisitor)
    }
}

struct TableVisitor;

impl<'de> Visitor<'de> for TableVisitor {
    type Value = Table;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the rows of a table")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Table, A::Error> {
        let mut table = Table::default();
        while let Some(Cells(cells)) = seq.next_element()? {
            let mut row = Row::default();
            let mut is_other = false;
            for (name, cell) in cells {
                match cell {
                    Cell::Count(count) => row.counts.push((name, count)),
                    Cell::Key(key) => {
                        row.key = key;
                        table.field = name;
                    }
                    Cell::Other(other) => {
                        table.other = Some(other);
                        is_other = true;
                    }
                }
            }
            if !is_other {
                table.rows.push(row);
            }
        }
        Ok(table)
    }
}

struct Cells(Vec<(String, Cell)>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Cell {
    Count(u64),
    Key(String),
    Other(Other),
}

impl<'de> Deserialize<'de> for Cells {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(CellsVisitor)
    }
}

struct CellsVisitor;

impl<'de> Visitor<'de> for CellsVisitor {
    type Value = Cells;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row of a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cells, A::Error> {
        let mut cells = Vec::new();
        while let Some(cell) = map.next_entry()? {
            cells.push(cell);
        }
        Ok(Cells(cells))
    }
}
