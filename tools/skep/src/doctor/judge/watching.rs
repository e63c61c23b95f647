//! What is to be watched: the directive, its secrets, the logs and the journal.

use std::{collections::BTreeSet, path::PathBuf};

use skep_log_watcher::Look;

use super::super::{
    Finding,
    facts::{Directive, Facts, Node, Secret},
};

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let is_up = matches!(facts.node, Node::Up { .. });
    let mut found = vec![directive(&facts.directive)];
    found.extend(facts.secrets.iter().map(|one| secret(one, is_up)));
    found.extend(logs(&facts.sources));
    found.extend(journal(&facts.sources));
    found
}

fn directive(directive: &Directive) -> Finding {
    let Directive {
        name,
        errors,
        warnings,
    } = directive;
    let cure = format!("`skep check {name}` shows each with its place and cure");
    match (*errors, *warnings) {
        (0, 0) => Finding::ok("directive", format!("{name} has no mistakes")),
        (0, n) => Finding::warning("directive", format!("{name} has {n} warning(s)"), cure),
        (n, _) => Finding::failure("directive", format!("{name} has {n} error(s)"), cure),
    }
}

/// What stands in an environment stands in the node's: from here that of a service is not seen.
fn secret(secret: &Secret, is_up: bool) -> Finding {
    let Secret {
        reference,
        agent,
        missing,
        file,
    } = secret;
    if let Some(why) = missing {
        let of_service = reference.starts_with("env:") || reference.starts_with("cred:");
        let what = format!("{agent}: {why}");
        return match of_service {
            true if is_up => Finding::skipped(
                "secret",
                format!("{agent}: {reference} is the running node's, and not seen from here"),
            ),
            true => Finding::warning("secret", what, "give it to the node where it is started"),
            false => Finding::failure(
                "secret",
                what,
                "put it there, mode 0600, for the node's user",
            ),
        };
    }
    if let Some((path, guarded)) = file
        && guarded.mode & 0o007 != 0
    {
        let what = format!("{agent}: everybody may read {}", path.display());
        return Finding::warning("secret", what, format!("`chmod 600 {}`", path.display()));
    }
    Finding::ok("secret", format!("{agent}: {reference} is there"))
}

/// The files of the collectors: each that is no good, and a word on all that are.
fn logs(sources: &[Look]) -> Vec<Finding> {
    let files = sources
        .iter()
        .filter(|look| look.file.is_some() || !look.is_there);
    let mut good: BTreeSet<&PathBuf> = BTreeSet::new();
    let mut found: Vec<Finding> = Vec::new();
    for look in files {
        match (look.problems.first(), &look.file) {
            (None, Some(file)) => drop(good.insert(file)),
            (None, None) => {}
            (Some(problem), _) => {
                let what = format!(
                    "{}: {}: {}",
                    look.collector, problem.source, problem.problem
                );
                let what = match problem.source == look.collector {
                    true => format!("{}: {}", look.collector, problem.problem),
                    false => what,
                };
                let finding = match look.is_there {
                    true => Finding::failure("logs", what, problem.cure.clone()),
                    false => Finding::warning("logs", what, problem.cure.clone()),
                };
                // One file may be two collectors': its trouble is told once for each of them.
                if !found.contains(&finding) {
                    found.push(finding);
                }
            }
        }
    }
    if !good.is_empty() {
        let names: Vec<String> = good.iter().map(|path| path.display().to_string()).collect();
        found.insert(
            0,
            Finding::ok("logs", format!("{} can be read", names.join(", "))),
        );
    }
    found
}

fn journal(sources: &[Look]) -> Option<Finding> {
    let mut readers = sources.iter();
    let readers = readers
        .by_ref()
        .filter(|look| look.file.is_none() && look.is_there);
    let readers: Vec<&Look> = readers.collect();
    let names: Vec<&str> = readers.iter().map(|look| look.collector.as_str()).collect();
    let names = names.join(", ");
    let problem = readers.iter().find_map(|look| look.problems.first());
    match (readers.is_empty(), problem) {
        (true, _) => None,
        (false, None) => Some(Finding::ok(
            "journal",
            format!("it can be read, for {names}"),
        )),
        (false, Some(problem)) => {
            let what = format!("{}, for {names}", problem.problem);
            Some(Finding::failure("journal", what, problem.cure.clone()))
        }
    }
}
