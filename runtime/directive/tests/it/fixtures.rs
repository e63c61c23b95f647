//! The files under `directives/`: good ones load, broken ones say everything that is wrong.

use std::{
    fs,
    path::{Path, PathBuf},
};

use skep_directive::{Checked, check};

use crate::catalogue::catalogue;

pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../directives")
        .join(name)
}

/// The good directives whose agents this room's own catalogue knows. All of them are checked against
/// the real registry where that is: beside `skep check`.
pub(crate) fn good() -> Vec<(String, String)> {
    let known = |(name, _): &(String, String)| {
        ["default", "seed", "seed-under-root"].contains(&name.as_str())
    };
    let plain = texts("").into_iter().filter(known);
    plain.chain(texts("trio")).collect()
}

/// The directives of a folder by name, in order.
pub(crate) fn texts(name: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    // Beside the directives stands their schema, which is none.
    let is_directive = |path: &PathBuf| path.is_file() && !path.ends_with("schema.json");
    let mut paths: Vec<PathBuf> = entries.filter(is_directive).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    paths.iter().map(read).collect()
}

fn checked(text: &str) -> Checked {
    check(text, catalogue())
}

/// What `skep check` would say of each file of a folder.
fn snapshot(folder: &str, is_good: bool) {
    let files = texts(folder);
    assert!(files.len() >= 3, "{folder} holds {} files", files.len());
    for (name, text) in files {
        let checked = checked(&text);
        assert_eq!(checked.plan.is_some(), is_good, "{folder}/{name}");
        assert!(!checked.diagnostics.is_empty(), "{folder}/{name}");
        let plain = checked.plain(&format!("{name}.json"), &text);
        insta::assert_snapshot!(format!("{folder}-{name}"), plain);
    }
}

#[test]
fn broken_directives_say_everything_that_is_wrong() {
    snapshot("broken", false);
}

#[test]
fn warned_directives_run() {
    snapshot("warned", true);
}

#[test]
fn good_directives_have_no_error() {
    for (name, text) in good() {
        let checked = checked(&text);
        let said = checked.plain(&name, &text);
        assert!(checked.plan.is_some(), "{said}");
    }
}

#[test]
fn the_default_directive_has_no_warning() {
    let text = fs::read_to_string(folder("default.json")).unwrap();
    assert_eq!(checked(&text).plain("default.json", &text), "");
}

#[test]
fn the_trio_serves_together_what_each_lacks() {
    let plans: Vec<_> = texts("trio")
        .iter()
        .map(|(_, text)| checked(text).plan.unwrap())
        .collect();
    let served: Vec<String> = plans
        .iter()
        .flat_map(|plan| plan.all())
        .flat_map(|agent| {
            agent
                .endpoints
                .iter()
                .map(|endpoint| endpoint.role.to_string())
        })
        .collect();
    assert_eq!(
        served,
        [
            "logwatch.generate.digest",
            "hive.alert",
            "hive.rpc",
            "logwatch.generate.digest",
            "hive.oracle"
        ]
    );
}
