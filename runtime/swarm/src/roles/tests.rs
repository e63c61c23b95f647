use std::collections::BTreeMap;

use proptest::prelude::*;
use skep_packet::{
    Address, AgentCard, AgentHealth, AgentName, BootId, Descriptor, HandlerName, NodeId, RoleName,
    RolePattern, Scope, ServedRole, SwarmId,
};
use uuid::Uuid;

use super::{Choice, NodeEntry, RoleIndex};

fn node(text: &str) -> NodeId {
    NodeId::new(text).unwrap()
}

fn pattern(text: &str) -> RolePattern {
    text.parse().unwrap()
}

fn served(role: &str, priority: u32) -> ServedRole {
    ServedRole {
        role: RoleName::new(role).unwrap(),
        handler: HandlerName::new("cmd_do").unwrap(),
        scope: Scope::Swarm,
        priority,
        exclusive: false,
    }
}

fn card(agent: &str, health: AgentHealth, roles: Vec<ServedRole>) -> AgentCard {
    AgentCard {
        agent: AgentName::new(agent).unwrap(),
        kind: agent.to_owned(),
        parent: None,
        emoji: None,
        roles,
        health,
        incarnation: 1,
    }
}

fn descriptor(name: &str, agents: Vec<AgentCard>) -> Descriptor {
    Descriptor {
        swarm: SwarmId(Uuid::from_u128(1)),
        node: node(name),
        boot: BootId(Uuid::from_u128(7)),
        version: 1,
        addresses: Vec::new(),
        hub: None,
        labels: BTreeMap::new(),
        agents,
        load: 0,
        directive: String::new(),
        program: String::new(),
        issues: false,
    }
}

fn entry(name: &str, agents: Vec<AgentCard>) -> NodeEntry {
    NodeEntry::new(&descriptor(name, agents), &[pattern("*")], true)
}

/// An index as `n1` sees it.
fn index(entries: Vec<NodeEntry>) -> RoleIndex {
    entries
        .into_iter()
        .fold(RoleIndex::new(node("n1")), |index, entry| index.with(entry))
}

/// The addresses that a packet to all of `wanted` goes to.
fn all(index: &RoleIndex, wanted: &str, scope: Scope) -> Vec<String> {
    match index.choose(&pattern(wanted), scope, Choice::All) {
        Ok(endpoints) => endpoints
            .iter()
            .map(|found| found.address.to_string())
            .collect(),
        Err(_) => Vec::new(),
    }
}

fn one(index: &RoleIndex, wanted: &str, sticky: &str) -> Option<String> {
    index
        .choose_one(&pattern(wanted), Scope::Swarm, sticky.as_bytes())
        .map(|found| found.address.to_string())
}

fn trio() -> RoleIndex {
    let alert = |priority| vec![served("hive.alert", priority), served("comm.mail", 100)];
    index(vec![
        entry("n1", vec![card("a", AgentHealth::Healthy, alert(100))]),
        entry("n2", vec![card("a", AgentHealth::Healthy, alert(50))]),
        entry("n3", vec![card("a", AgentHealth::Healthy, alert(50))]),
    ])
}

#[test]
fn the_lowest_priority_number_present_is_chosen() {
    let index = trio();
    for sticky in ["s1", "s2", "s3", "s4"] {
        assert_ne!(one(&index, "hive.alert", sticky).unwrap(), "a@n1");
    }
    let without = index.without(&node("n2")).without(&node("n3"));
    assert_eq!(one(&without, "hive.alert", "s1").unwrap(), "a@n1");
}

#[test]
fn a_conversation_sticks_and_conversations_spread() {
    let index = trio();
    let chosen: Vec<String> = (0..64)
        .filter_map(|n| one(&index, "comm.mail", &format!("session-{n}")))
        .collect();
    assert_eq!(chosen.len(), 64);
    for address in ["a@n1", "a@n2", "a@n3"] {
        let n = chosen.iter().filter(|found| *found == address).count();
        assert!((8..40).contains(&n), "{address} was chosen {n} times of 64");
    }
    // Without n3 only the conversations of n3 move.
    let fewer = index.without(&node("n3"));
    for (n, before) in chosen.iter().enumerate() {
        if before != "a@n3" {
            assert_eq!(
                one(&fewer, "comm.mail", &format!("session-{n}")).as_ref(),
                Some(before)
            );
        }
    }
}

