//! The process: how it is born, held and ended.
//!
//! One thread belongs to each child: it starts it, waits for its end, and takes the rest of its
//! process group along. The kernel kills a child when the *thread* that started it ends, so this
//! thread must not be one that comes and goes.

use std::{
    fs, io,
    os::unix::process::CommandExt,
    path::Path,
    process::{self, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, geteuid, kill_process_group, waitid};
use skep_agent::AgentError;
use tokio::sync::oneshot;

use crate::{
    config::{Config, Limits, PATH},
    user::User,
};

/// What a child is started through. It waits for a line, so that the limits hold before the first
/// instruction of the command; where the node is gone by then, there is none. Our own descriptors
/// close by themselves; those that whoever started the node left open to it are closed here, as far
/// as a shell can name them.
const GATE: &str = "read -r _ && exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- && exec \"$@\"";

/// Where the shell is.
const SHELL: &str = "/bin/sh";

/// What has the kernel kill a process when its node dies, and takes the way to other users from it.
/// It also changes the user: behind the gate, because only a node with CAP_SYS_RESOURCE could set the
/// limits of another user's process, and in a container it has not.
const SETPRIV: &str = "/usr/bin/setpriv";

/// How a child is started.
#[derive(Debug)]
pub(crate) struct Launch {
    command: Command,
    limits: Limits,
}

/// A child's ends of its pipes, on our side.
#[derive(Debug)]
pub(crate) struct Born {
    pub(crate) pid: Pid,
    pub(crate) stdin: process::ChildStdin,
    pub(crate) stdout: process::ChildStdout,
    pub(crate) stderr: process::ChildStderr,
}

/// Reaches a child as long as there is one.
#[derive(Debug, Default, Clone)]
pub(crate) struct Leash {
    held: Arc<Mutex<Held>>,
}

/// Ends the child when it is dropped, in a panic too.
#[derive(Debug)]
pub(crate) struct Hold(pub(crate) Leash);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.cut();
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Held {
    #[default]
    Unborn,
    /// The process, and the group that it leads. Its number is not given to another one before it was
    /// waited for, and then this is `Gone`.
    Alive(Pid),
    Gone,
}

impl Launch {
    /// # Errors
    /// The user is not known, or a limit would not hold.
    pub(crate) fn new(config: &Config) -> Result<Self, AgentError> {
        let user = config.user.as_deref().map(User::find).transpose();
        let user = user.map_err(|error| AgentError::outside("find the user", error))?;
        let mut command = Command::new(SHELL);
        command.args(["-c", GATE, SHELL]);
        match (has_setpriv(), user) {
            (true, user) => {
                command.args([SETPRIV, "--pdeathsig", "KILL", "--no-new-privs"]);
                command.args(user.into_iter().flat_map(User::words));
                command.arg("--");
            }
            (false, None) => tracing::warn!(
                "no setpriv of util-linux: a child that does not heed the end of its stdin outlives a killed node"
            ),
            (false, Some(_)) => {
                let why = format!("there is no {SETPRIV} of util-linux");
                return Err(AgentError::outside("run the command as another user", why));
            }
        }
        command
            .arg(&config.command)
            .args(&config.args)
            .env_clear()
            .env("PATH", PATH)
            .envs(&config.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(folder) = &config.folder {
            command.current_dir(folder);
        }
        let is_root = user.map_or(geteuid().is_root(), |user| user.uid == 0);
        if is_root && config.rlimits.spares_root() {
            let why = "rlimits.processes does not hold root: name a user".to_owned();
            return Err(AgentError::Config(why));
        }
        let limits = config.rlimits;
        Ok(Self { command, limits })
    }

    /// Starts the child, hands out its pipes, and waits for its end. Blocks.
    pub(crate) fn live(
        mut self,
        leash: &Leash,
        born: oneshot::Sender<io::Result<Born>>,
    ) -> io::Result<ExitStatus> {
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) => {
                // Whoever waited for it is told; the thread has nothing else to say.
                let kind = error.kind();
                drop(born.send(Err(error)));
                return Err(kind.into());
            }
        };
        let pid = Pid::from_child(&child);
        let is_wanted = leash.take(pid);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let held = self.limits.hold(pid);
        let given = match (held, pipes) {
            (Ok(()), (Some(stdin), Some(stdout), Some(stderr))) if is_wanted => born
                .send(Ok(Born {
                    pid,
                    stdin,
                    stdout,
                    stderr,
                }))
                .is_ok(),
            (Err((key, errno)), _) => {
                let why = format!("rlimits.{key} cannot be set: {errno}");
                drop(born.send(Err(io::Error::other(why))));
                false
            }
            _ => false,
        };
        if !given {
            leash.signal(Signal::KILL);
        }
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), ended) {}
        // Its number is still its own, so what it left behind can be told apart.
        leash.signal(Signal::KILL);
        leash.gone();
        child.wait()
    }
}

impl Leash {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False where nobody wants the child any more.
    fn take(&self, pid: Pid) -> bool {
        let mut held = self.held();
        let is_wanted = *held == Held::Unborn;
        *held = Held::Alive(pid);
        is_wanted
    }

    fn gone(&self) {
        *self.held() = Held::Gone;
    }

    /// Signals the child and every process that it started and that did not leave its group.
    pub(crate) fn signal(&self, signal: Signal) {
        let held = self.held();
        if let Held::Alive(pid) = *held
            && let Err(error) = kill_process_group(pid, signal)
        {
            tracing::debug!(%error, "the child was gone already");
        }
    }

    /// Ends the child at once, also one that is not born yet.
    pub(crate) fn cut(&self) {
        self.signal(Signal::KILL);
        let mut held = self.held();
        if *held == Held::Unborn {
            *held = Held::Gone;
        }
    }
}

/// How a child ended, for people.
pub(crate) fn said(exit: &io::Result<ExitStatus>) -> String {
    match exit {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Whether there is a `setpriv` that knows what we need: busybox has one of its own.
fn has_setpriv() -> bool {
    let real = fs::canonicalize(Path::new(SETPRIV));
    real.is_ok_and(|path| path.file_name().is_some_and(|name| name == "setpriv"))
}
