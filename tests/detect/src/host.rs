//! A host whose logs are read in patrols, as a node reads them.

use jiff::tz::TimeZone;
use skep_log_watcher::digest::{Collector, OpenState, ReportOptions, Settings};
use skep_oracle::builtin::{About, Learned, analyse};
use skep_protocol::{
    digest::{DigestReport, Ordered},
    oracle::{Prompt, Report, Window, check, evidence_ids},
};

use crate::line::{Line, Log};

/// Hours between two patrols, as a directive has them by default.
pub const PATROL_H: u64 = 6;

/// What the node keeps between patrols.
#[derive(Debug, Clone, Default)]
pub struct Host {
    learned: Vec<Learned>,
    open: Vec<OpenState>,
}

impl Host {
    /// One patrol over the lines of `[from, until)`, in seconds since 1970: the collectors read
    /// them, the digest is cut to what fits a packet, and the analysis learns from it.
    ///
    /// # Panics
    /// If the report is none: no run goes on with that.
    pub fn patrol(&mut self, from: u64, until: u64, lines: &[Line]) -> Report {
        self.learned.resize_with(Log::ALL.len(), Learned::default);
        self.open.resize_with(Log::ALL.len(), OpenState::default);
        let seconds = i64::try_from(until).unwrap_or(i64::MAX);
        let settings = Settings::new(TimeZone::UTC, seconds);
        let mut collectors = Vec::new();
        for (log, open) in Log::ALL.iter().zip(&mut self.open) {
            let mut collector = Collector::resume(log.collector(), &settings, open);
            collector.file("/var/log/synthetic.log", Some(seconds));
            for line in lines.iter().filter(|line| line.log == *log) {
                collector.line(line.text.as_bytes());
            }
            let (report, goes_on) = collector.finish_part(&ReportOptions::default());
            *open = goes_on;
            collectors.push((log.collector().to_owned(), report));
        }
        let digest = DigestReport {
            collectors: Ordered(collectors),
        };
        let digest = Prompt::about("q", "web1", &digest)
            .digest
            .unwrap_or_default();
        let window = Window {
            from_ms: from * 1_000,
            until_ms: until * 1_000,
        };
        let about = About {
            host: "web1",
            window: Some(window),
        };
        let report = analyse(&digest, about, &mut self.learned, true);
        assert_eq!(check(&report, &evidence_ids(&digest)), Ok(()));
        report
    }

    /// The bytes of what was learned, as they stand in the store.
    #[must_use]
    pub fn learned_bytes(&self) -> usize {
        let bytes = |learned| serde_json::to_vec(learned).map_or(0, |json| json.len());
        self.learned.iter().map(bytes).sum()
    }
}
