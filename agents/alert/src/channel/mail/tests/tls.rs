//! Mail through TLS, against a server of the test's own that speaks as much SMTP as it takes.

use std::{fs, io, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::*;

/// `\0u\0hunter2`, as AUTH PLAIN sends it.
const PLAIN: &str = "AUTH PLAIN AHUAaHVudGVyMg==";

/// A server with a certificate for a name, and the file of who vouches for it.
struct Peer {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    folder: tempfile::TempDir,
    /// Whether it offers STARTTLS, or speaks TLS from the first byte on.
    way: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    Starttls,
    Implicit,
}

impl Peer {
    async fn start(name: &str, way: Way) -> Self {
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            folder,
            way,
        }
    }

    fn ca_file(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    /// Sends a mail to it with these keys; what came of it, and what the server saw.
    async fn send(&self, more: Value) -> (Result<(), Failure>, String) {
        let port = self.listener.local_addr().unwrap().port();
        let mail = Mail::new(&config(port, more)).unwrap();
        let letter = message("m", "c");
        let send = async { mail.send(&letter).await };
        let (result, seen) = tokio::join!(send, self.serve());
        (
            result,
            seen.unwrap_or_else(|error| format!("ended: {error}")),
        )
    }

    async fn serve(&self) -> io::Result<String> {
        let (mut stream, _) = self.listener.accept().await?;
        let mut seen = String::new();
        if self.way == Way::Implicit {
            let stream = self.acceptor.accept(stream).await?;
            seen.push_str("<tls>\n");
            talk(stream, &mut seen, false, true).await?;
            return Ok(seen);
        }
        if talk(&mut stream, &mut seen, self.way == Way::Starttls, true).await? {
            let stream = self.acceptor.accept(stream).await?;
            seen.push_str("<tls>\n");
            talk(stream, &mut seen, false, false).await?;
        }
        Ok(seen)
    }
}

/// Talks until the end; whether it ends because TLS begins.
async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: &mut String,
    offers_tls: bool,
    greets: bool,
) -> io::Result<bool> {
    let mut stream = BufReader::new(stream);
    if greets {
        stream.write_all(b"220 test\r\n").await?;
    }
    let (mut line, mut in_data) = (String::new(), false);
    loop {
        line.clear();
        stream.flush().await?;
        if stream.read_line(&mut line).await? == 0 {
            return Ok(false);
        }
        let said = line.trim_end();
        if in_data && said != "." {
            continue;
        }
        seen.push_str(said);
        seen.push('\n');
        in_data = said == "DATA";
        let answer = match said {
            "STARTTLS" => "220 go ahead",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ if said.starts_with("EHLO") && offers_tls => "250-test\r\n250 STARTTLS",
            _ if said.starts_with("EHLO") => "250-test\r\n250 AUTH PLAIN LOGIN",
            _ if said.starts_with("AUTH") => "235 welcome",
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        stream.flush().await?;
        if said == "STARTTLS" {
            return Ok(true);
        }
    }
}

fn login(more: Value) -> Value {
    let mut keys = json!({ "username": "u", "password": "hunter2" });
    let Value::Object(more) = more else {
        panic!("{more}")
    };
    keys.as_object_mut().unwrap().extend(more);
    keys
}

#[tokio::test]
async fn a_password_goes_through_starttls_to_a_server_that_is_vouched_for() {
    let peer = Peer::start("127.0.0.1", Way::Starttls).await;
    let (result, seen) = peer.send(login(json!({ "ca_file": peer.ca_file() }))).await;
    assert_eq!(result, Ok(()), "{seen}");
    let (before, within) = seen.split_once("<tls>\n").unwrap();
    assert!(before.ends_with("STARTTLS\n"), "{seen}");
    assert!(within.contains(PLAIN) && within.contains("DATA"), "{seen}");
    assert!(!before.contains("AUTH"), "{seen}");
}

#[tokio::test]
async fn implicit_tls_begins_at_once() {
    let peer = Peer::start("127.0.0.1", Way::Implicit).await;
    let keys = login(json!({ "tls": "implicit", "ca_file": peer.ca_file() }));
    let (result, seen) = peer.send(keys).await;
    assert_eq!(result, Ok(()), "{seen}");
    assert!(
        seen.starts_with("<tls>\n") && seen.contains(PLAIN),
        "{seen}"
    );
}

#[tokio::test]
async fn who_is_not_vouched_for_or_bears_another_name_gets_nothing() {
    let (peer, other) = (
        Peer::start("127.0.0.1", Way::Starttls).await,
        Peer::start("mx.test", Way::Starttls).await,
    );
    for (peer, ca_file) in [(&peer, other.ca_file()), (&other, other.ca_file())] {
        let (result, seen) = peer.send(login(json!({ "ca_file": ca_file }))).await;
        assert!(
            matches!(result, Err(Failure::Unreachable(_))),
            "{result:?} {seen}"
        );
        assert!(!seen.contains("AUTH") && !seen.contains("MAIL"), "{seen}");
    }
    let keys = login(json!({ "ca_file": other.ca_file(), "check_certificate": false }));
    let (result, seen) = peer.send(keys).await;
    assert_eq!(result, Ok(()), "{seen}");
}

#[tokio::test]
async fn where_tls_is_required_and_not_there_nothing_is_said() {
    let peer = Peer::start("127.0.0.1", Way::Plain).await;
    let (result, seen) = peer.send(login(json!({}))).await;
    assert!(result.is_err());
    assert!(!seen.contains("AUTH") && !seen.contains("MAIL"), "{seen}");
}

#[tokio::test]
async fn opportunistic_takes_what_is_there() {
    let peer = Peer::start("mx.test", Way::Starttls).await;
    let (result, seen) = peer.send(json!({})).await;
    assert_eq!(result, Ok(()), "{seen}");
    assert!(seen.contains("<tls>\n"), "{seen}");
    let peer = Peer::start("mx.test", Way::Plain).await;
    let (result, seen) = peer.send(json!({})).await;
    assert_eq!(result, Ok(()), "{seen}");
    assert!(seen.contains("DATA"), "{seen}");
}

#[tokio::test]
async fn a_file_of_certificates_that_is_none_is_named() {
    let peer = Peer::start("127.0.0.1", Way::Starttls).await;
    let missing = peer.folder.path().join("none.pem").display().to_string();
    let port = peer.listener.local_addr().unwrap().port();
    let mail = Mail::new(&config(port, login(json!({ "ca_file": missing })))).unwrap();
    let Err(Failure::Unreachable(text)) = mail.send(&message("m", "c")).await else {
        panic!("it was sent")
    };
    assert!(text.contains("none.pem: No such file"), "{text}");
}
