//! Plain HTTP on both listeners, and logins over TLS.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Empty};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    time_provider::TimeProvider,
    version::TLS13,
};
use serde_json::json;
use skep_protocol::rpc::{Ask, EXPORTER_BYTES, EXPORTER_LABEL, FromClient, ProblemCode};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    ROLE, callback,
    client::{Client, Stream},
    quiet, refused,
    swarm::{NOW_MS, Swarm},
    world,
};

async fn get(stream: Box<dyn Stream>, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let asked = async move {
        let response = sender
            .send_request(request.body(Empty::<Bytes>::new()).unwrap())
            .await;
        let response = response.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
    };
    let (answer, _) = tokio::join!(asked, connection);
    answer
}

async fn unix(swarm: &Swarm) -> Box<dyn Stream> {
    Box::new(UnixStream::connect(swarm.socket()).await.unwrap())
}

async fn people(swarm: &Swarm) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(swarm.identity.ca.to_vec()))
        .unwrap();
    let provider = Arc::new(default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(TestTime))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(listening(swarm).await).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap()
}

/// The same time as everything else in a test has.
#[derive(Debug)]
struct TestTime;

impl TimeProvider for TestTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(NOW_MS)))
    }
}

async fn listening(swarm: &Swarm) -> SocketAddr {
    loop {
        if let Some(address) = *swarm.listening.lock().unwrap() {
            return address;
        }
        tokio::task::yield_now().await;
    }
}

fn exporter(stream: &TlsStream<TcpStream>) -> String {
    let (_, connection) = stream.get_ref();
    let label = EXPORTER_LABEL.as_bytes();
    let value = connection
        .export_keying_material([0; EXPORTER_BYTES], label, None)
        .unwrap();
    hex::encode(value)
}

#[tokio::test]
async fn the_control_socket_tells_its_user_everything() {
    let (_world, swarm) = quiet().await;
    let host = [("host", "localhost")];
    assert_eq!(
        get(unix(&swarm).await, "/livez", &host).await,
        (200, "ok\n".to_owned())
    );
    let (status, body) = get(unix(&swarm).await, "/readyz", &host).await;
    assert_eq!(status, 503);
    assert!(body.contains("crash loop"), "{body}");
    assert_eq!(
        get(unix(&swarm).await, "/metrics", &host).await,
        (200, "# EOF\n".to_owned())
    );
    let (status, body) = get(unix(&swarm).await, "/tree", &host).await;
    assert_eq!(
        (status, body.starts_with(r#"{"node":"n1""#)),
        (200, true),
        "{body}"
    );
    assert_eq!(get(unix(&swarm).await, "/", &host).await.0, 404);
    let page = [("host", "localhost"), ("origin", "https://localhost")];
    assert_eq!(get(unix(&swarm).await, "/tree", &page).await.0, 403);
}

#[tokio::test]
async fn over_tcp_a_stranger_learns_only_that_the_node_is_there() {
    let (_world, swarm) = world(json!({})).await;
    let get = async |path: &str, headers: &[(&str, &str)]| {
        get(Box::new(people(&swarm).await), path, headers).await
    };
    let host = ("host", "localhost");
    assert_eq!(get("/livez", &[host]).await.0, 200);
    assert_eq!(
        get("/readyz", &[host]).await,
        (503, r#"{"ready":false,"reasons":[]}"#.to_owned())
    );
    assert_eq!(get("/tree", &[host]).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(
        get("/metrics", &[host, ("authorization", "Bearer x")])
            .await
            .0,
        401
    );
    assert_eq!(get("/livez", &[("host", "evil.example")]).await.0, 421);
    assert_eq!(
        get("/livez", &[host, ("origin", "https://evil.example")])
            .await
            .0,
        403
    );
}

#[tokio::test]
async fn a_login_over_tls_is_bound_to_its_connection() {
    let (mut world, swarm) = world(json!({})).await;
    let stream = people(&swarm).await;
    let binding = exporter(&stream);
    let mut client = Client::over(Box::new(stream), "localhost").await;
    let login = client.bound_login(&swarm, "ann", &binding);
    client.enter(login, None).await;
    client.request(ROLE, "{}", "t-1", Ask::One).await;
    assert_eq!(callback(client.next().await).1.origins.len(), 1);
    assert_eq!(world.next_sent().await.endpoints.len(), 1);
    let bearer = format!("Bearer {}", client.bearer);
    let headers = [("host", "localhost"), ("authorization", bearer.as_str())];
    assert_eq!(
        get(Box::new(people(&swarm).await), "/tree", &headers)
            .await
            .0,
        200
    );

    let mut other = Client::over(Box::new(people(&swarm).await), "localhost").await;
    let (login, _) = other.bound_login(&swarm, "ann", &binding);
    other
        .say(&FromClient::Login {
            login,
            resume: None,
        })
        .await;
    assert_eq!(refused(other.next().await).code, ProblemCode::Login);
}