#[test]
fn all_goes_to_each_agent_once() {
    let index = trio();
    assert_eq!(
        all(&index, "hive.alert", Scope::Swarm),
        ["a@n2", "a@n3", "a@n1"]
    );
    // One handler serves both roles of each agent: it gets the packet once.
    assert_eq!(
        all(&index, "hive.*, comm.mail", Scope::Swarm),
        ["a@n2", "a@n3", "a@n1"]
    );
    assert_eq!(all(&index, "hive.alert", Scope::Node), ["a@n1"]);
}

#[test]
fn what_does_not_take_packets_is_not_chosen() {
    let agents = |health| vec![card("a", health, vec![served("hive.alert", 100)])];
    let index = index(vec![
        entry("n2", agents(AgentHealth::Restarting)),
        entry("n3", agents(AgentHealth::Stuck)),
        NodeEntry::new(
            &descriptor("n4", agents(AgentHealth::Healthy)),
            &[pattern("*")],
            false,
        ),
    ]);
    assert_eq!(all(&index, "hive.alert", Scope::Swarm), ["a@n2"]);
    let role = RoleName::new("hive.alert").unwrap();
    assert!(index.lists(&"a@n4".parse().unwrap(), &role));
    assert!(!index.serves(&"a@n4".parse().unwrap(), &role));
}

#[test]
fn a_role_of_scope_node_stays_on_its_node() {
    let local = ServedRole {
        scope: Scope::Node,
        ..served("local.role", 100)
    };
    let index = index(vec![
        entry(
            "n1",
            vec![card("a", AgentHealth::Healthy, vec![local.clone()])],
        ),
        entry("n2", vec![card("a", AgentHealth::Healthy, vec![local])]),
    ]);
    assert_eq!(all(&index, "local.role", Scope::Swarm), ["a@n1"]);
}

#[test]
fn of_exclusive_endpoints_only_the_first_serves() {
    let role = |priority| exclusive("job.one", priority, Scope::Swarm);
    let agents = |priority| vec![card("a", AgentHealth::Healthy, vec![role(priority)])];
    let index = index(vec![
        entry("n1", agents(100)),
        entry("n2", agents(50)),
        entry("n3", agents(50)),
    ]);
    let role = RoleName::new("job.one").unwrap();
    assert_eq!(all(&index, "job.one", Scope::Swarm), ["a@n2"]);
    assert!(!index.serves(&"a@n1".parse().unwrap(), &role));
    // The next one takes over when it is gone.
    assert_eq!(
        all(&index.without(&node("n2")), "job.one", Scope::Swarm),
        ["a@n3"]
    );
}

fn exclusive(role: &str, priority: u32, scope: Scope) -> ServedRole {
    ServedRole {
        exclusive: true,
        scope,
        ..served(role, priority)
    }
}

/// One agent `a` with one exclusive role on each node, and who serves it instead of whom.
fn check_standby(entries: &[(&str, u32, AgentHealth)], expected: &[(&str, Option<&str>)]) {
    let entries = entries.iter().map(|(node, priority, health)| {
        let role = exclusive("job.one", *priority, Scope::Swarm);
        entry(node, vec![card("a", *health, vec![role])])
    });
    let index = index(entries.collect());
    let role = RoleName::new("job.one").unwrap();
    for (node, instead) in expected {
        let address: Address = format!("a@{node}").parse().unwrap();
        let found = index.in_place_of(&address, &role);
        let found = found.map(|endpoint| endpoint.address.to_string());
        assert_eq!(found.as_deref(), *instead, "in place of a@{node}");
        assert_eq!(
            index.stands_by(&address, &role),
            instead.is_some(),
            "{node}"
        );
    }
}

