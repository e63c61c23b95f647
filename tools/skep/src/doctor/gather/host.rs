//! What the host tells of itself: user, clock, ports, disk, limits.

use std::{
    collections::BTreeSet, fs, os::unix::fs::MetadataExt, path::Path, process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::timeout};

/// How long `timedatectl` may take; it may have to start a service.
const CLOCK_TIME_MAX: Duration = Duration::from_secs(3);

/// What systemd-timesyncd leaves when it has set the clock.
const TIMESYNC_MARK: &str = "/run/systemd/timesync/synchronized";

/// The user of this process.
pub(super) fn uid() -> u32 {
    fs::metadata("/proc/self").map_or(0, |meta| meta.uid())
}

/// Whether the kernel's clock is kept right, as the service that knows says; None where none does.
pub(super) async fn is_synchronised() -> Option<bool> {
    let mut ask = Command::new("timedatectl");
    ask.args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let said = match timeout(CLOCK_TIME_MAX, ask.output()).await {
        Ok(Ok(output)) if output.status.success() => output.stdout,
        _ => Vec::new(),
    };
    match said.trim_ascii() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => fs::exists(TIMESYNC_MARK).unwrap_or(false).then_some(true),
    }
}

/// The ports of `udp` or `tcp` that somebody listens on, of both families.
pub(super) fn ports(protocol: &str) -> BTreeSet<u16> {
    let tables = ["", "6"].map(|family| format!("/proc/net/{protocol}{family}"));
    let texts = tables.map(|path| fs::read_to_string(path).unwrap_or_default());
    texts
        .iter()
        .flat_map(|text| listening(text, protocol == "tcp"))
        .collect()
}

/// The local ports of a table of `/proc/net`; of TCP, those in the state LISTEN (0A).
fn listening(table: &str, is_tcp: bool) -> Vec<u16> {
    let rows = table.lines().skip(1);
    let port = |row: &str| {
        let mut fields = row.split_whitespace().skip(1);
        let (_, port) = fields.next()?.rsplit_once(':')?;
        let state = fields.nth(1)?;
        (!is_tcp || state == "0A").then(|| u16::from_str_radix(port, 16).ok())?
    };
    rows.filter_map(port).collect()
}

/// Bytes that this user may still write where the path lies, or will lie.
pub(super) fn free_bytes(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// How many files a process may have open: the node, where it may be looked at, else this one.
pub(super) fn files_max(pid: Option<i32>) -> Option<u64> {
    let of_node = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/limits")).ok());
    let limits = of_node.or_else(|| fs::read_to_string("/proc/self/limits").ok())?;
    open_files(&limits)
}

fn open_files(limits: &str) -> Option<u64> {
    let row = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match row.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        soft => soft.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_from_the_kernels_tables() {
        let tcp = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1D38 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:C350 0100007F:1D38 01 00000000:00000000 00:00000000 00000000     0        0 2 1
";
        assert_eq!(listening(tcp, true), [7480]);
        assert_eq!(listening(tcp, false), [7480, 50_000]);
        let six = "\n 0: 00000000000000000000000000000000:1CE8 00000000000000000000000000000000:0000 07 x\n";
        assert_eq!(listening(six, false), [7400]);
        assert!(listening("", true).is_empty() && listening("x\nrubbish\n: :\n", true).is_empty());
    }

    #[test]
    fn limits_are_read_from_proc() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(
            open_files("Max open files unlimited unlimited files\n"),
            Some(u64::MAX)
        );
        assert_eq!(open_files(""), None);
    }

    #[test]
    fn this_host_is_one() {
        assert!(free_bytes(Path::new("/no/such/folder")).is_some());
        assert!(files_max(None).is_some());
    }
}
