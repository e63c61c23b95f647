//! Somebody looks what there is: many paths of a web server, many ports of a host.

use skep_protocol::{
    digest::{CollectorReport, Trace},
    oracle::Finding,
    severity::Severity,
};

use super::{
    Scope,
    evidence::{and_others, finding, is_private, naming},
};

/// Different paths that a source asked for in vain.
const PATHS_MIN: u64 = 20;

/// As many as only a list made for this takes; smaller ones run against every server all day.
const PATHS_MANY: u64 = 300;

/// Different ports of which a source was kept away.
const PORTS_MIN: u64 = 15;

const PORTS_MANY: u64 = 100;

pub(super) fn look(scope: Scope<'_>, collector: &CollectorReport) -> Option<Finding> {
    let counts = |name: &str| collector.totals.get(name).is_some();
    if counts("requests") {
        let what = ("path_scan", "paths in vain", PATHS_MIN, PATHS_MANY);
        return scan(scope, collector, what, &["errors", "warnings"]);
    }
    if counts("blocked") && !counts("warnings") {
        let what = ("port_scan", "ports", PORTS_MIN, PORTS_MANY);
        return scan(scope, collector, what, &["blocked"]);
    }
    None
}

fn scan(
    scope: Scope<'_>,
    collector: &CollectorReport,
    (shape, what, min, many): (&str, &str, u64, u64),
    sections: &[&str],
) -> Option<Finding> {
    let sources = collector.traces.rows("sources").iter();
    let mut wide: Vec<&Trace> = sources.filter(|source| source.wide >= min).collect();
    wide.sort_by(|a, b| b.wide.cmp(&a.wide).then_with(|| a.key.cmp(&b.key)));
    let widest = wide.first()?.wide;
    let keys: Vec<&str> = wide.iter().map(|source| source.key.as_str()).collect();
    let inside = wide.iter().any(|source| is_private(&source.key));
    let (severity, advice) = if inside {
        let advice = "This comes from a network of your own: find out which host it is.";
        (Severity::Warning, Some(advice))
    } else if widest >= many {
        let advice = "Somebody took their time for this host: see that what they looked for is \
                      not there, and block them.";
        (Severity::Warning, Some(advice))
    } else {
        (Severity::Notice, None)
    };
    let title = format!(
        "{}: {} tried up to {widest} {what}",
        scope.name,
        and_others(&keys, "source")
    );
    Some(Finding {
        evidence: naming(collector, sections, &keys),
        advice: advice.map(str::to_owned),
        ..finding(shape, severity, 85, title)
    })
}
