//! Lines of logs, as daemons write them.

/// A log of the host, and the collector that reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Log {
    /// auth.log.
    Auth,
    /// A web server's access log and error log.
    Web,
    /// mail.log.
    Mail,
    /// kern.log.
    Kernel,
    /// syslog, as systemd writes into it.
    System,
}

impl Log {
    /// Every log.
    pub const ALL: [Self; 5] = [
        Self::Auth,
        Self::Web,
        Self::Mail,
        Self::Kernel,
        Self::System,
    ];

    /// The collector that reads it.
    #[must_use]
    pub fn collector(self) -> &'static str {
        match self {
            Self::Auth => "sshd",
            Self::Web => "httpd",
            Self::Mail => "postfix",
            Self::Kernel => "kernel",
            Self::System => "systemd",
        }
    }
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, in seconds since 1970.
    pub at: u64,
    /// Where.
    pub log: Log,
    /// What.
    pub text: String,
}

/// Writes lines under their heads.
#[derive(Debug, Default)]
pub(crate) struct Pen {
    pub(crate) lines: Vec<Line>,
    pid: u64,
}

impl Pen {
    /// A line of a daemon, under rsyslog's head.
    pub(crate) fn daemon(&mut self, at: u64, log: Log, app: &str, pid: u64, body: &str) {
        let text = format!("{} web1 {app}[{pid}]: {body}", iso(at));
        self.lines.push(Line { at, log, text });
    }

    /// A process id that is not in use.
    pub(crate) fn pid(&mut self) -> u64 {
        self.pid += 1;
        1_000 + self.pid % 60_000
    }

    /// Somebody tries a password in vain and leaves.
    pub(crate) fn failed(&mut self, at: u64, source: &str, user: &str, exists: bool) {
        let (pid, port) = (self.pid(), 1_024 + at % 60_000);
        let invalid = if exists { "" } else { "invalid user " };
        if !exists {
            let body = format!("Invalid user {user} from {source} port {port}");
            self.daemon(at, Log::Auth, "sshd", pid, &body);
        }
        let body = format!("Failed password for {invalid}{user} from {source} port {port} ssh2");
        self.daemon(at, Log::Auth, "sshd", pid, &body);
        let who = if exists { "authenticating" } else { "invalid" };
        let body = format!("Connection closed by {who} user {user} {source} port {port} [preauth]");
        self.daemon(at + 1, Log::Auth, "sshd", pid, &body);
    }

    pub(crate) fn accepted(&mut self, at: u64, source: &str, user: &str, method: &str) {
        let (pid, port) = (self.pid(), 1_024 + at % 60_000);
        let body = format!("Accepted {method} for {user} from {source} port {port} ssh2");
        self.daemon(at, Log::Auth, "sshd", pid, &body);
        let body =
            format!("pam_unix(sshd:session): session opened for user {user}(uid=1000) by (uid=0)");
        self.daemon(at, Log::Auth, "sshd", pid, &body);
    }

    pub(crate) fn request(&mut self, at: u64, source: &str, path: &str, status: u64) {
        let (stamp, bytes) = (clf(at), 200 + at % 9_000);
        let text = format!(
            "{source} - - [{stamp}] \"GET {path} HTTP/1.1\" {status} {bytes} \"-\" \"Mozilla/5.0\""
        );
        self.lines.push(Line {
            at,
            log: Log::Web,
            text,
        });
    }

    pub(crate) fn web_error(&mut self, at: u64, message: &str) {
        let time = jiff::Timestamp::from_second(i64::try_from(at).unwrap_or(0)).unwrap_or_default();
        let stamp = time.strftime("%Y/%m/%d %H:%M:%S");
        let text = format!("{stamp} [error] 812#812: *{at} {message}");
        self.lines.push(Line {
            at,
            log: Log::Web,
            text,
        });
    }

    /// A mail to one recipient, and what became of it.
    pub(crate) fn mail(&mut self, at: u64, to: &str, status: &str, why: &str) {
        let (pid, id) = (
            self.pid(),
            format!("4A{:08X}", at.wrapping_mul(2_654_435_761) % 0xffff_ffff),
        );
        let from = format!("{id}: from=<shop@example.org>, size=2301, nrcpt=1 (queue active)");
        self.daemon(at, Log::Mail, "postfix/qmgr", pid, &from);
        let dsn = match status {
            "sent" => "2.0.0",
            "deferred" => "4.4.1",
            _ => "5.1.1",
        };
        let body = format!(
            "{id}: to=<{to}>, relay=mx.example.net[192.0.2.25]:25, delay=1.2, \
             delays=0.1/0/0.5/0.6, dsn={dsn}, status={status} ({why})"
        );
        self.daemon(at + 1, Log::Mail, "postfix/smtp", pid, &body);
        if status == "sent" {
            self.daemon(
                at + 1,
                Log::Mail,
                "postfix/qmgr",
                pid,
                &format!("{id}: removed"),
            );
        }
    }

    pub(crate) fn blocked(&mut self, at: u64, source: &str, port: u64) {
        let text = format!(
            "{} web1 kernel: [{at}.102030] [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:aa:bb:cc:52:54:00:\
             dd:ee:ff:08:00 SRC={source} DST=192.0.2.80 LEN=40 TOS=0x00 PREC=0x00 TTL=244 ID=54321 \
             PROTO=TCP SPT=41222 DPT={port} WINDOW=1024 RES=0x00 SYN URGP=0",
            iso(at)
        );
        self.lines.push(Line {
            at,
            log: Log::Kernel,
            text,
        });
    }

    pub(crate) fn systemd(&mut self, at: u64, body: &str) {
        self.daemon(at, Log::System, "systemd", 1, body);
    }
}

fn iso(at: u64) -> String {
    let time = jiff::Timestamp::from_second(i64::try_from(at).unwrap_or(0)).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.104113+00:00").to_string()
}

fn clf(at: u64) -> String {
    let time = jiff::Timestamp::from_second(i64::try_from(at).unwrap_or(0)).unwrap_or_default();
    time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}
