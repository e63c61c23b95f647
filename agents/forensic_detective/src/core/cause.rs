//! Rules that explain: what a timeline probably is, the gravest explanation first.
//!
//! A cause is what began no later than its effect ended, on the same host. A rule only says what
//! it saw; a person judges.

use std::collections::{BTreeMap, BTreeSet};

use skep_protocol::{
    case::{Cause, Entry},
    severity::Severity,
};

use super::kind::{Kind, kind};

/// Names in a sentence; of more, the first stand for all.
const NAMED_MAX: usize = 3;

type Rule = fn(&[Entry]) -> Option<Cause>;

/// In this order the first that fits is the likely cause, the others are told beside it.
const RULES: &[Rule] = &[
    break_in_with_sudo,
    break_in,
    disk,
    memory,
    crash,
    change,
    one_source_many_hosts,
    one_source_many_doors,
    login_after_failures,
];

/// What fits a timeline, at least one.
pub(super) fn explain(timeline: &[Entry]) -> Vec<Cause> {
    let mut causes: Vec<Cause> = RULES.iter().filter_map(|rule| rule(timeline)).collect();
    // A break-in that went on is still one; it is told once.
    if causes.iter().any(|cause| cause.rule == "break_in_sudo") {
        causes.retain(|cause| cause.rule != "break_in");
    }
    if causes
        .iter()
        .any(|cause| cause.rule.starts_with("break_in"))
    {
        causes.retain(|cause| cause.rule != "login_after_failures");
    }
    if causes.is_empty() {
        causes.push(by_itself(timeline));
    }
    causes
}

fn cause(rule: &str, title: &str, severity: Severity, text: String) -> Cause {
    Cause {
        rule: rule.to_owned(),
        title: title.to_owned(),
        text,
        severity,
    }
}

fn of(timeline: &[Entry], wanted: Kind) -> impl Iterator<Item = &Entry> {
    timeline.iter().filter(move |entry| kind(entry) == wanted)
}

/// Whether `a` can have led to `b`.
fn before(a: &Entry, b: &Entry) -> bool {
    a.first_ms <= b.last_ms
}

/// An attack and the login that followed from the same source; it may be on another host, which
/// was tried as well or never noticed.
fn intrusion(timeline: &[Entry]) -> Option<(&Entry, &Entry)> {
    of(timeline, Kind::Attack).find_map(|attack| {
        let login = of(timeline, Kind::Login).find(|login| {
            login.source.is_some() && login.source == attack.source && before(attack, login)
        })?;
        Some((attack, login))
    })
}

fn break_in(timeline: &[Entry]) -> Option<Cause> {
    let (attack, login) = intrusion(timeline)?;
    let text = came_in(attack, login);
    Some(cause(
        "break_in",
        "a login after an attack from the same source",
        Severity::Critical,
        text + ".",
    ))
}

fn break_in_with_sudo(timeline: &[Entry]) -> Option<Cause> {
    let (attack, login) = intrusion(timeline)?;
    let sudo = of(timeline, Kind::Privilege)
        .find(|sudo| sudo.host == login.host && sudo.user == login.user && before(login, sudo))?;
    let text = format!(
        "{}, and then used sudo on {}.",
        came_in(attack, login),
        sudo.host
    );
    Some(cause(
        "break_in_sudo",
        "a login after an attack, then sudo",
        Severity::Critical,
        text,
    ))
}

fn came_in(attack: &Entry, login: &Entry) -> String {
    let source = attack.source.as_deref().unwrap_or("an unknown address");
    let user = login.user.as_deref().unwrap_or("somebody");
    format!(
        "{source} tried to get into {} ({} {}), then logged in as {user} on {}",
        attack.host,
        attack.count,
        words(&attack.event),
        login.host
    )
}

fn login_after_failures(timeline: &[Entry]) -> Option<Cause> {
    let login = timeline
        .iter()
        .find(|entry| entry.event == "login_after_failures")?;
    let user = login.user.as_deref().unwrap_or("Somebody");
    let source = login.source.as_deref().unwrap_or("an unknown address");
    let text = format!(
        "{user} logged in on {} from {source}, where logins had failed before.",
        login.host
    );
    Some(cause(
        "login_after_failures",
        "a login after failures",
        Severity::Warning,
        text,
    ))
}

/// What failed on the host of `root` once that had begun.
fn effects<'a>(timeline: &'a [Entry], root: &'a Entry) -> Vec<&'a Entry> {
    let effect = |entry: &&Entry| {
        kind(entry).is_effect()
            && entry.severity >= Severity::Warning
            && entry.host == root.host
            && before(root, entry)
    };
    timeline.iter().filter(effect).collect()
}

fn disk(timeline: &[Entry]) -> Option<Cause> {
    let (root, failed) = root_of(timeline, Kind::Disk)?;
    let device = root.object.as_deref().unwrap_or("a disk");
    let text = format!(
        "{} of {} reported errors; {} failed on it.",
        device,
        root.host,
        named(&failed)
    );
    Some(cause(
        "disk",
        "disk errors, then failures",
        Severity::Error,
        text,
    ))
}

fn memory(timeline: &[Entry]) -> Option<Cause> {
    let (root, failed) = root_of(timeline, Kind::Memory)?;
    let killed = root.object.as_deref().unwrap_or("a process");
    let text = format!(
        "{} ran out of memory and the kernel killed {killed}; {} failed there.",
        root.host,
        named(&failed)
    );
    Some(cause(
        "memory",
        "out of memory, then failures",
        Severity::Error,
        text,
    ))
}

