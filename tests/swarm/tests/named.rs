//! The tests that `tests/README.md` names are there.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{fs, path::Path};

#[test]
fn every_test_that_the_page_names_is_there() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(top.join("tests/README.md")).unwrap();
    let mut n_named = 0;
    for line in page.lines().filter(|line| line.ends_with("` |")) {
        let words: Vec<&str> = line.split('`').collect();
        let [.., file, _, test, _] = words.as_slice() else {
            panic!("no file and test in {line}");
        };
        let text = fs::read_to_string(top.join(file));
        let text = text.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(&format!("fn {test}(")), "{file}: no {test}");
        n_named += 1;
    }
    assert!(n_named > 30, "only {n_named} rows were read");
}
