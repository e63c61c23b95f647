//! Lines of an sshd log per CPU-second, Skep's digest against Debian's logwatch on the same file.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use skep_tests_e2e::{Image, Root};

use crate::run::{cargo, command, output, target_folder};

/// Connections in the generated file; [`connection`] writes the lines of each.
const CONNECTIONS: u32 = 400_000;

/// What a generated file holds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Truth {
    lines: u64,
    failed: u64,
    accepted: u64,
}

pub(super) fn run() -> Result<()> {
    cargo(&["build", "--quiet", "--release", "--package", "skep"])?;
    Image::prepare()?;
    let root = Root::get()?;
    let file = root.shared().join("auth.log");
    let mut out = BufWriter::new(File::create(&file)?);
    let truth = generate(&mut out, CONNECTIONS)?;
    out.flush()?;

    let (ours, digest) = ours(&file)?;
    let sshd = &digest["collectors"]["sshd"];
    let seen = Truth {
        lines: sshd["lines_read"].as_u64().unwrap_or_default(),
        failed: sshd["totals"]["failed"].as_u64().unwrap_or_default(),
        accepted: sshd["totals"]["accepted"].as_u64().unwrap_or_default(),
    };
    ensure!(
        seen == truth,
        "the digest is fast and wrong: {seen:?}, and the file holds {truth:?}"
    );
    let baseline = logwatch(&root, &file)?;

    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate, printed with a few digits"
    )]
    let lines = truth.lines as f64;
    let line = json!({
        "name": "digest",
        "ours": (lines / ours).round(),
        "baseline": (lines / baseline).round(),
        "ratio": (baseline / ours).round(),
        "unit": "sshd lines per CPU-second",
        "lines": truth.lines,
        "ours_cpu_s": ours,
        "baseline_cpu_s": baseline,
        "baseline_is": "logwatch",
    });
    println!("{line}");
    Ok(())
}

fn ours(file: &Path) -> Result<(f64, Value)> {
    let binary = target_folder().join("release/skep");
    let script = "TIMEFORMAT='%U %S'; time \"$0\" digest --offline \"sshd=$1\" --format json";
    let mut command = command("bash");
    command.args(["-c", script]).arg(binary).arg(file);
    let (cpu, said) = timed(&mut command)?;
    Ok((
        cpu,
        serde_json::from_slice(&said).context("the digest is no JSON")?,
    ))
}

fn logwatch(root: &Root, file: &Path) -> Result<f64> {
    // Logwatch reads its configuration in lower case: the file needs a name without capitals.
    const NAME: &str = "/var/log/bench.log";
    root.run("ln", &["-sf", &file.to_string_lossy(), NAME])?;
    let config = format!("LogFile =\nLogFile = {NAME}\nArchive =\n");
    let config = root.write("secure.conf", &config)?;
    root.run(
        "mkdir",
        &["-p", "/etc/logwatch/conf/logfiles", "/var/cache/logwatch"],
    )?;
    root.run(
        "cp",
        &[
            &config.to_string_lossy(),
            "/etc/logwatch/conf/logfiles/secure.conf",
        ],
    )?;
    let script = "TIMEFORMAT='%U %S'; time logwatch --service sshd --range all --detail high \
                  --archives no --output stdout --format text";
    let mut command = root.command(None, "bash");
    let (cpu, said) = timed(command.args(["-c", script]))?;
    let text = String::from_utf8_lossy(&said);
    ensure!(
        text.contains("203.0.113."),
        "logwatch did not read the file:\n{text}"
    );
    Ok(cpu)
}

/// Runs a script whose last line on stderr is `USER SYSTEM`, in seconds.
fn timed(command: &mut Command) -> Result<(f64, Vec<u8>)> {
    let output = output(command)?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let times = complaint.lines().last().unwrap_or_default();
    let seconds: Vec<f64> = times
        .split(' ')
        .filter_map(|time| time.parse().ok())
        .collect();
    ensure!(seconds.len() == 2, "no times in {complaint:?}");
    Ok((seconds.iter().sum::<f64>().max(0.001), output.stdout))
}

/// Writes connections as sshd logs them under rsyslog's traditional head.
fn generate(out: &mut impl Write, connections: u32) -> Result<Truth> {
    let mut truth = Truth::default();
    for number in 0..connections {
        let (hour, minute, second) = (number / 3600 % 24, number / 60 % 60, number % 60);
        let head = format!(
            "Nov 20 {hour:02}:{minute:02}:{second:02} bench sshd[{}]:",
            number + 1000
        );
        connection(out, number, &head, &mut truth)?;
    }
    Ok(truth)
}

fn connection(out: &mut impl Write, number: u32, head: &str, truth: &mut Truth) -> Result<()> {
    let source = format!("203.0.113.{}", number % 250);
    let port = 1024 + number % 60_000;
    let user = number % 700;
    match number % 4 {
        0 => {
            writeln!(
                out,
                "{head} Failed password for root from {source} port {port} ssh2"
            )?;
            writeln!(
                out,
                "{head} Connection closed by authenticating user root {source} port {port} [preauth]"
            )?;
            truth.failed += 1;
            truth.lines += 2;
        }
        1 | 2 => {
            writeln!(
                out,
                "{head} Invalid user guest{user} from {source} port {port}"
            )?;
            writeln!(
                out,
                "{head} Failed password for invalid user guest{user} from {source} port {port} ssh2"
            )?;
            writeln!(
                out,
                "{head} Connection closed by invalid user guest{user} {source} port {port} [preauth]"
            )?;
            truth.failed += 1;
            truth.lines += 3;
        }
        _ => {
            writeln!(
                out,
                "{head} Accepted publickey for alice from {source} port {port} ssh2: ED25519 SHA256:x"
            )?;
            writeln!(
                out,
                "{head} pam_unix(sshd:session): session opened for user alice(uid=1000) by (uid=0)"
            )?;
            truth.accepted += 1;
            truth.lines += 2;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_file_holds_what_is_said_of_it() {
        let mut out = Vec::new();
        let truth = generate(&mut out, 400).unwrap();
        let text = String::from_utf8(out).unwrap();
        let count = |word: &str| text.lines().filter(|line| line.contains(word)).count() as u64;
        assert_eq!(text.lines().count() as u64, truth.lines);
        assert_eq!(count(": Failed "), truth.failed);
        assert_eq!(count(": Accepted "), truth.accepted);
    }
}
