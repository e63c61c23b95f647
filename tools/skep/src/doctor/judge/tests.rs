//! A host that is well, and one thing after the other that is not.

use std::{collections::BTreeSet, path::PathBuf};

use skep_log_watcher::Look;
use skep_packet::NodeId;
use skep_protocol::digest::SourceProblem;

use super::{
    super::{
        facts::{Clock, Directive, Guarded, Home, Node, Operator, Papers, Ports, Secret, Store},
        finding::{Standing, text},
    },
    *,
};

use Standing::{Failure, Skipped, Warning};

const NOW_MS: u64 = 1_795_000_000_000;

const PRIVATE: Guarded = Guarded {
    mode: 0o600,
    uid: 7,
    gid: 7,
};

fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

fn look(collector: &str, file: Option<&str>, is_there: bool, problem: Option<&str>) -> Look {
    let problem = problem.map(|problem| SourceProblem {
        source: file.unwrap_or(collector).to_owned(),
        problem: problem.to_owned(),
        cure: "the cure".to_owned(),
    });
    Look {
        collector: collector.to_owned(),
        file: file.map(PathBuf::from),
        is_there,
        problems: problem.into_iter().collect(),
    }
}

/// A node in a swarm of three, on a host as it should be.
fn well() -> Facts {
    Facts {
        now_ms: NOW_MS,
        uid: 7,
        home: Home {
            path: PathBuf::from("/var/lib/skep"),
            folder: Some(Guarded {
                mode: 0o700,
                ..PRIVATE
            }),
            secrets: vec![("identity", PRIVATE), ("store.redb", PRIVATE)],
        },
        papers: whole(),
        clock: Clock {
            is_synchronised: Some(true),
            peers: vec![(node("n2"), -40), (node("n3"), 12)],
        },
        node: Node::Up {
            sick: Vec::new(),
            socket: Some(PRIVATE),
            group: None,
        },
        ports: Ports {
            swarm: Some("10.0.0.1:7400".parse().unwrap()),
            people: Some("127.0.0.1:7480".parse().unwrap()),
            has_door: true,
            people_wanted: None,
            udp: BTreeSet::from([7400]),
            tcp: BTreeSet::from([22, 7480]),
        },
        store: Store::Held { bytes: 1_600_000 },
        free_bytes: Some(20_000_000_000),
        files_max: Some(4096),
        directive: Directive {
            name: "n1.json".to_owned(),
            errors: 0,
            warnings: 0,
        },
        secrets: vec![secret("file:/etc/skep/smtp", None)],
        sources: vec![
            look("sshd", Some("/var/log/auth.log"), true, None),
            look("systemd", None, true, None),
        ],
    }
}

fn whole() -> Papers {
    Papers::Whole {
        not_before_ms: NOW_MS - 5 * DAY_MS,
        not_after_ms: NOW_MS + 25 * DAY_MS,
        replaced_ms: None,
        certificate: None,
        is_authority: false,
        has_members: true,
        operator: Operator::Whole {
            name: "admin".to_owned(),
            not_after_ms: NOW_MS + 300 * DAY_MS,
        },
    }
}

fn secret(reference: &str, missing: Option<&str>) -> Secret {
    Secret {
        reference: reference.to_owned(),
        agent: "mail".to_owned(),
        missing: missing.map(str::to_owned),
        file: reference
            .strip_prefix("file:")
            .map(|path| (PathBuf::from(path), PRIVATE)),
    }
}

fn damaged() -> Store {
    Store::Bad {
        why: "the store /var/lib/skep/store.redb is damaged".to_owned(),
        cure: "`skep store set-aside`".to_owned(),
    }
}

/// What is not well after a change, with whether it is a failure and a part of what is said.
fn check(change: impl FnOnce(&mut Facts), expected: &[(&str, Standing, &str)]) {
    let mut facts = well();
    change(&mut facts);
    let found = judge(&facts);
    let bad: Vec<_> = found
        .iter()
        .filter(|one| one.standing != Standing::Ok)
        .collect();
    let told = text(&found);
    assert_eq!(bad.len(), expected.len(), "{told}");
    for (one, (check, standing, part)) in bad.iter().zip(expected) {
        assert_eq!((one.check, one.standing), (*check, *standing), "{told}");
        let said = format!("{} {}", one.what, one.cure.clone().unwrap_or_default());
        assert!(said.contains(part), "{said:?} does not say {part:?}");
        let has_cure = one.cure.is_some() || one.standing == Skipped;
        assert!(has_cure, "no cure: {told}");
    }
}

#[test]
fn a_host_that_is_well_has_nothing_but_ok() {
    check(|_| {}, &[]);
    insta::assert_snapshot!(text(&judge(&well())));
}

