//! Directives: text that people write.

use std::{collections::BTreeSet, fs, path::Path, sync::OnceLock};

use skep_directive::{AgentKind, Catalogue, DIAGNOSTICS_MAX, check, value};

use crate::{Outcome, Plant, Target};

pub(super) const DIRECTIVE: Target = Target {
    name: "directive",
    room: "runtime/directive",
    bytes_max: 4096,
    words: &[
        "\"children\"",
        "\"config\"",
        "\"universal_id\"",
        "\"name\"",
        "\"enabled\"",
        "\"tags\"",
        "\"service-manager\"",
        "\"role\"",
        "\"log_watcher\"",
        "\"oracle\"",
        "\"$schema\"",
        "{\"$secret\": \"env:A\"}",
        "True",
        "False",
        "None",
        "null",
        "true",
        "//",
        "/*",
        "*/",
        "\\u00e9",
        "\\ud800",
        "\"\"",
        "é",
        "🐝",
        "matrix",
        "1e999",
        "[[[[[[[[",
        "{\"a\":",
    ],
    plant,
    run,
};

fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let kinds = skep_registry::specs().iter().map(|spec| {
            let mut kind = AgentKind::new(spec.kind, spec.summary, (spec.schema)());
            kind.serves = spec.roles.iter().map(|role| (*role).to_owned()).collect();
            kind
        });
        Catalogue {
            kinds: kinds.collect(),
            ..Catalogue::default()
        }
    })
}

fn run(bytes: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(bytes);
    let checked = check(&text, catalogue());
    assert!(
        checked.diagnostics.len() <= DIAGNOSTICS_MAX + 1,
        "too many findings"
    );
    for finding in &checked.diagnostics {
        let place = finding.span.start..finding.span.end;
        assert!(
            text.get(place.clone()).is_some() || place.end == text.len() + 1,
            "a finding stands at {place:?}, in {} bytes",
            text.len()
        );
    }
    // What people read of it.
    let said = checked.plain("d.json", &text);
    assert_eq!(said.is_empty(), checked.diagnostics.is_empty());
    let has_errors = checked.diagnostics.iter().any(|finding| finding.is_error());
    assert_eq!(
        has_errors,
        checked.plan.is_none(),
        "a plan with errors, or none without:\n{said}"
    );
    if let Some(plan) = &checked.plan {
        // The same in plain JSON means the same.
        let plain = value(&text).expect("what was planned was read").to_string();
        let again = check(&plain, catalogue());
        let places_aside = |plan: &skep_directive::Plan| {
            serde_json::to_value(plan)
                .expect("a plan is JSON")
                .to_string()
        };
        assert_eq!(
            again.plan.as_ref().map(places_aside),
            Some(places_aside(plan)),
            "plain JSON means something else"
        );
    }
    let codes: BTreeSet<&str> = checked
        .diagnostics
        .iter()
        .map(|found| found.code.id())
        .collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    format!("{} {}", checked.plan.is_some(), codes.join(" "))
}

/// The examples, and a few shapes they lack.
fn plant() -> Vec<Plant> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../directives");
    let mut plants: Vec<Plant> = Vec::new();
    for name in [
        "default.json",
        "seed.json",
        "trio/n1.json",
        "warned/python.json",
        "warned/terms.json",
    ] {
        let bytes = fs::read(top.join(name)).expect("an example is readable");
        plants.push((name.replace('/', "-"), bytes));
    }
    let small = r#"{"universal_id": "o", "name": "oracle", "config": {}}"#;
    plants.push(("small".to_owned(), small.as_bytes().to_vec()));
    plants
}
