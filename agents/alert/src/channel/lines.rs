//! A line in the node's own output, or at the end of a file.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::PathBuf};

use super::Failure;

/// Where lines go. Writing blocks.
#[derive(Debug, Clone)]
pub(super) enum Lines {
    Stdout,
    File(PathBuf),
}

impl Lines {
    /// A path without a folder of its own is the home's.
    pub(super) fn within(self, home: Option<PathBuf>) -> Self {
        match (self, home) {
            // An absolute path stays what it is.
            (Self::File(path), Some(home)) => Self::File(home.join(path)),
            (lines, _) => lines,
        }
    }

    /// Writes a line; in a file it is on disk when this returns.
    pub(super) fn write(&self, line: &str) -> Result<(), Failure> {
        let line = format!("{line}\n");
        match self {
            Self::Stdout => {
                let mut out = std::io::stdout().lock();
                let written = out.write_all(line.as_bytes()).and_then(|()| out.flush());
                written.map_err(|error| Failure::Unreachable(format!("stdout: {error}")))
            }
            Self::File(path) => {
                // Opened for each line: a file that was rotated away is made anew.
                let file = OpenOptions::new()
                    .append(true)
                    .create(true)
                    .mode(0o600)
                    .open(path);
                let written = file.and_then(|mut file| {
                    file.write_all(line.as_bytes())?;
                    file.sync_data()
                });
                written
                    .map_err(|error| Failure::Unreachable(format!("{}: {error}", path.display())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_folder_is_the_homes() {
        let place = |path: &str, home: Option<&str>| match Lines::File(path.into())
            .within(home.map(PathBuf::from))
        {
            Lines::File(path) => path,
            Lines::Stdout => PathBuf::new(),
        };
        assert_eq!(
            place("alerts.log", Some("/home")),
            PathBuf::from("/home/alerts.log")
        );
        assert_eq!(
            place("/var/log/alerts.log", Some("/home")),
            PathBuf::from("/var/log/alerts.log")
        );
        assert_eq!(place("alerts.log", None), PathBuf::from("alerts.log"));
    }
}
