//! The node, its socket and its ports.

use std::{collections::BTreeSet, net::SocketAddr};

use skep_node::{PEOPLE_PORT, SWARM_PORT};

use super::super::{
    Finding,
    facts::{Facts, Guarded, Node, Papers, Ports},
};

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    if facts.home.folder.is_none() {
        return Vec::new();
    }
    let is_up = matches!(facts.node, Node::Up { .. });
    let mut found = vec![node(&facts.node)];
    found.extend(socket(facts));
    found.push(swarm_port(facts, is_up));
    found.extend(people_port(&facts.ports, is_up));
    found
}

fn node(node: &Node) -> Finding {
    match node {
        Node::Down { was_killed: false } => Finding::skipped("node", "none runs in this home"),
        Node::Down { was_killed: true } => Finding::warning(
            "node",
            "none runs in this home, and the last one did not stop in order",
            "its log says why; `skep up` starts it again, and nothing durable is lost",
        ),
        Node::Deaf {
            why,
            is_forbidden: true,
        } => Finding::failure(
            "node",
            format!("its control socket is not for this user: {why}"),
            "run as the node's user, or as a member of the group `skep`",
        ),
        Node::Deaf { why, .. } => Finding::failure(
            "node",
            format!("it does not answer on its control socket: {why}"),
            "its log says why; if it hangs, `kill -9` it and start it again: nothing durable is \
             lost",
        ),
        Node::Up { sick, .. } if sick.is_empty() => Finding::ok("node", "it runs, and all is up"),
        Node::Up { sick, .. } => Finding::failure(
            "node",
            format!("it runs, but {}", sick.join(", ")),
            "its log says why; `skep tree` shows each agent",
        ),
    }
}

/// Whether the group `skep` gets to the socket, where the host has that group.
fn socket(facts: &Facts) -> Option<Finding> {
    let Node::Up {
        socket: Some(socket),
        group,
        ..
    } = facts.node
    else {
        return None;
    };
    let check = "control socket";
    let Some(group) = group else {
        let what = "for the node's user alone: this host has no group `skep`";
        return Some(Finding::ok(check, what));
    };
    let home = facts.home.path.display();
    if socket.gid != group || socket.mode & 0o060 != 0o060 {
        let what = "the group `skep` may not use it, though this host has one";
        let cure = "let the node's user be a member of it, and start the node again";
        return Some(Finding::warning(check, what, cure));
    }
    let enters = |folder: Guarded| folder.gid == group && folder.mode & 0o010 != 0;
    if !facts.home.folder.is_some_and(enters) {
        let what = format!("for the group `skep`, which may not enter {home}");
        let cure = format!("`chgrp skep {home} && chmod 710 {home}`");
        return Some(Finding::warning(check, what, cure));
    }
    Some(Finding::ok(
        check,
        "for the node's user and the group `skep`",
    ))
}

fn swarm_port(facts: &Facts, is_up: bool) -> Finding {
    let ports = &facts.ports;
    match (is_up, ports.swarm) {
        (true, Some(at)) => {
            let has_members = matches!(
                facts.papers,
                Papers::Whole {
                    has_members: true,
                    ..
                }
            );
            held("swarm port", at, &ports.udp, "udp", has_members)
        }
        (true, None) => Finding::skipped("swarm port", "not open yet: keys are still being made"),
        (false, _) => free("swarm port", SWARM_PORT, &ports.udp, "udp"),
    }
}

fn people_port(ports: &Ports, is_up: bool) -> Option<Finding> {
    match (is_up, ports.people) {
        (true, Some(at)) => Some(held("people's port", at, &ports.tcp, "tcp", false)),
        (false, _) if ports.has_door => Some(match ports.people_wanted {
            Some(at) => wanted(at, &ports.tcp),
            None => free("people's port", PEOPLE_PORT, &ports.tcp, "tcp"),
        }),
        _ => None,
    }
}

/// A port that the running node has.
fn held(
    check: &'static str,
    at: SocketAddr,
    open: &BTreeSet<u16>,
    protocol: &str,
    has_members: bool,
) -> Finding {
    if !open.contains(&at.port()) {
        let what = format!("the node says {at}/{protocol}, and nobody listens there");
        return Finding::failure(check, what, "its log says why; start it again");
    }
    match (at.ip().is_loopback(), has_members) {
        (true, true) => Finding::warning(
            check,
            format!("{at}/{protocol}, which other hosts do not reach: this node only dials out"),
            "start it with `skep up --listen ADDR`, unless that is meant",
        ),
        (true, false) => Finding::ok(check, format!("{at}/{protocol}, for this host only")),
        (false, _) => Finding::ok(check, format!("{at}/{protocol}")),
    }
}

/// A port that a node would take by default.
fn free(check: &'static str, port: u16, open: &BTreeSet<u16>, protocol: &str) -> Finding {
    if open.contains(&port) {
        let what = format!("{port}/{protocol} is taken: a node takes another one, and says which");
        let find = format!("`ss -lnp | grep :{port}` says who has it; name another with --listen");
        return Finding::warning(check, what, find);
    }
    Finding::ok(check, format!("{port}/{protocol} is free"))
}

/// A port that the directive names, which nothing replaces.
fn wanted(at: SocketAddr, open: &BTreeSet<u16>) -> Finding {
    let port = at.port();
    if open.contains(&port) {
        let what = format!("{at}/tcp is taken, and the directive names it");
        let find = format!("`ss -lntp | grep :{port}` says who has it; free it, or name another");
        return Finding::failure("people's port", what, find);
    }
    Finding::ok("people's port", format!("{at}/tcp is free"))
}
