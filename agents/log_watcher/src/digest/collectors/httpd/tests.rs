use skep_protocol::digest::CollectorReport;

use crate::digest::collector::Collector;
use crate::digest::report::ReportOptions;
use crate::digest::testkit::check;
use crate::digest::testkit::report;
use crate::digest::testkit::settings;
use crate::digest::testkit::totals;

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

/// Files of real daemons; `testdata/httpd.sh` made them.
const APACHE_COMMON: &[u8] = include_bytes!("../../../../testdata/apache-2.4-common.log");
const APACHE_VHOST: &[u8] = include_bytes!("../../../../testdata/apache-2.4-vhost.log");
const APACHE_ERROR: &[u8] = include_bytes!("../../../../testdata/apache-2.4-error.log");
const NGINX_COMBINED: &[u8] = include_bytes!("../../../../testdata/nginx-1.22-combined.log");
const NGINX_JSON: &[u8] = include_bytes!("../../../../testdata/nginx-1.22-json.log");
const NGINX_ERROR: &[u8] = include_bytes!("../../../../testdata/nginx-1.22-error.log");

#[track_caller]
fn check_file(log: &[u8], expected: &str) -> CollectorReport {
    let mut collector = Collector::new("httpd", &settings());
    collector.file("/var/log/test.log", None);
    collector.feed(log);
    let report = collector.finish(&ReportOptions::default());
    assert_eq!(totals(&report), expected);
    report
}

/// The keys of a table with their counts, like `amy 2, x 1`.
fn rows(report: &CollectorReport, table: &str) -> String {
    let rows = &report.tables.get(table).unwrap().rows;
    let rows = rows
        .iter()
        .map(|row| format!("{} {}", row.key, row.count("count")));
    rows.collect::<Vec<_>>().join(", ")
}

#[test]
fn what_was_asked_of_a_real_apache() {
    let common = check_file(
        APACHE_COMMON,
        "requests 24 bytes 6267 status_2xx 3 status_3xx 0 status_4xx 19 status_5xx 2 errors 0",
    );
    assert_eq!(rows(&common, "by_source"), "127.0.0.1 24");
    let users = "amy 2, a \"b\" [c] d 1, mü 1, x [10/Oct/2000 1";
    assert_eq!(rows(&common, "by_user"), users);
    let vhost = check_file(
        APACHE_VHOST,
        "requests 24 bytes 10812 status_2xx 3 status_3xx 0 status_4xx 19 status_5xx 2 errors 0",
    );
    for table in [
        "by_source",
        "by_user",
        "by_url.path",
        "by_http.response.status_code",
    ] {
        assert_eq!(vhost.tables.get(table), common.tables.get(table), "{table}");
    }
    let error = check_file(
        APACHE_ERROR,
        "requests 0 bytes 0 status_2xx 0 status_3xx 0 status_4xx 0 status_5xx 0 errors 7",
    );
    assert_eq!(
        error.tables.get("by_source").unwrap().rows[0].count("errors"),
        7
    );
}

#[test]
fn what_was_asked_of_a_real_nginx() {
    let expected =
        "requests 24 bytes 3163 status_2xx 4 status_3xx 0 status_4xx 18 status_5xx 2 errors 0";
    let combined = check_file(NGINX_COMBINED, expected);
    let users = "amy 2, a \"b\" [c] d 1, mü 1, x [10/Oct/2000 1";
    assert_eq!(rows(&combined, "by_user"), users);
    assert!(rows(&combined, "by_url.path").contains("/\"quoted\" 1"));
    let json = check_file(NGINX_JSON, expected);
    for table in ["by_source", "by_user", "by_http.response.status_code"] {
        assert_eq!(
            json.tables.get(table),
            combined.tables.get(table),
            "{table}"
        );
    }
    let error = check_file(
        NGINX_ERROR,
        "requests 0 bytes 0 status_2xx 0 status_3xx 0 status_4xx 0 status_5xx 0 errors 13",
    );
    let sources = &error.tables.get("by_source").unwrap().rows;
    assert_eq!((sources.len(), sources[0].key.as_str()), (1, "127.0.0.1"));
}
