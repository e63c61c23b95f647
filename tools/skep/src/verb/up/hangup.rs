//! SIGHUP: the directive's file is to be read again, or the terminal is gone.

use std::{fs, future::pending, path::PathBuf};

use tokio::signal::unix::{Signal, SignalKind};

use super::stop_signal;
use crate::{failure::Failure, output};

/// Hears SIGHUP.
pub(super) struct Hangup {
    signal: Signal,
    file: Option<PathBuf>,
    had_terminal: bool,
}

impl Hangup {
    pub(super) fn new(file: Option<PathBuf>) -> Result<Self, Failure> {
        Ok(Self {
            signal: stop_signal(SignalKind::hangup())?,
            file,
            had_terminal: output::is_watched(),
        })
    }

    /// Waits for the signal, and reads the file; `None` when the terminal that the node was started
    /// from is gone, so that it must end.
    ///
    /// Cancel: safe.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            if self.signal.recv().await.is_none() {
                return pending().await;
            }
            // A terminal that hung up is none any more (termios(3)).
            if self.had_terminal && !output::is_watched() {
                return None;
            }
            let Some(file) = &self.file else {
                tracing::info!("the node was started without a directive's file: nothing to read");
                continue;
            };
            match fs::read_to_string(file) {
                Ok(text) => return Some(text),
                Err(error) => {
                    let file = file.display();
                    tracing::error!(%file, %error, "the directive cannot be read: all is as before");
                }
            }
        }
    }
}
