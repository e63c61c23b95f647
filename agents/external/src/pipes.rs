//! What goes through a child's pipes: the tasks that read and write them.

use std::{io, process::ExitStatus, sync::Arc, time::Duration};

use rustix::process::{Pid, Signal};
use skep_agent::{AgentError, Ctx};
use skep_lines::neutral;
use skep_protocol::external::{FromChild, LINE_BYTES_MAX, Line, LineError, Lines, ToChild};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdin, ChildStdout},
    sync::{Semaphore, mpsc, oneshot, watch},
    time::timeout,
};

use crate::{
    Event, External,
    child::{Born, Hold, Launch, Leash},
    event::Happened,
    pace::Pace,
};

/// Lines for the child that may wait until it reads; at the bound a call is refused, and an answer
/// to the child waits.
const WRITES_MAX: usize = 64;

/// Lines of the child that may wait for the agent; at the bound the child's writes block.
const LINES_MAX: usize = 32;

/// Lines of the child that are taken in a second; at the bound the child's writes block.
const LINES_PER_S_MAX: u32 = 5_000;

/// Longest line of the child's stderr that is kept, in bytes.
const STDERR_LINE_BYTES_MAX: usize = 1024;

/// Lines of its stderr that are logged in a second; what is above is counted and dropped, because a
/// child must not hang over what it says there.
const STDERR_LINES_PER_S_MAX: u32 = 50;

/// Bytes that are read at a time.
const READ_BYTES: usize = 64 * 1024;

/// How long what a dead child left in its pipe may take.
const LAST_LINES_MAX: Duration = Duration::from_millis(500);

/// A running child.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: Pid,
    hold: Hold,
    /// How it ended, once it has.
    pub(crate) exit: watch::Receiver<Option<Exit>>,
    lines: mpsc::Sender<Vec<u8>>,
    words: watch::Receiver<Words>,
}

/// What a child said last on its stderr.
#[derive(Debug, Default)]
struct Words {
    last: String,
    /// Whether it will say nothing more there.
    is_over: bool,
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    /// By itself and with status 0.
    pub(crate) is_clean: bool,
    pub(crate) text: String,
}

impl Exit {
    fn of(exit: &io::Result<ExitStatus>) -> Self {
        Self {
            is_clean: exit.as_ref().is_ok_and(ExitStatus::success),
            text: crate::child::said(exit),
        }
    }
}

/// The child's stdout, before it goes to a task of its own.
pub(crate) struct Reading {
    stdout: ChildStdout,
    lines: Lines,
    block: Vec<u8>,
    /// What of `block` is not cut into lines yet.
    from: usize,
    to: usize,
}

impl Child {
    /// Starts the child and lets it through the gate.
    ///
    /// # Errors
    /// It could not be started.
    pub(crate) async fn start(
        ctx: &Ctx<External>,
        launch: Launch,
    ) -> Result<(Self, Reading), AgentError> {
        let failed = |error: io::Error| AgentError::outside("start the command", error);
        let leash = Leash::default();
        let hold = Hold(leash.clone());
        let (told, born) = oneshot::channel();
        let (ended, exit) = watch::channel(None);
        let thread = ctx.clone();
        ctx.spawn(async move {
            let status = thread.blocking(move || launch.live(&leash, told)).await;
            ended.send_replace(Some(Exit::of(&status)));
        });
        let gone = || io::Error::other("it did not come to it");
        let born = born.await.unwrap_or_else(|_| Err(gone())).map_err(failed)?;
        let Born {
            pid,
            stdin,
            stdout,
            stderr,
        } = born;
        let stdin = ChildStdin::from_std(stdin).map_err(failed)?;
        let stdout = ChildStdout::from_std(stdout).map_err(failed)?;
        let stderr = ChildStderr::from_std(stderr).map_err(failed)?;
        let (lines, queue) = mpsc::channel(WRITES_MAX);
        ctx.spawn(write(stdin, queue));
        let (said, words) = watch::channel(Words::default());
        ctx.spawn(log(ctx.clone(), stderr, said));
        let child = Self {
            pid,
            hold,
            exit,
            lines,
            words,
        };
        if child.lines.try_send(b"\n".to_vec()).is_err() {
            return Err(failed(gone()));
        }
        Ok((child, Reading::new(stdout)))
    }

    /// Says something to the child; false where it does not keep up, or is gone.
    pub(crate) fn tell(&self, message: &ToChild) -> bool {
        self.lines.try_send(message.line()).is_ok()
    }

    /// The way for tasks that may wait.
    pub(crate) fn lines(&self) -> mpsc::Sender<Vec<u8>> {
        self.lines.clone()
    }

