//! `skep digest --offline`: files, right here, without any node.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use serde_json::json;
use skep_log_watcher::{
    digest::ReportOptions,
    html,
    offline::{Options, Spec, digest, document},
    text,
};
use skep_node::Clock;
use skep_protocol::{
    digest::{DigestReport, Document},
    severity::Severity,
};

use super::digest::check_gravity;
use crate::{
    cli::{Globals, OutputFormat},
    failure::{Failure, Kind},
    output,
};

/// Bytes between two signs of progress.
const PROGRESS_BYTES: u64 = 64 * 1024 * 1024;

/// What was asked for on the command line.
pub(super) struct Offline {
    pub(super) files: Vec<String>,
    pub(super) since_s: Option<u64>,
    pub(super) include_details: bool,
    /// An earlier digest to compare with.
    pub(super) against: Option<PathBuf>,
    pub(super) fail_on: Option<Severity>,
}

impl Offline {
    pub(super) fn run(self, globals: &Globals) -> Result<(), Failure> {
        let specs = self.specs()?;
        let before = self.against.as_deref().map(earlier).transpose()?;
        let options = self.options();
        let report = digest(&specs, &options, progress(globals));
        let document = document(&report, &options, before.as_ref());
        match globals.format {
            OutputFormat::Json => output::line(&json!(document).to_string()),
            OutputFormat::Text if globals.wants_page() => {
                output::say(&html(std::slice::from_ref(&document)));
            }
            OutputFormat::Text => output::say(&text(&document)),
        }
        check(&specs, &report)?;
        check_gravity(&[document], self.fail_on)
    }

    /// The digest alone; every file that was named must be read.
    pub(super) fn read(&self, globals: &Globals) -> Result<DigestReport, Failure> {
        let specs = self.specs()?;
        let report = digest(&specs, &self.options(), progress(globals));
        check(&specs, &report)?;
        Ok(report)
    }

    fn specs(&self) -> Result<Vec<Spec>, Failure> {
        let specs: Result<Vec<Spec>, Failure> = self.files.iter().map(|file| spec(file)).collect();
        let specs = specs?;
        if specs.is_empty() {
            return Err(Failure::new(Kind::Input, "--offline without any file")
                .cure("name them, each as COLLECTOR=FILE: sshd=/var/log/auth.log"));
        }
        Ok(specs)
    }

    fn options(&self) -> Options {
        let now_s = Clock::start().now().unix_ms / 1000;
        let seconds = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
        let mut options = Options::new(seconds(now_s));
        options.since_unix_s = self
            .since_s
            .map(|since_s| seconds(now_s.saturating_sub(since_s)));
        options.report = ReportOptions {
            include_details: self.include_details,
            ..ReportOptions::default()
        };
        options
    }
}

fn progress(globals: &Globals) -> impl Fn(u64) + Sync {
    let told = AtomicU64::new(0);
    move |n_bytes: u64| {
        let before = told.fetch_max(n_bytes / PROGRESS_BYTES, Ordering::Relaxed);
        if n_bytes / PROGRESS_BYTES > before {
            output::hint(globals, &format!("{} MB read", n_bytes / 1_000_000));
        }
    }
}

/// A digest that was kept as JSON, whether it came from files or from one node.
fn earlier(path: &Path) -> Result<Document<'static>, Failure> {
    let subject = path.display().to_string();
    let failed = |error: &dyn std::error::Error, what: &str| {
        Failure::new(Kind::File, format!("{subject}: {what}")).because(error)
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| failed(&error, "the earlier digest can not be read"))?;
    let mut document: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| failed(&error, "this is no digest that --format json wrote"))?;
    if let Some(origins) = document
        .get_mut("origins")
        .and_then(|value| value.as_object_mut())
        && let Some(first) = origins.values_mut().next()
    {
        document = first.take();
    }
    serde_json::from_value(document)
        .map_err(|error| failed(&error, "this is no digest that --format json wrote"))
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
