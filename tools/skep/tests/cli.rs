//! The built binary, as a person meets it.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// Runs the binary with a home that is not there, so that nothing of this host is found.
fn skep(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skep"));
    command
        .args(args)
        .env("SKEP_HOME", "/nonexistent/skep")
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG")
        .env("COLUMNS", "100");
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What was said and how it ended, for snapshots.
fn shown(output: &Output) -> String {
    let code = output.status.code().unwrap();
    format!(
        "exit {code}\n--- stdout\n{}--- stderr\n{}",
        stdout(output),
        stderr(output)
    )
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn every_verb_has_its_help() {
    let verbs: &[&[&str]] = &[
        &[],
        &["up"],
        &["init"],
        &["invite"],
        &["join"],
        &["operator"],
        &["operator", "add"],
        &["operator", "list"],
        &["operator", "revoke"],
        &["authority"],
        &["authority", "export"],
        &["authority", "import"],
        &["authority", "rotate"],
        &["authority", "show"],
        &["revoke"],
        &["renew"],
        &["check"],
        &["tree"],
        &["digest"],
        &["explain"],
        &["oracle"],
        &["oracle", "preview"],
        &["call"],
        &["agent"],
        &["agent", "inject"],
        &["agent", "replace"],
        &["agent", "restart"],
        &["agent", "delete"],
        &["audit"],
        &["audit", "verify"],
        &["audit", "list"],
        &["cases"],
        &["store"],
        &["store", "check"],
        &["store", "set-aside"],
        &["doctor"],
        &["completions"],
    ];
    for verb in verbs {
        let output = skep(&[verb, &["--help"][..]].concat());
        assert!(output.status.success());
        let name = format!("help-{}", verb.join("-"));
        insta::assert_snapshot!(name, stdout(&output));
    }
}

#[test]
fn a_command_line_without_sense_is_a_usage_error() {
    for args in [
        &["dance"][..],
        &[],
        &["up", "--listen", "here"],
        &["digest", "--since", "soon"],
        &["digest", "--fail-on", "info"],
        &["digest", "--against", "x.json"],
        &["tree", "--format", "html"],
    ] {
        let output = skep(args);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{args:?}: {}",
            shown(&output)
        );
        assert!(stdout(&output).is_empty(), "{args:?}");
    }
}

#[test]
fn every_mistake_of_a_directive_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{
  "children": [
    { "universal_id": "w", "name": "log_watcher", "config": { "colectors": ["sshd"] } },
    { "universal_id": "w", "name": "rpc_ruoter" }
  ]
}
"#;
    write(folder.path(), "n1.json", text);
    let output = command(&["check", "n1.json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    insta::assert_snapshot!(shown(&output));
    let args = ["check", "n1.json", "--format", "json"];
    let output = command(&args).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    let checked: Value = serde_json::from_slice(&output.stdout).unwrap();
    let codes: Vec<&str> = checked["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["SK-0121", "SK-0131", "SK-0130"]);
    assert_eq!(checked["plan"], Value::Null);
}

#[test]
fn a_good_directive_shows_its_tree() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{"children": [
        {"universal_id": "w", "name": "log_watcher", "config": {"collectors": ["sshd"]},
         "children": [{"universal_id": "door", "name": "rpc_router"}]}
    ]}"#;
    let path = write(folder.path(), "n1.json", text);
    let output = skep(&["check", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn a_directive_that_is_not_there_or_no_directive_says_so() {
    let output = skep(&["check", "/nonexistent/n1.json"]);
    insta::assert_snapshot!(shown(&output));
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "n1.json", "{");
    let home = folder.path().join("home").display().to_string();
    let output = skep(&["--home", &home, "up", &path]);
    assert_eq!(output.status.code(), Some(78));
    assert!(
        !Path::new(&home).exists(),
        "a directive that is not usable leaves nothing behind"
    );
}

const AUTH: &str = "\
Nov 20 10:00:01 web sshd[101]: Failed password for root from 203.0.113.9 port 4001 ssh2
Nov 20 10:00:02 web sshd[102]: Failed password for root from 203.0.113.9 port 4002 ssh2
Nov 20 10:00:03 web sshd[103]: Failed password for invalid user bob from 203.0.113.7 port 1 ssh2
Nov 20 10:00:04 web sshd[104]: Accepted publickey for ann from 192.0.2.1 port 5 ssh2: RSA SHA256:x
";

#[test]
fn a_digest_needs_no_node() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "auth.log", AUTH);
    let file = format!("sshd={path}");
    let output = skep(&["digest", "--offline", &file, "--format", "json"]);
    assert!(output.status.success(), "{}", shown(&output));
    let digest: Value = serde_json::from_slice(&output.stdout).unwrap();
    let sshd = &digest["collectors"]["sshd"];
    assert_eq!(sshd["lines_read"], 4);
    assert_eq!(sshd["totals"]["failed"], 3);
    assert_eq!(sshd["totals"]["accepted"], 1);
    assert_eq!(sshd["totals"]["invalid_user"], 1);
    assert_eq!(sshd["by_source"][0]["source.address"], "203.0.113.9");
    assert_eq!(sshd["by_source"][0]["count"], 2);

    let output = skep(&["digest", "--offline", &file, "--no-details"]);
    assert!(output.status.success(), "{}", shown(&output));
    let text = stdout(&output);
    let begin = "--------------------- SSHD Begin ------------------------";
    assert!(text.contains(begin), "{text}");
    assert!(!text.contains("Failed password"), "{text}");
}

#[test]
fn a_digest_of_what_cannot_be_read_says_so() {
    let output = skep(&["digest", "--offline", "sshd=/nonexistent/auth.log"]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert!(stderr(&output).contains("SK-0207"), "{}", shown(&output));
    let output = skep(&["digest", "--offline", "/var/log/auth.log"]);
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
    let output = skep(&["digest", "--offline"]);
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
}

#[test]
fn without_a_node_or_a_home_the_cure_is_told() {
    insta::assert_snapshot!("no-home-digest", shown(&skep(&["digest"])));
    insta::assert_snapshot!("no-home-tree", shown(&skep(&["tree"])));
    insta::assert_snapshot!(
        "no-bundle",
        shown(&skep(&["--as", "/nonexistent/ann.skep", "tree"]))
    );
    let output = skep(&["--format", "json", "tree"]);
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["code"], "SK-0202");
}

#[test]
fn a_token_with_a_typing_error_is_found_before_anything_is_asked() {
    let output = skep(&["join", "127.0.0.1:7400", "skep1.abc"]);
    insta::assert_snapshot!(shown(&output));
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = skep(&["completions", shell]);
        assert!(output.status.success());
        assert!(stdout(&output).contains("digest"), "{shell}");
    }
}

#[test]
fn a_reader_that_hangs_up_is_no_failure() {
    let mut child = command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_unit_names_this_program_and_home() {
    let output = skep(&[
        "--home",
        "/srv/skep",
        "up",
        "--listen",
        "10.0.0.1",
        "--print-unit",
    ]);
    assert!(output.status.success());
    let program = env!("CARGO_BIN_EXE_skep");
    let expected = format!("ExecStart={program} --home /srv/skep up --listen 10.0.0.1:7400\n");
    assert!(stdout(&output).contains(&expected), "{}", stdout(&output));
}

/// The verbs that make files, in a home of their own.
#[test]
fn a_swarm_is_minted_once_and_lets_people_in() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home").display().to_string();
    let bundle = folder.path().join("ann.skep").display().to_string();
    let run = |args: &[&str]| skep(&[&["--home", &home, "--format", "json"], args].concat());
    let minted: Value = serde_json::from_slice(&run(&["init", "--name", "n1"]).stdout).unwrap();
    assert_eq!(minted["node"], "n1");
    let again = run(&["init"]);
    assert_eq!(again.status.code(), Some(1), "{}", shown(&again));

    let add = [
        "operator", "add", "ann", "--role", "viewer", "--out", &bundle,
    ];
    let added: Value = serde_json::from_slice(&run(&add).stdout).unwrap();
    assert_eq!(
        (&added["operator"], &added["level"]),
        (&"ann".into(), &"viewer".into())
    );
    let mode = fs::metadata(&bundle).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{mode:o}");
    assert_eq!(run(&add).status.code(), Some(1), "no file is replaced");

    let nowhere = skep(&["--as", &bundle, "digest"]);
    assert!(
        stderr(&nowhere).contains("--at HOST:PORT"),
        "{}",
        shown(&nowhere)
    );
    let refused = run(&["invite"]);
    assert!(
        stderr(&refused).contains("--listen ADDR"),
        "{}",
        shown(&refused)
    );
}

/// What cron relies on: exit code 1 from the severity on that was asked for, and the digest in full.
#[test]
fn a_digest_as_grave_as_was_asked_for_fails() {
    let folder = tempfile::tempdir().unwrap();
    let line = "Feb 12 14:10:21 h systemd[1]: a.service: Failed with result 'timeout'.\n";
    let log = format!("systemd={}", write(folder.path(), "syslog", line));
    let check = |fail_on: &str, code: i32| {
        let output = skep(&["digest", "--offline", &log, "--fail-on", fail_on]);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{fail_on}: {}",
            shown(&output)
        );
        assert!(stdout(&output).contains("[error] systemd: units failed: 1"));
        output
    };
    check("critical", 0);
    let output = check("error", 1);
    check("notice", 1);
    insta::assert_snapshot!(stderr(&output));
}

