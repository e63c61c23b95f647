//! `skep digest --offline`: files, right here, without any node.

use std::path::PathBuf;

use serde_json::json;
use skep_log_watcher::{
    digest::ReportOptions,
    offline::{Options, Spec, digest},
    text,
};
use skep_node::Clock;
use skep_protocol::digest::DigestReport;

use crate::{
    cli::{Globals, OutputFormat},
    failure::{Failure, Kind},
    output,
};

/// Bytes between two signs of progress.
const PROGRESS_BYTES: u64 = 64 * 1024 * 1024;

pub(super) fn run(
    files: &[String],
    since_s: Option<u64>,
    include_details: bool,
    globals: &Globals,
) -> Result<(), Failure> {
    let specs: Vec<Spec> = files
        .iter()
        .map(|file| spec(file))
        .collect::<Result<_, _>>()?;
    if specs.is_empty() {
        return Err(Failure::new(Kind::Input, "--offline without any file")
            .cure("name them, each as COLLECTOR=FILE: sshd=/var/log/auth.log"));
    }
    let now_s = Clock::start().now().unix_ms / 1000;
    let mut options = Options::new(i64::try_from(now_s).unwrap_or(i64::MAX));
    options.since_unix_s =
        since_s.map(|since_s| i64::try_from(now_s.saturating_sub(since_s)).unwrap_or(i64::MAX));
    options.report = ReportOptions {
        include_details,
        ..ReportOptions::default()
    };
    let told = std::sync::atomic::AtomicU64::new(0);
    let progress = |n_bytes: u64| {
        let before = told.fetch_max(
            n_bytes / PROGRESS_BYTES,
            std::sync::atomic::Ordering::Relaxed,
        );
        if n_bytes / PROGRESS_BYTES > before {
            output::hint(globals, &format!("{} MB read", n_bytes / 1_000_000));
        }
    };
    let report = digest(&specs, &options, progress);
    match globals.format {
        OutputFormat::Json => output::line(&json!(report).to_string()),
        OutputFormat::Text => output::say(&text(&report)),
    }
    check(&specs, &report)
}

fn spec(text: &str) -> Result<Spec, Failure> {
    let (collector, path) = text
        .split_once('=')
        .filter(|(name, path)| !name.is_empty() && !path.is_empty())
        .ok_or_else(|| {
            Failure::new(
                Kind::Input,
                format!("{text:?} is not of the form COLLECTOR=FILE"),
            )
            .cure("for instance sshd=/var/log/auth.log")
        })?;
    Ok(Spec {
        collector: collector.to_owned(),
        paths: vec![PathBuf::from(path)],
    })
}

/// A file that was named and could not be read is a failure, though the rest was shown.
fn check(specs: &[Spec], report: &DigestReport) -> Result<(), Failure> {
    let errors = report
        .collectors
        .0
        .iter()
        .flat_map(|(_, collector)| &collector.coverage.errors);
    let first = errors.into_iter().next();
    let Some(problem) = first else {
        tracing::debug!(n_files = specs.len(), "all was read");
        return Ok(());
    };
    let message = format!("{}: {}", problem.source, problem.problem);
    Err(Failure::new(Kind::File, message).cure(problem.cure.clone()))
}
