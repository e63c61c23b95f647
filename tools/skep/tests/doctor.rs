//! `skep doctor` on homes of its own: one that is well, and what a person may have done to it.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn minted() -> Self {
        let home = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let made = home.skep(&["init", "--name", "n1"]);
        assert!(made.status.success(), "{made:?}");
        home
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn skep(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skep"));
        let home = self.path();
        command.arg("--home").arg(&home).args(args);
        command.env("NO_COLOR", "1").env_remove("RUST_LOG");
        command.output().unwrap()
    }

    /// A directive that watches one file of this folder, with what else the agents' list holds.
    fn directive(&self, more: &str) -> PathBuf {
        let log = self.folder.path().join("auth.log");
        fs::write(
            &log,
            "Nov 20 10:00:01 web sshd[1]: Server listening on :: port 22.\n",
        )
        .unwrap();
        let text = format!(
            r#"{{"children": [{{"universal_id": "w", "name": "log_watcher",
                "config": {{"collectors": {{"sshd": {{"paths": ["{}"]}}}}}}}}{more}]}}"#,
            log.display()
        );
        let path = self.folder.path().join("n1.json");
        fs::write(&path, text).unwrap();
        path
    }

    /// The exit code, and all findings.
    fn doctor(&self, directive: &Path) -> (i32, Value) {
        let directive = directive.display().to_string();
        let output = self.skep(&["doctor", &directive, "--format", "json"]);
        let told = serde_json::from_slice(&output.stdout);
        (output.status.code().unwrap(), told.unwrap())
    }
}

/// How a check stands, and what is said about it.
fn finding<'a>(told: &'a Value, check: &str) -> (&'a str, String) {
    let findings = told["findings"].as_array().unwrap();
    let one = findings.iter().find(|one| one["check"] == check);
    let one = one.unwrap_or_else(|| panic!("nothing about {check}: {told:#}"));
    (one["standing"].as_str().unwrap(), one.to_string())
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_home_that_is_well_and_what_a_person_may_have_done_to_it() {
    let home = Home::minted();
    let directive = home.directive("");
    let (code, told) = home.doctor(&directive);
    assert_eq!((code, &told["ok"]), (0, &Value::Bool(true)), "{told:#}");
    for check in [
        "home",
        "keys",
        "passport",
        "certificate",
        "operator",
        "logs",
    ] {
        assert_eq!(finding(&told, check).0, "ok", "{told:#}");
    }
    assert_eq!(finding(&told, "node").0, "skipped");

    chmod(&home.path().join("identity"), 0o644);
    let (code, told) = home.doctor(&directive);
    let (standing, said) = finding(&told, "keys");
    assert_eq!((code, standing), (1, "failure"));
    assert!(said.contains("chmod 600"), "{said}");
    chmod(&home.path().join("identity"), 0o600);

    chmod(&home.path(), 0o755);
    assert_eq!(finding(&home.doctor(&directive).1, "home").0, "failure");
    chmod(&home.path(), 0o700);

    fs::write(home.path().join("store.redb"), "this is no store").unwrap();
    chmod(&home.path().join("store.redb"), 0o600);
    let (_, told) = home.doctor(&directive);
    let (standing, said) = finding(&told, "store");
    assert_eq!(standing, "failure", "{said}");
    assert!(said.contains("skep store set-aside"), "{said}");

    let other = Home::minted();
    let identity = fs::read(home.path().join("identity")).unwrap();
    fs::write(
        home.path().join("identity"),
        &identity[..identity.len() / 2],
    )
    .unwrap();
    let (_, told) = home.doctor(&directive);
    let (standing, said) = finding(&told, "passport");
    assert_eq!(standing, "failure", "{said}");
    fs::copy(other.path().join("operator"), home.path().join("operator")).unwrap();
    fs::write(home.path().join("identity"), identity).unwrap();
    let (_, told) = home.doctor(&directive);
    let (standing, said) = finding(&told, "operator");
    assert_eq!(standing, "failure", "{said}");
}

#[test]
fn a_secret_is_looked_for_and_never_shown() {
    let home = Home::minted();
    let file = home.folder.path().join("password");
    fs::write(&file, "hunter2-and-more\n").unwrap();
    chmod(&file, 0o600);
    let oracle = format!(
        r#", {{"universal_id": "o", "name": "oracle", "config": {{"backends": [{{
            "type": "openai", "url": "http://127.0.0.1:9/v1", "model": "m",
            "api_key": {{"$secret": "file:{}"}}}}]}}}}"#,
        file.display()
    );
    let directive = home.directive(&oracle);
    let output = home.skep(&["check", &directive.display().to_string()]);
    assert!(output.status.success(), "{output:?}");
    let (_, told) = home.doctor(&directive);
    assert_eq!(finding(&told, "secret").0, "ok", "{told:#}");
    assert!(!told.to_string().contains("hunter2"), "{told:#}");
    chmod(&file, 0o604);
    assert_eq!(finding(&home.doctor(&directive).1, "secret").0, "warning");
    fs::remove_file(&file).unwrap();
    let (code, told) = home.doctor(&directive);
    assert_eq!((code, finding(&told, "secret").0), (1, "failure"));
}

#[test]
fn nothing_is_made_where_there_is_no_home() {
    let home = Home {
        folder: tempfile::tempdir().unwrap(),
    };
    let (code, told) = home.doctor(&home.directive(""));
    assert_eq!((code, finding(&told, "home").0), (1, "failure"));
    assert!(!home.path().exists());
}