#[test]
fn a_digest_is_a_page_and_tells_what_changed_since_an_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let line = |n: u32| {
        format!(
            "Feb 12 14:10:{:02} h sshd[{n}]: Failed password for <b>x from 203.0.113.{} port 1 ssh2\n",
            n % 60,
            n % 3
        )
    };
    let few = format!("sshd={}", write(folder.path(), "few", &line(1)));
    let many: String = (0..40).map(line).collect();
    let many = format!("sshd={}", write(folder.path(), "many", &many));
    let earlier = stdout(&skep(&["digest", "--offline", &few, "--format", "json"]));
    let document: Value = serde_json::from_str(&earlier).unwrap();
    assert_eq!(document["overview"]["severity"], "info");
    let earlier = write(folder.path(), "earlier.json", &earlier);
    let args = ["digest", "--offline", &many, "--against", &earlier];
    let text = stdout(&skep(&args));
    assert!(
        text.contains("## CHANGED SINCE the last digest ##\nsshd: failed 40, was 1\n"),
        "{text}"
    );
    assert!(
        text.contains("sshd: 2 new sources: 203.0.113.0, 203.0.113.2\n"),
        "{text}"
    );
    let page = stdout(&skep(&[&args[..], &["--format", "html"]].concat()));
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    assert!(
        page.contains("&lt;b&gt;x") && !page.contains("<b>x"),
        "{page}"
    );
    let broken = write(folder.path(), "broken.json", "{");
    let output = skep(&["digest", "--offline", &many, "--against", &broken]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no digest that --format json wrote"),
        "{}",
        stderr(&output)
    );
}
