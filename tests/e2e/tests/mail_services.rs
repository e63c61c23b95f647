//! Real Postfix, Dovecot and fail2ban, driven by real clients: every count is what was done.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};
use skep_tests_e2e::{Dovecot, Fail2ban, MailProtocol, Postfix, Root, Skep, mail_client, table};

const ATTACKER: &str = "203.0.113.9";
const SCANNER: &str = "198.51.100.7";
const OFFICE: &str = "192.0.2.44";

/// The digest of one collector over one file.
fn digest(skep: &Skep, collector: &str, log: &Path) -> Value {
    let text = std::fs::read(log).unwrap();
    eprintln!("{}", String::from_utf8_lossy(&text));
    let source = format!("{collector}={}", log.display());
    let args = ["digest", "--offline", &source, "--format", "json"];
    let digest = skep.json(None, &args).unwrap();
    eprintln!("{digest:#}");
    digest["collectors"][collector].clone()
}

/// What was done, by whom: failures or refusals first, then successes.
#[derive(Debug, Default)]
struct Deeds(BTreeMap<String, (u64, u64)>);

impl Deeds {
    fn add(&mut self, who: &str, good: bool) {
        let row = self.0.entry(who.to_owned()).or_default();
        if good { row.1 += 1 } else { row.0 += 1 }
    }

    fn bad(&self) -> u64 {
        self.0.values().map(|(bad, _)| bad).sum()
    }

    fn good(&self) -> u64 {
        self.0.values().map(|(_, good)| good).sum()
    }
}

/// Logins, each inner list in one connection.
fn log_in(root: &Root, by_source: &mut Deeds, by_user: &mut Deeds) -> usize {
    let connections: [(MailProtocol, &str, &[&str]); 9] = [
        (MailProtocol::Imap, OFFICE, &["alice:right"]),
        (MailProtocol::Imap, OFFICE, &["bob:wrong", "bob:right"]),
        (MailProtocol::Pop3, OFFICE, &["bob:right"]),
        (MailProtocol::Imap, ATTACKER, &["alice:wrong"]),
        (MailProtocol::Imap, ATTACKER, &["alice:wrong"; 3]),
        (MailProtocol::Imap, ATTACKER, &["no-one:x", "bob:x"]),
        (MailProtocol::Pop3, SCANNER, &["alice:wrong", "alice:worse"]),
        (MailProtocol::Pop3, SCANNER, &["no-one:wrong"]),
        (MailProtocol::Imap, SCANNER, &[]),
    ];
    for (protocol, from, tries) in connections {
        let port = match protocol {
            MailProtocol::Pop3 => Dovecot::POP3_PORT,
            _ => Dovecot::IMAP_PORT,
        };
        let answers = mail_client(root, protocol, from, port, tries).unwrap();
        assert_eq!(answers.len(), tries.len());
        for (one, good) in tries.iter().zip(answers) {
            by_source.add(from, good);
            by_user.add(one.split(':').next().unwrap(), good);
        }
    }
    connections.len()
}

/// What became of mail, told by those who sent it.
#[derive(Debug, Default)]
struct Mail {
    sent: usize,
    deferred: usize,
    bounced: usize,
    /// Refused recipients and logins.
    by_source: Deeds,
    sasl_by_user: Deeds,
}

fn send(root: &Root, mail: &mut Mail) {
    let letters: [(&str, &[&str]); 7] = [
        ("127.0.0.1", &["alice@mail.test", "bob@mail.test"]),
        (
            "127.0.0.1",
            &["a@closed.test", "b@closed.test", "alice@mail.test"],
        ),
        ("127.0.0.1", &["a@refused.test", "bob@mail.test"]),
        (
            ATTACKER,
            &[
                "no-one@mail.test",
                "alice@mail.test",
                "later@mail.test",
                "a@else.test",
            ],
        ),
        (ATTACKER, &["a@else.test", "b@else.test"]),
        (SCANNER, &["later@mail.test"]),
        (SCANNER, &["alice@mail.test"]),
    ];
    for (from, recipients) in letters {
        let tries = [&["alice@mail.test"], recipients].concat();
        let answers = mail_client(root, MailProtocol::Smtp, from, Postfix::PORT, &tries).unwrap();
        assert_eq!(answers.len(), recipients.len());
        for (recipient, taken) in recipients.iter().zip(answers) {
            mail.by_source.add(from, taken);
            match recipient.split_once('@').unwrap().1 {
                _ if !taken => {}
                "closed.test" => mail.deferred += 1,
                // Its sender is told by a notice, and that is delivered.
                "refused.test" => (mail.bounced, mail.sent) = (mail.bounced + 1, mail.sent + 1),
                _ => mail.sent += 1,
            }
        }
    }
}

/// Failed logins by SMTP, through Dovecot; returns how many.
fn fail_sasl(root: &Root, mail: &mut Mail) -> u64 {
    let connections: [(&str, &[&str]); 3] = [
        (ATTACKER, &["alice:wrong", "alice:wrong", "no-one:x"]),
        (SCANNER, &["bob:wrong"]),
        (OFFICE, &["bob:right"]),
    ];
    let mut failed = 0;
    for (from, tries) in connections {
        let answers = mail_client(root, MailProtocol::Sasl, from, Postfix::PORT, tries).unwrap();
        assert_eq!(answers.len(), tries.len());
        for (one, good) in tries.iter().zip(answers) {
            failed += u64::from(!good);
            mail.by_source.add(from, good);
            mail.sasl_by_user.add(one.split(':').next().unwrap(), good);
        }
    }
    failed
}

