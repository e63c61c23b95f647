//! `skep up --print-unit`: a unit for systemd.

use std::path::Path;

/// What the unit runs.
pub(super) struct Unit<'a> {
    pub(super) program: &'a Path,
    pub(super) home: &'a Path,
    pub(super) directive: Option<&'a Path>,
    pub(super) listen: Option<&'a str>,
    pub(super) dial_out: bool,
}

impl Unit<'_> {
    pub(super) fn text(&self) -> String {
        let mut words = vec![
            quoted(&self.program.display().to_string()),
            "--home".to_owned(),
            quoted(&self.home.display().to_string()),
            "up".to_owned(),
        ];
        if let Some(listen) = self.listen {
            words.extend(["--listen".to_owned(), quoted(listen)]);
        }
        if self.dial_out {
            words.push("--dial-out".to_owned());
        }
        words.extend(
            self.directive
                .map(|path| quoted(&path.display().to_string())),
        );
        format!(
            "\
[Unit]
Description=Skep, a node that watches this host's logs
After=network-online.target
Wants=network-online.target
# A disk that is full for an hour must not keep the node away for good.
StartLimitIntervalSec=0

[Service]
ExecStart={command}
# Reads the directive again; one that is not usable changes nothing, and the log says why.
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
# 65 is a damaged store, 78 a directive that is not usable: starting again does not help.
RestartPreventExitStatus=2 65 78
TimeoutStopSec=20
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=full
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictRealtime=yes
LockPersonality=yes
UMask=0077

[Install]
WantedBy=multi-user.target
",
            command = words.join(" ")
        )
    }
}

/// A word of a command line as systemd reads it (systemd.service(5), COMMAND LINES).
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:[]@+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let escaped = word
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%")
        .replace('$', "$$");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_starts_the_same_node_again() {
        let unit = Unit {
            program: Path::new("/usr/local/bin/skep"),
            home: Path::new("/var/lib/skep"),
            directive: Some(Path::new("/etc/skep/my node.json")),
            listen: Some("10.0.0.1"),
            dial_out: false,
        };
        insta::assert_snapshot!(unit.text());
    }

    #[test]
    fn nothing_in_a_word_is_special() {
        assert_eq!(quoted("/a/b"), "/a/b");
        assert_eq!(
            quoted("50% \"of\" $HOME\\"),
            "\"50%% \\\"of\\\" $$HOME\\\\\""
        );
        assert_eq!(quoted(""), "\"\"");
    }
}
