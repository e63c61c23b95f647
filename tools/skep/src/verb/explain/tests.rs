use super::*;

const LINES: &str = "\
Feb 12 14:10:21 web1 sshd[7]: Failed password for invalid user bob from 192.0.2.7 port 4022 ssh2
{\"__CURSOR\":\"s=1\",\"__REALTIME_TIMESTAMP\":\"1770905421500000\",\"_HOSTNAME\":\"web1\",\
\"SYSLOG_IDENTIFIER\":\"sshd-session\",\"_PID\":\"7\",\"PRIORITY\":\"6\",\
\"MESSAGE\":\"Accepted publickey for amy from 192.0.2.9 port 5 ssh2: ED25519 SHA256:x\"}
192.0.2.7 - - [12/Feb/2026:14:10:21 +0200] \"GET /a?b HTTP/1.1\" 404 12 \"-\" \"-\"
Feb 12 14:10:21 web1 app: \u{1b}[31mnothing known\u{7}";

fn explained(show: fn(&Explanation) -> String, named: Option<&str>, lines: &[u8]) -> String {
    // 2026-02-13T00:00:00Z.
    let explainer = Explainer::new(named, 1_770_940_800).expect("it is a collector");
    let mut out = Vec::new();
    explain(explainer, show, lines, &mut out).expect("a vector takes what is written");
    String::from_utf8(out).expect("it is text")
}

#[test]
fn each_line_gives_one_record() {
    let shown = explained(document, None, LINES.as_bytes());
    assert_eq!(shown.lines().count(), LINES.lines().count());
    insta::assert_snapshot!(without_local_times(&shown));
}

#[test]
fn people_see_the_rule_and_the_fields() {
    insta::assert_snapshot!(without_local_times(&explained(
        text,
        None,
        LINES.as_bytes()
    )));
}

#[test]
fn a_named_collector_takes_lines_without_a_prefix() {
    let lines = b"Invalid user bob from 192.0.2.7 port 4022\nServer listening on :: port 22.\n";
    insta::assert_snapshot!(explained(document, Some("sshd"), lines));
}

#[test]
fn any_bytes_give_a_record_a_line() {
    let lines = b"\xff\0\n\n{\"__CURSOR\":\n\x1b[2J\r\n";
    let shown = explained(document, None, lines);
    assert_eq!(shown.lines().count(), 4);
    for line in shown.lines() {
        let record: Value = serde_json::from_str(line).expect("it is JSON");
        assert_eq!(record["event"], Value::Null);
    }
}

/// A reader that hangs up.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_hangs_up_ends_it_at_once() {
    let explainer = Explainer::new(None, 0).expect("no name is needed");
    let endless = io::repeat(b'\n');
    let error = explain(explainer, document, endless, Gone).expect_err("nobody reads");
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

/// Lines of syslog's old form are in this host's zone.
fn without_local_times(shown: &str) -> String {
    let zoned = ["2026-02-12T14:10:21.5Z", "2026-02-12T12:10:21Z"];
    let lines = shown.lines().map(|line| {
        let at = line.find("2026-");
        let is_local = at.is_some() && zoned.iter().all(|zoned| !line.contains(zoned));
        match at {
            Some(at) if is_local => {
                let stamp = line.get(at..at + 20).unwrap_or_default();
                line.replace(stamp, "LOCAL")
            }
            _ => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