#[test]
fn a_host_where_much_is_wrong_is_told_all_of_it() {
    let mut facts = well();
    facts.home.secrets[0].1.mode = 0o644;
    facts.papers = Papers::None;
    facts.clock.is_synchronised = Some(false);
    facts.node = Node::Down { was_killed: true };
    facts.ports.people_wanted = Some("10.0.0.1:7480".parse().unwrap());
    facts.store = damaged();
    facts.free_bytes = Some(3_000_000);
    facts.files_max = Some(512);
    facts.directive.errors = 2;
    facts.sources = vec![look(
        "sshd",
        Some("/var/log/auth.log"),
        true,
        Some("may not be read"),
    )];
    insta::assert_snapshot!(text(&judge(&facts)));
}

#[test]
fn papers_of_an_authority_that_was_replaced_are_told() {
    let replaced = |until_ms: u64, held: bool| {
        move |facts: &mut Facts| {
            let Papers::Whole {
                replaced_ms,
                is_authority,
                ..
            } = &mut facts.papers
            else {
                panic!("no papers")
            };
            (*replaced_ms, *is_authority) = (Some(until_ms), held);
        }
    };
    check(
        replaced(NOW_MS + DAY_MS, false),
        &[("authority", Warning, "skep renew")],
    );
    check(
        replaced(NOW_MS - DAY_MS, false),
        &[("authority", Failure, "skep invite")],
    );
    check(
        replaced(NOW_MS - DAY_MS, true),
        &[("authority", Warning, "start the node")],
    );
}

#[test]
fn a_home_is_private_and_ones_own() {
    let open = |mode: u32| move |facts: &mut Facts| facts.home.folder.as_mut().unwrap().mode = mode;
    check(open(0o755), &[("home", Failure, "chmod 700 /var/lib/skep")]);
    check(open(0o750), &[]);
    check(
        |facts| facts.uid = 0,
        &[("home", Warning, "belongs to the user 7")],
    );
    check(
        |facts| facts.home.secrets[1].1.mode = 0o640,
        &[("keys", Failure, "chmod 600 /var/lib/skep/store.redb")],
    );
    check(
        |facts| facts.home.secrets[0].1.uid = 0,
        &[("keys", Failure, "chown 7 /var/lib/skep/identity")],
    );
    let mut facts = well();
    facts.home.folder = None;
    let found = judge(&facts);
    assert_eq!((found[0].check, found[0].standing), ("home", Failure));
    assert!(!found.iter().any(|one| one.check == "node"));
}

#[test]
fn papers_are_told_before_they_end() {
    let end = |left_ms: i64| {
        move |facts: &mut Facts| {
            let Papers::Whole { not_after_ms, .. } = &mut facts.papers else {
                unreachable!("the papers of a well host are whole");
            };
            *not_after_ms = NOW_MS.saturating_add_signed(left_ms);
        }
    };
    let day = i64::try_from(DAY_MS).unwrap();
    check(end(10 * day), &[]);
    check(end(10 * day - 1), &[("passport", Warning, "in 9 days")]);
    check(end(0), &[("passport", Warning, "skep renew")]);
    check(end(-1), &[("passport", Failure, "skep invite")]);
    check(
        |facts| facts.papers = Papers::Broken("identity holds no usable keys".to_owned()),
        &[("passport", Failure, "backup")],
    );
    check(
        |facts| facts.papers = Papers::None,
        &[("passport", Skipped, "skep up")],
    );
    let change = |change: fn(&mut Option<String>, &mut Operator)| {
        move |facts: &mut Facts| {
            let Papers::Whole {
                certificate,
                operator,
                ..
            } = &mut facts.papers
            else {
                unreachable!("the papers of a well host are whole");
            };
            change(certificate, operator);
        }
    };
    check(
        change(|certificate, _| *certificate = Some("UnknownIssuer".to_owned())),
        &[("certificate", Failure, "UnknownIssuer")],
    );
    check(
        change(|_, operator| {
            *operator = Operator::Whole {
                name: "admin".to_owned(),
                not_after_ms: NOW_MS + DAY_MS,
            };
        }),
        &[("operator", Warning, "skep operator add")],
    );
    check(change(|_, operator| *operator = Operator::None), &[]);
}

#[test]
fn clocks_that_differ_are_told_before_packets_are_refused() {
    let off = |ahead_ms: i64| {
        move |facts: &mut Facts| facts.clock.peers = vec![(node("n2"), ahead_ms), (node("n3"), 0)]
    };
    check(off(9_999), &[]);
    check(off(10_000), &[("clock", Warning, "n2's is 10 s ahead of")]);
    check(off(-29_000), &[("clock", Warning, "n2's is 29 s behind")]);
    check(off(30_001), &[("clock", Failure, "date -u")]);
    check(
        |facts| facts.clock.is_synchronised = Some(false),
        &[("clock", Warning, "timedatectl set-ntp true")],
    );
    check(
        |facts| facts.clock.is_synchronised = None,
        &[("clock", Skipped, "nothing here")],
    );
    check(
        |facts| facts.now_ms = NOW_MS - 6 * DAY_MS,
        &[("clock", Failure, "before this node's passport was issued")],
    );
}

