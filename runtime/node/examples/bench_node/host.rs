//! The two nodes: homes, papers, processes.

use std::{
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::json;
use skep_agent::AgentSpec;
use skep_directive::{AgentPlan, PacketSigning, Plan, RolePlan, Span};
use skep_identity::INVITE_LIFE_MS;
use skep_node::{Clock, Node, NodeConfig, NodeSettings, home::Home};
use skep_packet::{AgentName, NodeId, RoleBinding};

use crate::{
    Fallible, RECEIVE,
    bee::{Bee, NAME},
};

/// The other node's process; it ends when its standard input does.
pub(crate) struct Receiver {
    process: Child,
}

impl Receiver {
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn stop(mut self) -> Fallible<()> {
        drop(self.process.stdin.take());
        let status = self.process.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("the receiver ended with {status}").into())
        }
    }
}

/// Mints a swarm in a fresh home, and starts its node.
pub(crate) async fn first(home: &Path) -> Fallible<Node> {
    let home = Home::open(home)?;
    home.found(Some(NodeId::new("n1")?))?;
    listening(home).await
}

/// Invites a second host, and starts its node in a process of its own.
pub(crate) async fn join(path: &Path, first: &Path, clock: Clock) -> Fallible<Receiver> {
    let now_ms = clock.now().unix_ms;
    let invite = Home::open(first)?.invite(INVITE_LIFE_MS, now_ms)?;
    let address = invite.address.parse()?;
    let home = Home::open(path)?;
    let prepared = home.prepare_join(invite, NodeId::new("n2")?, Vec::new())?;
    let answer = skep_mesh::join(address, prepared.request.clone()).await?;
    home.finish_join(prepared, &answer, now_ms)?;
    let process = Command::new(std::env::current_exe()?)
        .arg(RECEIVE)
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()?;
    Ok(Receiver { process })
}

/// The receiving process: a node until standard input ends.
pub(crate) fn receive(home: &Path) -> Fallible<()> {
    skep_node::runtime()?.block_on(async {
        let node = listening(Home::open(home)?).await?;
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        ended.await??;
        node.stop().await;
        Ok(())
    })
}

/// Starts the node of a home, and waits until it listens.
async fn listening(home: Home) -> Fallible<Node> {
    let node = start(home)?;
    node.listening().await.ok_or("the node does not listen")?;
    Ok(node)
}

/// Starts the node of a home.
pub(crate) fn start(home: Home) -> Fallible<Node> {
    Ok(Node::start(NodeConfig {
        home,
        plan: plan()?,
        directive: "bench".to_owned(),
        specs: vec![AgentSpec::of::<Bee>()],
        doors: Vec::new(),
        steward: None,
        live: None,
        listen: Some(([127, 0, 0, 1], 0).into()),
        dials_only: false,
        program: "bench".to_owned(),
        settings: NodeSettings::default(),
    })?)
}

fn plan() -> Fallible<Plan> {
    let spec = AgentSpec::of::<Bee>();
    let mut endpoints = Vec::new();
    for text in spec.roles {
        let RoleBinding { role, handler } = text.parse()?;
        endpoints.push(RolePlan::plain(role, handler));
    }
    let bee = AgentPlan {
        id: AgentName::new(NAME)?,
        kind: spec.kind.to_owned(),
        emoji: None,
        panel: Vec::new(),
        packet_signing: PacketSigning::default(),
        endpoints,
        config: json!({}),
        config_span: Span::default(),
        restart: None,
        beacon_interval_ms: None,
        children: Vec::new(),
    };
    Ok(Plan {
        node: json!({}),
        agents: vec![bee],
    })
}
