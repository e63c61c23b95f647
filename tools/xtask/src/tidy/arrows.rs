//! Who may import whom: the map in ARCHITECTURE.md, as a table.

use super::tree::{Import, Tree};

/// Rooms without tokio, files, sockets, clock or chance.
pub(super) const PURE: &[&str] = &[
    "runtime/packet",
    "runtime/identity",
    "runtime/swarm",
    "runtime/directive",
    "logs/lines",
    "agents/protocol",
];

/// A room (`KIND/*` for all that have no line of their own) and what it may import.
const MAP: &[(&str, &[&str])] = &[
    ("runtime/packet", &[]),
    ("runtime/identity", &["runtime/packet"]),
    ("runtime/swarm", &["runtime/packet"]),
    ("runtime/directive", &["runtime/packet"]),
    ("runtime/agent", &["runtime/packet"]),
    ("runtime/mesh", &["runtime/identity", "runtime/packet"]),
    ("runtime/node", &["runtime/*"]),
    ("logs/lines", &[]),
    ("logs/sources", &["logs/lines"]),
    ("logs/store", &["logs/lines"]),
    ("agents/protocol", &["runtime/packet"]),
    ("agents/registry", &["runtime/agent", "agents/*"]),
    // It checks logins and what is signed with them.
    (
        "agents/rpc_router",
        &[
            "runtime/identity",
            "runtime/agent",
            "runtime/packet",
            "logs/*",
            "agents/protocol",
        ],
    ),
    (
        "agents/*",
        &[
            "runtime/agent",
            "runtime/packet",
            "logs/*",
            "agents/protocol",
        ],
    ),
    ("tools/*", &["*"]),
    ("tests/*", &["*"]),
];

/// What a room's tests may import beside that.
const TESTS_MAP: &[(&str, &[&str])] = &[
    ("runtime/*", &["runtime/*"]),
    ("logs/*", &["logs/*"]),
    ("agents/*", &["runtime/*", "logs/*", "agents/protocol"]),
];

/// Runtimes, sockets, stores and servers: the outside world.
const IMPURE: &[&str] = &[
    "arc-swap",
    "axum",
    "dashmap",
    "hyper",
    "hyper-util",
    "lettre",
    "mio",
    "quinn",
    "redb",
    "reqwest",
    "socket2",
    "tokio",
    "tokio-rustls",
    "tokio-tungstenite",
    "tokio-util",
    "tracing-subscriber",
];

pub(super) fn down(tree: &Tree) -> Vec<String> {
    let mut breaches = Vec::new();
    for package in &tree.packages {
        let Some(allowed) = line(MAP, &package.room) else {
            breaches.push(format!(
                "{}: a room without a line in the map",
                package.room
            ));
            continue;
        };
        let for_tests = line(TESTS_MAP, &package.room).unwrap_or_default();
        for import in &package.imports {
            let Some(room) = &import.room else { continue };
            let fine = matches(allowed, room) || import.dev && matches(for_tests, room);
            if !fine {
                breaches.push(format!("{}: imports {room}", package.room));
            }
        }
    }
    breaches
}

pub(super) fn pure(tree: &Tree) -> Vec<String> {
    let pure = tree
        .packages
        .iter()
        .filter(|package| PURE.contains(&package.room.as_str()));
    pure.flat_map(|package| {
        let impure = |import: &&Import| !import.dev && IMPURE.contains(&import.name.as_str());
        let imports = package.imports.iter().filter(impure);
        imports.map(|import| format!("{}: a pure room imports {}", package.room, import.name))
    })
    .collect()
}

pub(super) fn registry(tree: &Tree) -> Vec<String> {
    let imported = |room: &str| {
        let registry = tree
            .packages
            .iter()
            .find(|package| package.room == "agents/registry");
        registry.is_some_and(|registry| {
            registry
                .imports
                .iter()
                .any(|import| import.room.as_deref() == Some(room))
        })
    };
    let mut agents: Vec<&str> = tree
        .files
        .keys()
        .filter_map(|path| path.strip_prefix("agents/")?.split_once('/'))
        .map(|(agent, _rest)| agent)
        .filter(|agent| !["registry", "protocol"].contains(agent))
        .collect();
    agents.dedup();
    agents.retain(|agent| !imported(&format!("agents/{agent}")));
    let breach = |agent| format!("agents/{agent}: an agent the registry lacks");
    agents.into_iter().map(breach).collect()
}

fn line(map: &[(&str, &'static [&'static str])], room: &str) -> Option<&'static [&'static str]> {
    let exact = map.iter().find(|(name, _)| *name == room);
    let found = exact.or_else(|| map.iter().find(|(name, _)| matches(&[name], room)));
    found.map(|(_, allowed)| *allowed)
}

fn matches(patterns: &[&str], room: &str) -> bool {
    patterns
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => room.starts_with(start),
            None => *pattern == room,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, imports: &[&str], breaches: &[&str]) {
        let found = down(&Tree::with_package(from, imports));
        assert_eq!(found, breaches, "{from} {imports:?}");
    }

    #[test]
    fn arrows_down_pass() {
        check(
            "runtime/mesh",
            &["runtime/identity", "runtime/packet", "serde"],
            &[],
        );
        check("runtime/node", &["runtime/mesh", "runtime/swarm"], &[]);
        check(
            "agents/oracle",
            &["runtime/agent", "logs/lines", "agents/protocol"],
            &[],
        );
        check("agents/rpc_router", &["runtime/identity"], &[]);
        check(
            "agents/registry",
            &["runtime/agent", "agents/oracle", "dev:runtime/directive"],
            &[],
        );
        check(
            "tools/skep",
            &["runtime/node", "agents/registry", "tests/e2e"],
            &[],
        );
    }

    #[test]
    fn arrows_up_and_across_are_named() {
        check(
            "runtime/node",
            &["logs/lines"],
            &["runtime/node: imports logs/lines"],
        );
        check(
            "runtime/agent",
            &["dev:agents/oracle"],
            &["runtime/agent: imports agents/oracle"],
        );
        check(
            "runtime/packet",
            &["runtime/swarm"],
            &["runtime/packet: imports runtime/swarm"],
        );
        check(
            "agents/oracle",
            &["agents/alert"],
            &["agents/oracle: imports agents/alert"],
        );
        check(
            "agents/oracle",
            &["runtime/identity"],
            &["agents/oracle: imports runtime/identity"],
        );
        check(
            "agents/oracle",
            &["dev:tools/skep"],
            &["agents/oracle: imports tools/skep"],
        );
        check(
            "logs/lines",
            &["logs/sources"],
            &["logs/lines: imports logs/sources"],
        );
        check(
            "cockpit",
            &[],
            &["cockpit: a room without a line in the map"],
        );
    }

    #[test]
    fn a_pure_room_with_a_runtime_is_named() {
        let found = pure(&Tree::with_package(
            "runtime/swarm",
            &["tokio", "serde", "dev:tokio"],
        ));
        assert_eq!(found, ["runtime/swarm: a pure room imports tokio"]);
        assert!(pure(&Tree::with_package("runtime/node", &["tokio"])).is_empty());
    }

    #[test]
    fn an_agent_the_registry_lacks_is_named() {
        let mut tree = Tree::with_package("agents/registry", &["agents/oracle"]);
        for path in [
            "agents/oracle/src/lib.rs",
            "agents/bee/Cargo.toml",
            "agents/bee/src/lib.rs",
        ] {
            tree.files.insert(path.to_owned(), String::new());
        }
        assert_eq!(registry(&tree), ["agents/bee: an agent the registry lacks"]);
    }
}
