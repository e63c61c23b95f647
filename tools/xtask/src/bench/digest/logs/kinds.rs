//! What happens to each service in a second, in the words of its daemon.

use anyhow::Result;

use super::{Kind, Log};

/// Every kind.
pub(in crate::bench::digest) const KINDS: &[Kind] = &[
    Kind {
        collector: "sshd",
        totals: &["failed", "accepted"],
        goal: Some(5_000_000),
        happens: connection,
    },
    Kind {
        collector: "httpd",
        totals: &["requests", "status_2xx", "status_4xx", "status_5xx"],
        goal: Some(2_000_000),
        happens: request,
    },
    Kind {
        collector: "postfix",
        totals: &["sent", "deferred", "rejected"],
        goal: None,
        happens: message,
    },
    Kind {
        collector: "dovecot",
        totals: &["logins", "failed"],
        goal: None,
        happens: mailbox,
    },
];

/// Bits that look like chance, the same in each run.
fn chance(second: u32, of: u32) -> u32 {
    let mixed = (u64::from(second) << 8 | u64::from(of)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as u32
}

/// `HH:MM:SS`; four of what is written as a second happen in one.
fn clock(second: u32) -> String {
    let second = second / 4;
    let (hour, minute) = (second / 3600 % 24, second / 60 % 60);
    format!("{hour:02}:{minute:02}:{:02}", second % 60)
}

/// A connection as sshd logs it under rsyslog's traditional head.
fn connection(log: &mut Log, second: u32) -> Result<()> {
    let pid = 1_000 + second % 4_000_000;
    let head = format!("Nov 20 {} bench sshd[{pid}]:", clock(second));
    let address = chance(second, 0) % 250;
    let peer = format!("203.0.113.{address} port {}", 1_024 + second % 60_000);
    let user = format!("guest{}", chance(second, 1) % 700);
    match chance(second, 2) % 4 {
        0 => {
            log.line(format_args!(
                "{head} Failed password for root from {peer} ssh2"
            ))?;
            log.line(format_args!(
                "{head} Connection closed by authenticating user root {peer} [preauth]"
            ))?;
            log.count(0, 1);
        }
        1 | 2 => {
            log.line(format_args!("{head} Invalid user {user} from {peer}"))?;
            log.line(format_args!(
                "{head} Failed password for invalid user {user} from {peer} ssh2"
            ))?;
            log.line(format_args!(
                "{head} Connection closed by invalid user {user} {peer} [preauth]"
            ))?;
            log.count(0, 1);
        }
        _ => {
            log.line(format_args!(
                "{head} Accepted publickey for alice from {peer} ssh2: ED25519 SHA256:x"
            ))?;
            log.line(format_args!(
                "{head} pam_unix(sshd:session): session opened for user alice(uid=1000) by (uid=0)"
            ))?;
            log.count(1, 1);
        }
    }
    Ok(())
}

/// A request in the combined format.
fn request(log: &mut Log, second: u32) -> Result<()> {
    let (status, at) = match chance(second, 0) % 50 {
        0 => (500, 3),
        1..=6 => (404, 2),
        _ => (200, 1),
    };
    let (network, address) = (chance(second, 1) % 40, chance(second, 2) % 250);
    let (item, page) = (chance(second, 3) % 5_000, chance(second, 4) % 7);
    let bytes = 200 + chance(second, 5) % 40_000;
    log.line(format_args!(
        "198.51.{network}.{address} - - [20/Nov/2026:{} +0000] \"GET /shop/item/{item}?page={page} \
         HTTP/1.1\" {status} {bytes} \"https://shop.example/\" \"Mozilla/5.0 (X11; Linux x86_64; \
         rv:128.0) Gecko/20100101 Firefox/128.0\"",
        clock(second)
    ))?;
    log.count(0, 1);
    log.count(at, 1);
    Ok(())
}

/// A message on its way through Postfix, or a client that is turned away.
fn message(log: &mut Log, second: u32) -> Result<()> {
    let head = format!("Nov 20 {} mx postfix/", clock(second));
    let (name, address) = (chance(second, 0) % 90, chance(second, 1) % 250);
    let client = format!("out{name}.example.net[192.0.2.{address}]");
    let id = format!("{:010X}", 0x3A0_0000 + second);
    let to = format!("user{}@example.org", chance(second, 2) % 900);
    log.line(format_args!("{head}smtpd[71]: connect from {client}"))?;
    let dealings = if chance(second, 3).is_multiple_of(5) {
        log.line(format_args!(
            "{head}smtpd[71]: NOQUEUE: reject: RCPT from {client}: 554 5.7.1 <{to}>: Relay access \
             denied; from=<a@example.net> to=<{to}> proto=ESMTP helo=<out.example.net>"
        ))?;
        log.count(2, 1);
        "rcpt=0/1 quit=1 commands=3/4"
    } else {
        log.line(format_args!("{head}smtpd[71]: {id}: client={client}"))?;
        log.line(format_args!(
            "{head}cleanup[72]: {id}: message-id=<{second}@example.net>"
        ))?;
        log.line(format_args!(
            "{head}qmgr[73]: {id}: from=<a@example.net>, size={}, nrcpt=1 (queue active)",
            900 + chance(second, 4) % 9_000
        ))?;
        delivery(log, second, &format!("{head}smtp[74]: {id}: to=<{to}>"))?;
        if !is_put_off(second) {
            log.line(format_args!("{head}qmgr[73]: {id}: removed"))?;
        }
        "rcpt=1 data=1 quit=1 commands=5"
    };
    log.line(format_args!(
        "{head}smtpd[71]: disconnect from {client} ehlo=1 mail=1 {dealings}"
    ))
}

fn is_put_off(second: u32) -> bool {
    chance(second, 5).is_multiple_of(10)
}

fn delivery(log: &mut Log, second: u32, head: &str) -> Result<()> {
    let relay = "relay=mx.example.org[198.51.100.9]:25, delay=0.3, delays=0.1/0/0.1/0.1";
    let (total, became) = if is_put_off(second) {
        let became = "dsn=4.4.1, status=deferred (connect to mx.example.org[198.51.100.9]:25: \
                      Connection timed out)";
        (1, became)
    } else {
        (0, "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4F1)")
    };
    log.count(total, 1);
    log.line(format_args!("{head}, {relay}, {became}"))
}

/// Somebody reads mail, or tries to.
fn mailbox(log: &mut Log, second: u32) -> Result<()> {
    let head = format!("Nov 20 {} mx dovecot: imap", clock(second));
    let user = format!("user{}", chance(second, 0) % 900);
    let peer = format!("rip=198.51.100.{}, lip=192.0.2.1", chance(second, 1) % 250);
    let session = format!("TLS, session=<{second:08X}+zJ>");
    if chance(second, 2).is_multiple_of(4) {
        log.count(1, 3);
        return log.line(format_args!(
            "{head}-login: Disconnected: Connection closed (auth failed, 3 attempts in 8 secs): \
             user=<{user}>, method=PLAIN, {peer}, {session}"
        ));
    }
    log.count(0, 1);
    log.line(format_args!(
        "{head}-login: Login: user=<{user}>, method=PLAIN, {peer}, mpid={second}, {session}"
    ))?;
    log.line(format_args!(
        "{head}({user})<{second}><{second:08X}+zJ>: Disconnected: Logged out in=50 out=716 deleted=0 \
         expunged=0 trashed=0 hdr_count=0 hdr_bytes=0 body_count=0 body_bytes=0"
    ))
}
