//! The agent's part of a directive.

use std::{collections::BTreeMap, path::PathBuf};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use schemars::JsonSchema;
use serde::Deserialize;
use skep_agent::{Access, AgentError, HANDLER_REPLY, HANDLER_REPLY_ERROR};
use skep_packet::{HandlerName, RoleName, RolePattern};

/// Where a command without a folder is looked for, and the child's own PATH.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The agent's part of a directive.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The program: a path, or a name that is looked for in the usual folders.
    pub(crate) command: String,
    /// What it is started with.
    #[serde(default)]
    pub(crate) args: Vec<String>,
    /// All of its environment beside PATH: nothing of the node's is passed on. A secret stands here as
    /// a reference.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// The folder it is started in; the one the node was started in unless set.
    #[serde(default)]
    pub(crate) folder: Option<PathBuf>,
    /// Whom it runs as, a name of this host or UID:GID; the node must be root for it.
    #[serde(default)]
    pub(crate) user: Option<String>,
    /// What it may take.
    #[serde(default)]
    pub(crate) rlimits: Limits,
    /// What it can be asked, and by whom: nobody may call a handler that does not say who may.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Access>")]
    pub(crate) handlers: BTreeMap<HandlerName, Access>,
    /// Roles, or patterns of roles, that it may ask and send to; no others.
    #[serde(default)]
    pub(crate) uses: Vec<String>,
    /// Seconds that a call may take; then its caller is told so.
    #[serde(default = "call_time_s")]
    #[schemars(range(min = 1, max = 3600))]
    pub(crate) call_time_s: u64,
    /// Seconds until it must be ready after its start.
    #[serde(default = "ready_time_s")]
    #[schemars(range(min = 1, max = 25))]
    pub(crate) ready_time_s: u64,
}

fn call_time_s() -> u64 {
    60
}

fn ready_time_s() -> u64 {
    10
}

/// What a child may take, each of its processes for itself; the kernel holds it to that.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Memory that it may write to and shares with nobody, in MiB (`RLIMIT_DATA`).
    #[schemars(range(min = 16, max = 1_048_576))]
    memory_mib: u64,
    /// Seconds of processor time in one life; then it is killed, and started again.
    #[schemars(range(min = 1, max = 31_536_000))]
    cpu_s: Option<u64>,
    /// Files and sockets that it may have open.
    #[schemars(range(min = 16, max = 1_048_576))]
    files: u64,
    /// Processes and threads of its user, all of them counted; root is not held to it.
    #[schemars(range(min = 1, max = 65_536))]
    processes: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_mib: 1024,
            cpu_s: None,
            files: 1024,
            processes: None,
        }
    }
}

impl Limits {
    /// Holds a process, and what it will start, to these limits.
    ///
    /// # Errors
    /// The kernel refuses one; which one is said.
    pub(crate) fn hold(&self, pid: Pid) -> Result<(), (&'static str, rustix::io::Errno)> {
        let memory = self.memory_mib.saturating_mul(1024 * 1024);
        let limits = [
            ("memory_mib", Resource::Data, Some(memory)),
            ("cpu_s", Resource::Cpu, self.cpu_s),
            ("files", Resource::Nofile, Some(self.files)),
            ("processes", Resource::Nproc, self.processes),
            // A core file would hold its secrets.
            ("core", Resource::Core, Some(0)),
        ];
        for (key, resource, most) in limits {
            if most.is_none() {
                continue;
            }
            let limit = Rlimit {
                current: most,
                maximum: most,
            };
            prlimit(Some(pid), resource, limit).map_err(|errno| (key, errno))?;
        }
        Ok(())
    }

    /// Whether a limit is set that the kernel does not hold root to.
    pub(crate) fn spares_root(&self) -> bool {
        self.processes.is_some()
    }
}

impl Config {
    /// The roles it uses, and everything checked that no schema says.
    pub(crate) fn checked(&self) -> Result<Vec<RolePattern>, AgentError> {
        let refused = |why: String| Err(AgentError::Config(why));
        if self.command.is_empty() {
            return refused("command is empty".to_owned());
        }
        let words = [&self.command].into_iter().chain(&self.args);
        if words
            .chain(self.env.values())
            .any(|text| text.contains('\0'))
        {
            return refused("no part of a command may hold a zero byte".to_owned());
        }
        let is_name = |name: &&String| !name.is_empty() && !name.contains(['=', '\0']);
        if let Some(name) = self.env.keys().find(|name| !is_name(name)) {
            return refused(format!("env: {name:?} is no name of a variable"));
        }
        for name in [HANDLER_REPLY, HANDLER_REPLY_ERROR] {
            if self.handlers.contains_key(name) {
                return refused(format!("handlers: {name} is the name of an answer"));
            }
        }
        if !(1..=3600).contains(&self.call_time_s) {
            return refused("call_time_s is 1 to 3600".to_owned());
        }
        if !(1..=25).contains(&self.ready_time_s) {
            return refused("ready_time_s is 1 to 25".to_owned());
        }
        let pattern = |role: &String| {
            let bad = |error| AgentError::Config(format!("uses: {error}"));
            role.parse::<RolePattern>().map_err(bad)
        };
        self.uses.iter().map(pattern).collect()
    }
}

/// Whether one of the roles in use covers what is asked for.
pub(crate) fn covers(uses: &[RolePattern], wanted: &RolePattern) -> bool {
    let role = RoleName::new(&wanted.to_string()).ok();
    let covers =
        |used: &RolePattern| used == wanted || role.as_ref().is_some_and(|role| used.matches(role));
    uses.iter().any(covers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_roles_in_use_are_covered() {
        let check = |uses: &str, wanted: &str, expected: bool| {
            let uses: RolePattern = uses.parse().unwrap();
            let wanted: RolePattern = wanted.parse().unwrap();
            assert_eq!(covers(&[uses], &wanted), expected, "{wanted}");
        };
        check("hive.alert", "hive.alert", true);
        check("hive.*", "hive.alert", true);
        check("hive.*", "hive.*", true);
        check("hive.alert", "hive.*", false);
        check("hive.*", "steward.n1", false);
        check("hive.alert", "hive.alert, steward.n1", false);
    }
}
