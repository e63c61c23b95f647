use serde_json::{Value, json};

use super::*;

fn read(text: &str) -> (Value, Vec<(&'static str, String)>) {
    let mut findings = Findings::default();
    let node = parse(text, &mut findings);
    let found = findings.finish(text.len()).into_iter();
    let found = found.map(|finding| {
        let marked = text
            .get(finding.span.start..finding.span.end)
            .unwrap_or_default()
            .to_owned();
        (finding.code.id(), marked)
    });
    (node.to_json(), found.collect())
}

fn check(text: &str, expected: Value, codes: &[(&str, &str)]) {
    let (value, found) = read(text);
    let found: Vec<_> = found
        .iter()
        .map(|(code, marked)| (*code, marked.as_str()))
        .collect();
    assert_eq!(found, codes, "{text}");
    assert_eq!(value, expected, "{text}");
}

#[test]
fn json_is_read_as_json() {
    let text = r#"{"a": [1, -2.5, 1e3, true, null], "b": {"c": "x\"\\\/\n\u00e9\ud83d\udc41"}}"#;
    check(text, serde_json::from_str(text).unwrap(), &[]);
    check("\u{feff}[]", json!([]), &[]);
    check("18446744073709551615", json!(u64::MAX), &[]);
}

#[test]
fn comments_and_trailing_commas_are_welcome() {
    check(
        "// a\n{\"a\": 1, /* b */ \"c\": [1, 2,],} // d",
        json!({"a": 1, "c": [1, 2]}),
        &[],
    );
}

#[test]
fn pythons_words_are_read_with_one_warning() {
    let text = r#"{"a": True, "b": [False, None], "True": "None"}"#;
    let expected = json!({"a": true, "b": [false, null], "True": "None"});
    check(text, expected, &[("SK-0110", "True")]);
}

#[test]
fn several_mistakes_are_all_found() {
    let text = "{\"a\": 1 \"b\": yes, c: 'd', \"e\" 5, \"f\": 007,\n \"g\": [1,, 2], \"a\": 2}";
    let expected = json!({"a": 1, "b": null, "c": "d", "e": 5, "f": null, "g": [1, 2]});
    let codes = [
        ("SK-0102", "1"),
        ("SK-0106", "yes"),
        ("SK-0105", "c"),
        ("SK-0105", "'d'"),
        ("SK-0103", "\""),
        ("SK-0106", "007"),
        ("SK-0102", ","),
        ("SK-0109", "\"a\""),
    ];
    check(text, expected, &codes);
}

#[test]
fn wrong_brackets_are_reported_where_they_open() {
    check("[1, 2", json!([1, 2]), &[("SK-0104", "[")]);
    check("{\"a\": [1, 2}", json!({"a": [1, 2]}), &[("SK-0104", "[")]);
    check("{\"a\": 1]}", json!({"a": 1}), &[("SK-0104", "]")]);
    check(
        "{\"a\": {\"b\": 1}",
        json!({"a": {"b": 1}}),
        &[("SK-0104", "{")],
    );
    check("{} {}", json!({}), &[("SK-0107", "{}")]);
}

#[test]
fn broken_texts_end_with_their_line() {
    check("[\"a,\n \"b\"]", json!([null, "b"]), &[("SK-0105", "\"")]);
    check(r#"["a\xb"]"#, json!([null]), &[("SK-0105", r"\x")]);
    check(r#"["\ud800"]"#, json!([null]), &[("SK-0105", r"\ud800")]);
    check("[\"a\tb\"]", json!(["a\tb"]), &[("SK-0105", "\t")]);
}

#[test]
fn a_sign_of_another_languages_comment_is_named() {
    check("[1, # one\n2]", json!([1, 2]), &[("SK-0111", "#")]);
    check("[1] /* end", json!([1]), &[("SK-0111", "/*")]);
}

#[test]
fn nothing_is_no_value() {
    check("", Value::Null, &[("SK-0101", "")]);
    check("{\"a\": }", json!({"a": null}), &[("SK-0101", "}")]);
    check(
        "{\"a\": @@, \"b\": 1}",
        json!({"a": null, "b": 1}),
        &[("SK-0101", "@@")],
    );
    check("{1: 2, \"b\": 1}", json!({"b": 1}), &[("SK-0101", "1")]);
}

#[test]
fn depth_and_size_are_bounded() {
    let deepest = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
    assert_eq!(read(&deepest).1, []);
    let deeper = format!("[{deepest}, 7]");
    assert_eq!(read(&deeper).1, [("SK-0108", "[".to_owned())]);
    let endless = "[".repeat(TEXT_BYTES_MAX);
    assert_eq!(
        read(&endless).1.first().map(|found| found.0),
        Some("SK-0104")
    );
    let long = " ".repeat(TEXT_BYTES_MAX + 1);
    assert_eq!(read(&long).1.first().map(|found| found.0), Some("SK-0100"));
}
