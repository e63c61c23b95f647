use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use skep_packet::{Address, AgentName, BootId, NodeId, Now, PacketId, Token};
use uuid::Uuid;

use super::{
    AskId, AskInput, AskOutput, AskRefused, AskedEndpoint, Asks, Gather, Lost, OpenAsk,
    ReplyVerdict,
};

fn at(mono_ns: u64) -> Now {
    Now {
        mono_ns,
        unix_ms: 0,
    }
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn endpoint(text: &str, boot: u128) -> AskedEndpoint {
    AskedEndpoint {
        address: address(text),
        boot: BootId(Uuid::from_u128(boot)),
        agent_incarnation: 1,
    }
}

fn asker() -> AgentName {
    AgentName::new("asker").unwrap()
}

fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

fn ask(text: &str, endpoints: &[&str], gather: Gather, deadline_ns: u64) -> OpenAsk {
    OpenAsk {
        asker: asker(),
        token: token(text),
        packet: PacketId(Uuid::from_u128(9)),
        deadline_ns,
        endpoints: endpoints.iter().map(|text| endpoint(text, 1)).collect(),
        gather,
    }
}

fn outputs(asks: &mut Asks) -> Vec<AskOutput> {
    std::iter::from_fn(|| asks.poll_output()).collect()
}

#[test]
fn the_first_answer_of_whoever_was_asked_settles_it() {
    let mut asks = Asks::new();
    let id = asks
        .open(ask("t", &["a@n1", "a@n2"], Gather::First, 10))
        .unwrap();
    let mut reply = |text: &str, from: &str| asks.reply(&asker(), &token(text), &address(from));
    assert_eq!(reply("t", "x@n9"), ReplyVerdict::NotAsked);
    assert_eq!(reply("other", "a@n2"), ReplyVerdict::Unknown);
    assert_eq!(reply("t", "a@n2"), ReplyVerdict::Settles(id));
    assert_eq!(reply("t", "a@n1"), ReplyVerdict::Late);
    assert_eq!(reply("t", "x@n9"), ReplyVerdict::NotAsked);
    assert!(asks.is_empty());
    assert_eq!(asks.next_wake(), None);
}

#[test]
fn an_ask_to_each_is_open_until_each_has_answered_or_is_lost() {
    let mut asks = Asks::new();
    let id = asks
        .open(ask("t", &["a@n1", "a@n2", "a@n3"], Gather::Each, 10))
        .unwrap();
    let reply = |asks: &mut Asks, from: &str| asks.reply(&asker(), &token("t"), &address(from));
    assert_eq!(reply(&mut asks, "a@n1"), ReplyVerdict::Part(id));
    assert_eq!(reply(&mut asks, "a@n1"), ReplyVerdict::Late);
    asks.handle(at(1), AskInput::NodeDead(NodeId::new("n2").unwrap()));
    assert_eq!(
        outputs(&mut asks),
        [AskOutput::EndpointLost(id, address("a@n2"), Lost::NodeDead)]
    );
    assert_eq!(reply(&mut asks, "a@n3"), ReplyVerdict::Settles(id));
}

#[test]
fn a_deadline_is_monotonic_and_an_answer_after_it_is_late() {
    let mut asks = Asks::new();
    let id = asks
        .open(ask("t", &["a@n1"], Gather::First, 1_000))
        .unwrap();
    assert_eq!(asks.next_wake(), Some(1_000));
    asks.on_timeout(Now {
        mono_ns: 999,
        unix_ms: u64::MAX,
    });
    assert_eq!(outputs(&mut asks), []);
    asks.on_timeout(at(1_000));
    assert_eq!(outputs(&mut asks), [AskOutput::TimedOut(id)]);
    assert_eq!(
        asks.reply(&asker(), &token("t"), &address("a@n1")),
        ReplyVerdict::Late
    );
}

#[test]
fn an_ask_fails_at_once_when_nobody_is_left_to_answer() {
    fn check(input: AskInput, expected: Option<Lost>) {
        let mut asks = Asks::new();
        let id = asks.open(ask("t", &["a@n1"], Gather::First, 10)).unwrap();
        asks.handle(at(1), input);
        let expected: Vec<AskOutput> = expected
            .map(|lost| AskOutput::Failed(id, address("a@n1"), lost))
            .into_iter()
            .collect();
        assert_eq!(outputs(&mut asks), expected);
        assert_eq!(asks.is_empty(), !expected.is_empty());
    }
    let n1 = || NodeId::new("n1").unwrap();
    let restarted = AskedEndpoint {
        agent_incarnation: 2,
        ..endpoint("a@n1", 1)
    };
    check(AskInput::NodeDead(n1()), Some(Lost::NodeDead));
    check(AskInput::NodeDead(NodeId::new("n2").unwrap()), None);
    check(AskInput::NodeBoot(n1(), BootId(Uuid::from_u128(1))), None);
    check(
        AskInput::NodeBoot(n1(), BootId(Uuid::from_u128(2))),
        Some(Lost::NodeRestarted),
    );
    check(AskInput::AgentAt(endpoint("a@n1", 1)), None);
    check(AskInput::AgentAt(restarted), Some(Lost::AgentRestarted));
    check(
        AskInput::AgentGone(address("a@n1")),
        Some(Lost::AgentRestarted),
    );
    check(AskInput::AgentGone(address("b@n1")), None);
    let not_delivered = |packet| AskInput::NotDelivered {
        packet: PacketId(Uuid::from_u128(packet)),
        asker: asker(),
        token: token("t"),
        endpoint: address("a@n1"),
        lost: Lost::Unreachable,
    };
    check(not_delivered(9), Some(Lost::Unreachable));
    // A packet with the same token that is not the question.
    check(not_delivered(8), None);
}

#[test]
fn a_retargeted_question_may_be_answered_by_both() {
    let retargeted = |asks: &mut Asks| {
        let to = endpoint("a@n2", 1);
        let (asker, token, from) = (asker(), token("t"), address("a@n1"));
        asks.handle(
            at(1),
            AskInput::Retargeted {
                asker,
                token,
                from,
                to,
            },
        );
    };
    for from in ["a@n1", "a@n2"] {
        let mut asks = Asks::new();
        let id = asks.open(ask("t", &["a@n1"], Gather::First, 10)).unwrap();
        retargeted(&mut asks);
        asks.handle(at(1), AskInput::NodeDead(NodeId::new("n1").unwrap()));
        assert_eq!(outputs(&mut asks), []);
        assert_eq!(
            asks.reply(&asker(), &token("t"), &address(from)),
            ReplyVerdict::Settles(id)
        );
    }
}

#[test]
fn the_same_question_is_not_open_twice() {
    let mut asks = Asks::new();
    let id = asks.open(ask("t", &["a@n1"], Gather::First, 10)).unwrap();
    let again = asks.open(ask("t", &["a@n1"], Gather::First, 10));
    assert_eq!(again, Err(AskRefused::Open(id)));
    asks.handle(at(1), AskInput::Cancel(id));
    assert_eq!(outputs(&mut asks), []);
    assert!(asks.open(ask("t", &["a@n1"], Gather::First, 10)).is_ok());
    assert_eq!(
        asks.open(ask("u", &[], Gather::First, 10)),
        Err(AskRefused::NoEndpoint)
    );
    asks.handle(at(1), AskInput::AskerGone(asker()));
    assert!(asks.is_empty());
}

#[test]
fn a_hundred_thousand_asks_fire_in_order() {
    let mut asks = Asks::new();
    for n in 0..100_000_u64 {
        let deadline_ns = (n * 7_919) % 100_000;
        let text = format!("{n}");
        asks.open(ask(&text, &["a@n1"], Gather::First, deadline_ns))
            .unwrap();
    }
    asks.on_timeout(at(49_999));
    assert_eq!(outputs(&mut asks).len(), 50_000);
    assert_eq!(asks.next_wake(), Some(50_000));
    asks.on_timeout(at(100_000));
    assert_eq!(outputs(&mut asks).len(), 50_000);
    assert!(asks.is_empty());
}

/// What may happen to asks, by small numbers.
#[derive(Debug, Clone)]
enum Step {
    Open {
        token: u8,
        endpoints: BTreeSet<u8>,
        each: bool,
        within: u64,
    },
    Reply {
        token: u8,
        from: u8,
    },
    Dead(u8),
    Cancel(u8),
    Pass(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (
            0..6_u8,
            prop::collection::btree_set(0..4_u8, 1..4),
            any::<bool>(),
            1..50_u64
        )
            .prop_map(|(token, endpoints, each, within)| Step::Open {
                token,
                endpoints,
                each,
                within
            }),
        (0..6_u8, 0..4_u8).prop_map(|(token, from)| Step::Reply { token, from }),
        (0..4_u8).prop_map(Step::Dead),
        (0..6_u8).prop_map(Step::Cancel),
        (1..30_u64).prop_map(Step::Pass),
    ]
}

/// The obvious implementation: a list that is searched.
#[derive(Default)]
struct Model {
    now: u64,
    open: BTreeMap<u8, (AskId, BTreeSet<u8>, bool, u64)>,
}

impl Model {
    fn reply(&mut self, asks: &mut Asks, token: u8, from: u8) {
        let text = |token: u8| format!("t{token}");
        let place = |from: u8| format!("a@n{from}");
        let verdict = asks.reply(
            &asker(),
            &super::tests::token(&text(token)),
            &address(&place(from)),
        );
        let Some((id, waiting, each, _)) = self.open.get_mut(&token) else {
            assert!(!matches!(
                verdict,
                ReplyVerdict::Settles(_) | ReplyVerdict::Part(_)
            ));
            return;
        };
        let was_waiting = waiting.remove(&from);
        let expected = match (was_waiting, *each && !waiting.is_empty()) {
            (true, true) => Some(ReplyVerdict::Part(*id)),
            (true, false) => Some(ReplyVerdict::Settles(*id)),
            // Lost endpoints of an ask for the first answer may still give it.
            (false, _) => None,
        };
        if let Some(expected) = expected {
            assert_eq!(verdict, expected);
        }
        if matches!(verdict, ReplyVerdict::Settles(_)) {
            self.open.remove(&token);
        }
    }

    /// Opens asks in `asks` too, and yields how many ended by themselves in this step.
    fn step(&mut self, asks: &mut Asks, step: &Step) -> usize {
        let text = |token: u8| format!("t{token}");
        let place = |from: u8| format!("a@n{from}");
        match step {
            Step::Open {
                token,
                endpoints,
                each,
                within,
            } => {
                let places: Vec<String> = endpoints.iter().map(|from| place(*from)).collect();
                let places: Vec<&str> = places.iter().map(String::as_str).collect();
                let gather = if *each { Gather::Each } else { Gather::First };
                let opened = asks.open(ask(&text(*token), &places, gather, self.now + within));
                match self.open.get(token) {
                    Some((id, ..)) => assert_eq!(opened, Err(AskRefused::Open(*id))),
                    None => {
                        let id = opened.unwrap();
                        self.open
                            .insert(*token, (id, endpoints.clone(), *each, self.now + within));
                    }
                }
                0
            }
            Step::Reply { token, from } => {
                self.reply(asks, *token, *from);
                0
            }
            Step::Dead(from) => {
                asks.handle(
                    at(self.now),
                    AskInput::NodeDead(NodeId::new(&format!("n{from}")).unwrap()),
                );
                let before = self.open.len();
                self.open
                    .retain(|_, (_, waiting, ..)| !(waiting.remove(from) && waiting.is_empty()));
                before - self.open.len()
            }
            Step::Cancel(token) => {
                if let Some((id, ..)) = self.open.remove(token) {
                    asks.handle(at(self.now), AskInput::Cancel(id));
                }
                0
            }
            Step::Pass(time) => {
                self.now += time;
                asks.on_timeout(at(self.now));
                let before = self.open.len();
                let now = self.now;
                self.open.retain(|_, (.., deadline)| *deadline > now);
                before - self.open.len()
            }
        }
    }
}

proptest! {
    #[test]
    fn asks_do_what_a_searched_list_does(steps in prop::collection::vec(any_step(), 1..80)) {
        let mut asks = Asks::new();
        let mut model = Model::default();
        for step in &steps {
            let n_ended = model.step(&mut asks, step);
            let ended = outputs(&mut asks)
                .iter()
                .filter(|output| !matches!(output, AskOutput::EndpointLost(..)))
                .count();
            prop_assert_eq!(ended, n_ended, "{:?}", step);
            prop_assert_eq!(asks.len(), model.open.len());
            let next = model.open.values().map(|(.., deadline)| *deadline).min();
            prop_assert_eq!(asks.next_wake(), next);
        }
    }
}
