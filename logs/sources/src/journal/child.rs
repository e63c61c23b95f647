//! A child process that can not outlive its deadline, nor flood us.

use std::io;
use std::io::Read;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How much of a child's complaints is kept.
const STDERR_BYTES_MAX: u64 = 4096;

/// A running child with a watchdog.
pub(super) struct Guarded {
    child: Arc<Mutex<Child>>,
    /// Dropping it tells the watchdog that the child has ended by itself.
    done: Option<mpsc::Sender<()>>,
    watchdog: Option<JoinHandle<bool>>,
    complaints: Option<JoinHandle<String>>,
}

/// How a child ended.
pub(super) struct Ended {
    pub(super) success: bool,
    pub(super) timed_out: bool,
    /// The start of what it wrote to stderr.
    pub(super) complaints: String,
}

impl Guarded {
    /// Starts the command; after `deadline` it is killed.
    pub(super) fn start(
        mut command: Command,
        deadline: Duration,
    ) -> io::Result<(Self, ChildStdout)> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().expect("stdout was piped above");
        let mut stderr = child.stderr.take().expect("stderr was piped above");
        let complaints = std::thread::spawn(move || {
            let mut kept = Vec::new();
            let read = stderr
                .by_ref()
                .take(STDERR_BYTES_MAX)
                .read_to_end(&mut kept);
            // The rest is drained, so that a child that complains much is not stuck.
            let drained = read.and_then(|_| io::copy(&mut stderr, &mut io::sink()));
            drop(drained);
            String::from_utf8_lossy(&kept).into_owned()
        });
        let child = Arc::new(Mutex::new(child));
        let (done, ended) = mpsc::channel();
        let watched = Arc::clone(&child);
        let watchdog = std::thread::spawn(move || {
            let timed_out = ended.recv_timeout(deadline) == Err(mpsc::RecvTimeoutError::Timeout);
            if timed_out {
                kill(&watched);
            }
            timed_out
        });
        let (watchdog, complaints) = (Some(watchdog), Some(complaints));
        Ok((
            Self {
                child,
                done: Some(done),
                watchdog,
                complaints,
            },
            stdout,
        ))
    }

    /// Waits for the child's end, which the deadline enforces, and says how it went.
    pub(super) fn end(mut self) -> io::Result<Ended> {
        // Stderr closes when the child ends; the watchdog ends one that lingers.
        let complaints = self.complaints.take().and_then(|thread| thread.join().ok());
        let timed_out = self.dismiss();
        // One that closed its outputs and still runs has nothing to say; one that is gone stays so.
        kill(&self.child);
        let status = self
            .child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .wait()?;
        let complaints = complaints.unwrap_or_default();
        Ok(Ended {
            success: status.success(),
            timed_out,
            complaints,
        })
    }

    /// Kills the child: for a reader that does not want the rest.
    pub(super) fn kill(&self) {
        kill(&self.child);
    }

    fn dismiss(&mut self) -> bool {
        drop(self.done.take());
        self.watchdog
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or(false)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if self.done.is_some() {
            kill(&self.child);
            self.dismiss();
        }
    }
}

fn kill(child: &Mutex<Child>) {
    // A child that has already ended can not be killed; that is what was wanted.
    drop(child.lock().unwrap_or_else(PoisonError::into_inner).kill());
}
