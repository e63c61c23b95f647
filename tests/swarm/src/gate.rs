//! All other hosts, as one host's network shows them: the way from each host to each other one leads
//! through two gates, and these lose, hold back, double and swap what passes.
//!
//! Each host sits alone in a network with its gate, which has the addresses of all the others. A
//! gate hands a datagram to the gate of the host it is for, through a socket in a folder; that one
//! sends it from the sender's address. So no host can tell that it is not on one network with the
//! others.
//!
//! What the gates do stands in `FOLDER/weather`, and can change at any time:
//! `LOSS DELAY_MS SPREAD_MS DOUBLE`, the first and last one in a thousand. A datagram is held for the
//! delay and a random part of the spread; so later ones overtake it.

use std::{
    collections::BinaryHeap,
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use rand::Rng;
use tokio::{
    net::{UdpSocket, UnixDatagram},
    time::{Instant, interval, sleep_until},
};

/// The swarm's port, on every host.
const PORT: u16 = 7400;
/// The longest datagram of QUIC here, and more.
const DATAGRAM_BYTES_MAX: usize = 16 * 1024;
/// Datagrams that may be held back; a further one is lost, as on any full line.
const HELD_MAX: usize = 4096;
/// How often the weather is read.
const LOOK: Duration = Duration::from_millis(100);

/// What happens to datagrams.
#[derive(Debug, Clone, Copy, Default)]
struct Weather {
    loss: u32,
    delay_ms: u64,
    spread_ms: u64,
    double: u32,
}

impl Weather {
    fn read(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join("weather")).ok()?;
        let mut words = text.split_whitespace();
        let mut next = || words.next()?.parse::<u32>().ok();
        Some(Self {
            loss: next()?,
            delay_ms: next()?.into(),
            spread_ms: next()?.into(),
            double: next()?,
        })
    }
}

/// A datagram that is held back; the earliest one is the greatest.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    due: Instant,
    from: Ipv4Addr,
    bytes: Vec<u8>,
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.due.cmp(&self.due)
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The gate of the host `own`, before the hosts `others`; runs until it is killed.
///
/// # Panics
/// Where an address is not on this network, or the folder is not there.
pub fn run(folder: &Path, own: &str, others: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let own: Ipv4Addr = own.parse().unwrap();
    let others = others.iter().map(|other| other.parse().unwrap());
    runtime
        .unwrap()
        .block_on(Gate::open(folder, own, others.collect()));
}

struct Gate {
    folder: PathBuf,
    own: Ipv4Addr,
    weather: Mutex<Weather>,
    /// From where the host spoke last: its node, or who asks for papers for it.
    port: AtomicU16,
}

impl Gate {
    async fn open(folder: &Path, own: Ipv4Addr, others: Vec<Ipv4Addr>) {
        let gate = Arc::new(Self {
            folder: folder.to_owned(),
            own,
            weather: Mutex::new(Weather::read(folder).unwrap_or_default()),
            port: AtomicU16::new(PORT),
        });
        let inner = UnixDatagram::bind(gate.socket(own)).unwrap();
        let inner = Arc::new(inner);
        let mut outer = Vec::new();
        let mut tasks = tokio::task::JoinSet::new();
        for other in others {
            let socket = UdpSocket::bind(SocketAddrV4::new(other, PORT))
                .await
                .unwrap();
            let socket = Arc::new(socket);
            outer.push((other, socket.clone()));
            tasks.spawn(gate.clone().out(other, socket, inner.clone()));
        }
        tasks.spawn(gate.clone().look());
        println!("OPEN {own}");
        gate.inward(&inner, &outer).await;
    }

    fn socket(&self, host: Ipv4Addr) -> PathBuf {
        self.folder.join(format!("gate-{host}"))
    }

    async fn look(self: Arc<Self>) {
        let mut looks = interval(LOOK);
        loop {
            looks.tick().await;
            // A file that is being written is read the next time.
            if let Some(weather) = Weather::read(&self.folder) {
                *self.weather.lock().unwrap() = weather;
            }
        }
    }

    /// What the host sends to `other` goes to the gate of that one.
    async fn out(
        self: Arc<Self>,
        other: Ipv4Addr,
        socket: Arc<UdpSocket>,
        inner: Arc<UnixDatagram>,
    ) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let Ok((n, from)) = socket.recv_from(&mut buffer).await else {
                continue;
            };
            self.port.store(from.port(), Ordering::Relaxed);
            let mut message = self.own.octets().to_vec();
            message.extend_from_slice(&buffer[..n]);
            // A gate that is not there, or has its hands full, loses it.
            drop(inner.try_send_to(&message, self.socket(other)));
        }
    }

    /// What other hosts sent to this one leaves in its time, from their addresses.
    async fn inward(&self, inner: &UnixDatagram, outer: &[(Ipv4Addr, Arc<UdpSocket>)]) {
        let mut held: BinaryHeap<Held> = BinaryHeap::new();
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let due = held.peek().map(|first| first.due);
            let wait = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                received = inner.recv_from(&mut buffer) => {
                    if let Ok((n, _)) = received {
                        self.hold(&mut held, &buffer[..n]);
                    }
                }
                () = wait => {
                    let Some(first) = held.pop() else { continue };
                    if let Some((_, socket)) = outer.iter().find(|(other, _)| *other == first.from) {
                        let to = SocketAddrV4::new(self.own, self.port.load(Ordering::Relaxed));
                        // A host whose link is down loses it.
                        drop(socket.send_to(&first.bytes, to).await);
                    }
                }
            }
        }
    }

    fn hold(&self, held: &mut BinaryHeap<Held>, message: &[u8]) {
        let Some((from, bytes)) = message.split_first_chunk::<4>() else {
            return;
        };
        let weather = *self.weather.lock().unwrap();
        let mut rng = rand::rng();
        if held.len() >= HELD_MAX || rng.random_range(0..1000) < weather.loss {
            return;
        }
        let n_copies = if rng.random_range(0..1000) < weather.double {
            2
        } else {
            1
        };
        for _ in 0..n_copies {
            let spread = rng.random_range(0..=weather.spread_ms);
            held.push(Held {
                due: Instant::now() + Duration::from_millis(weather.delay_ms + spread),
                from: Ipv4Addr::from(*from),
                bytes: bytes.to_vec(),
            });
        }
    }
}
