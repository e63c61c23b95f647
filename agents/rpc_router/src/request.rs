//! A request and the origins that are to answer it.

use serde::{Deserialize, Serialize};
use skep_agent::{AgentStart, Endpoint, Tx};
use skep_packet::{Address, RolePattern, Token};
use skep_protocol::{callback::ORIGIN_IDLE_MAX_S, rpc::Ask};
use tokio::sync::oneshot;

/// One who is to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) address: Address,
    pub(crate) state: OriginState,
    /// When it was last heard, on the node's monotonic clock of this boot.
    #[serde(skip)]
    heard_ns: u64,
    /// Whether it was seen to serve the role since this boot: a node that has just started knows
    /// nobody yet, and that makes nobody lost.
    #[serde(skip)]
    listed: bool,
    /// The start that was asked, where it was known: a later one knows nothing of the request.
    start: Option<AgentStart>,
}

/// Whether something is still to come from an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OriginState {
    /// It is at it.
    Open,
    /// Its last callback came.
    Done,
    /// It will not answer; what comes is late.
    Lost,
}

/// A request as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) service: RolePattern,
    pub(crate) origins: Vec<Origin>,
    /// Counts the session's requests.
    pub(crate) number: u64,
    /// Whether one endpoint was asked: another one that answers has taken its place.
    is_one: bool,
    /// Dropped to end the ask.
    #[serde(skip)]
    pub(crate) asking: Option<oneshot::Sender<()>>,
}

pub(crate) fn prefix(session: &str) -> String {
    format!("request/{session}/")
}

pub(crate) fn key(session: &str, token: &Token) -> String {
    format!("request/{session}/{token}")
}

impl Origin {
    fn open(address: Address, now_ns: u64) -> Self {
        Self {
            address,
            state: OriginState::Open,
            heard_ns: now_ns,
            listed: true,
            start: None,
        }
    }

    fn is_open(&self) -> bool {
        self.state == OriginState::Open
    }
}

impl Request {
    pub(crate) fn new(
        service: RolePattern,
        choice: Ask,
        origins: &[Address],
        now_ns: u64,
        asking: oneshot::Sender<()>,
    ) -> Self {
        let origin = |address: &Address| Origin::open(address.clone(), now_ns);
        Self {
            service,
            origins: origins.iter().map(origin).collect(),
            number: 0,
            is_one: choice == Ask::One,
            asking: Some(asking),
        }
    }

    /// Takes note of which start of each origin was asked.
    pub(crate) fn started(&mut self, serving: &[Endpoint]) {
        for origin in self
            .origins
            .iter_mut()
            .filter(|origin| origin.start.is_none())
        {
            let endpoint = serving
                .iter()
                .find(|endpoint| endpoint.address == origin.address);
            origin.start = endpoint.map(|endpoint| endpoint.start);
        }
    }

    /// After a restart of the door: everyone was heard just now.
    pub(crate) fn loaded(&mut self, now_ns: u64) {
        for origin in &mut self.origins {
            origin.heard_ns = now_ns;
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.origins.iter().any(Origin::is_open)
    }

    /// Where an origin stands, and that it was heard. One that was not asked takes the place of
    /// one that did not take the packet: it is one more.
    pub(crate) fn heard(&mut self, address: &Address, now_ns: u64) -> Heard {
        match self
            .origins
            .iter_mut()
            .find(|origin| origin.address == *address)
        {
            Some(origin) if origin.is_open() => {
                origin.heard_ns = now_ns;
                Heard::InTime
            }
            Some(_) => Heard::Late,
            None => {
                let open = self.origins.iter_mut().filter(|origin| origin.is_open());
                for origin in open.filter(|_| self.is_one) {
                    origin.state = OriginState::Lost;
                }
                self.origins.push(Origin::open(address.clone(), now_ns));
                Heard::Joined
            }
        }
    }

    /// Those who answer, or have.
    pub(crate) fn answering(&self) -> Vec<Address> {
        let origins = self
            .origins
            .iter()
            .filter(|origin| origin.state != OriginState::Lost);
        origins.map(|origin| origin.address.clone()).collect()
    }

    /// Nothing more is to come from an origin; true where something was.
    pub(crate) fn end(&mut self, address: &Address, state: OriginState) -> bool {
        let mut open = self.origins.iter_mut().filter(|origin| origin.is_open());
        let Some(origin) = open.find(|origin| origin.address == *address) else {
            return false;
        };
        origin.state = state;
        if !self.is_open() {
            self.asking = None;
        }
        true
    }

    /// The origins that were silent for too long, serve the role no more, or were started anew.
    pub(crate) fn overdue(
        &mut self,
        now_ns: u64,
        serving: &[Endpoint],
    ) -> Vec<(Address, &'static str)> {
        let idle_max_ns = ORIGIN_IDLE_MAX_S * 1_000_000_000;
        let mut lost = Vec::new();
        for origin in self.origins.iter_mut().filter(|origin| origin.is_open()) {
            let endpoint = serving
                .iter()
                .find(|endpoint| endpoint.address == origin.address);
            let is_gone = origin.listed && endpoint.is_none();
            let is_anew = endpoint
                .is_some_and(|endpoint| origin.start.is_some_and(|start| start != endpoint.start));
            origin.listed |= endpoint.is_some();
            if is_gone {
                lost.push((origin.address.clone(), "it serves the role no more"));
            } else if is_anew {
                lost.push((origin.address.clone(), "it was started anew"));
            } else if now_ns.saturating_sub(origin.heard_ns) > idle_max_ns {
                lost.push((origin.address.clone(), "nothing came from it for too long"));
            }
        }
        lost
    }

    pub(crate) fn write(&self, tx: &mut Tx, session: &str, token: &Token) {
        tx.put(&key(session, token), self);
    }
}

/// How a callback stands to its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    InTime,
    Late,
    Joined,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn request(origins: &[&str]) -> Request {
        let origins: Vec<Address> = origins.iter().map(|text| address(text)).collect();
        Request::new(
            "a.role".parse().unwrap(),
            Ask::All,
            &origins,
            0,
            oneshot::channel().0,
        )
    }

