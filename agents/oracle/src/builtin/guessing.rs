//! Somebody tries names and passwords.
//!
//! That some do is normal where strangers can reach a host; docs/decisions/020 says what of it
//! needs a person, and why the thresholds are what they are.

use skep_protocol::{
    digest::{CollectorReport, Trace},
    oracle::Finding,
    severity::Severity,
};

use super::{
    Scope,
    evidence::{and_others, finding, is_private, n_sources, naming, peak, shown, sources, total},
};

/// Attempts of one source from which on it is named at all.
const NAMED_MIN: u64 = 20;

/// Attempts of one source within an hour that no limiter would have let through.
const HOUR_MIN: u64 = 200;

/// Attempts of one source within a day.
const DAY_MIN: u64 = 600;

/// Attempts from a private network: there is no background there.
const PRIVATE_MIN: u64 = 20;

/// Accounts of this host that one source tries: it knows who is here.
const SPRAYED_MIN: u64 = 5;

/// Accounts of this host that all sources of a day try.
const SPRAYED_TOGETHER_MIN: u64 = 20;

/// Attempts of a day at one account of this host, from wherever.
const TARGETED_MIN: u64 = 30;

/// Attempts of all sources within an hour.
const TOGETHER_HOUR_MIN: u64 = 1_000;

/// Sources that this takes.
const TOGETHER_SOURCES_MIN: u64 = 50;

/// Sources of a day that are an attack of many, however little each of them does.
const SOURCES_DAY_MIN: u64 = 1_000;

const SECTIONS: [&str; 4] = ["failed", "invalid_user", "probes", "sasl_failed"];

/// The totals that count attempts.
pub(super) const ATTEMPTS: [&str; 3] = ["failed", "probes", "sasl_failed"];

/// Whether a collector counts attempts to log in.
pub(super) fn is_door(collector: &CollectorReport) -> bool {
    ["failed", "sasl_failed"]
        .iter()
        .any(|name| collector.totals.get(name).is_some())
}

pub(super) fn look(scope: Scope<'_>, collector: &CollectorReport) -> Vec<Finding> {
    if !is_door(collector) {
        return Vec::new();
    }
    let sources = sources(collector);
    let (few, many): (Vec<&Trace>, Vec<&Trace>) = sources
        .iter()
        .filter(|source| source.n >= NAMED_MIN)
        .partition(|source| !is_brute(scope, source));
    let findings = [
        brute_force(scope, collector, &many),
        spraying(scope, collector, &sources),
        targeted(scope, collector),
        together(scope, collector),
        background(scope, collector, &few),
    ];
    findings.into_iter().flatten().collect()
}

fn is_brute(scope: Scope<'_>, source: &Trace) -> bool {
    source.peak >= HOUR_MIN
        || source.n >= scope.per_day(DAY_MIN)
        || source.n >= PRIVATE_MIN && is_private(&source.key)
}

/// One source guesses as fast as it can.
fn brute_force(scope: Scope<'_>, collector: &CollectorReport, many: &[&Trace]) -> Option<Finding> {
    let many = most(many)?;
    let keys: Vec<&str> = many.iter().map(|source| source.key.as_str()).collect();
    let n: u64 = many.iter().map(|source| source.n).sum();
    let inside = many.iter().find(|source| is_private(&source.key));
    let title = format!(
        "{}: {} made {n} attempts to guess a login",
        scope.name,
        and_others(&keys, "source")
    );
    let advice = match inside {
        Some(source) => format!(
            "{} is in a network of your own: find out which host that is, and what runs there.",
            shown(&source.key)
        ),
        None => "Nothing here stops a source that guesses: let a limiter block it (fail2ban, the \
                 firewall, sshd's PerSourcePenalties), and let sshd take keys only."
            .to_owned(),
    };
    Some(Finding {
        evidence: naming(collector, &SECTIONS, &keys),
        advice: Some(advice),
        ..finding("brute_force", Severity::Warning, 95, title)
    })
}

