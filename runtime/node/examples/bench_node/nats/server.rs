//! The NATS server, in a folder of its own.

use std::{
    fmt::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{interval, timeout};

use super::{
    SUBSCRIBE,
    client::{Client, INBOX},
};
use crate::Fallible;

/// The server says where it listens within this time.
const START_MAX: Duration = Duration::from_secs(10);

/// What protects the connections to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tls,
    Plain,
}

/// A NATS server that ends with this.
pub(crate) struct Server {
    process: Child,
    folder: TempDir,
    address: SocketAddr,
}

/// A process of this program that takes messages; it ends with this.
pub(crate) struct Subscriber {
    process: Child,
}

impl Server {
    /// Starts `program` on a free port of the loopback.
    pub(crate) async fn start(program: &Path, transport: Transport) -> Fallible<Self> {
        let folder = tempfile::tempdir()?;
        let config = config(folder.path(), transport)?;
        let process = Command::new(program)
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        let ports = folder
            .path()
            .join(format!("nats-server_{}.ports", process.id()));
        let mut server = Self {
            process,
            folder,
            address: ([127, 0, 0, 1], 0).into(),
        };
        server.address = timeout(START_MAX, server.listening(&ports)).await??;
        Ok(server)
    }

    async fn listening(&mut self, ports: &Path) -> Fallible<SocketAddr> {
        let mut looks = interval(Duration::from_millis(20));
        loop {
            looks.tick().await;
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("the NATS server ended with {status}").into());
            }
            // The file is there before its text is.
            let Some(ports) = std::fs::read(ports)
                .ok()
                .and_then(|text| serde_json::from_slice::<Value>(&text).ok())
            else {
                continue;
            };
            let url = ports["nats"][0].as_str().ok_or("no port")?;
            let (_, address) = url.split_once("://").ok_or("no address")?;
            return Ok(address.parse()?);
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// A client that gets the answers to what it asks.
    pub(super) async fn client(&self) -> Fallible<Client> {
        let mut client = Client::connect(self.address, &certificate(self.folder.path())).await?;
        client.subscribe("inbox.>", INBOX);
        client.flush().await?;
        Ok(client)
    }

    /// A process of this program that takes what is published.
    pub(super) fn subscriber(&self, what: &str) -> Fallible<Subscriber> {
        let process = Command::new(std::env::current_exe()?)
            .args([SUBSCRIBE, what, &self.address.to_string()])
            .arg(certificate(self.folder.path()))
            .spawn()?;
        Ok(Subscriber { process })
    }
}

impl Subscriber {
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

fn end(process: &mut Child) {
    let ended = process.kill().and_then(|()| process.wait());
    if let Err(error) = ended {
        eprintln!("bench_node: a process may still run: {error}");
    }
}

fn certificate(folder: &Path) -> PathBuf {
    folder.join("certificate.der")
}

fn config(folder: &Path, transport: Transport) -> Fallible<PathBuf> {
    let shown = folder.display();
    let mut text = format!(
        "host: 127.0.0.1\nport: -1\nports_file_dir: \"{shown}\"\n\
         jetstream {{ store_dir: \"{shown}/jetstream\", sync_interval: always }}\n"
    );
    if transport == Transport::Tls {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        std::fs::write(certificate(folder), made.cert.der())?;
        std::fs::write(folder.join("certificate.pem"), made.cert.pem())?;
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
        writeln!(
            text,
            "tls {{ cert_file: \"{shown}/certificate.pem\", key_file: \"{shown}/key.pem\" }}"
        )?;
    }
    let path = folder.join("server.conf");
    std::fs::write(&path, text)?;
    Ok(path)
}