fn crash(timeline: &[Entry]) -> Option<Cause> {
    of(timeline, Kind::Crash).find_map(|crash| {
        let unit = of(timeline, Kind::UnitFailed)
            .find(|unit| unit.host == crash.host && before(crash, unit))?;
        let program = crash.object.as_deref().unwrap_or("a program");
        let text = format!(
            "{program} crashed on {}, and {} failed.",
            crash.host,
            named(&[unit])
        );
        Some(cause(
            "crash",
            "a program crashed and its unit failed",
            Severity::Error,
            text,
        ))
    })
}

fn change(timeline: &[Entry]) -> Option<Cause> {
    let (root, failed) = root_of(timeline, Kind::Change)?;
    let changed = of(timeline, Kind::Change).filter(|entry| entry.host == root.host);
    let changed: Vec<&Entry> = changed.collect();
    let text = format!(
        "Packages were changed on {} ({}) before {} failed there.",
        root.host,
        objects(&changed),
        named(&failed)
    );
    Some(cause(
        "change",
        "failures after a package change",
        Severity::Warning,
        text,
    ))
}

/// The first of a kind that something failed after.
fn root_of(timeline: &[Entry], wanted: Kind) -> Option<(&Entry, Vec<&Entry>)> {
    of(timeline, wanted).find_map(|root| {
        let failed = effects(timeline, root);
        (!failed.is_empty()).then_some((root, failed))
    })
}

fn one_source_many_hosts(timeline: &[Entry]) -> Option<Cause> {
    of(timeline, Kind::Attack).find_map(|first| {
        let source = first.source.as_deref()?;
        let same = of(timeline, Kind::Attack).filter(|entry| entry.source == first.source);
        let hosts = distinct(same.map(|entry| entry.host.as_str()));
        let text = format!(
            "{source} attacks {} hosts: {}{}.",
            hosts.len(),
            list(&hosts),
            banned(timeline, source)
        );
        (hosts.len() > 1).then(|| {
            cause(
                "one_source",
                "one source attacks several hosts",
                Severity::Warning,
                text,
            )
        })
    })
}

/// Who guesses at a host's mail as well as at its shell knows nothing of it, and has patience.
fn one_source_many_doors(timeline: &[Entry]) -> Option<Cause> {
    of(timeline, Kind::Attack).find_map(|first| {
        let source = first.source.as_deref()?;
        let same = of(timeline, Kind::Attack)
            .filter(|entry| entry.source == first.source && entry.host == first.host);
        let mut tried: BTreeMap<&str, u64> = BTreeMap::new();
        for entry in same {
            let n = tried.entry(&entry.collector).or_default();
            *n = n.saturating_add(entry.count);
        }
        let doors: Vec<String> = tried
            .iter()
            .map(|(door, n)| format!("{door} ({n})"))
            .collect();
        let text = format!(
            "{source} tried to get into {} by several services: {}{}.",
            first.host,
            list(&doors.iter().map(String::as_str).collect::<Vec<_>>()),
            banned(timeline, source)
        );
        (doors.len() > 1).then(|| {
            cause(
                "many_doors",
                "one source tries several services of a host",
                Severity::Warning,
                text,
            )
        })
    })
}

/// Where a source was shut out, as the end of a sentence.
fn banned(timeline: &[Entry], source: &str) -> String {
    let bans = of(timeline, Kind::Ban).filter(|ban| ban.source.as_deref() == Some(source));
    match distinct(bans.map(|ban| ban.host.as_str())).as_slice() {
        [] => String::new(),
        hosts => format!("; it was banned on {}", list(hosts)),
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let names: BTreeSet<&str> = names.collect();
    names.into_iter().collect()
}

/// What nothing else explains: the gravest entry speaks for itself.
fn by_itself(timeline: &[Entry]) -> Cause {
    let gravest = timeline.iter().min_by(|a, b| super::entry::by_weight(a, b));
    let Some(entry) = gravest else {
        return cause("unknown", "unknown", Severity::Info, String::new());
    };
    let about = |name: &Option<String>, word: &str| {
        name.as_ref()
            .map(|name| format!(" {word} {name}"))
            .unwrap_or_default()
    };
    let title = match entry.event.as_str() {
        "log_entry_detected" => "grave lines in a log".to_owned(),
        event => words(event),
    };
    let text = format!(
        "{}: {title}{}{}{} on {}, {}.",
        entry.collector,
        about(&entry.object, "of"),
        about(&entry.user, "by"),
        about(&entry.source, "from"),
        entry.host,
        times(entry.count),
    );
    cause(&entry.event, &title, entry.severity, text)
}

fn words(event: &str) -> String {
    event.replace('_', " ")
}

pub(crate) fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

/// The objects of entries, or what happened where they have none.
fn named(entries: &[&Entry]) -> String {
    let names = entries.iter().map(|entry| match &entry.object {
        Some(object) => object.clone(),
        None => format!("{} ({})", entry.collector, words(&entry.event)),
    });
    let names: Vec<String> = names.collect();
    list(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn objects(entries: &[&Entry]) -> String {
    let names = entries.iter().filter_map(|entry| entry.object.as_deref());
    let names: Vec<&str> = names.collect();
    match names.is_empty() {
        true => "which is not said".to_owned(),
        false => list(&names),
    }
}

fn list(names: &[&str]) -> String {
    let shown = names.get(..NAMED_MAX).unwrap_or(names).join(", ");
    match names.len().checked_sub(NAMED_MAX) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
