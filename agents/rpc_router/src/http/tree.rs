//! A tree as messages of a conversation.

use skep_agent::NodeTree;
use skep_protocol::rpc::DOOR_BYTES_MAX;

/// A message aims at this many bytes of nodes; one node alone always fits.
const TREE_BYTES_AIM: usize = DOOR_BYTES_MAX / 4;

/// A large tree does not fit one message: it goes as several, each with some of the nodes.
pub(super) fn parts(mut tree: NodeTree) -> serde_json::Result<Vec<NodeTree>> {
    let mut parts = Vec::new();
    let mut n_bytes = 0;
    let mut nodes = Vec::new();
    for node in std::mem::take(&mut tree.nodes) {
        let more = serde_json::to_vec(&node)?.len();
        if n_bytes + more > TREE_BYTES_AIM && !nodes.is_empty() {
            let nodes = std::mem::take(&mut nodes);
            parts.push(NodeTree {
                nodes,
                ..tree.clone()
            });
            n_bytes = 0;
        }
        n_bytes += more;
        nodes.push(node);
    }
    parts.push(NodeTree { nodes, ..tree });
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use skep_agent::{NodeState, TreeNode};
    use skep_packet::{MemberState, NodeId};

    use super::*;

    fn tree(n_nodes: usize) -> NodeTree {
        let node = |n: usize| TreeNode {
            node: NodeId::new(&format!("n{n}")).unwrap(),
            state: MemberState::Alive,
            addresses: Vec::new(),
            hub: None,
            program: "x".repeat(3_000),
            clock_ahead_ms: None,
            agents: Vec::new(),
        };
        NodeTree {
            node: NodeId::new("n0").unwrap(),
            nodes: (0..n_nodes).map(node).collect(),
            state: NodeState::default(),
        }
    }

    #[test]
    fn a_thousand_nodes_go_in_messages_that_a_client_takes() {
        let whole = tree(1_000);
        let parts = parts(whole.clone()).unwrap();
        assert!(parts.len() > 5);
        for part in &parts {
            assert!(serde_json::to_vec(part).unwrap().len() < DOOR_BYTES_MAX / 2);
        }
        let nodes: Vec<TreeNode> = parts.into_iter().flat_map(|part| part.nodes).collect();
        assert_eq!(nodes, whole.nodes);
    }

    #[test]
    fn a_small_tree_is_one_message() {
        assert_eq!(parts(tree(1)).unwrap(), [tree(1)]);
        assert_eq!(parts(tree(0)).unwrap(), [tree(0)]);
    }
}
