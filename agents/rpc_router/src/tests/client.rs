//! A client as `docs/PROTOCOL.md` tells how to write one.

use std::fmt::Debug;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use skep_identity::{LoginTerms, Session};
use skep_protocol::rpc::{Ask, BINDING_UNIX, FromClient, FromDoor, Resume, ServiceRequest};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use super::swarm::{NOW_MS, Swarm, node};

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Debug> Stream for T {}

pub(super) struct Client {
    socket: WebSocketStream<Box<dyn Stream>>,
    nonce: String,
    session: Option<Session>,
    pub(super) session_id: String,
    pub(super) bearer: String,
    pub(super) last_proof: Option<Bytes>,
}

impl Client {
    pub(super) async fn connect(swarm: &Swarm) -> Self {
        let stream = UnixStream::connect(swarm.socket()).await.unwrap();
        Self::over(Box::new(stream), "localhost").await
    }

    pub(super) async fn over(stream: Box<dyn Stream>, host: &str) -> Self {
        let (socket, _) = client_async(format!("ws://{host}/rpc"), stream)
            .await
            .unwrap();
        let mut client = Self {
            socket,
            nonce: String::new(),
            session: None,
            session_id: String::new(),
            bearer: String::new(),
            last_proof: None,
        };
        let FromDoor::Hello { nonce, .. } = client.next().await else {
            panic!("no hello")
        };
        client.nonce = nonce;
        client
    }

    /// The login of a connection over the control socket.
    pub(super) fn proof_of_login(&self, swarm: &Swarm, operator: &str) -> (String, Session) {
        self.bound_login(swarm, operator, BINDING_UNIX)
    }

    pub(super) fn bound_login(
        &self,
        swarm: &Swarm,
        operator: &str,
        binding: &str,
    ) -> (String, Session) {
        let terms = LoginTerms {
            swarm: swarm.authority.swarm(),
            nonce: self.nonce.clone().into(),
            router: node(),
            binding: binding.to_owned().into(),
        };
        let passport = swarm.passport(operator);
        let session =
            Session::open(&swarm.key, passport, swarm.key.clone(), terms, NOW_MS).unwrap();
        (STANDARD.encode(session.login()), session)
    }

    pub(super) async fn login(swarm: &Swarm, operator: &str, resume: Option<Resume>) -> Self {
        let mut client = Self::connect(swarm).await;
        let login = client.proof_of_login(swarm, operator);
        client.enter(login, resume).await;
        client
    }

    pub(super) async fn enter(&mut self, login: (String, Session), resume: Option<Resume>) {
        let (login, session) = login;
        self.say(&FromClient::Login { login, resume }).await;
        let FromDoor::Welcome {
            session_id, bearer, ..
        } = self.next().await
        else {
            panic!("not welcome")
        };
        self.session = Some(session);
        self.session_id = session_id;
        self.bearer = bearer;
    }

    /// What a login gets that is not let in.
    pub(super) async fn refused(swarm: &Swarm, operator: &str, resume: Option<Resume>) -> FromDoor {
        let mut client = Self::connect(swarm).await;
        let (login, _) = client.proof_of_login(swarm, operator);
        client.say(&FromClient::Login { login, resume }).await;
        client.next().await
    }

    pub(super) async fn request(&mut self, service: &str, payload: &str, token: &str, choice: Ask) {
        let token = token.parse().unwrap();
        let session = self.session.as_ref().unwrap();
        let proof = session
            .request(service, payload.as_bytes(), &token, NOW_MS)
            .unwrap();
        let request = ServiceRequest {
            service: service.to_owned(),
            payload: payload.to_owned(),
            token,
            proof: STANDARD.encode(&proof),
            choice,
        };
        self.last_proof = Some(proof);
        self.say(&FromClient::Request(request)).await;
    }

    pub(super) async fn say(&mut self, message: &FromClient) {
        self.say_text(&serde_json::to_string(message).unwrap())
            .await;
    }

    /// Says anything; a door that has hung up already does not hear it.
    pub(super) async fn say_text(&mut self, text: &str) {
        if let Err(error) = self.socket.send(Message::text(text)).await {
            tracing::debug!(%error, "the door hung up");
        }
    }

    pub(super) async fn next(&mut self) -> FromDoor {
        loop {
            match self.socket.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("not of this conversation: {other:?}"),
            }
        }
    }

    /// Waits until the door has hung up.
    pub(super) async fn ended(&mut self) {
        while let Some(Ok(message)) = self.socket.next().await {
            let is_end = message.is_close() || message.is_ping() || message.is_pong();
            assert!(is_end, "{message:?}");
        }
    }

    /// Is gone without a word.
    pub(super) fn cut(self) {}
}
