//! Waiting for a state of something outside this process, with a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// How often a condition outside this process is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Time since it was made, for deadlines and reports of the tests themselves.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the only clock of the tests' ground and of xtask: both live outside any node"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it runs.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Looks until `probe` yields something.
///
/// # Errors
/// When `limit` has passed without; `what` names what was waited for.
pub fn until<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Result<T> {
    let watch = Stopwatch::start();
    loop {
        if let Some(found) = probe() {
            return Ok(found);
        }
        if watch.elapsed() >= limit {
            bail!("waited {} s for {what}", limit.as_secs_f32());
        }
        pause();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a daemon of somebody else tells nobody when it is ready: this is the one place that polls"
)]
fn pause() {
    thread::sleep(POLL_INTERVAL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_returned() {
        let mut looks = 0;
        let found = until("three looks", Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found.unwrap(), 3);
    }

    #[test]
    fn the_error_names_what_did_not_come() {
        let error = until("godot", Duration::ZERO, || None::<()>).unwrap_err();
        assert_eq!(error.to_string(), "waited 0 s for godot");
    }
}
