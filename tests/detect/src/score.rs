//! What was found, against what was there.

use std::collections::BTreeMap;

use skep_log_watcher::digest::is_known;
use skep_protocol::{oracle::Report, severity::Severity};

use crate::{
    attack::{ATTACKS, Attack, HARMLESS},
    background::{DAY, HOUR, START, day},
    dice::Dice,
    host::{Host, PATROL_H},
    line::{Line, Log},
};

/// Days from which a host learns before anything is measured.
const DAYS_LEARNED: u64 = 14;

/// Days of the quiet stretch after them.
const DAYS_QUIET: u64 = 7;

/// How often a shape was there and found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// It was there and found, grave enough.
    pub hits: u64,
    /// It was there and not found, or found as too mild.
    pub misses: u64,
    /// It was found in a patrol in which it was not.
    pub false_alarms: u64,
}

impl Tally {
    /// Of what was found, the share that was there.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.hits, self.hits + self.false_alarms)
    }

    /// Of what was there, the share that was found.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.hits, self.hits + self.misses)
    }
}

/// All of a run.
#[derive(Debug, Clone, Default)]
pub struct Score {
    /// By shape.
    pub shapes: BTreeMap<&'static str, Tally>,
    /// Patrols without any attack.
    pub quiet: u64,
    /// Those of them that warned, with what they said.
    pub quiet_warned: Vec<String>,
    /// What was missed or found in vain, to be read by whoever tunes.
    pub notes: Vec<String>,
    /// Lines that were read.
    pub lines: u64,
    /// Bytes that one host's learning took at most.
    pub learned_bytes: usize,
}

/// A host of this seed after two weeks without an attack.
fn learned_host(seed: u64, score: &mut Score) -> Host {
    let mut host = Host::default();
    for n in 0..DAYS_LEARNED {
        for (from, until, lines) in patrols(n, day(seed, n)) {
            score.lines += lines.len() as u64;
            host.patrol(from, until, &lines);
        }
    }
    host
}

/// A week without an attack after two weeks without one.
pub fn quiet_week(seed: u64, score: &mut Score) -> Host {
    let learned = learned_host(seed, score);
    let mut host = learned.clone();
    for n in DAYS_LEARNED..DAYS_LEARNED + DAYS_QUIET {
        for (from, until, lines) in patrols(n, day(seed, n)) {
            score.lines += lines.len() as u64;
            let report = host.patrol(from, until, &lines);
            score.quiet += 1;
            for finding in report
                .findings
                .iter()
                .filter(|f| f.severity >= Severity::Warning)
            {
                score
                    .quiet_warned
                    .push(format!("seed {seed} day {n}: {}", finding.title));
            }
            alarms(&report, &[], seed, "quiet", score);
        }
    }
    score.learned_bytes = score.learned_bytes.max(host.learned_bytes());
    learned
}

/// A quiet week and every attack, of one seed.
pub fn measure(seed: u64, score: &mut Score) {
    let learned = quiet_week(seed, score);
    for attack in ATTACKS
        .iter()
        .filter(|attack| is_known(attack.log.collector()))
    {
        under_attack(seed, attack, learned.clone(), score);
    }
}

fn under_attack(seed: u64, attack: &Attack, mut host: Host, score: &mut Score) {
    let mut dice = Dice::new(seed, &format!("start of {} {:?}", attack.shape, attack.log));
    let start = START + DAYS_LEARNED * DAY + dice.between(0, DAY);
    let end = start + attack.hours * HOUR;
    let all = attack.lines(seed, start);
    let n_days = (end - START) / DAY + 1 - DAYS_LEARNED;
    let mut worst = None;
    for n in DAYS_LEARNED..DAYS_LEARNED + n_days {
        let (from, until) = (START + n * DAY, START + (n + 1) * DAY);
        let mut lines = day(seed, n);
        lines.extend(
            all.iter()
                .filter(|line| (from..until).contains(&line.at))
                .cloned(),
        );
        lines.sort_by_key(|line| line.at);
        for (from, until, lines) in patrols(n, lines) {
            score.lines += lines.len() as u64;
            let report = host.patrol(from, until, &lines);
            let found = report.findings.iter().filter(|f| f.shape == attack.shape);
            worst = worst.max(found.map(|finding| finding.severity).max());
            let mut right = vec![attack.shape];
            right.extend(attack.also);
            alarms(&report, &right, seed, attack.shape, score);
        }
    }
    let least = if attack.warns {
        Severity::Warning
    } else {
        Severity::Notice
    };
    let tally = score.shapes.entry(attack.shape).or_default();
    if worst >= Some(least) {
        tally.hits += 1;
    } else {
        tally.misses += 1;
        score.notes.push(format!(
            "seed {seed}: missed {} in {:?}: {worst:?}",
            attack.shape, attack.log
        ));
    }
}

/// Counts what was found and was not there.
fn alarms(report: &Report, right: &[&str], seed: u64, during: &str, score: &mut Score) {
    for finding in &report.findings {
        let shape = ATTACKS.iter().find(|attack| attack.shape == finding.shape);
        let Some(shape) = shape.map(|attack| attack.shape) else {
            continue;
        };
        // What is only unusual follows from many attacks.
        let follows = !right.is_empty() && HARMLESS.contains(&shape);
        if !right.contains(&shape) && !follows {
            score.shapes.entry(shape).or_default().false_alarms += 1;
            score
                .notes
                .push(format!("seed {seed}: during {during}: {}", finding.title));
        }
    }
}

/// The patrols of a day: their first second, the one after their last, and their lines.
fn patrols(day: u64, lines: Vec<Line>) -> Vec<(u64, u64, Vec<Line>)> {
    let start = START + day * DAY;
    let window = |index: u64| {
        let (from, until) = (
            start + index * PATROL_H * HOUR,
            start + (index + 1) * PATROL_H * HOUR,
        );
        let within = |line: &&Line| (from..until).contains(&line.at.min(start + DAY - 1));
        (from, until, lines.iter().filter(within).cloned().collect())
    };
    (0..24 / PATROL_H).map(window).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a share of some hundreds")]
fn share(part: u64, of: u64) -> f64 {
    if of == 0 {
        1.0
    } else {
        part as f64 / of as f64
    }
}

impl Score {
    /// Whether a log's attacks were left out, because nothing reads it.
    #[must_use]
    pub fn left_out() -> Vec<&'static str> {
        let logs = Log::ALL.iter().map(|log| log.collector());
        logs.filter(|collector| !is_known(collector)).collect()
    }
}
