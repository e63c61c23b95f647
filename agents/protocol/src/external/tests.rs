use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(text: &str) -> Result<FromChild, LineError> {
    let bytes = text.as_bytes().to_vec();
    let is_cut = false;
    FromChild::read(&Line { bytes, is_cut })
}

#[test]
fn a_childs_messages_are_what_the_page_says() {
    let check = |text: &str, expected: FromChild| {
        assert_eq!(read(text), Ok(expected), "{text}");
    };
    check(
        r#"{"type":"ready","version":1}"#,
        FromChild::Ready { version: 1 },
    );
    let content = json!("hello");
    check(
        r#"{"type":"reply","call":7,"content":"hello"}"#,
        FromChild::Reply { call: 7, content },
    );
    let (call, content) = (7, Value::Null);
    check(
        r#"{"type":"reply","call":7}"#,
        FromChild::Reply { call, content },
    );
    check(
        r#"{"type":"ask","ask":1,"role":"hive.*"}"#,
        FromChild::Ask {
            ask: 1,
            role: "hive.*".parse().unwrap(),
            content: Value::Null,
            within_s: None,
            all: false,
        },
    );
    check(
        r#"{"type":"send","role":"hive.alert","content":{"a":1},"durable":true}"#,
        FromChild::Send {
            send: None,
            role: "hive.alert".parse().unwrap(),
            content: json!({"a": 1}),
            durable: true,
            all: false,
        },
    );
    check(r#"{"type":"beacon"}"#, FromChild::Beacon {});
}

#[test]
fn what_the_page_does_not_know_is_refused() {
    let deep = format!(
        r#"{{"type":"state","state":{}1{}}}"#,
        "[".repeat(40),
        "]".repeat(40)
    );
    for text in [
        "",
        "hello",
        "[]",
        "{}",
        r#"{"type":"shutdown"}"#,
        r#"{"type":"beacon","at":1}"#,
        r#"{"type":"reply","call":-1}"#,
        r#"{"type":"reply","call":"1"}"#,
        r#"{"type":"ask","ask":1,"role":"a b"}"#,
        r#"{"type":"beacon"} {"type":"beacon"}"#,
        &deep,
    ] {
        let error = read(text).unwrap_err();
        assert!(matches!(error, LineError::Malformed(_)), "{text}: {error}");
    }
    let bytes = b"{\"type\":\"beacon\",\"\xff\":1}".to_vec();
    let is_cut = false;
    let refused = FromChild::read(&Line { bytes, is_cut });
    assert!(matches!(refused, Err(LineError::Malformed(_))));
}

#[test]
fn a_line_without_an_end_takes_bounded_memory_and_is_refused() {
    let mut lines = Lines::new(LINE_BYTES_MAX);
    let block = vec![b'x'; 64 * 1024];
    for _ in 0..64 {
        assert_eq!(lines.next(&mut block.as_slice()), None);
    }
    let line = lines.next(&mut &b"\n"[..]).unwrap();
    assert_eq!((line.bytes.len(), line.is_cut), (LINE_BYTES_MAX, true));
    assert_eq!(FromChild::read(&line), Err(LineError::TooLong));
    // The next one is heard again.
    let line = lines.next(&mut &b"{\"type\":\"beacon\"}\n"[..]).unwrap();
    assert_eq!(FromChild::read(&line), Ok(FromChild::Beacon {}));
}

fn all(lines: &mut Lines, mut bytes: &[u8]) -> Vec<Line> {
    std::iter::from_fn(|| lines.next(&mut bytes)).collect()
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(".{0,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn lines_do_not_depend_on_how_the_bytes_came(
        bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..400),
        cuts in proptest::collection::vec(0_usize..400, 0..8),
        bytes_max in 0_usize..40,
    ) {
        let mut whole = Lines::new(bytes_max);
        let mut expected = all(&mut whole, &bytes);
        expected.extend(whole.rest());
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut parted = Lines::new(bytes_max);
        let mut got = Vec::new();
        for pair in cuts.windows(2) {
            got.extend(all(&mut parted, &bytes[pair[0]..pair[1]]));
        }
        got.extend(parted.rest());
        prop_assert_eq!(&got, &expected);
        prop_assert!(got.iter().all(|line| line.bytes.len() <= bytes_max));
        // Nothing is lost of a line that was not cut.
        let pieces: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        for (line, piece) in got.iter().zip(pieces) {
            prop_assert_eq!(line.is_cut, piece.len() > bytes_max);
            prop_assert_eq!(&line.bytes[..], &piece[..piece.len().min(bytes_max)]);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let line = Line { bytes, is_cut: false };
        prop_assert!(FromChild::read(&line).is_err());
    }

    #[test]
    fn what_is_said_is_one_line_and_comes_back(call in any::<u64>(), content in json_value()) {
        let said = FromChild::Reply { call, content };
        let written = said.line();
        let mut lines = Lines::new(LINE_BYTES_MAX);
        let read = all(&mut lines, &written);
        prop_assert_eq!(read.len(), 1);
        prop_assert_eq!(FromChild::read(&read[0]), Ok(said));
    }
}
