//! What a node costs while nothing happens: memory, CPU time, and how often it wakes up.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::run::{cargo, succeed, target_folder, workspace};

/// Five agents of its own, beside the console and the steward of every node.
const DIRECTIVE: &str = "directives/forensics.json";

/// Keys are made and the first patrol is over by then.
const SETTLED: Duration = Duration::from_secs(30);

/// How long it is watched.
const WATCHED: Duration = Duration::from_mins(1);

/// `USER_HZ`, which is 100 wherever Linux runs today.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the issue of an idle node asks for: KiB, per cent of a core, wake-ups a second.
const GOALS: (f64, f64, f64) = (40.0 * 1024.0, 0.2, 20.0);

/// What a process had used up at one moment.
struct Reading {
    cpu_s: f64,
    n_wakeups: u64,
}

pub(super) fn run() -> Result<()> {
    cargo(&["build", "--quiet", "--release", "--package", "skep"])?;
    let home = tempfile::tempdir()?;
    let node = Node::start(&home.path().join("home"))?;
    wait(SETTLED)?;
    let before = node.read()?;
    wait(WATCHED)?;
    let after = node.read()?;
    let n_agents = node.n_agents()?;
    let seconds = WATCHED.as_secs_f64();
    let rss_kib = node.status("VmRSS:")?;
    let percent = (after.cpu_s - before.cpu_s) / seconds * 100.0;
    let wakeups = number(after.n_wakeups - before.n_wakeups) / seconds;
    let line = json!({
        "name": "idle",
        "agents": n_agents,
        "unit": "how many times the goal is what a node took",
        "rss_kib": side(number(rss_kib), GOALS.0),
        "core_percent": side(percent, GOALS.1),
        "wakeups_per_second": side(wakeups, GOALS.2),
    });
    println!("{line}");
    node.stop()
}

fn side(ours: f64, goal: f64) -> Value {
    let round = |value: f64| (value * 100.0).round() / 100.0;
    json!({ "ours": round(ours), "goal": goal, "ratio": round(goal / ours.max(0.01)) })
}

fn number(n: u64) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

/// To wait is what this bench is about.
fn wait(duration: Duration) -> Result<()> {
    succeed(Command::new("sleep").arg(duration.as_secs().to_string()))
}

/// A node in a home of its own; it ends with this.
struct Node {
    process: Child,
    home: std::path::PathBuf,
}

impl Node {
    fn start(home: &Path) -> Result<Self> {
        let process = skep(home)
            .args(["up", DIRECTIVE])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run skep")?;
        Ok(Self {
            process,
            home: home.to_owned(),
        })
    }

    fn read(&self) -> Result<Reading> {
        let pid = self.process.id();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in brackets may hold anything: count from behind it (proc_pid_stat(5)).
        let (_, fields) = stat
            .rsplit_once(") ")
            .context("no name in /proc/PID/stat")?;
        let ticks: u32 = fields
            .split(' ')
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u32>().ok())
            .sum();
        let mut n_wakeups = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let status = fs::read_to_string(task?.path().join("status"))?;
            n_wakeups += field(&status, "voluntary_ctxt_switches:").unwrap_or_default();
        }
        Ok(Reading {
            cpu_s: f64::from(ticks) / TICKS_PER_SECOND,
            n_wakeups,
        })
    }

    fn status(&self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        field(&status, name).with_context(|| format!("no {name} in /proc/PID/status"))
    }

    /// As the node itself tells them.
    fn n_agents(&self) -> Result<usize> {
        let said = skep(&self.home)
            .args(["tree", "--format", "json"])
            .output()?;
        ensure!(said.status.success(), "the node does not answer");
        let tree: Value = serde_json::from_slice(&said.stdout)?;
        let agents = tree["nodes"][0]["agents"].as_array();
        Ok(agents.context("no agents in the tree")?.len())
    }

    fn stop(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

fn skep(home: &Path) -> Command {
    let mut command = Command::new(target_folder().join("release/skep"));
    command.current_dir(workspace()).arg("--home").arg(home);
    command
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
