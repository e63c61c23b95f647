//! The running node, by its control socket.

use std::{fs, io, time::Duration};

use skep_agent::NodeTree;
use skep_node::home::{Home, Listening};
use skep_packet::{AgentHealth, NodeId};
use tokio::{net::UnixStream, time::timeout};

use super::{super::facts::Node, home::guarded};
use crate::client;

/// How long the node may take for an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// The group that may use the control socket.
const GROUP: &str = "skep";

/// What the running node says.
pub(super) struct Seen {
    pub(super) node: Node,
    pub(super) listening: Listening,
    pub(super) clocks: Vec<(NodeId, i64)>,
    pub(super) pid: Option<i32>,
}

pub(super) async fn look(home: &Home) -> Seen {
    let left = home.listening().ok().flatten();
    let mut seen = Seen {
        node: Node::Down {
            was_killed: left.is_some(),
        },
        listening: Listening::default(),
        clocks: Vec::new(),
        pid: None,
    };
    let stream = match UnixStream::connect(home.control_socket()).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            seen.node = Node::Deaf {
                why: error.to_string(),
                is_forbidden: true,
            };
            return seen;
        }
        // A socket that a killed node left behind refuses.
        Err(_) => return seen,
    };
    seen.pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
    drop(stream);
    seen.listening = left.unwrap_or_default();
    match say(home).await {
        Ok((sick, clocks)) => {
            seen.clocks = clocks;
            seen.node = Node::Up {
                sick,
                socket: guarded(&home.control_socket()),
                group: group(&fs::read_to_string("/etc/group").unwrap_or_default()),
            };
        }
        Err(why) => {
            seen.node = Node::Deaf {
                why,
                is_forbidden: false,
            };
        }
    }
    seen
}

/// Agents that are not well, and the clocks of others.
async fn say(home: &Home) -> Result<(Vec<String>, Vec<(NodeId, i64)>), String> {
    let tree = ask(home).await?;
    let own = tree.nodes.iter().find(|node| node.node == tree.node);
    let cards = own.iter().flat_map(|node| &node.agents);
    let cards = cards.map(|agent| &agent.card);
    let sick = cards.filter(|card| card.health != AgentHealth::Healthy);
    let sick = sick.map(|card| format!("{} is {:?}", card.agent, card.health).to_lowercase());
    let sick = sick.collect();
    let clocks = tree.nodes.into_iter();
    let clocks = clocks.filter_map(|node| Some((node.node, node.clock_ahead_ms?)));
    Ok((sick, clocks.collect()))
}

async fn ask(home: &Home) -> Result<NodeTree, String> {
    let socket = home.control_socket();
    let answer = timeout(ANSWER_TIME_MAX, client::get(&socket, "/tree")).await;
    let answer = answer.map_err(|_| {
        let seconds = ANSWER_TIME_MAX.as_secs();
        format!("nothing came within {seconds} s")
    })?;
    let body = answer.map_err(|failure| failure.to_string())?;
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}

fn group(groups: &str) -> Option<u32> {
    let mut rows = groups.lines().map(|line| line.split(':'));
    rows.find_map(|mut fields| match fields.next() {
        Some(GROUP) => fields.nth(1)?.parse().ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_found_by_its_whole_name() {
        assert_eq!(
            group("root:x:0:\nskeptics:x:7:\nskep:x:991:ann\n"),
            Some(991)
        );
        assert_eq!(group("root:x:0:\n"), None);
    }
}
