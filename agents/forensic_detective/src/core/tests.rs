//! The shelf of a test, reports in a line, and what became of them.

mod cases;
mod causes;
mod orders;

use std::collections::BTreeMap;
use std::convert::Infallible;

use skep_protocol::case::{Case, CaseState};
use skep_protocol::digest::EvidenceLine;
use skep_protocol::severity::Severity;
use skep_protocol::status::{SeverityReport, StatusEvent};
use uuid::Uuid;

use super::*;

/// 2027-01-15 08:00:00 UTC.
const NOW_MS: u64 = 1_800_000_000_000;

const MINUTE_MS: u64 = 60_000;

fn terms() -> Terms {
    Terms {
        window_ms: 15 * MINUTE_MS,
        quiet_ms: 60 * MINUTE_MS,
        open_at: Severity::Warning,
        cooldown_ms: 10 * MINUTE_MS,
        span_max_ms: 100_000 * MINUTE_MS,
        asks: true,
    }
}

/// Cases in memory.
#[derive(Debug, Default)]
struct Board {
    live: BTreeMap<Uuid, Live>,
    cases: BTreeMap<Uuid, Stored>,
    taken: u128,
}

impl Shelf for Board {
    type Error = Infallible;

    fn live(&mut self) -> Result<Vec<Live>, Infallible> {
        Ok(self.live.values().cloned().collect())
    }

    fn case(&mut self, id: Uuid) -> Result<Option<Stored>, Infallible> {
        Ok(self.cases.get(&id).cloned())
    }

    fn put(&mut self, stored: &Stored, live: Option<&Live>) -> Result<(), Infallible> {
        let id = stored.case.id;
        self.cases.insert(id, stored.clone());
        match live {
            Some(live) => self.live.insert(id, live.clone()),
            None => self.live.remove(&id),
        };
        Ok(())
    }

    fn remove(&mut self, id: Uuid) -> Result<(), Infallible> {
        self.cases.remove(&id);
        self.live.remove(&id);
        Ok(())
    }
}

impl Board {
    fn take(&mut self, event: StatusEvent, now_ms: u64) -> Step {
        self.taken += 1;
        let entry = entry(event, &"log_watcher@n1".parse().unwrap(), now_ms);
        let Ok(step) = take(self, &terms(), Uuid::from_u128(self.taken), entry, now_ms);
        step
    }

    fn sweep(&mut self, now_ms: u64) -> Vec<Step> {
        let Ok(steps) = sweep(self, &terms(), now_ms);
        steps
    }

    /// The open ones.
    fn open(&self) -> Vec<&Case> {
        let cases = self.cases.values().map(|stored| &stored.case);
        cases.filter(|case| case.state == CaseState::Open).collect()
    }
}

/// `MINUTE SEVERITY HOST EVENT key=value …`: a report of something so many minutes before now.
/// Keys are `from`, `by`, `of`, `times`, `at`: the collector, and `for`: how many minutes it went on.
fn report(line: &str) -> StatusEvent {
    let mut words = line.split_whitespace();
    let mut word = || words.next().unwrap();
    let (minute, severity, host, event) = (word(), word(), word(), word());
    let first_ms = NOW_MS - 600 * MINUTE_MS + minute.parse::<u64>().unwrap() * MINUTE_MS;
    let mut report = SeverityReport {
        host: host.to_owned(),
        count: 1,
        first_ms,
        last_ms: first_ms,
        evidence: vec![EvidenceLine {
            id: format!("log/1:{minute}"),
            text: line.to_owned(),
        }],
        ..SeverityReport::default()
    };
    let mut subject = "log".to_owned();
    for pair in words {
        let (key, value) = pair.split_once('=').unwrap();
        let text = Some(value.to_owned());
        match key {
            "from" => report.source = text,
            "by" => report.user = text,
            "at" => value.clone_into(&mut subject),
            "of" => report.object = text,
            "times" => report.count = value.parse().unwrap(),
            "for" => report.last_ms += value.parse::<u64>().unwrap() * MINUTE_MS,
            _ => panic!("{pair}"),
        }
    }
    StatusEvent {
        origin: "log_watcher@n1".parse().unwrap(),
        subject,
        state: event.to_owned(),
        severity: severity.parse().unwrap(),
        detail: String::new(),
        timestamp: NOW_MS,
        report: Some(report),
    }
}

/// The board after reports that all came now.
fn board(lines: &str) -> Board {
    let mut board = Board::default();
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    for line in lines {
        board.take(report(line), NOW_MS);
    }
    board
}
