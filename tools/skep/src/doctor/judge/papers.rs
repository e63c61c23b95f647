//! Passports and certificates.

use super::{
    super::{
        Finding,
        facts::{Facts, Operator, Papers},
    },
    DAY_MS,
};
use crate::verb::day;

/// From here on an end in sight is a warning.
const SOON_MS: u64 = 10 * DAY_MS;

/// How an ended node comes back.
const JOIN_AGAIN: &str = "`skep invite` on a node that holds the authority, and the line it prints \
                          here: the node keeps its name, its key and its store";

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    match &facts.papers {
        Papers::None => vec![Finding::skipped(
            "passport",
            "none was made yet: the first `skep up` does it, or `skep join`",
        )],
        Papers::Broken(why) => vec![Finding::failure(
            "passport",
            why.clone(),
            "bring the home back from its backup, or move it aside and `skep join` again",
        )],
        Papers::Whole {
            not_after_ms,
            replaced_ms,
            certificate,
            is_authority,
            operator,
            ..
        } => {
            let mut found = vec![passport(facts.now_ms, *not_after_ms, *is_authority)];
            found.extend(replaced_ms.map(|end_ms| replaced(facts.now_ms, end_ms, *is_authority)));
            found.push(tls(certificate.as_deref()));
            found.extend(person(facts.now_ms, operator));
            found
        }
    }
}

/// Another authority has taken the place of the one that signed them.
fn replaced(now_ms: u64, end_ms: u64, is_authority: bool) -> Finding {
    let end = day(end_ms);
    if is_authority {
        let what = "it was replaced, and this node has papers of the one before".to_owned();
        let cure = "start the node: it holds the new one, and renews its own";
        return Finding::warning("authority", what, cure);
    }
    if now_ms > end_ms {
        let what = format!("it was replaced: this node's papers counted until {end}");
        return Finding::failure("authority", what, JOIN_AGAIN);
    }
    let what = format!("it was replaced: this node's papers count until {end}");
    let cure = "`skep renew` while the node runs; it asks a node that holds the new one, which \
                must be up";
    Finding::warning("authority", what, cure)
}

fn passport(now_ms: u64, end_ms: u64, is_authority: bool) -> Finding {
    let end = day(end_ms);
    if now_ms > end_ms {
        let cure = match is_authority {
            true => "start the node: it holds the authority, and renews its own",
            false => JOIN_AGAIN,
        };
        let what = format!("it ended on {end}: no node of the swarm believes this one");
        return Finding::failure("passport", what, cure);
    }
    let left_ms = end_ms - now_ms;
    let left = format!("it ends in {} days, on {end}", left_ms / DAY_MS);
    if left_ms < SOON_MS {
        let cure = "`skep renew` while the node runs; it asks a node that holds the authority, \
                    which must be up";
        return Finding::warning("passport", left, cure);
    }
    Finding::ok("passport", left)
}

fn tls(problem: Option<&str>) -> Finding {
    match problem {
        None => Finding::ok(
            "certificate",
            "of the passport's key, and the authority's work",
        ),
        Some(why) => {
            let what = format!("TLS would not believe it: {why}");
            Finding::failure("certificate", what, JOIN_AGAIN)
        }
    }
}

fn person(now_ms: u64, operator: &Operator) -> Option<Finding> {
    let again = "`skep operator add NAME --role admin --out FILE` where the authority lies";
    match operator {
        Operator::None => None,
        Operator::Broken(why) => Some(Finding::failure("operator", why.clone(), again)),
        Operator::Whole { name, not_after_ms } => {
            let end = day(*not_after_ms);
            let finding = if now_ms > *not_after_ms {
                Finding::failure(
                    "operator",
                    format!("{name}'s passport ended on {end}"),
                    again,
                )
            } else if not_after_ms - now_ms < SOON_MS {
                Finding::warning(
                    "operator",
                    format!("{name}'s passport ends on {end}"),
                    again,
                )
            } else {
                Finding::ok("operator", format!("{name}, until {end}"))
            };
            Some(finding)
        }
    }
}
