//! A look at the sources of a config, without a digest: whether they are there and can be read.

use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use skep_agent::AgentError;
use skep_protocol::digest::SourceProblem;
use skep_sources::Choice;
use skep_sources::Host;
use skep_sources::Own;
use skep_sources::Unfinished;

use crate::Config;
use crate::digest::ReportOptions;
use crate::digest::Settings;
use crate::read::Progress;
use crate::read::Reader;
use crate::read::Task;

/// What a look at one source of a collector found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The collector.
    pub collector: String,
    /// The file; the journal, or nothing at all, where there is none.
    pub file: Option<PathBuf>,
    /// Whether something is there, though it may not be readable.
    pub is_there: bool,
    /// What keeps its lines from being read, with the cure.
    pub problems: Vec<SourceProblem>,
}

/// Looks at each source of a config: opens it as a patrol does, reads its first lines, and lets go
/// of it. Blocks.
///
/// # Errors
/// The config makes no sense.
pub fn look(config: Config, now_unix_s: i64) -> Result<Vec<Look>, AgentError> {
    let eyes = Eyes {
        reader: Reader {
            host: Host::default(),
            own: Own::default(),
            unfinished: Unfinished::Leave,
        },
        settings: Settings::new(TimeZone::UTC, now_unix_s),
    };
    let tasks = config.check()?.tasks;
    Ok(tasks.iter().flat_map(|task| eyes.task(task)).collect())
}

struct Eyes {
    reader: Reader,
    settings: Settings,
}

impl Eyes {
    /// One look for each file, so that one that can not be read hides no other.
    fn task(&self, task: &Task) -> Vec<Look> {
        let files = match self.reader.choose(task, &self.settings) {
            Choice::Files(files) => files,
            Choice::Journal(_) => return vec![self.source(task, None, true)],
            Choice::Nowhere(_) => return vec![self.source(task, None, false)],
        };
        let one = |file: PathBuf| {
            let alone = Task {
                paths: Some(vec![file.clone()]),
                rotate_depth: 0,
                ..task.clone()
            };
            let is_there = is_there(&file);
            self.source(&alone, Some(file), is_there)
        };
        files.into_iter().map(one).collect()
    }

    fn source(&self, task: &Task, file: Option<PathBuf>, is_there: bool) -> Look {
        let progress = Progress::default();
        // The first bytes tell whether it can be read.
        progress.stop();
        let collector = self.reader.all(task, &self.settings, &progress);
        let report = collector.finish(&ReportOptions::default());
        Look {
            collector: task.name.clone(),
            file,
            is_there,
            problems: report.coverage.errors,
        }
    }
}

/// What stands in a folder that may not be entered may well be there.
fn is_there(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::PermissionDenied,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_source_is_looked_at_and_one_that_is_missing_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (gone, here) = (folder.path().join("gone"), folder.path().join("here"));
        std::fs::write(&here, "a line\n".repeat(100_000)).unwrap();
        let config = json!({"collectors": {"sshd": {"paths": [gone, here]}}});
        let found = look(serde_json::from_value(config).unwrap(), 1_700_000_000).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|look| {
                (
                    look.file.clone().unwrap(),
                    look.is_there,
                    look.problems.len(),
                )
            })
            .collect();
        assert_eq!(told, [(gone, false, 1), (here, true, 0)]);
        assert!(!found[0].problems[0].cure.is_empty());
    }

    #[test]
    fn a_config_without_sense_is_refused() {
        let config = json!({"collectors": ["nobody-knows"]});
        assert!(look(serde_json::from_value(config).unwrap(), 0).is_err());
    }
}
