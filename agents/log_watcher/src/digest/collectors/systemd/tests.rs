use crate::digest::testkit::check;
use crate::digest::testkit::report;

const LOG: &str = "\
Feb 12 14:10:21 h systemd[1]: web.service: Main process exited, code=exited, status=1/FAILURE
Feb 12 14:10:21 h systemd[1]: web.service: Failed with result 'exit-code'.
Feb 12 14:10:21 h systemd[1]: Failed to start web.service - Web server.
Feb 12 14:10:22 h systemd[1]: web.service: Scheduled restart job, restart counter is at 1.
Feb 12 14:10:23 h systemd[1]: web.service: Failed with result 'timeout'.
Feb 12 14:10:24 h kernel: [ 12.1] Out of memory: Killed process 8 (java) total-vm:1kB
Feb 12 14:10:24 h kernel: [ 12.2] app[9]: segfault at 0 ip 00 sp 00 error 4 in app[40+1]
Feb 12 14:10:24 h nobody: web.service: Failed with result 'exit-code'.
";

#[test]
fn units_and_processes_are_counted_once() {
    check("systemd", LOG, "units_failed 2 oom_kills 1 segfaults 1");
    let report = report("systemd", LOG);
    let units = report.tables.get("by_systemd.unit").unwrap();
    assert_eq!(
        (
            units.rows[0].count("count"),
            units.rows[0].count("restarts")
        ),
        (2, 1)
    );
    assert_eq!(
        report
            .tables
            .get("by_process.executable.name")
            .unwrap()
            .rows
            .len(),
        2
    );
    assert!(
        report.headline.ends_with("1 restarts"),
        "{}",
        report.headline
    );
}
