//! A table of a digest on a page: each key over a bar that shows its share of the largest.

use skep_protocol::digest::Row;
use skep_protocol::digest::Table;

use super::collector::words;
use super::escape::number;
use super::escape::sentence;
use super::escape::text;
use super::overview::label;
use super::page::INK;
use super::page::MONO;
use super::page::SANS;
use super::page::SOFT;

pub(super) fn table(name: &str, table: &Table, rows_max: usize) -> String {
    let (shown, rest) = table.rows.split_at(table.rows.len().min(rows_max));
    let Some(first) = shown.first() else {
        return String::new();
    };
    let columns: Vec<&str> = first.counts.iter().map(|(name, _)| name.as_str()).collect();
    let most = shown.iter().map(weight).max().unwrap_or_default().max(1);
    let head = format!("{SANS};{SOFT};font-size:12px;line-height:18px;font-weight:400");
    let mut out = format!(
        "{}<table width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" \
         style=\"border-collapse:collapse;table-layout:fixed\"><tr>\
         <th align=\"left\" class=\"soft\" style=\"{head};text-align:left\">{}</th>",
        label(&words(name)),
        sentence(&table.field)
    );
    for column in &columns {
        out.push_str(&format!(
            "<th align=\"right\" width=\"76\" class=\"soft\" \
             style=\"{head};text-align:right;width:76px\">{}</th>",
            sentence(&words(column))
        ));
    }
    out.push_str("</tr>\n");
    for row in shown {
        out.push_str(&self::row(row, &columns, most));
    }
    out.push_str("</table>");
    out.push_str(&others(table, rest));
    out
}

fn weight(row: &Row) -> u64 {
    row.counts.iter().map(|(_, n)| *n).max().unwrap_or_default()
}

fn row(row: &Row, columns: &[&str], most: u64) -> String {
    let key = match row.key.as_str() {
        "" => "<i>(empty)</i>".to_owned(),
        key => text(key),
    };
    let width = (weight(row).saturating_mul(100) / most).clamp(1, 100);
    let mut out = format!(
        "<tr><td class=\"ink\" style=\"{MONO};{INK};font-size:14px;line-height:20px;\
         padding:4px 12px 4px 0;word-break:break-word;overflow-wrap:anywhere\">{key}\
         <div class=\"bar\" style=\"height:3px;line-height:3px;font-size:0;width:{width}%;\
         background:#e3a62f;border-radius:2px\">&nbsp;</div></td>"
    );
    for column in columns {
        out.push_str(&format!(
            "<td align=\"right\" valign=\"top\" class=\"ink\" style=\"{SANS};{INK};font-size:14px;\
             line-height:20px;padding:4px 0;text-align:right;font-variant-numeric:tabular-nums\">\
             {}</td>",
            number(row.count(column))
        ));
    }
    out.push_str("</tr>\n");
    out
}

fn others(table: &Table, rest: &[Row]) -> String {
    let other = table.other.as_ref();
    let n_keys = rest.len() as u64 + other.map_or(0, |other| other.keys);
    if n_keys == 0 {
        return String::new();
    }
    let count: u64 = rest.iter().map(|row| row.count("count")).sum();
    let count = count + other.map_or(0, |other| other.count);
    let error = other.and_then(|other| other.error_max);
    let approximate = error.map_or(String::new(), |error| {
        format!("; approximate: a count may lack up to {}", number(error))
    });
    format!(
        "<div class=\"soft\" style=\"{SANS};{SOFT};font-size:13px;line-height:20px\">\
         and {} others with {} together{approximate}</div>\n",
        number(n_keys),
        number(count)
    )
}
