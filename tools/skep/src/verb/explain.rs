//! `skep explain`.

use std::{
    fmt::Write as _,
    io::{self, BufWriter, ErrorKind, Read, Write},
    path::PathBuf,
};

use clap::Args;
use serde_json::{Map, Value, json};
use skep_lines::{LineBuffer, Outcome, Severity, format_utc};
use skep_log_watcher::{
    digest::{Explanation, NAMES},
    explain::Explainer,
};
use skep_node::Clock;

use crate::{
    cli::{Globals, OutputFormat},
    failure::{Failure, Kind},
};

/// Bytes read at once; what they hold is printed before the next are read.
const CHUNK_BYTES: usize = 64 * 1024;

/// Say what log lines mean
///
/// Reads lines from stdin and prints one record for each: the event that a collector counts it as,
/// the rule that matched, and what was read out of it. Lines may have a syslog prefix, or be what
/// `journalctl -o json` prints.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tail -n 100 /var/log/auth.log | skep explain
  journalctl -o json -u ssh | skep explain --format json
  echo 'Invalid user bob from 192.0.2.7 port 4022' | skep explain --as sshd")]
pub(crate) struct Explain {
    /// Judge every line by this collector, instead of by the one that knows it
    // No key is needed here, so this takes the place of the global argument: same id, same type.
    #[arg(
        id = "bundle",
        long = "as",
        value_name = "COLLECTOR",
        help_heading = "Options"
    )]
    collector: Option<PathBuf>,
}

impl Explain {
    pub(crate) fn run(self, globals: &Globals) -> Result<(), Failure> {
        let named = self.collector.as_ref().map(|name| name.to_string_lossy());
        let now_s = Clock::start().now().unix_ms / 1000;
        let now_s = i64::try_from(now_s).unwrap_or(i64::MAX);
        let explainer = Explainer::new(named.as_deref(), now_s);
        let explainer = explainer.ok_or_else(|| {
            let named = named.unwrap_or_default();
            Failure::new(Kind::Input, format!("there is no collector {named:?}"))
                .cure(format!("one of {}", NAMES.join(", ")))
        })?;
        let show = match globals.format {
            OutputFormat::Json => document,
            OutputFormat::Text => text,
        };
        match explain(explainer, show, io::stdin().lock(), io::stdout().lock()) {
            // A reader that has seen enough ends this in peace.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::of(Kind::File, &error)),
            Ok(()) => Ok(()),
        }
    }
}

fn explain(
    mut explainer: Explainer,
    show: fn(&Explanation) -> String,
    mut lines: impl Read,
    out: impl Write,
) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let mut buffer = LineBuffer::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut written = Ok(());
    loop {
        let n_bytes = match lines.read(&mut chunk) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        let mut each = |line: &[u8]| {
            if written.is_ok() {
                written = out.write_all(show(&explainer.line(line)).as_bytes());
            }
        };
        match n_bytes {
            0 => buffer.finish(&mut each),
            _ => buffer.feed(&chunk[..n_bytes], &mut each),
        }
        std::mem::replace(&mut written, Ok(()))?;
        out.flush()?;
        if n_bytes == 0 {
            return Ok(());
        }
    }
}

/// One line of JSON.
fn document(explanation: &Explanation) -> String {
    let Explanation { record, facts, .. } = explanation;
    let attributes: Map<String, Value> = record
        .attributes
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let record = json!({
        "timestamp": record.timestamp_ns.map(moment),
        "severity": record.severity.map(Severity::text),
        "host": some(&record.host),
        "service": service(explanation),
        "event": facts.as_ref().map(|facts| facts.event),
        "outcome": facts.as_ref().and_then(|facts| facts.outcome).map(Outcome::text),
        "attributes": attributes,
        "body": record.body,
    });
    format!("{record}\n")
}

/// The line, then the rule that matched and what it gave.
fn text(explanation: &Explanation) -> String {
    let Explanation { record, facts, .. } = explanation;
    let mut text = record.timestamp_ns.map_or("-".to_owned(), moment);
    for word in [some(&record.host), service(explanation)] {
        text.push(' ');
        text.push_str(word.unwrap_or("-"));
    }
    push(&mut text, format_args!(": {}\n", record.body));
    let Some(facts) = facts else {
        match explanation.collector {
            Some(name) => push(&mut text, format_args!("  no event of {name}\n\n")),
            None => push(&mut text, format_args!("  no collector knows it\n\n")),
        }
        return text;
    };
    push(&mut text, format_args!("  event    {}", facts.event));
    if let Some(outcome) = facts.outcome {
        push(&mut text, format_args!(", {}", outcome.text()));
    }
    push(&mut text, format_args!("\n  rule     {}\n", facts.rule));
    for (name, value) in &record.attributes {
        push(&mut text, format_args!("  {name} = {}\n", json!(value)));
    }
    text.push('\n');
    text
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what)
        .expect("a string takes what is written");
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// The service by its collector's name, else the program that wrote the line.
fn service(explanation: &Explanation) -> Option<&str> {
    explanation.collector.or(some(&explanation.record.service))
}

/// A moment with as much of its fraction as is not zero.
fn moment(unix_ns: i64) -> String {
    let seconds = format_utc(unix_ns);
    let nanos = format!("{:09}", unix_ns.rem_euclid(1_000_000_000));
    match (nanos.trim_end_matches('0'), seconds.strip_suffix('Z')) {
        ("", _) | (_, None) => seconds,
        (fraction, Some(whole)) => format!("{whole}.{fraction}Z"),
    }
}

#[cfg(test)]
mod tests;
