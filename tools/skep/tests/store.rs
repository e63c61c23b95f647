//! A damaged store, as a person meets it: named, kept, and gone on without only on order.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

fn skep(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skep"));
    command
        .arg("--home")
        .arg(home)
        .args(args)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .env_remove("RUST_LOG");
    command.output().unwrap()
}

/// What it said, with the folder's name taken out, and how it ended.
fn shown(output: &Output, home: &Path) -> String {
    let folder = home.display().to_string();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&folder, "HOME");
    let code = output.status.code().unwrap();
    format!(
        "exit {code}\n--- stdout\n{}--- stderr\n{}",
        text(&output.stdout),
        text(&output.stderr)
    )
}

fn names(home: &Path) -> Vec<String> {
    let entries = fs::read_dir(home).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("store"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_damaged_store_is_named_kept_and_set_aside_on_order() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("h");
    assert!(skep(&home, &["init", "--name", "n1"]).status.success());
    let missing = skep(&home, &["store", "check"]);
    insta::assert_snapshot!("no-store", shown(&missing, &home));
    fs::write(home.join("store.redb"), b"somebody wrote over it").unwrap();
    // Each start refuses, and none of them takes the file away.
    for _ in 0..2 {
        let up = skep(&home, &["up", "--format", "json"]);
        assert_eq!(up.status.code(), Some(65), "{}", shown(&up, &home));
        let said = String::from_utf8(up.stderr.clone()).unwrap();
        let error: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert_eq!(error["error"]["code"], "SK-0214", "{error}");
        assert!(
            error["error"]["message"]
                .as_str()
                .unwrap()
                .ends_with("store.redb is damaged")
        );
        assert!(
            error["error"]["cure"]
                .as_str()
                .unwrap()
                .contains("skep store set-aside")
        );
        assert_eq!(names(&home), ["store.redb"]);
    }
    // As JSON: a report for people breaks its lines where the folder's name happens to end.
    let check = skep(&home, &["store", "check", "--format", "json"]);
    insta::assert_snapshot!("damaged", shown(&check, &home));
    let dry = skep(&home, &["store", "set-aside", "--dry-run"]);
    insta::assert_snapshot!("would-be-lost", shown(&dry, &home));
    assert_eq!(names(&home), ["store.redb"]);
    let aside = skep(&home, &["store", "set-aside", "--format", "json"]);
    let told: Value = serde_json::from_slice(&aside.stdout).unwrap();
    let path = told["aside"].as_str().unwrap();
    assert_eq!(fs::read(path).unwrap(), b"somebody wrote over it");
    let names = names(&home);
    assert!(
        names.len() == 1 && names[0].starts_with("store.redb.aside-20"),
        "{names:?}"
    );
}