#[test]
fn a_node_that_is_not_well_or_not_there_is_told() {
    let down = |was_killed| move |facts: &mut Facts| facts.node = Node::Down { was_killed };
    let taken = [
        ("swarm port", Warning, "7400/udp is taken"),
        ("people's port", Warning, "7480/tcp is taken"),
    ];
    check(
        down(false),
        &[&[("node", Skipped, "none runs")], &taken[..]].concat(),
    );
    check(
        down(true),
        &[&[("node", Warning, "skep up")], &taken[..]].concat(),
    );
    let deaf = |is_forbidden| {
        move |facts: &mut Facts| {
            let why = "because".to_owned();
            facts.node = Node::Deaf { why, is_forbidden };
            facts.ports.udp.clear();
            facts.ports.tcp.clear();
        }
    };
    check(deaf(true), &[("node", Failure, "group `skep`")]);
    check(deaf(false), &[("node", Failure, "does not answer")]);
    let up = |group, socket| {
        move |facts: &mut Facts| {
            facts.node = Node::Up {
                sick: Vec::new(),
                socket: Some(socket),
                group,
            };
        }
    };
    let shared = Guarded {
        mode: 0o660,
        uid: 7,
        gid: 991,
    };
    check(
        up(Some(991), PRIVATE),
        &[("control socket", Warning, "start the node again")],
    );
    check(
        up(Some(991), shared),
        &[("control socket", Warning, "chmod 710 /var/lib/skep")],
    );
    check(
        |facts| {
            up(Some(991), shared)(facts);
            facts.home.folder = Some(Guarded {
                mode: 0o710,
                ..shared
            });
        },
        &[],
    );
    check(
        |facts| {
            facts.node = Node::Up {
                sick: vec!["oracle is crashloop".to_owned()],
                socket: None,
                group: None,
            };
        },
        &[("node", Failure, "oracle is crashloop")],
    );
}

#[test]
fn ports_are_held_by_the_node_and_reached_by_others() {
    check(
        |facts| facts.ports.udp.clear(),
        &[("swarm port", Failure, "nobody listens there")],
    );
    check(
        |facts| facts.ports.swarm = Some("127.0.0.1:7400".parse().unwrap()),
        &[("swarm port", Warning, "--listen ADDR")],
    );
    check(
        |facts| facts.ports.swarm = None,
        &[("swarm port", Skipped, "keys")],
    );
    let named = |facts: &mut Facts| {
        facts.node = Node::Down { was_killed: false };
        facts.ports.udp.clear();
        facts.ports.people_wanted = Some("10.0.0.1:7480".parse().unwrap());
    };
    let none = ("node", Skipped, "none runs");
    check(
        named,
        &[none, ("people's port", Failure, "the directive names it")],
    );
    check(
        |facts| {
            named(facts);
            facts.ports.tcp.clear();
        },
        &[none],
    );
}

#[test]
fn disk_and_files_have_a_floor() {
    let free = |bytes| move |facts: &mut Facts| facts.free_bytes = Some(bytes);
    check(free(999_999_999), &[("disk", Warning, "make room")]);
    check(free(63_999_999), &[("disk", Failure, "make room")]);
    check(|facts| facts.free_bytes = None, &[]);
    let files = |max| move |facts: &mut Facts| facts.files_max = Some(max);
    check(files(1024), &[]);
    check(files(1023), &[("files", Warning, "LimitNOFILE")]);
    check(files(255), &[("files", Failure, "LimitNOFILE")]);
    check(
        |facts| facts.store = damaged(),
        &[("store", Failure, "skep store set-aside")],
    );
}

#[test]
fn what_is_to_be_watched_must_be_there() {
    check(
        |facts| facts.directive.errors = 1,
        &[("directive", Failure, "skep check n1.json")],
    );
    check(
        |facts| facts.directive.warnings = 3,
        &[("directive", Warning, "3 warning")],
    );
    let gone = |reference: &'static str| {
        move |facts: &mut Facts| facts.secrets = vec![secret(reference, Some("it is not set"))]
    };
    check(
        gone("env:KEY"),
        &[("secret", Skipped, "the running node's")],
    );
    check(gone("file:/x"), &[("secret", Failure, "it is not set")]);
    check(
        |facts| {
            gone("env:KEY")(facts);
            facts.node = Node::Down { was_killed: false };
            facts.ports.udp.clear();
            facts.ports.tcp.clear();
        },
        &[
            ("node", Skipped, "none runs"),
            ("secret", Warning, "it is not set"),
        ],
    );
    check(
        |facts| facts.secrets[0].file.as_mut().unwrap().1.mode = 0o644,
        &[("secret", Warning, "chmod 600 /etc/skep/smtp")],
    );
    let source = |look: Look| move |facts: &mut Facts| facts.sources = vec![look];
    let why = Some("why");
    check(
        source(look("sshd", Some("/a"), true, why)),
        &[("logs", Failure, "sshd: /a: why")],
    );
    check(
        source(look("sshd", Some("/a"), false, why)),
        &[("logs", Warning, "sshd: /a: why")],
    );
    check(
        source(look("httpd", None, false, why)),
        &[("logs", Warning, "httpd: why")],
    );
    check(
        source(look("sshd", None, true, why)),
        &[("journal", Failure, "why, for sshd")],
    );
}