#[test]
fn whoever_stands_by_knows_who_serves() {
    use AgentHealth::{CrashLoop, Healthy, Restarting, Starting};
    // By priority, then node.
    check_standby(
        &[
            ("n1", 100, Healthy),
            ("n2", 50, Healthy),
            ("n3", 50, Healthy),
        ],
        &[("n1", Some("a@n2")), ("n2", None), ("n3", Some("a@n2"))],
    );
    // A newcomer that comes first outranks, also before it is up.
    check_standby(
        &[("n1", 50, Starting), ("n2", 50, Healthy)],
        &[("n1", None), ("n2", Some("a@n1"))],
    );
    check_standby(
        &[("n1", 50, Restarting), ("n2", 50, Healthy)],
        &[("n1", None), ("n2", Some("a@n1"))],
    );
    // One that can not serve does not stand by: it is down.
    let index = index(vec![
        entry(
            "n1",
            vec![card(
                "a",
                CrashLoop,
                vec![exclusive("job.one", 1, Scope::Swarm)],
            )],
        ),
        entry(
            "n2",
            vec![card(
                "a",
                Healthy,
                vec![exclusive("job.one", 9, Scope::Swarm)],
            )],
        ),
    ]);
    let role = RoleName::new("job.one").unwrap();
    assert!(!index.stands_by(&"a@n1".parse().unwrap(), &role));
    assert!(index.serves(&"a@n2".parse().unwrap(), &role));
}

#[test]
fn a_node_that_does_not_know_the_swarm_yet_leaves_exclusive_roles_to_others() {
    let roles = vec![
        exclusive("job.one", 1, Scope::Swarm),
        exclusive("job.here", 1, Scope::Node),
        served("job.many", 1),
    ];
    let newcomer = entry("n1", vec![card("a", AgentHealth::Healthy, roles)]).waiting();
    let index = index(vec![newcomer]);
    let (a, one) = ("a@n1".parse().unwrap(), RoleName::new("job.one").unwrap());
    assert!(index.stands_by(&a, &one) && index.in_place_of(&a, &one).is_none());
    assert_eq!(all(&index, "job.*", Scope::Swarm), ["a@n1"]);
    for role in ["job.here", "job.many"] {
        assert!(index.serves(&a, &RoleName::new(role).unwrap()), "{role}");
    }
}

#[test]
fn what_a_node_offers_to_itself_takes_nothing_from_the_swarm() {
    let here = vec![exclusive("job.one", 1, Scope::Node)];
    let everywhere = vec![exclusive("job.one", 5, Scope::Swarm)];
    let agents = vec![
        card("a", AgentHealth::Healthy, here),
        card("b", AgentHealth::Healthy, everywhere),
    ];
    let index = index(vec![entry("n1", agents)]);
    assert_eq!(all(&index, "job.one", Scope::Swarm), ["a@n1", "b@n1"]);
}

#[test]
fn a_node_announces_only_what_its_passport_lets_it_serve() {
    let agents = vec![card(
        "a",
        AgentHealth::Healthy,
        vec![
            served("hive.alert", 1),
            served("logwatch.generate.digest", 1),
        ],
    )];
    let serves = [pattern("logwatch.*")];
    let index = index(vec![NodeEntry::new(
        &descriptor("n2", agents),
        &serves,
        true,
    )]);
    assert_eq!(all(&index, "*", Scope::Swarm), ["a@n2"]);
    assert!(all(&index, "hive.alert", Scope::Swarm).is_empty());
}

#[test]
fn nobody_is_named_with_what_may_help() {
    let index = trio();
    let missing = |wanted: &str| {
        let wanted = pattern(wanted);
        index
            .choose(&wanted, Scope::Swarm, Choice::All)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        missing("hive.alret"),
        r#"nobody serves the role hive.alret now; did you mean "hive.alert"?"#
    );
    assert_eq!(
        missing("some.other.thing"),
        "nobody serves the role some.other.thing now"
    );
    let down = vec![card(
        "a",
        AgentHealth::CrashLoop,
        vec![served("hive.oracle", 1)],
    )];
    let index = index.with(entry("n4", down));
    let found = index
        .choose(&pattern("hive.oracle"), Scope::Swarm, Choice::All)
        .unwrap_err();
    assert!(found.known);
    assert_eq!(
        found.to_string(),
        "nobody serves the role hive.oracle now; agents that list it are down"
    );
}

