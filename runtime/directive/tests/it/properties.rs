//! Whatever the text is: no panic, and every finding points into it.

use std::fs;

use proptest::prelude::*;
use skep_directive::check;

use crate::{
    catalogue::catalogue,
    fixtures::{folder, texts},
};

/// Checks `text`; what holds for every text.
fn holds(text: &str) {
    let checked = check(text, catalogue());
    let n_errors = checked
        .diagnostics
        .iter()
        .filter(|finding| finding.is_error())
        .count();
    assert_eq!(checked.plan.is_some(), n_errors == 0, "{text}");
    for finding in &checked.diagnostics {
        let span = finding.span;
        assert!(
            span.start <= span.end && span.end <= text.len().max(1),
            "{finding:?} {text}"
        );
        assert!(
            !finding.message.is_empty() && !finding.message.ends_with('.'),
            "{finding:?}"
        );
    }
    assert!(
        text.is_empty() || checked.plain("x", text).is_empty() == checked.diagnostics.is_empty()
    );
}

/// Pieces that make a text look like a directive.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "'",
        "\\",
        "//",
        "/*",
        "*/",
        "#",
        "\n",
        " ",
        "\"name\"",
        "\"log_watcher\"",
        "\"config\"",
        "\"children\"",
        "\"universal_id\"",
        "\"$secret\"",
        "True",
        "null",
        "-1",
        "0.5",
        "1e999",
        "👁️",
        "\"service-manager\"",
        "\"role\"",
        "\"a@b\"",
        "\\u12",
        "\"node\"",
        "\"matrix\"",
        "\"oracle\"",
        "\u{feff}",
    ];
    prop_oneof![
        8 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_is_checked(text in any::<String>()) {
        holds(&text);
    }

    #[test]
    fn any_soup_of_pieces_is_checked(pieces in proptest::collection::vec(piece(), 0..60)) {
        holds(&pieces.concat());
    }

    #[test]
    fn a_good_directive_with_a_wound_is_checked(
        at in any::<prop::sample::Index>(),
        n_cut in 0usize..40,
        put in proptest::collection::vec(piece(), 0..3),
        which in 0usize..3,
    ) {
        let name = ["default.json", "seed.json", "trio/n1.json"][which];
        let text: Vec<char> = fs::read_to_string(folder(name)).unwrap().chars().collect();
        let at = at.index(text.len());
        let before = text[..at].iter().collect::<String>();
        let after = text[(at + n_cut).min(text.len())..].iter().collect::<String>();
        holds(&format!("{before}{}{after}", put.concat()));
    }
}

#[test]
fn every_prefix_of_the_most_broken_fixtures_is_checked() {
    let picked = ["syntax", "secrets", "brackets"];
    let broken = texts("broken").into_iter();
    for (_, text) in broken.filter(|(name, _)| picked.contains(&name.as_str())) {
        for (n_chars, _) in text.chars().enumerate() {
            holds(&text.chars().take(n_chars).collect::<String>());
        }
    }
}
