use super::*;

fn check(app: &str, body: &str, expected: Option<(Kind, &str, &str)>) {
    let event = event(app.as_bytes(), body.as_bytes());
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    let found = event.map(|event| (event.kind, text(event.subject), text(event.reason)));
    assert_eq!(found, expected, "{body}");
}

#[test]
fn units() {
    let failed = |unit, reason| Some((Kind::UnitFailed, unit, reason));
    check(
        "systemd",
        "web.service: Failed with result 'exit-code'.",
        failed("web.service", "exit-code"),
    );
    check(
        "systemd",
        "Unit web.service entered failed state.",
        failed("web.service", ""),
    );
    check("systemd", "web.service: Unit entered failed state.", None);
    check("systemd", "web.service failed.", None);
    check("systemd", "Failed to start Web server.", None);
    check(
        "systemd",
        "web.service: Scheduled restart job, restart counter is at 3.",
        Some((Kind::Restart, "web.service", "")),
    );
    check(
        "logger",
        "web.service: Failed with result 'exit-code'.",
        None,
    );
    check("systemd", "a b: Failed with result 'x'.", None);
}

#[test]
fn out_of_memory() {
    let killed = |name| Some((Kind::OomKill, name, ""));
    check(
        "kernel",
        "[  512.04] Out of memory: Killed process 812 (mem hog) total-vm:1kB, anon-rss:2kB",
        killed("mem hog"),
    );
    check(
        "kernel",
        "Memory cgroup out of memory: Killed process 812 (java) total-vm:1kB",
        killed("java"),
    );
    check(
        "kernel",
        "Out of memory: Kill process 812 (java) score 9 or sacrifice child",
        None,
    );
    check(
        "kernel",
        "Killed process 812 (java) total-vm:1kB",
        killed("java"),
    );
    check(
        "kernel",
        "Killed process 812, UID 33, (apache2) total-vm:1kB",
        killed("apache2"),
    );
    check("kernel", "Killed process 812 (java)", killed("java"));
    check("kernel", "Killed process (", None);
    check(
        "kernel",
        "oom_reaper: reaped process 812 (java), now anon-rss:0kB",
        None,
    );
    check(
        "systemd-oomd",
        "Killed /user.slice/app.slice/ff.scope due to memory pressure for /user.slice",
        Some((Kind::OomKill, "ff.scope", "memory-pressure")),
    );
    check(
        "user",
        "Out of memory: Killed process 812 (java) total-vm:1kB",
        None,
    );
}

#[test]
fn segfaults_and_disks() {
    check(
        "kernel",
        "my[1]app[77]: segfault at 0 ip 0 sp 0 error 4 in libc.so[7f+1]",
        Some((Kind::Segfault, "my[1]app", "")),
    );
    check("kernel", "app[x]: segfault at 0", None);
    check(
        "kernel",
        "EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2",
        Some((Kind::DiskError, "sda1", "filesystem")),
    );
    check(
        "kernel",
        "blk_update_request: I/O error, dev sdb, sector 9 op 0x0",
        Some((Kind::DiskError, "sdb", "io")),
    );
}

proptest::proptest! {
    #[test]
    fn no_body_makes_it_panic(
        head in proptest::prelude::prop_oneof![
            proptest::prelude::Just("Out of memory: Killed process "),
            proptest::prelude::Just("Unit "), proptest::prelude::Just("[1.2] a[1]: segfault at "),
            proptest::prelude::Just("Killed "), proptest::prelude::Just("Killed process "),
        ],
        tail in proptest::prelude::any::<Vec<u8>>(),
    ) {
        let body = [head.as_bytes(), &tail].concat();
        for app in [&b"kernel"[..], b"systemd", b"systemd-oomd"] {
            proptest::prop_assert!(event(app, &body).is_none_or(|event| event.subject.len() <= body.len()));
        }
    }
}
