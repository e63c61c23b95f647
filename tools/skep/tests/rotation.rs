//! `skep authority rotate` and `show`, in a home without a running node.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

fn skep(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skep"));
    command.arg("--home").arg(home).args(args);
    command.env("NO_COLOR", "1").env_remove("RUST_LOG");
    command.output().unwrap()
}

fn document(home: &Path, args: &[&str]) -> Value {
    let output = skep(home, &[args, &["--format", "json"]].concat());
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_authority_is_replaced_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    assert!(skep(&home, &["init", "--name", "n1"]).status.success());
    let ann = folder.path().join("ann.skep").display().to_string();
    let add = ["operator", "add", "ann", "--role", "viewer", "--out", &ann];
    assert!(skep(&home, &add).status.success());
    let show = ["authority", "show"];
    let before = document(&home, &show);
    assert_eq!(
        (&before["held"], &before["since"]),
        (&json!(true), &Value::Null)
    );

    // Planned, and nothing is changed.
    let planned = document(&home, &["authority", "rotate", "--dry-run"]);
    assert_eq!(planned["authority"], before["authority"]);
    assert_eq!(planned["nodes"], json!(["n1"]));
    assert_eq!(planned["operators"], json!(["ann"]));
    assert_eq!(document(&home, &show), before);

    let done = document(&home, &["authority", "rotate", "--overlap", "2d"]);
    assert_ne!(done["authority"], before["authority"]);
    assert_eq!(
        (&done["dry_run"], &done["told"]),
        (&json!(false), &json!(false))
    );
    let after = document(&home, &show);
    assert_eq!(after["authority"], done["authority"]);
    assert_eq!(after["swarm"], before["swarm"]);
    assert_eq!(after["old_until"], done["old_until"]);
    assert_eq!(after["own_papers"]["authority"], before["authority"]);
    let outdated = json!({ "nodes": ["n1"], "operators": ["ann"] });
    assert_eq!(after["outdated"], outdated);
    let text = String::from_utf8(skep(&home, &show).stdout).unwrap();
    assert!(text.contains("of the one before"), "{text}");
    assert!(
        text.contains("people with papers of the old one: ann"),
        "{text}"
    );

    // Once at a time, and never in a hurry.
    let check = |args: &[&str], part: &str| {
        let output = skep(&home, args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{args:?}");
        assert!(said.contains("SK-0201") && said.contains(part), "{said}");
    };
    check(&["authority", "rotate"], "skep authority show");
    check(&["authority", "rotate", "--overlap", "5m"], "--overlap 1h");
    let elsewhere = folder.path().join("elsewhere");
    let nowhere = skep(&elsewhere, &["authority", "rotate"]);
    let said = String::from_utf8(nowhere.stderr).unwrap();
    assert!(
        said.contains("does not hold the swarm's authority"),
        "{said}"
    );
}
