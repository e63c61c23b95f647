//! A finding about a directive: what, where, why and the cure, as plain data.

use std::fmt::Write;

use serde::Serialize;

use crate::{Code, Span, span};

/// How many findings one check reports; at the bound the rest are dropped and said to be.
pub const DIAGNOSTICS_MAX: usize = 100;

/// Whether a finding keeps the directive from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The directive does not run.
    Error,
    /// It runs; a person should look.
    Warning,
}

/// A second place that belongs to a finding, for instance the first of two equal keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    /// The place.
    pub span: Span,
    /// What stands there, in a few words.
    pub label: String,
}

/// One finding: the cause, its place and the cure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Whether it keeps the directive from running.
    pub severity: Severity,
    /// Its stable code.
    pub code: Code,
    /// Where: bytes of the directive's text.
    pub span: Span,
    /// The cause: lowercase, no full stop.
    pub message: String,
    /// A few words for the marked place; may be empty.
    pub label: String,
    /// The cure, where one is known.
    pub help: Option<String>,
    /// A second place that explains it.
    pub related: Option<Related>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            span,
            message: message.into(),
            label: String::new(),
            help: None,
            related: None,
        }
    }

    /// A warning at `span`.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, span, message)
        }
    }

    /// Adds the cure.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the cure, where there is one.
    #[must_use]
    pub fn help_if(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Adds the words for the marked place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related = Some(Related {
            span,
            label: label.into(),
        });
        self
    }

    /// Whether it keeps the directive from running.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The finding as plain text with its line marked; `file` is only printed.
    pub fn plain(&self, file: &str, text: &str) -> String {
        let mut out = String::new();
        let severity = if self.is_error() { "error" } else { "warning" };
        let place = span::place(text, self.span.start);
        // Writing to a String cannot fail; `ok` says so without a panic path.
        writeln!(out, "{severity}[{}]: {}", self.code.id(), self.message).ok();
        writeln!(out, "  at {file}:{}:{}", place.line, place.column).ok();
        mark(&mut out, text, self.span, &self.label);
        if let Some(related) = &self.related {
            mark(&mut out, text, related.span, &related.label);
        }
        if let Some(help) = &self.help {
            writeln!(out, "  help: {help}").ok();
        }
        out
    }
}

/// Prints the line of `span` with carets under it; a span of several lines is marked on its first.
fn mark(out: &mut String, text: &str, span: Span, label: &str) {
    /// Longer lines are shown from near the mark, so that a minified file stays readable.
    const LINE_CHARS_MAX: usize = 100;
    const LEAD_CHARS: usize = 40;

    let place = span::place(text, span.start);
    let line = text.lines().nth(place.line - 1).unwrap_or_default();
    let skipped = if line.chars().count() > LINE_CHARS_MAX {
        (place.column - 1).saturating_sub(LEAD_CHARS)
    } else {
        0
    };
    let shown: String = line.chars().skip(skipped).take(LINE_CHARS_MAX).collect();
    let lead = place.column - 1 - skipped;
    let marked = text.get(span.start..span.end).unwrap_or_default();
    let width = marked.lines().next().unwrap_or_default().chars().count();
    let room = shown.chars().count().saturating_sub(lead);
    let carets = "^".repeat(width.clamp(1, room.max(1)));
    let gap = " ".repeat(lead);
    writeln!(out, "{:>5} | {shown}", place.line).ok();
    writeln!(out, "      | {gap}{carets} {label}").ok();
    while out.ends_with(" \n") {
        out.truncate(out.len() - 2);
        out.push('\n');
    }
}

/// Findings in the making; never more than [`DIAGNOSTICS_MAX`], the rest is only counted.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    kept: Vec<Diagnostic>,
    n_dropped: usize,
}

impl Findings {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if self.kept.len() < DIAGNOSTICS_MAX {
            self.kept.push(diagnostic);
        } else {
            self.n_dropped += 1;
        }
    }

    pub(crate) fn extend(&mut self, other: Findings) {
        self.n_dropped += other.n_dropped;
        for diagnostic in other.kept {
            self.push(diagnostic);
        }
    }

    pub(crate) fn n_errors(&self) -> usize {
        self.kept
            .iter()
            .filter(|diagnostic| diagnostic.is_error())
            .count()
    }

    /// Errors first by weight, then warnings: how far a reading is from a good one.
    pub(crate) fn weight(&self) -> (usize, usize) {
        let n_errors = self.n_errors();
        (n_errors + self.n_dropped, self.kept.len() - n_errors)
    }

    /// All of them in the order of the text, with a last one for what was left out.
    pub(crate) fn finish(mut self, text_len: usize) -> Vec<Diagnostic> {
        self.kept
            .sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.code));
        if self.n_dropped > 0 {
            let message = format!("{} further findings were left out", self.n_dropped);
            let at = Span::new(text_len, text_len);
            self.kept.push(
                Diagnostic::error(Code::MoreFindings, at, message)
                    .help("correct the first ones and check again"),
            );
        }
        self.kept
    }
}
