//! A finding: what was looked at, how it stands, and the cure.

use serde::Serialize;

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    /// As it should be.
    Ok,
    /// Nothing here tells.
    Skipped,
    /// It works, and will not always.
    Warning,
    /// It does not work.
    Failure,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) standing: Standing,
    pub(crate) what: String,
    pub(crate) cure: Option<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Standing::Ok, what.into(), None)
    }

    pub(crate) fn skipped(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Standing::Skipped, what.into(), None)
    }

    pub(crate) fn warning(
        check: &'static str,
        what: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self::new(check, Standing::Warning, what.into(), Some(cure.into()))
    }

    pub(crate) fn failure(
        check: &'static str,
        what: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self::new(check, Standing::Failure, what.into(), Some(cure.into()))
    }

    fn new(check: &'static str, standing: Standing, what: String, cure: Option<String>) -> Self {
        Self {
            check,
            standing,
            what,
            cure: cure.filter(|cure| !cure.is_empty()),
        }
    }
}

/// The findings as people read them, with their sum below.
pub(crate) fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max();
    let width = width.unwrap_or_default();
    let mut out = String::new();
    for Finding {
        check,
        standing,
        what,
        cure,
    } in findings
    {
        out.push_str(&format!("{:<8} {check:<width$}  {what}\n", standing.name()));
        if let Some(cure) = cure {
            let lead = " ".repeat(8 + 1 + width + 2);
            out.push_str(&format!("{lead}cure: {cure}\n"));
        }
    }
    out.push_str(&format!("\n{}\n", sum(findings)));
    out
}

fn sum(findings: &[Finding]) -> String {
    let count = |standing: Standing, many: &str| {
        let n = findings.iter().filter(|one| one.standing == standing);
        let n = n.count();
        match (n, standing) {
            (0, _) => None,
            (1, Standing::Warning | Standing::Failure) => Some(format!("1 {}", standing.name())),
            _ => Some(format!("{n} {many}")),
        }
    };
    let parts = [
        count(Standing::Failure, "failures"),
        count(Standing::Warning, "warnings"),
        count(Standing::Skipped, "skipped"),
        count(Standing::Ok, "ok"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

impl Standing {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_stand_in_columns_with_their_cures_and_sum() {
        let findings = [
            Finding::ok("clock", "synchronised by NTP"),
            Finding::skipped("control socket", "no node runs in this home"),
            Finding::warning(
                "passport",
                "it ends in 6 days, on 2026-11-27",
                "`skep renew`",
            ),
            Finding::failure("keys", "others may read identity", "`chmod 600 identity`"),
            Finding::failure("disk", "42 MB are free", ""),
        ];
        insta::assert_snapshot!(text(&findings));
    }
}
