use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::Clock;
use crate::format_utc;

fn text(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        "-".to_owned()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// source vhost <user> method path status bytes, or level source message.
fn shown(line: &[u8]) -> String {
    match event(line) {
        Some(Event::Access(access)) => format!(
            "{} {} <{}> {} {} {} {}",
            text(access.source),
            text(access.vhost),
            text(&access.user_name()),
            text(access.method),
            text(&access.url_path()),
            access.status,
            access.bytes
        ),
        Some(Event::Error(error)) => {
            format!(
                "{} {} {}",
                error.severity.text(),
                text(error.source),
                text(error.message)
            )
        }
        None => "none".to_owned(),
    }
}

fn check(line: &str, expected: &str) {
    assert_eq!(shown(line.as_bytes()), expected, "{line}");
}

/// What a line says, in full.
#[track_caller]
fn check_facts(line: &str, expected: &str) {
    let facts = event(line.as_bytes()).map(|event| event.facts().to_string());
    assert_eq!(facts.as_deref().unwrap_or("none"), expected, "{line}");
}

#[test]
fn refused_logins_of_error_logs() {
    check_facts(
        "[Thu Oct 10 13:55:36.1 2026] [auth_basic:error] [pid 2:tid 1] [client 10.0.0.7:51] AH01617: user amy: authentication failure for \"/x\": Password Mismatch",
        "httpd.auth_failed failure user.name=amy source.address=10.0.0.7 source.port=51",
    );
    check_facts(
        "2026/10/10 13:55:36 [error] 4#4: *4 user \"amy\": password mismatch, client: 10.0.0.7, server: s, request: \"GET /x?y HTTP/1.1\", host: \"h\"",
        "httpd.auth_failed failure user.name=amy source.address=10.0.0.7 http.request.method=GET url.path=/x",
    );
    check_facts(
        "[Thu Oct 10 13:55:36 2026] [error] [client 10.0.0.7] File does not exist: /x/[client 6.6.6.6] user root not found",
        "httpd.error source.address=10.0.0.7",
    );
}

#[test]
fn error_lines_that_went_through_syslog_or_have_brackets() {
    check_facts(
        "[authz_core:error] [pid 2] [client 10.0.0.7:51] AH01630: client denied by server configuration: /x",
        "httpd.error source.address=10.0.0.7 source.port=51",
    );
    check_facts(
        "[error] [client 10.0.0.7] user amy not found: /x",
        "httpd.auth_failed failure user.name=amy source.address=10.0.0.7",
    );
    check_facts(
        "[Thu Oct 10 13:55:36.1 2026] [core:error] [pid 2] [client [2001:db8::7]:51] AH1: no",
        "httpd.error source.address=2001:db8::7 source.port=51",
    );
    check_facts(
        "[Thu Oct 10 13:55:36.1 2026] [core:error] [pid 2] [client 2001:db8:1:2:3:4:5:6] AH1: no",
        "httpd.error source.address=2001:db8:1:2:3:4:5:6",
    );
    check_facts("[error] something else", "none");
    check_facts("[a:error] something else", "none");
}

#[test]
fn a_local_socket_is_no_source() {
    check_facts(
        &format!("unix: - - {D} \"GET / HTTP/1.1\" 200 5"),
        "httpd.access success http.request.method=GET url.path=/ http.response.status_code=200 http.response.body.size=5",
    );
}

const D: &str = "[10/Oct/2026:13:55:36 -0700]";

#[test]
fn common_and_combined() {
    check(
        &format!("10.0.0.7 - - {D} \"GET /a?b=1 HTTP/1.1\" 200 512"),
        "10.0.0.7 - <-> GET /a 200 512",
    );
    check(
        &format!("::1 - amy {D} \"POST / HTTP/2.0\" 302 - \"-\" \"curl/8\""),
        "::1 - <amy> POST / 302 0",
    );
    check(
        &format!("10.0.0.7 - - {D} \"-\" 408 -"),
        "10.0.0.7 - <-> - - 408 0",
    );
    check(
        &format!("10.0.0.7 - - {D} \"\" 400 0 \"-\" \"-\""),
        "10.0.0.7 - <-> - - 400 0",
    );
    check(
        &format!("10.0.0.7 - - {D} \"\\x16\\x03\\x01\" 400 226"),
        "10.0.0.7 - <-> - - 400 226",
    );
    check(
        &format!("10.0.0.7 - - {D} \"GET /a b HTTP/1.1\" 404 1"),
        "10.0.0.7 - <-> GET /a b 404 1",
    );
    check(
        &format!("10.0.0.7 - - {D} \"GET /x\" 400 1"),
        "10.0.0.7 - <-> GET /x 400 1",
    );
    check(
        &format!("10.0.0.7 - - {D} \"GET http://h.example/p?q HTTP/1.1\" 200 1"),
        "10.0.0.7 - <-> GET /p 200 1",
    );
    check(
        &format!("10.0.0.7 - - {D} \"GET http://h.example HTTP/1.1\" 200 1"),
        "10.0.0.7 - <-> GET / 200 1",
    );
    check(
        &format!("host.example - - {D} \"GET / HTTP/1.1\" 200 1"),
        "host.example - <-> GET / 200 1",
    );
}

#[test]
fn with_a_virtual_host() {
    check(
        &format!("www.example:443 10.0.0.7 - - {D} \"GET / HTTP/1.1\" 200 1"),
        "10.0.0.7 www.example:443 <-> GET / 200 1",
    );
    check(
        &format!("www.example 10.0.0.7 - bob {D} \"GET / HTTP/1.1\" 200 1"),
        "10.0.0.7 www.example <bob> GET / 200 1",
    );
    check(
        &format!("10.1.1.1 10.0.0.7 - - {D} \"GET / HTTP/1.1\" 200 1"),
        "10.0.0.7 10.1.1.1 <-> GET / 200 1",
    );
    check(
        &format!("www.example:80 peer.example - - {D} \"GET / HTTP/1.1\" 200 1"),
        "peer.example www.example:80 <-> GET / 200 1",
    );
    check(
        &format!("10.0.0.7, 10.2.2.2 - - {D} \"GET / HTTP/1.1\" 200 1"),
        "10.0.0.7 - <-> GET / 200 1",
    );
    check(
        &format!("10.0.0.7 - {D} \"GET / HTTP/1.1\" 200 1"),
        "10.0.0.7 - <-> GET / 200 1",
    );
}

#[test]
fn names_and_requests_that_read_like_the_line() {
    check(
        &format!("10.0.0.7 - a {D} b {D} \"GET / HTTP/1.1\" 200 1"),
        &format!("10.0.0.7 - <a {D} b> GET / 200 1"),
    );
    check(
        &format!("10.0.0.7 - x {D} \\\"GET /fake HTTP/1.1\\\" 200 9 {D} \"GET / HTTP/1.1\" 401 1"),
        &format!("10.0.0.7 - <x {D} \"GET /fake HTTP/1.1\" 200 9> GET / 401 1"),
    );
    check(
        &format!("10.0.0.7 - - {D} \"GET /\\\" 200 9 HTTP/1.1\" 404 1"),
        "10.0.0.7 - <-> GET /\" 200 9 404 1",
    );
    check(
        &format!("10.0.0.7 - - {D} \"GET / HTTP/1.1\" 404 1 \"{D} \" \" 200 5 \""),
        "10.0.0.7 - <-> GET / 404 1",
    );
    check(
        &format!("10.0.0.7 - \"\" {D} \"GET / HTTP/1.1\" 401 1"),
        "10.0.0.7 - <-> GET / 401 1",
    );
    check(
        &format!("10.0.0.7 - m\\xc3\\xbcller {D} \"GET / HTTP/1.1\" 401 1"),
        "10.0.0.7 - <müller> GET / 401 1",
    );
}

#[test]
fn apache_errors() {
    check(
        "[Wed Oct 11 14:32:52.123456 2023] [core:error] [pid 12:tid 34] [client 10.0.0.7:5678] AH00037: no",
        "ERROR 10.0.0.7 AH00037: no",
    );
    check(
        "[Wed Oct 11 14:32:52.123456 2023] [core:error] [pid 12:tid 34] (13)Permission denied: [client ::1:5678] AH00035: no",
        "ERROR ::1 AH00035: no",
    );
    check(
        "[Wed Oct 11 14:32:52 2000] [error] [client 10.0.0.7] File does not exist: /x",
        "ERROR 10.0.0.7 File does not exist: /x",
    );
    check(
        "[Wed Oct 11 14:32:52.123456 2023] [:notice] [pid 1] ModSecurity for Apache",
        "NOTICE - ModSecurity for Apache",
    );
    check(
        "[Wed Oct 11 14:32:52.123456 2023] [mpm_event:notice] [pid 1:tid 2] AH00489: Apache configured",
        "NOTICE - AH00489: Apache configured",
    );
    check(
        "[Wed Oct 11 14:32:52.123456 2023] [cgi:error] [pid 1] [client ::ffff:10.0.0.7:1] End of script output",
        "ERROR 10.0.0.7 End of script output",
    );
    check(
        "[Wed Oct 11 14:32:52.123456 2023] [auth_basic:error] [pid 1:tid 2] [remote 10.0.0.7:359] AH01618: user amy not found: /x",
        "ERROR 10.0.0.7 AH01618: user amy not found: /x",
    );
    check(
        "[Wed Oct 11 14:32:52 2000] [error] [client 10.0.0.7:555] File does not exist: /x",
        "ERROR 10.0.0.7 File does not exist: /x",
    );
    check("[Wed Oct 11 14:32:52 2000] no level here", "none");
    check("Traceback (most recent call last):", "none");
}

#[test]
fn nginx_errors() {
    check(
        "2021/12/02 11:53:15 [error] 40#41: *4 open() \"/srv/x\" failed (2: No such file or directory), client: 10.0.0.7, server: _, request: \"GET /x HTTP/1.1\", host: \"h\"",
        "ERROR 10.0.0.7 open() \"/srv/x\" failed (2: No such file or directory), client: 10.0.0.7, server: _, request: \"GET /x HTTP/1.1\", host: \"h\"",
    );
    check(
        "2021/12/02 11:53:15 [notice] 40#40: signal process started",
        "NOTICE - signal process started",
    );
    let client = |line: &str| match event(line.as_bytes()) {
        Some(Event::Error(error)) => text(error.source),
        other => panic!("no error line: {other:?}"),
    };
    assert_eq!(
        client(
            "2021/12/02 11:53:15 [error] 4#4: *4 open() \"/srv/x, client: 6.6.6.6, server: \" failed (2: No), client: 10.0.0.7, server: _"
        ),
        "10.0.0.7"
    );
    assert_eq!(
        client(
            "2021/12/02 11:53:15 [info] 4#4: *4 client sent invalid request, client: 10.0.0.7, server: _, request: \"GET /x, client: 6.6.6.6\""
        ),
        "10.0.0.7"
    );
    assert_eq!(
        client(
            "2021/12/02 11:53:15 [error] 4#4: *4 limiting requests, excess: 5.4 by zone \"z\", client: ::1, server: , request: \"GET / HTTP/1.1\""
        ),
        "::1"
    );
    let by_path = "2021/12/02 11:53:15 [error] 4#4: *4 open() \"/srv/x\" failed (2: No such file)";
    let own = ", client: 10.0.0.7, server: _, request: \"GET /x HTTP/1.1\"";
    let fake = ", client: 6.6.6.6, server: _";
    assert_eq!(
        client(&format!("{by_path}{own}, referrer: \"{fake}\"")),
        "10.0.0.7"
    );
    assert_eq!(
        client(&format!(
            "{by_path}{own}, referrer: \"{fake}, request: \"\""
        )),
        "-"
    );
    assert_eq!(
        client(&format!("{by_path}{own}, referrer: \"{own}\"")),
        "10.0.0.7"
    );
    check("2021/12/02 11:53:15 [error] what: is this", "none");
}

#[test]
fn json_lines() {
    check(
        r#"{"time_iso8601":"2026-10-10T13:55:36+00:00","remote_addr":"10.0.0.7","remote_user":"","request":"GET /a?b HTTP/1.1","status":"404","body_bytes_sent":"15"}"#,
        "10.0.0.7 - <-> GET /a 404 15",
    );
    check(
        r#"{"ts":1760000000.5,"request":{"remote_ip":"10.0.0.7","method":"GET","host":"h","uri":"/p","headers":{"status":["9"],"uri":"/fake"}},"status":200,"size":3}"#,
        "10.0.0.7 h <-> GET /p 200 3",
    );
    check(
        r#"{"remote_addr":"10.0.0.7","request":"GET /\" HTTP/1.1","status":200}"#,
        "10.0.0.7 - <-> GET /\" 200 0",
    );
    assert_eq!(
        shown(b"{\"remote_addr\":\"10.0.0.7\",\"request\":\"GET /\xff HTTP/1.1\",\"status\":200}"),
        "10.0.0.7 - <-> GET /\u{fffd} 200 0"
    );
    check(r#"{"level":"info","msg":"started"}"#, "none");
    check("{", "none");
}

#[test]
fn stamps_of_all_forms() {
    let when = |line: &str| {
        Clock::new(TimeZone::UTC, 0)
            .resolve(locate(line.as_bytes()).stamp)
            .map(format_utc)
            .unwrap()
    };
    assert_eq!(
        when(&format!("10.0.0.7 - - {D} \"GET / HTTP/1.1\" 200 1")),
        "2026-10-10T20:55:36Z"
    );
    assert_eq!(
        when("[Wed Oct 11 14:32:52.1 2023] [error] x"),
        "2023-10-11T14:32:52Z"
    );
    assert_eq!(
        when("2021/12/02 11:53:15 [error] x"),
        "2021-12-02T11:53:15Z"
    );
    assert_eq!(
        when(r#"{"ts":1760000000.5,"remote_ip":"::1","uri":"/","status":200}"#),
        "2025-10-09T08:53:20Z"
    );
    assert_eq!(locate(b"hello").stamp, Stamp::None);
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(
        head in prop_oneof![
            Just("10.0.0.7 - - [10/Oct/2026:13:55:36 -0700] \""), Just("{\"status\":"), Just(""),
            Just("[Wed Oct 11 14:32:52.1 2023] ["), Just("2021/12/02 11:53:15 [error] 4#4: "),
        ],
        tail in "[\\[\\]{}\", a-z0-9:\\\\.()]{0,60}",
        noise in any::<Vec<u8>>(),
    ) {
        let line = [head.as_bytes(), tail.as_bytes(), &noise].concat();
        let found = locate(&line).stamp;
        let is_json = line.first() == Some(&b'{');
        prop_assert!(event(&line).is_none() || found != Stamp::None || is_json);
    }

    /// Whatever a peer asks for or calls itself, address and status are the server's.
    #[test]
    fn no_request_moves_the_status(user in "[^\"\\\\\n]{1,30}", path in "[^\"\\\\\n]{0,60}") {
        let line = format!("10.9.8.7 - {user} {D} \"GET /{path} HTTP/1.1\" 403 7 \"-\" \"{path}\"");
        let Some(Event::Access(access)) = event(line.as_bytes()) else { panic!("an access line") };
        prop_assert_eq!((access.source, access.status, access.bytes), (&b"10.9.8.7"[..], 403, 7));
    }
}
