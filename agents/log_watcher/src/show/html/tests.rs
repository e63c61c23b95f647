use std::borrow::Cow;

use skep_protocol::digest::CollectorReport;
use skep_protocol::digest::Coverage;
use skep_protocol::digest::DecidedBy;
use skep_protocol::digest::EvidenceLine;
use skep_protocol::digest::LineCounts;
use skep_protocol::digest::Ordered;
use skep_protocol::digest::Other;
use skep_protocol::digest::Overview;
use skep_protocol::digest::Point;
use skep_protocol::digest::Row;
use skep_protocol::digest::Section;
use skep_protocol::digest::SourceCoverage;
use skep_protocol::digest::Table;
use skep_protocol::oracle::Window;
use skep_protocol::severity::Severity;

use super::*;

fn point(severity: Severity, collector: &str, text: &str, cure: &str) -> Point {
    Point {
        severity,
        collector: collector.to_owned(),
        text: text.to_owned(),
        cure: cure.to_owned(),
    }
}

fn table(field: &str, rows: &[(&str, u64)]) -> Table {
    let rows = rows.iter().map(|(key, n)| Row {
        key: (*key).to_owned(),
        counts: vec![("count".to_owned(), *n), ("probes".to_owned(), n / 3)],
    });
    Table {
        field: field.to_owned(),
        rows: rows.collect(),
        other: Some(Other {
            keys: 1204,
            count: 20_311,
            error_max: None,
        }),
    }
}

fn sshd(hostile: &str) -> CollectorReport {
    let lines = (0..7).map(|n| EvidenceLine {
        id: format!("sshd/1:{}", 4711 + n),
        text: format!(
            "Feb 12 14:10:2{n} web1 sshd[70]: Failed password for {hostile} from 203.0.113.9 port 50123 ssh2"
        ),
    });
    CollectorReport {
        headline: format!("48213 failed, 12 accepted; most from {hostile} (21000)"),
        lines_read: 148_213,
        totals: ["failed", "accepted", "invalid_user", "probes"]
            .iter()
            .zip([48_213, 12, 0, 977])
            .map(|(name, n)| ((*name).to_owned(), n))
            .collect(),
        tables: Ordered(vec![
            (
                "by_source".to_owned(),
                table(
                    "source.address",
                    &[
                        ("203.0.113.9", 21_000),
                        (hostile, 6_902),
                        ("2001:db8::7", 3),
                    ],
                ),
            ),
            (
                "by_user".to_owned(),
                table("user.name", &[(hostile, 30_100), ("", 7)]),
            ),
        ]),
        sections: vec![Section {
            name: "failed".to_owned(),
            count: 48_213,
            lines: lines.collect(),
        }],
        coverage: Coverage {
            lines: LineCounts {
                read: 148_213,
                analysed: 148_000,
                outside: 213,
                escaped: 2,
                ..LineCounts::default()
            },
            sources: vec![SourceCoverage {
                source: format!("/var/log/{hostile}"),
                lines: 148_213,
                skipped: 0,
            }],
            ..Coverage::default()
        },
        ..CollectorReport::default()
    }
}

fn overview(hostile: &str) -> Overview {
    Overview {
        severity: Severity::Error,
        decided_by: DecidedBy::Rules,
        needs: vec![
            point(Severity::Error, "systemd", "units failed: 1", ""),
            point(
                Severity::Warning,
                "sshd",
                &format!("{hostile} failed 6902 logins, and 2 more sources do the same"),
                "",
            ),
            point(
                Severity::Warning,
                "httpd",
                "not read: /var/log/nginx/access.log: user skep may not read it",
                "run `usermod -aG adm skep` and start again",
            ),
        ],
        changes: vec![
            point(Severity::Notice, "sshd", "failed 48213, was 312", ""),
            point(
                Severity::Notice,
                "sshd",
                &format!("a new source: {hostile}"),
                "",
            ),
        ],
        compared_with: Some(Window {
            from_ms: 1_770_768_000_000,
            until_ms: 1_770_854_400_000,
        }),
    }
}

/// A digest in which every text that can come from a log is `hostile`.
fn document(hostile: &str) -> Document<'static> {
    let quiet = CollectorReport {
        headline: "no requests".to_owned(),
        ..CollectorReport::default()
    };
    Document {
        host: "web1".to_owned(),
        made_ms: 1_770_940_800_000,
        window: Some(Window {
            from_ms: 1_770_854_400_000,
            until_ms: 1_770_940_800_000,
        }),
        overview: overview(hostile),
        collectors: Cow::Owned(Ordered(vec![
            ("sshd".to_owned(), sshd(hostile)),
            ("httpd".to_owned(), quiet),
        ])),
        analysis: None,
    }
}

const HOSTILE: &str = "</td></table><script>alert(1)</script>\"'><img src=x onerror=y>\u{1b}[2J\u{202e}gpj\0 \
                       https://evil.example/?a=1&b=2 www.evil.example me@evil.example &#60;b&#62;";

#[test]
fn a_page_reads_like_this() {
    insta::assert_snapshot!(html(&[document("root")]));
}

/// What came from a log is text: no element, no attribute, no link, no control character.
#[test]
fn hostile_text_stays_text() {
    let tags = |page: &str| -> Vec<String> {
        page.split('<')
            .skip(1)
            .map(|piece| {
                piece
                    .split(['>', ' '])
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            })
            .filter(|tag| tag != "wbr")
            .collect()
    };
    let (tame, hostile) = (html(&[document("x")]), html(&[document(HOSTILE)]));
    assert_eq!(tags(&tame), tags(&hostile));
    for bad in [
        "\u{1b}",
        "\u{202e}",
        "\0",
        "<img",
        "<script",
        "onerror=y>",
        "https://",
        "www.evil",
        "me@evil",
        "&#60;",
    ] {
        assert!(!hostile.contains(bad), "{bad:?} is on the page");
    }
    assert!(hostile.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(hostile.contains("\\x1b[2J\\u{202e}gpj\\x00"));
}

/// A mail client loads nothing and runs nothing of a page.
#[test]
fn a_page_is_all_there_is() {
    let page = html(&[document("root"), document("root")]);
    for bad in [
        "<script", "<link", "<img", "<iframe", "<form", "src=", "href=", "url(", "@import",
        "http:", "https:",
    ] {
        assert!(!page.contains(bad), "{bad:?} is on the page");
    }
    assert_eq!(
        page.matches("<table").count(),
        page.matches("</table>").count()
    );
    assert_eq!(page.matches("<div").count(), page.matches("</div>").count());
}

#[test]
fn a_mail_is_kept_short_and_says_so() {
    let hostile = "<".repeat(390);
    let documents = [document(&hostile), document(&hostile)];
    let whole = html(&documents);
    let short = html_within(&documents, whole.len() - 1);
    assert!(short.len() < whole.len() && short.contains("Some log lines are left out"));
    let shortest = html_within(&documents, 0);
    assert!(
        shortest.contains("Tables and log lines are left out"),
        "{shortest}"
    );
    assert_eq!(html_within(&documents, whole.len()), whole);
}

#[test]
fn numbers_are_read_in_threes() {
    for (n, shown) in [
        (0, "0"),
        (999, "999"),
        (1000, "1,000"),
        (1_234_567, "1,234,567"),
    ] {
        assert_eq!(escape::number(n), shown);
    }
}
