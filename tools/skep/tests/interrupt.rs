//! Ctrl-C while a door still answers.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use std::process::{Child, Command, Stdio};

use futures_util::{SinkExt, StreamExt};
use skep_node::{Clock, home::Home};
use skep_packet::{Level, NodeId};
use skep_protocol::rpc::{BindingKind, FromClient, FromDoor, VERSION};
use tokio::net::{UnixListener, UnixStream};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

/// The door's side of a conversation.
struct Door(WebSocketStream<UnixStream>);

impl Door {
    async fn say(&mut self, message: &FromDoor) {
        let text = serde_json::to_string(message).unwrap();
        self.0.send(Message::text(text)).await.unwrap();
    }

    async fn hear(&mut self) -> FromClient {
        let message = self.0.next().await.unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }
}

fn call(home: &Home) -> Child {
    Command::new(env!("CARGO_BIN_EXE_skep"))
        .args(["--home", home.path().to_str().unwrap(), "call", "a.role"])
        .env_remove("RUST_LOG")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn ctrl_c_ends_the_session_at_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(&folder.path().join("home")).unwrap();
    home.mint(Clock::start().now().unix_ms).unwrap();
    let listener = UnixListener::bind(home.control_socket()).unwrap();
    let mut child = call(&home);
    let (stream, _) = listener.accept().await.unwrap();
    let mut door = Door(accept_async(stream).await.unwrap());
    door.say(&FromDoor::Hello {
        version: VERSION,
        node: NodeId::new("n1").unwrap(),
        nonce: "0".repeat(32),
        binding: BindingKind::Unix,
    })
    .await;
    assert!(matches!(door.hear().await, FromClient::Login { .. }));
    door.say(&FromDoor::Welcome {
        session_id: "s".to_owned(),
        operator: "admin".to_owned(),
        level: Level::Admin,
        cursor: 0,
        bearer: "b".to_owned(),
    })
    .await;
    assert!(matches!(door.hear().await, FromClient::Request(_)));
    let interrupt = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    assert!(matches!(door.hear().await, FromClient::Bye {}));
    drop(door);
    let status = tokio::task::spawn_blocking(move || child.wait()).await;
    assert_eq!(status.unwrap().unwrap().code(), Some(130));
}
