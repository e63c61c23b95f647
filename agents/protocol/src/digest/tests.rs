use super::*;

fn report() -> DigestReport {
    let row = Row {
        key: "10.0.0.7".to_owned(),
        counts: vec![("count".to_owned(), 4), ("probes".to_owned(), 1)],
    };
    let other = Other {
        keys: 2,
        count: 3,
        error_max: None,
    };
    let by_source = Table {
        field: "source.address".to_owned(),
        rows: vec![row],
        other: Some(other),
    };
    let by_user = Table {
        field: "user.name".to_owned(),
        ..Table::default()
    };
    let sshd = CollectorReport {
        headline: "4 failed".to_owned(),
        lines_read: 9,
        totals: Ordered(vec![("failed".to_owned(), 4), ("accepted".to_owned(), 0)]),
        tables: Ordered(vec![
            ("by_source".to_owned(), by_source),
            ("by_user".to_owned(), by_user),
        ]),
        ..CollectorReport::default()
    };
    DigestReport {
        collectors: Ordered(vec![("sshd".to_owned(), sshd)]),
    }
}

#[test]
fn the_shape_is_the_one_that_was_promised() {
    let json = serde_json::to_value(report()).unwrap();
    let sshd = &json["collectors"]["sshd"];
    assert_eq!(sshd["lines_read"], 9);
    assert_eq!(sshd["totals"]["failed"], 4);
    assert_eq!(
        sshd["by_source"].to_string(),
        r#"[{"source.address":"10.0.0.7","count":4,"probes":1},{"other":{"keys":2,"count":3}}]"#
    );
    assert_eq!(sshd["by_user"].to_string(), "[]");
}

#[test]
fn a_report_reads_back_as_it_was_written() {
    let text = serde_json::to_string(&report()).unwrap();
    assert_eq!(
        serde_json::from_str::<DigestReport>(&text).unwrap(),
        report()
    );
}

#[test]
fn what_a_newer_node_adds_is_skipped() {
    let text = r#"{"collectors":{"x":{"lines_read":1,"mood":{"a":[1]},"coverage":{"new":1}}}}"#;
    let report: DigestReport = serde_json::from_str(text).unwrap();
    assert_eq!(report.collectors.get("x").unwrap().lines_read, 1);
}

#[test]
fn a_request_may_be_as_short_as_it_gets() {
    assert_eq!(
        serde_json::from_str::<GenerateDigest>("{}").unwrap(),
        GenerateDigest::default()
    );
    let seed = r#"{"collectors":["sshd"],"use_oracle":1,"session_id":"s","include_details":0}"#;
    let asked: GenerateDigest = serde_json::from_str(seed).unwrap();
    assert!(asked.use_oracle && !asked.include_details);
    assert_eq!(asked.session_id.as_deref(), Some("s"));
}