const ROLES: [&str; 5] = [
    "hive.alert",
    "hive.oracle",
    "comm.mail",
    "comm.mail.out",
    "x",
];

prop_compose! {
    fn any_role()(role in 0..ROLES.len(), priority in 0..3_u32, exclusive: bool, local: bool)
        -> ServedRole {
        let scope = if local { Scope::Node } else { Scope::Swarm };
        ServedRole { scope, exclusive, ..served(ROLES[role], priority) }
    }
}

prop_compose! {
    fn any_entry()(
        name in 1..6_usize,
        alive: bool,
        agents in prop::collection::vec((0..3_usize, prop::collection::vec(any_role(), 0..4)), 0..3),
        healthy: bool,
    ) -> NodeEntry {
        let health = if healthy { AgentHealth::Healthy } else { AgentHealth::Stopped };
        let agents = agents.into_iter().enumerate().map(|(idx, (kind, roles))| {
            card(&format!("a{idx}{kind}"), health, roles)
        });
        let descriptor = descriptor(&format!("n{name}"), agents.collect());
        NodeEntry::new(&descriptor, &[pattern("*")], alive)
    }
}

/// What `all` should find, by looking at every endpoint of every node.
fn naive(
    entries: &BTreeMap<NodeId, NodeEntry>,
    wanted: &RolePattern,
    own: &NodeId,
) -> Vec<Address> {
    let mut found = Vec::new();
    for role in ROLES.map(|role| RoleName::new(role).unwrap()) {
        if !wanted.matches(&role) {
            continue;
        }
        let mut serving: Vec<_> = entries
            .values()
            .flat_map(|entry| &entry.endpoints)
            .filter(|e| e.role == role && e.serving)
            .filter(|e| e.scope == Scope::Swarm || e.address.node == *own)
            .map(|e| {
                (
                    e.priority,
                    e.address.node.clone(),
                    e.address.clone(),
                    e.exclusive,
                    e.scope == Scope::Node,
                )
            })
            .collect();
        serving.sort();
        let mut taken = std::collections::BTreeSet::new();
        serving.retain(|(.., exclusive, is_local)| !exclusive || taken.insert(*is_local));
        found.extend(
            serving
                .into_iter()
                .map(|(priority, node, address, ..)| (priority, node, address)),
        );
    }
    found.sort();
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|(.., address)| seen.insert(address.clone()));
    found.into_iter().map(|(.., address)| address).collect()
}

proptest! {
    #[test]
    fn the_index_finds_what_a_naive_scan_finds(
        changes in prop::collection::vec((any_entry(), prop::bool::weighted(0.2)), 1..20),
        wanted in prop::sample::select(vec!["hive.alert", "hive.*", "*", "comm.mail, x", "none.*"]),
        sticky in "[a-z]{0,8}",
    ) {
        let own = node("n1");
        let mut entries = BTreeMap::new();
        let mut index = RoleIndex::new(own.clone());
        for (entry, remove) in changes {
            if remove {
                index = index.without(&entry.node);
                entries.remove(&entry.node);
            } else {
                index = index.with(entry.clone());
                entries.insert(entry.node.clone(), entry);
            }
        }
        let wanted = pattern(wanted);
        let expected = naive(&entries, &wanted, &own);
        let found = index.choose(&wanted, Scope::Swarm, Choice::All);
        let addresses: Vec<Address> =
            found.iter().flatten().map(|endpoint| endpoint.address.clone()).collect();
        prop_assert_eq!(&addresses, &expected);
        let one = index.choose_one(&wanted, Scope::Swarm, sticky.as_bytes());
        let ranked = index.ranked(&wanted, Scope::Swarm, sticky.as_bytes());
        prop_assert_eq!(one.as_ref().map(|e| &e.address), ranked.first().map(|e| &e.address));
        prop_assert_eq!(ranked.len(), expected.len());
        if let Some(one) = one {
            prop_assert!(expected.contains(&one.address));
        }
    }
}