    /// Signals it and what it started.
    pub(crate) fn signal(&self, signal: Signal) {
        self.hold.0.signal(signal);
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> Exit {
        let exit = self.exit.wait_for(Option::is_some).await;
        let exit = exit.ok().and_then(|exit| exit.clone());
        exit.unwrap_or_else(|| Exit {
            is_clean: false,
            text: "its end was not seen".to_owned(),
        })
    }

    /// How it ended and what it said last on its stderr.
    pub(crate) async fn obituary(&mut self, exit: &Exit) -> String {
        let over = self.words.wait_for(|words| words.is_over);
        if timeout(LAST_LINES_MAX, over).await.is_err() {
            tracing::debug!("somebody else holds the child's stderr");
        }
        let words = self.words.borrow();
        match words.last.is_empty() {
            true => exit.text.clone(),
            false => format!("{}; it said last: {}", exit.text, words.last),
        }
    }
}

impl Reading {
    fn new(stdout: ChildStdout) -> Self {
        Self {
            stdout,
            lines: Lines::new(LINE_BYTES_MAX),
            block: vec![0; READ_BYTES],
            from: 0,
            to: 0,
        }
    }

    /// The next message; `None` when there will be no more.
    ///
    /// Cancel: safe.
    pub(crate) async fn next(&mut self) -> Option<Result<FromChild, LineError>> {
        let line = loop {
            let mut rest = self.block.get(self.from..self.to).unwrap_or_default();
            let line = self.lines.next(&mut rest);
            self.from = self.to - rest.len();
            if let Some(line) = line {
                break line;
            }
            self.from = 0;
            self.to = 0;
            self.to = self.stdout.read(&mut self.block).await.unwrap_or(0);
            if self.to == 0 {
                return None;
            }
        };
        Some(FromChild::read(&line))
    }

    /// Tells the agent what the child says until it ends, and then how it ended.
    pub(crate) async fn listen(
        mut self,
        ctx: Ctx<External>,
        mut exit: watch::Receiver<Option<Exit>>,
    ) {
        let places = Arc::new(Semaphore::new(LINES_MAX));
        let mut pace = Pace::new(LINES_PER_S_MAX);
        let listening = async {
            while let Some(said) = self.next().await {
                while let Some(pause) = pace.over(ctx.now()) {
                    tokio::time::sleep(pause).await;
                }
                let Ok(place) = places.clone().acquire_owned().await else {
                    return;
                };
                ctx.post(Event(Happened::Said(said, place))).await;
            }
        };
        let mut is_ended = exit.clone();
        let dead = async {
            // The other end of the pipe may be held by somebody that left the group.
            if is_ended.wait_for(Option::is_some).await.is_ok() {
                tokio::time::sleep(LAST_LINES_MAX).await;
            }
        };
        tokio::select! {
            () = listening => {}
            () = dead => {}
        }
        let closed = || Exit {
            is_clean: false,
            text: "it closed its stdout".to_owned(),
        };
        let waited = timeout(LAST_LINES_MAX, exit.wait_for(Option::is_some)).await;
        let exit = waited.ok().and_then(|exit| exit.ok()?.clone());
        let exit = exit.unwrap_or_else(closed);
        ctx.post(Event(Happened::Exited(exit))).await;
    }
}

async fn write(mut stdin: ChildStdin, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = queue.recv().await {
        if let Err(error) = stdin.write_all(&line).await {
            tracing::debug!(%error, "the child reads no more");
            return;
        }
    }
}

/// Puts the child's stderr into the node's own log, line by line.
async fn log(ctx: Ctx<External>, mut stderr: ChildStderr, said: watch::Sender<Words>) {
    let agent = ctx.address().agent.clone();
    let mut pace = Pace::new(STDERR_LINES_PER_S_MAX);
    let mut lines = Lines::new(STDERR_LINE_BYTES_MAX);
    let mut block = vec![0; READ_BYTES];
    let mut n_dropped = 0_u64;
    let mut say = |line: &Line| {
        let text = neutral(&line.bytes);
        let more = if line.is_cut { "…" } else { "" };
        if pace.over(ctx.now()).is_some() {
            n_dropped += 1;
        } else {
            if n_dropped > 0 {
                tracing::warn!(%agent, n_dropped, "the child says more than is logged");
                n_dropped = 0;
            }
            tracing::info!(%agent, text = format!("{text}{more}"), "the child says");
        }
        said.send_modify(|words| words.last = text);
    };
    while let Ok(n_read @ 1..) = stderr.read(&mut block).await {
        let mut rest = block.get(..n_read).unwrap_or_default();
        while let Some(line) = lines.next(&mut rest) {
            say(&line);
        }
    }
    if let Some(line) = lines.rest() {
        say(&line);
    }
    said.send_modify(|words| words.is_over = true);
}
