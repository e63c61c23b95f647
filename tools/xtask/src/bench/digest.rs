//! Lines per CPU-second of digests of over 1 GB of sshd, httpd and mail logs, against what Debian's
//! logwatch and GoAccess take for a slice of the same lines; all in one run, one line for each kind.

mod logs;
mod peers;

use std::{
    fs::{self, File},
    io::copy,
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use skep_tests_e2e::{Image, Root, until};

use self::{
    logs::{KINDS, Kind, Log, Truth},
    peers::PEERS,
};
use crate::run::{cargo, output, target_folder};

/// Peers are slow: they get a slice of the lines, and we get it so often.
const SLICE_BYTES: u64 = 50_000_000;
const SLICES: u64 = 6;

/// How long one run of ours may take.
const WITHIN: Duration = Duration::from_mins(10);

/// What the issue asks for of memory, in units of a million bytes.
const RSS_MB_MAX: u64 = 64;

/// What one run took.
struct Run {
    cpu_s: f64,
    rss_mb: u64,
    digest: Value,
}

pub(super) fn run() -> Result<()> {
    cargo(&["build", "--quiet", "--release", "--package", "skep"])?;
    Image::prepare()?;
    let root = Root::get()?;
    for kind in KINDS {
        println!("{}", measured(&root, kind)?);
    }
    Ok(())
}

fn measured(root: &Root, kind: &Kind) -> Result<Value> {
    let (slice, whole) = (root.shared().join("slice"), root.shared().join("whole"));
    let of_slice = Log::write(kind, &slice, SLICE_BYTES)?;
    repeat(&slice, &whole)?;
    let ours = ours(kind, &whole)?;
    let (seen, truth) = (Truth::told(kind, &ours.digest), of_slice.times(SLICES));
    ensure!(
        seen == truth,
        "the digest is fast and wrong: {seen:?}, and the file holds {truth:?}"
    );
    let rate = rate(truth.lines, ours.cpu_s);
    let peers = PEERS.iter().filter(|peer| peer.kind == kind.collector);
    let baselines: Result<Vec<Value>> = peers
        .map(|peer| {
            let cpu_s = (peer.run)(root, &slice)?;
            let theirs = self::rate(of_slice.lines, cpu_s);
            Ok(json!({
                "is": peer.name,
                "rate": theirs,
                "ratio": (rate / theirs).round(),
                "goal": peer.goal,
            }))
        })
        .collect();
    Ok(json!({
        "name": "digest",
        "collector": kind.collector,
        "unit": "lines per CPU-second",
        "ours": rate,
        "goal": kind.goal,
        "cpu_s": ours.cpu_s,
        "rss_mb": ours.rss_mb,
        "rss_mb_goal": RSS_MB_MAX,
        "bytes": fs::metadata(&whole)?.len(),
        "truth": truth.json(kind),
        "baselines": baselines?,
    }))
}

fn rate(lines: u64, cpu_s: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate, printed with a few digits"
    )]
    let lines = lines as f64;
    (lines / cpu_s).round()
}

fn repeat(slice: &Path, whole: &Path) -> Result<()> {
    let mut out = File::create(whole)?;
    for _ in 0..SLICES {
        copy(&mut File::open(slice)?, &mut out)?;
    }
    Ok(())
}

fn ours(kind: &Kind, file: &Path) -> Result<Run> {
    let script = format!("{TIMED} \"$0\" digest --offline \"$1\" --format json --quiet");
    let (said, complaint) = (file.with_extension("json"), file.with_extension("times"));
    let mut shell = Command::new("bash")
        .args(["-c", &script])
        .arg(target_folder().join("release/skep"))
        .arg(format!("{}={}", kind.collector, file.display()))
        .stdout(File::create(&said)?)
        .stderr(File::create(&complaint)?)
        .spawn()
        .context("cannot run bash")?;
    let rss_mb = peak_rss_mb(&mut shell)?;
    let complaint = fs::read(complaint)?;
    let digest = serde_json::from_slice(&fs::read(said)?)
        .with_context(|| String::from_utf8_lossy(&complaint).into_owned())?;
    Ok(Run {
        cpu_s: cpu_s(&complaint)?,
        rss_mb,
        digest,
    })
}

/// The most memory that the child of a shell ever held, as the kernel last said while it ran.
fn peak_rss_mb(shell: &mut Child) -> Result<u64> {
    let id = shell.id();
    let mut peak_kb = 0;
    until("the digest", WITHIN, || {
        peak_kb = peak_kb.max(peak_kb_of_child(id).unwrap_or(0));
        matches!(shell.try_wait(), Ok(Some(_)) | Err(_)).then_some(())
    })?;
    ensure!(peak_kb > 0, "nobody saw the digest run");
    Ok((peak_kb * 1024).div_ceil(1_000_000))
}

fn peak_kb_of_child(shell: u32) -> Option<u64> {
    let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).ok()?;
    let status = fs::read_to_string(format!("/proc/{}/status", children.trim())).ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// What stands before a command in bash, so that the last line on stderr is `USER SYSTEM`, in
/// seconds.
const TIMED: &str = "TIMEFORMAT='%U %S'; time";

/// The CPU-seconds of a script that begins so, and what it printed.
fn timed(command: &mut Command) -> Result<(f64, Vec<u8>)> {
    let output = output(command)?;
    Ok((cpu_s(&output.stderr)?, output.stdout))
}

fn cpu_s(stderr: &[u8]) -> Result<f64> {
    let complaint = String::from_utf8_lossy(stderr);
    let times = complaint.lines().last().unwrap_or_default();
    let seconds: Vec<f64> = times
        .split(' ')
        .filter_map(|time| time.parse().ok())
        .collect();
    ensure!(seconds.len() == 2, "no times in {complaint:?}");
    Ok(seconds.iter().sum::<f64>().max(0.001))
}