    fn start(boot: u128, incarnation: u32) -> AgentStart {
        let boot = skep_packet::BootId(uuid::Uuid::from_u128(boot));
        AgentStart { boot, incarnation }
    }

    fn endpoint(address: &Address, start: AgentStart) -> Endpoint {
        Endpoint {
            address: address.clone(),
            role: "a.role".parse().unwrap(),
            handler: "cmd_do".parse().unwrap(),
            start,
        }
    }

    /// Who is overdue, without the reasons.
    fn overdue(request: &mut Request, now_ns: u64, serving: &[Address]) -> Vec<Address> {
        let serving: Vec<Endpoint> = serving
            .iter()
            .map(|address| endpoint(address, start(1, 1)))
            .collect();
        let lost = request.overdue(now_ns, &serving);
        lost.into_iter().map(|(address, _)| address).collect()
    }

    #[test]
    fn an_origin_that_says_nothing_is_lost_after_its_time() {
        let mut request = request(&["a@n1", "a@n2"]);
        let serving = [address("a@n1"), address("a@n2")];
        assert_eq!(
            request.heard(&address("a@n1"), 20 * SECOND_NS),
            Heard::InTime
        );
        assert!(overdue(&mut request, 30 * SECOND_NS, &serving).is_empty());
        assert_eq!(
            overdue(&mut request, 31 * SECOND_NS, &serving),
            [address("a@n2")]
        );
        assert_eq!(overdue(&mut request, 51 * SECOND_NS, &serving).len(), 2);
    }

    #[test]
    fn an_origin_that_left_is_lost_at_once_but_not_by_a_node_that_knows_nobody_yet() {
        let mut request = request(&["a@n1"]);
        assert_eq!(overdue(&mut request, SECOND_NS, &[]), [address("a@n1")]);
        let text = serde_json::to_string(&request).unwrap();
        let mut loaded: Request = serde_json::from_str(&text).unwrap();
        loaded.loaded(5 * SECOND_NS);
        assert!(overdue(&mut loaded, 6 * SECOND_NS, &[]).is_empty());
        assert!(overdue(&mut loaded, 7 * SECOND_NS, &[address("a@n1")]).is_empty());
        assert_eq!(overdue(&mut loaded, 8 * SECOND_NS, &[]), [address("a@n1")]);
    }

    #[test]
    fn what_comes_after_the_end_is_late() {
        let mut request = request(&["a@n1"]);
        assert!(request.end(&address("a@n1"), OriginState::Lost));
        assert!(!request.end(&address("a@n1"), OriginState::Done));
        assert_eq!(request.heard(&address("a@n1"), 1), Heard::Late);
        assert!(request.asking.is_none());
    }

    #[test]
    fn an_origin_that_was_started_anew_is_lost_at_once_also_after_a_restart_of_the_door() {
        let check = |now: AgentStart, is_lost: bool| {
            let mut request = request(&["a@n1"]);
            let at = |start| [endpoint(&address("a@n1"), start)];
            request.started(&at(start(1, 2)));
            let text = serde_json::to_string(&request).unwrap();
            let mut loaded: Request = serde_json::from_str(&text).unwrap();
            loaded.loaded(SECOND_NS);
            for mut request in [request, loaded] {
                assert_eq!(
                    request.overdue(SECOND_NS, &at(now)).len(),
                    usize::from(is_lost)
                );
            }
        };
        check(start(1, 2), false);
        check(start(1, 3), true);
        check(start(2, 2), true);
        check(start(2, 1), true);
    }
}
