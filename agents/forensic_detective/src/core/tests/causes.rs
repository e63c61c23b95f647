//! What explains what.

use super::*;

/// `[severity] rule, also rule …: text` of the only case.
#[track_caller]
fn check(lines: &str, expected: &str) {
    let board = board(lines);
    let open = board.open();
    assert_eq!(open.len(), 1, "{open:#?}");
    let case = open[0];
    let also: String = case
        .also
        .iter()
        .map(|cause| format!(", also {}", cause.rule))
        .collect();
    let found = format!(
        "[{}] {}{also}: {}",
        case.severity, case.cause.rule, case.cause.text
    );
    assert_eq!(found, expected);
}

#[test]
fn guesses_then_a_login_then_sudo_are_a_break_in() {
    check(
        "10 warning web1 brute_force from=203.0.113.9 times=412 for=30
         41 info web1 login from=203.0.113.9 by=bob
         43 info web1 sudo by=bob",
        "[critical] break_in_sudo: 203.0.113.9 tried to get into web1 (412 brute force), then \
         logged in as bob on web1, and then used sudo on web1.",
    );
    check(
        "10 warning web1 brute_force from=203.0.113.9 times=412 for=30
         41 info web1 login from=203.0.113.9 by=bob
         43 info web1 sudo by=ann",
        "[critical] break_in: 203.0.113.9 tried to get into web1 (412 brute force), then logged \
         in as bob on web1.",
    );
}

#[test]
fn who_guesses_on_one_host_and_comes_in_on_another_is_seen() {
    check(
        "10 warning web1 brute_force from=203.0.113.9 times=40
         12 warning web2 brute_force from=203.0.113.9 times=40
         20 info db1 login from=203.0.113.9 by=bob",
        "[critical] break_in, also one_source: 203.0.113.9 tried to get into web1 (40 brute \
         force), then logged in as bob on db1.",
    );
}

#[test]
fn a_login_before_the_guesses_or_from_elsewhere_is_none_of_it() {
    let guesses = "20 warning web1 brute_force from=203.0.113.9 times=40";
    let alone = "[warning] brute_force: log: brute force from 203.0.113.9 on web1, 40 times.";
    check(
        &format!("{guesses}\n 10 info web1 login from=203.0.113.9 by=bob"),
        alone,
    );
    check(
        &format!("{guesses}\n 21 info web1 login from=198.51.100.7 by=bob"),
        alone,
    );
}

#[test]
fn a_login_after_a_few_failures_is_only_worth_a_look() {
    check(
        "10 warning web1 login_after_failures from=198.51.100.7 by=ann",
        "[warning] login_after_failures: ann logged in on web1 from 198.51.100.7, where logins \
         had failed before.",
    );
}

#[test]
fn a_disk_explains_what_fails_after_it() {
    check(
        "10 error db1 disk_error of=sda
         12 error db1 unit_failed of=mysql.service
         13 error db1 unit_failed of=web.service",
        "[error] disk: sda of db1 reported errors; mysql.service, web.service failed on it.",
    );
    // What failed before the disk did has another reason.
    check(
        "20 error db1 disk_error of=sda
         12 error db1 unit_failed of=mysql.service",
        "[error] unit_failed: log: unit failed of mysql.service on db1, once.",
    );
}

#[test]
fn memory_and_crashes_explain_units() {
    check(
        "10 error db1 oom_kill of=mysqld
         10 error db1 unit_failed of=mysql.service",
        "[error] memory: db1 ran out of memory and the kernel killed mysqld; mysql.service failed \
         there.",
    );
    check(
        "10 warning web1 segfault of=nginx
         10 error web1 unit_failed of=nginx.service",
        "[error] crash: nginx crashed on web1, and nginx.service failed.",
    );
}

#[test]
fn a_package_change_explains_failures_after_it() {
    check(
        "10 info web1 package_change of=nginx
         11 info web1 package_change of=libssl3
         12 error web1 server_errors times=300",
        "[error] change: Packages were changed on web1 (nginx, libssl3) before log (server \
         errors) failed there.",
    );
}

#[test]
fn the_gravest_explanation_comes_first_and_the_others_are_told() {
    check(
        "10 info db1 package_change of=kernel
         11 error db1 disk_error of=sda
         12 error db1 unit_failed of=mysql.service",
        "[error] disk, also change: sda of db1 reported errors; mysql.service failed on it.",
    );
}

#[test]
fn one_source_on_several_hosts_is_one_story() {
    check(
        "10 warning web1 brute_force from=203.0.113.9 times=40
         11 warning web2 brute_force from=203.0.113.9 times=40",
        "[warning] one_source: 203.0.113.9 attacks 2 hosts: web1, web2.",
    );
}

#[test]
fn one_source_at_several_services_of_a_host_is_one_story_with_its_bans() {
    let mail = "10 warning mx1 brute_force from=203.0.113.9 times=24 at=postfix
                12 warning mx1 brute_force from=203.0.113.9 times=31 at=dovecot";
    check(
        mail,
        "[warning] many_doors: 203.0.113.9 tried to get into mx1 by several services: dovecot \
         (31), postfix (24).",
    );
    let banned = "13 notice mx1 ban from=203.0.113.9 at=fail2ban
                  14 notice mx1 ban from=198.51.100.1 at=fail2ban";
    check(
        &format!("{mail}\n{banned}"),
        "[warning] many_doors: 203.0.113.9 tried to get into mx1 by several services: dovecot \
         (31), postfix (24); it was banned on mx1.",
    );
    check(
        &format!(
            "{mail}\n 14 warning web1 brute_force from=203.0.113.9 times=40 at=sshd\n{banned}"
        ),
        "[warning] one_source, also many_doors: 203.0.113.9 attacks 2 hosts: mx1, web1; it was \
         banned on mx1.",
    );
}

#[test]
fn who_guessed_at_one_service_and_comes_in_by_another_is_seen() {
    check(
        "10 warning mx1 brute_force from=203.0.113.9 times=24 at=postfix
         12 info mx1 login from=203.0.113.9 by=bob at=dovecot",
        "[critical] break_in: 203.0.113.9 tried to get into mx1 (24 brute force), then logged in \
         as bob on mx1.",
    );
}

#[test]
fn what_nobody_knows_speaks_for_itself() {
    check(
        "10 critical web1 log_entry_detected times=3",
        "[critical] log_entry_detected: log: grave lines in a log on web1, 3 times.",
    );
    check(
        "10 error rack7 fan_stopped of=fan2",
        "[error] fan_stopped: log: fan stopped of fan2 on rack7, once.",
    );
}