fn bad_only(deeds: &Deeds) -> BTreeMap<String, u64> {
    let bad = deeds.0.iter().filter(|(_, (bad, _))| *bad > 0);
    bad.map(|(who, (bad, _))| (who.clone(), *bad)).collect()
}

fn counts_only(table: BTreeMap<String, (u64, u64)>) -> BTreeMap<String, u64> {
    let rows = table.into_iter().filter(|(_, (count, _))| *count > 0);
    rows.map(|(who, (count, _))| (who, count)).collect()
}

#[test]
fn mail_and_its_logins_are_what_clients_did() {
    let skep = Skep::get().unwrap();
    let root = Root::get().unwrap();
    root.add_addresses(&[ATTACKER, SCANNER, OFFICE]).unwrap();
    for user in ["alice", "bob"] {
        root.add_user(user, "right").unwrap();
    }
    let dovecot = Dovecot::start(&root, &["alice", "bob"], "right").unwrap();
    let postfix = Postfix::start_for_strangers(&root).unwrap();

    let (mut by_source, mut by_user) = (Deeds::default(), Deeds::default());
    let connections = log_in(&root, &mut by_source, &mut by_user);
    dovecot.settle("-login: Info: ", connections).unwrap();
    let mut mail = Mail::default();
    send(&root, &mut mail);
    let sasl_failed = fail_sasl(&root, &mut mail);
    postfix.settle(", status=sent (", mail.sent).unwrap();
    postfix
        .settle(", status=deferred (", mail.deferred)
        .unwrap();

    // What failed by SMTP stands in Dovecot's log, too, and is not Dovecot's.
    let found = digest(&skep, "dovecot", dovecot.log());
    assert_eq!(
        found["totals"],
        json!({ "logins": by_source.good(), "failed": by_source.bad() })
    );
    assert_eq!(
        table(&found, "by_source", "source.address", "logins"),
        by_source.0
    );
    assert_eq!(table(&found, "by_user", "user.name", "logins"), by_user.0);

    let found = digest(&skep, "postfix", postfix.log());
    let rejected = mail.by_source.bad() - sasl_failed;
    assert_eq!(
        found["totals"],
        json!({
            "sent": mail.sent,
            "deferred": mail.deferred,
            "bounced": mail.bounced,
            "rejected": rejected,
            "sasl_failed": sasl_failed,
        })
    );
    let failed = table(&found, "by_source", "source.address", "sasl_failed");
    assert_eq!(counts_only(failed), bad_only(&mail.by_source));
    let failed = table(&found, "by_user", "user.name", "recipients");
    assert_eq!(counts_only(failed), bad_only(&mail.sasl_by_user));
}

#[test]
fn bans_are_what_fail2ban_was_made_to_do() {
    let skep = Skep::get().unwrap();
    let root = Root::get().unwrap();
    let jails = [("door", 3), ("odd [jail]", 2)];
    let mut fail2ban = Fail2ban::start(&root, &jails).unwrap();
    let knocks = [(ATTACKER, 3), ("2001:db8::9", 2), (SCANNER, 1)];
    for (from, times) in knocks {
        fail2ban.knock(&root, from, times).unwrap();
    }
    let found: usize = knocks.iter().map(|(_, times)| times * jails.len()).sum();
    fail2ban.wait_for("] Found ", found).unwrap();
    // The attacker in both jails, the second only where twice is too often.
    fail2ban.wait_for("] Ban ", 3).unwrap();
    fail2ban
        .ask(&root, &["set", "door", "banip", OFFICE])
        .unwrap();
    fail2ban.wait_for("] Ban ", 4).unwrap();
    fail2ban
        .ask(&root, &["set", "door", "unbanip", ATTACKER])
        .unwrap();
    fail2ban.wait_for("] Unban ", 1).unwrap();
    fail2ban.stop(&root).unwrap();
    fail2ban.start_again(&root).unwrap();
    fail2ban.wait_for("] Restore Ban ", 3).unwrap();
    fail2ban.stop(&root).unwrap();

    let digest = digest(&skep, "fail2ban", fail2ban.log());
    // One by hand, three at each of the two stops.
    assert_eq!(
        digest["totals"],
        json!({ "found": found, "bans": 4, "unbans": 7 })
    );
    let by_source = table(&digest, "by_source", "source.address", "bans");
    let expected = [
        (ATTACKER, (6, 2)),
        ("2001:db8::9", (4, 1)),
        (SCANNER, (2, 0)),
        (OFFICE, (0, 1)),
    ];
    let expected: BTreeMap<String, (u64, u64)> = expected
        .into_iter()
        .map(|(who, counts)| (who.to_owned(), counts))
        .collect();
    assert_eq!(by_source, expected);
    let by_jail = table(&digest, "by_fail2ban.jail", "fail2ban.jail", "bans");
    assert_eq!(by_jail["door"], (6, 2));
    assert_eq!(by_jail["odd [jail]"], (6, 2));
}
