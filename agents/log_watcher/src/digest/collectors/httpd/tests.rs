use crate::digest::testkit::check;
use crate::digest::testkit::report;

const LOG: &str = r#"10.0.0.7 - - [10/Feb/2026:13:55:36 +0000] "GET /a?x=1 HTTP/1.1" 200 512 "-" "curl"
10.0.0.7 - amy [10/Feb/2026:13:55:37 +0000] "GET /a HTTP/1.1" 304 - "-" "curl"
www.example:443 10.0.0.8 - - [10/Feb/2026:13:55:38 +0000] "POST /b HTTP/1.1" 500 88 "-" "curl"
::1 - - [10/Feb/2026:13:55:39 +0000] "-" 408 0 "-" "-"
[Tue Feb 10 13:55:40.123456 2026] [core:error] [pid 1:tid 2] [client 10.0.0.9:5] AH00037: no
[Tue Feb 10 13:55:41.123456 2026] [core:warn] [pid 1:tid 2] AH00098: pid file overwritten
2026/02/10 13:55:42 [crit] 4#4: *4 open() "/x" failed (13: Permission denied), client: 10.0.0.8, server: _
  File "/srv/app.py", line 3, in <module>
"#;

#[test]
fn access_and_error_lines_of_one_file() {
    let expected =
        "requests 4 bytes 600 status_2xx 1 status_3xx 1 status_4xx 1 status_5xx 1 errors 2";
    check("httpd", LOG, expected);
    let report = report("httpd", LOG);
    let rows = |table: &str| {
        let rows = &report.tables.get(table).unwrap().rows;
        rows.iter()
            .map(|row| format!("{} {}", row.key, row.count("count")))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        rows("by_source"),
        ["10.0.0.7 2", "10.0.0.8 1", "::1 1", "10.0.0.9 0"]
    );
    assert_eq!(rows("by_user"), ["amy 1"]);
    assert_eq!(rows("by_url.path"), ["/a 2", "/b 1"]);
    assert_eq!(
        rows("by_http.response.status_code"),
        ["200 1", "304 1", "408 1", "500 1"]
    );
    assert_eq!(
        report.coverage.first.as_deref(),
        Some("2026-02-10T13:55:36Z")
    );
    assert_eq!(
        report.coverage.last.as_deref(),
        Some("2026-02-10T13:55:42Z")
    );
}

#[test]
fn through_syslog_it_is_the_same() {
    let line = "Feb 10 13:55:36 h nginx: 10.0.0.7 - - [10/Feb/2026:13:55:36 +0000] \"GET / HTTP/1.1\" 200 5";
    check(
        "httpd",
        line,
        "requests 1 bytes 5 status_2xx 1 status_3xx 0 status_4xx 0 status_5xx 0 errors 0",
    );
}
