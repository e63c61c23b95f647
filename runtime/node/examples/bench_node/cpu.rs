//! CPU time of a process, as Linux counts it.

use crate::Fallible;

/// The unit of `utime` and `stime`: `USER_HZ`, which is 100 wherever Linux runs today.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time that a process and its threads have used, in seconds.
pub(crate) fn seconds(pid: u32) -> Fallible<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold anything: count from behind it (proc_pid_stat(5)).
    let (_, fields) = stat.rsplit_once(") ").ok_or("no name in /proc/PID/stat")?;
    let mut fields = fields.split(' ').skip(11);
    let mut ticks = || -> Fallible<f64> {
        let ticks: u32 = fields.next().ok_or("no times in /proc/PID/stat")?.parse()?;
        Ok(f64::from(ticks))
    };
    Ok((ticks()? + ticks()?) / TICKS_PER_SECOND)
}