/// Few attempts at each of many accounts that exist here.
fn spraying(scope: Scope<'_>, collector: &CollectorReport, sources: &[Trace]) -> Option<Finding> {
    let wide: Vec<&Trace> = sources
        .iter()
        .filter(|s| s.known_wide >= SPRAYED_MIN)
        .collect();
    let n_accounts = collector
        .traces
        .groups
        .get("accounts")
        .map_or(0, |group| group.keys);
    let advice = "Whoever does this knows the names of your users. Look whether one of these \
                  logins worked, and let no account live on a password alone.";
    if let Some(wide) = most(&wide) {
        let keys: Vec<&str> = wide.iter().map(|source| source.key.as_str()).collect();
        let accounts = wide
            .iter()
            .map(|source| source.known_wide)
            .max()
            .unwrap_or(0);
        let title = format!(
            "{}: {} tried {accounts} accounts that exist here",
            scope.name,
            and_others(&keys, "source")
        );
        return Some(Finding {
            evidence: naming(collector, &SECTIONS, &keys),
            advice: Some(advice.to_owned()),
            ..finding("password_spraying", Severity::Warning, 90, title)
        });
    }
    (n_accounts >= scope.per_day(SPRAYED_TOGETHER_MIN)).then(|| Finding {
        evidence: naming(collector, &SECTIONS, &[]),
        advice: Some(advice.to_owned()),
        ..finding(
            "password_spraying",
            Severity::Warning,
            80,
            format!(
                "{}: many sources tried {n_accounts} accounts that exist here",
                scope.name
            ),
        )
    })
}

/// One account that exists here is tried again and again.
fn targeted(scope: Scope<'_>, collector: &CollectorReport) -> Option<Finding> {
    let accounts = collector.traces.rows("accounts").iter();
    let accounts: Vec<&Trace> = accounts
        .filter(|account| account.n >= scope.per_day(TARGETED_MIN))
        .collect();
    let accounts = most(&accounts)?;
    let first = accounts.first()?;
    let keys: Vec<&str> = accounts
        .iter()
        .map(|account| account.key.as_str())
        .collect();
    let sources = match first.wide {
        0 | 1 => "1 source".to_owned(),
        n => format!("{n} sources"),
    };
    let title = format!(
        "{}: {} attempts at the account {}, from {sources}",
        scope.name,
        first.n,
        and_others(&keys, "account")
    );
    Some(Finding {
        evidence: naming(collector, &SECTIONS, &keys),
        advice: Some(
            "Somebody wants this account: see that its password is strong or off, and that its \
             logins are its owner's."
                .to_owned(),
        ),
        ..finding("targeted_account", Severity::Warning, 90, title)
    })
}

/// Many sources together do what none of them does alone.
fn together(scope: Scope<'_>, collector: &CollectorReport) -> Option<Finding> {
    let (n, n_sources) = (peak(collector, &ATTEMPTS), n_sources(collector));
    let is_storm = n >= TOGETHER_HOUR_MIN && n_sources >= TOGETHER_SOURCES_MIN;
    let is_crowd = n_sources >= scope.per_day(SOURCES_DAY_MIN);
    let all: u64 = ATTEMPTS.iter().map(|name| total(collector, name)).sum();
    (is_storm || is_crowd).then(|| Finding {
        evidence: naming(collector, &SECTIONS, &[]),
        advice: Some(
            "Blocking single addresses does not help against many: let sshd take keys only, or \
             let only your own networks reach it."
                .to_owned(),
        ),
        ..finding(
            "distributed_attack",
            Severity::Warning,
            85,
            format!(
                "{}: {n_sources} sources made {all} attempts to guess a login together, up to {n} \
                 in an hour",
                scope.name
            ),
        )
    })
}

/// What strangers do all day where they can reach a host.
fn background(scope: Scope<'_>, collector: &CollectorReport, few: &[&Trace]) -> Option<Finding> {
    let few = most(few)?;
    let keys: Vec<&str> = few.iter().map(|source| source.key.as_str()).collect();
    let n: u64 = few.iter().map(|source| source.n).sum();
    let title = format!(
        "{}: {} made {n} attempts to guess a login",
        scope.name,
        and_others(&keys, "source")
    );
    Some(Finding {
        evidence: naming(collector, &SECTIONS, &keys),
        ..finding("guessing", Severity::Notice, 90, title)
    })
}

/// Those of some that did the most first; none if there are none.
fn most<'a>(of: &[&'a Trace]) -> Option<Vec<&'a Trace>> {
    let mut sorted = of.to_vec();
    sorted.sort_by(|a, b| b.n.cmp(&a.n).then_with(|| a.key.cmp(&b.key)));
    (!sorted.is_empty()).then_some(sorted)
}
