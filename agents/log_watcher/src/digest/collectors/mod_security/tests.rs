use crate::digest::render;
use crate::digest::testkit::check;
use crate::digest::testkit::report;

/// Synthetic, after the documented forms of versions 2 (Apache) and 3 (nginx).
const LOG: &str = r#"[Thu Feb 12 14:10:21.1 2026] [security2:error] [pid 2:tid 1] [client 192.0.2.7:377] [client 192.0.2.7] ModSecurity: Warning. Matched phrase "etc/passwd" at ARGS:a. [id "930120"] [msg "OS File Access Attempt"] [severity "CRITICAL"] [hostname "h"] [uri "/a"] [unique_id "Y1"]
[Thu Feb 12 14:10:21.2 2026] [security2:error] [pid 2:tid 1] [client 192.0.2.7:377] [client 192.0.2.7] ModSecurity: Access denied with code 403 (phase 2). Operator GE matched 5 at TX:anomaly_score. [id "949110"] [hostname "h"] [uri "/a"] [unique_id "Y1"]
2026/02/12 14:10:22 [error] 4#4: *4 [client 2001:db8::7] ModSecurity: Access denied with code 403 (phase 2). Matched "x" [id "949110"] [hostname "h"] [uri "/b"] [unique_id "Y2"] [ref ""], client: 2001:db8::7, server: s, request: "GET /b HTTP/1.1"
[Thu Feb 12 14:10:23 2026] [:notice] [pid 2:tid 1] ModSecurity for Apache/2.9.7 (http://www.modsecurity.org/) configured.
[Thu Feb 12 14:10:24 2026] [core:error] [pid 2:tid 1] [client 192.0.2.8:1] File does not exist: /ModSecurity: Access denied
"#;

#[test]
fn blocks_and_warnings_are_told_apart() {
    check("mod_security", LOG, "blocked 2 warnings 1");
    let expected =
        "requests 0 bytes 0 status_2xx 0 status_3xx 0 status_4xx 0 status_5xx 0 errors 4";
    check("httpd", LOG, expected);
}

#[test]
fn a_mod_security_digest_reads_like_this() {
    insta::assert_snapshot!(render("mod_security", &report("mod_security", LOG)));
}
