//! What an operator changes on a running node.
#![allow(clippy::unwrap_used, reason = "a test may unwrap")]

use bytes::Bytes;
use serde_json::{Value, json};
use skep_agent::{Deed, Done, Order, Outgoing, SignedWord};
use skep_identity::{
    AuditEntry, AuditEvent, AuditHead, Keyring, LoginTerms, OperatorBundle, PrivateKey,
    SESSION_KEY_BITS, Session,
};
use skep_node::Clock;
use skep_packet::{Address, AgentHealth, AgentName, HandlerName, NodeId, RoleName, Token};
use skep_tests_swarm::{Host, World, until};

const FAMILY: &str = r#"{"children": [
    {"universal_id": "probe", "name": "probe"},
    {"universal_id": "mother", "name": "bee", "children": [
        {"universal_id": "son", "name": "bee"}
    ]}
]}"#;

fn name(text: &str) -> AgentName {
    AgentName::new(text).unwrap()
}

fn inject(under: Option<&str>, agent: Value) -> Deed {
    let under = under.map(name);
    Deed::Inject { under, agent }
}

fn replace(agent: &str, with: Value) -> Deed {
    let agent = name(agent);
    Deed::Replace { agent, with }
}

fn bee(id: &str, config: &Value) -> Value {
    json!({"universal_id": id, "name": "bee", "config": config})
}

/// An operator and what is signed with the operator's key.
struct Ann {
    bundle: OperatorBundle,
    session: Session,
    node: NodeId,
}

impl Ann {
    async fn of(host: &Host) -> Self {
        until("the operator's key", || host.home().operator().unwrap()).await;
        let bundle = host.home().operator().unwrap().unwrap();
        let node = host.node().name().clone();
        let terms = LoginTerms {
            swarm: bundle.swarm,
            nonce: Bytes::from_static(b"nonce"),
            router: node.clone(),
            binding: Bytes::from_static(b"unix"),
        };
        let key = PrivateKey::generate(SESSION_KEY_BITS).unwrap();
        let now_ms = Clock::start().now().unix_ms;
        let passport = bundle.passport.clone();
        let session = Session::open(&bundle.key, passport, key, terms, now_ms).unwrap();
        Self {
            bundle,
            session,
            node,
        }
    }

    fn word(&self) -> SignedWord {
        let role = format!("steward.{}", self.node);
        let token = Token::from(uuid::Uuid::new_v4());
        let payload = Bytes::from_static(br#"{"deed":"as the test wants"}"#);
        let now_ms = Clock::start().now().unix_ms;
        let proof = self.session.request(&role, &payload, &token, now_ms);
        SignedWord {
            role: RoleName::new(&role).unwrap(),
            token,
            payload,
            proof: proof.unwrap(),
        }
    }

    async fn orders(&self, host: &Host, deed: Deed) -> Result<Done, String> {
        let word = self.word();
        let dry_run = false;
        let order = Order {
            deed,
            dry_run,
            word,
        };
        host.node().steward().order(order).await
    }

    /// The audit log; every entry and proof of it must be good.
    fn log(&self, host: &Host) -> Vec<AuditEntry> {
        let keyring = Keyring::new(self.bundle.swarm, self.bundle.authority.clone());
        let mut head = AuditHead::default();
        let mut log = Vec::new();
        loop {
            let page = host.node().steward().audit(head.seq, 1).unwrap();
            if page.entries.is_empty() {
                assert_eq!(page.n_entries, head.seq);
                return log;
            }
            for bytes in page.entries {
                let entry = head.follow(&self.node, &bytes).unwrap();
                let who = entry.operator(&keyring).unwrap();
                assert!(who.is_none_or(|who| who.name == "admin"));
                log.push(entry);
            }
        }
    }

    /// What the log tells, in short.
    fn story(&self, host: &Host) -> Vec<&'static str> {
        let log = self.log(host);
        let word = |entry: &AuditEntry| match &entry.event {
            AuditEvent::Command(_) => "command",
            AuditEvent::Outcome { is_done: true, .. } => "done",
            AuditEvent::Outcome { .. } => "not done",
            AuditEvent::Superseded { .. } => "superseded",
            AuditEvent::Reloaded { is_done: true, .. } => "reloaded",
            AuditEvent::Reloaded { .. } => "not reloaded",
        };
        log.iter().map(word).collect()
    }
}

/// Each agent with how often it was started, in the tree's order.
fn starts(host: &Host) -> Vec<(String, u32)> {
    let tree = host.node().view().tree();
    let cards = tree.nodes[0].agents.iter().map(|agent| &agent.card);
    let healthy = cards.filter(|card| card.health == AgentHealth::Healthy);
    healthy
        .map(|card| (card.agent.to_string(), card.incarnation))
        .collect()
}

async fn runs(host: &Host, expected: &[(&str, u32)]) {
    let expected: Vec<(String, u32)> = expected
        .iter()
        .map(|(agent, n)| ((*agent).to_owned(), *n))
        .collect();
    let what = format!("{expected:?} beside {:?}", starts(host));
    until(&what, || (starts(host) == expected).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_disturbs_nobody_else_and_outlives_a_restart_until_the_file_changes() {
    let world = World::new("inject");
    let mut host = world.first_live("n1", FAMILY).await;
    let ann = Ann::of(&host).await;
    runs(&host, &[("probe", 1), ("mother", 1), ("son", 1)]).await;
    let done = ann
        .orders(&host, inject(Some("mother"), bee("daughter", &json!({}))))
        .await;
    let done = done.unwrap();
    assert_eq!(
        (done.stopped, done.started),
        (Vec::new(), vec![name("daughter")])
    );
    let family = [("probe", 1), ("mother", 1), ("son", 1), ("daughter", 1)];
    runs(&host, &family).await;
    host.down().await;
    host.up().await;
    runs(&host, &family).await;
    host.down().await;
    host.write(r#"{"children": [{"universal_id": "probe", "name": "probe"}]}"#);
    host.up().await;
    runs(&host, &[("probe", 1)]).await;
    assert_eq!(ann.story(&host), ["command", "done", "superseded"]);
    // The file was changed once: it is not said again.
    host.down().await;
    host.up().await;
    runs(&host, &[("probe", 1)]).await;
    assert_eq!(ann.story(&host).len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parent_takes_its_subtree_along_and_a_crash_takes_nobody() {
    let world = World::new("subtree");
    let host = world.first_live("n1", FAMILY).await;
    let ann = Ann::of(&host).await;
    runs(&host, &[("probe", 1), ("mother", 1), ("son", 1)]).await;
    let probe = host.probe().await;
    let mother = Address::new(name("mother"), host.node().name().clone());
    let panic = HandlerName::new("cmd_panic").unwrap();
    probe
        .send(Outgoing::to_agent(mother, panic, &1))
        .await
        .unwrap();
    runs(&host, &[("probe", 1), ("mother", 2), ("son", 1)]).await;
    let restart = |agent| Deed::Restart { agent };
    let done = ann.orders(&host, restart(name("mother"))).await.unwrap();
    assert_eq!(done.stopped, [name("son"), name("mother")]);
    runs(&host, &[("probe", 1), ("mother", 3), ("son", 2)]).await;
    let with = json!({"name": "bee", "config": {"mark": 1}});
    ann.orders(&host, replace("son", with)).await.unwrap();
    runs(&host, &[("probe", 1), ("mother", 3), ("son", 3)]).await;
    let agent = name("mother");
    let done = ann.orders(&host, Deed::Delete { agent }).await.unwrap();
    assert_eq!((done.stopped.len(), done.started.len()), (2, 0));
    runs(&host, &[("probe", 1)]).await;
    // One that comes back is another start, also to those who knew it.
    ann.orders(&host, inject(None, bee("mother", &json!({}))))
        .await
        .unwrap();
    runs(&host, &[("probe", 1), ("mother", 4)]).await;
    assert_eq!(ann.story(&host).len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_become_healthy_is_undone() {
    let world = World::new("undone");
    let mut host = world.first_live("n1", FAMILY).await;
    let ann = Ann::of(&host).await;
    runs(&host, &[("probe", 1), ("mother", 1), ("son", 1)]).await;
    let fails = json!({"name": "bee", "config": {"fails": true}, "restart": {"intensity": 1}});
    let why = ann
        .orders(&host, replace("mother", fails))
        .await
        .unwrap_err();
    assert!(why.starts_with("mother fails again and again: "), "{why}");
    assert!(why.ends_with("everything is as before"), "{why}");
    // Two starts of the other one lie between.
    runs(&host, &[("probe", 1), ("mother", 4), ("son", 3)]).await;
    let sleeps = bee("daughter", &json!({"sleeps": true}));
    let why = ann.orders(&host, inject(None, sleeps)).await.unwrap_err();
    assert_eq!(
        why,
        "daughter is not healthy yet, after 10 s: everything is as before"
    );
    runs(&host, &[("probe", 1), ("mother", 4), ("son", 3)]).await;
    host.down().await;
    host.up().await;
    runs(&host, &[("probe", 1), ("mother", 1), ("son", 1)]).await;
    let expected = ["command", "not done", "command", "not done"];
    assert_eq!(ann.story(&host), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_good_directive_changes_nothing() {
    let world = World::new("nonsense");
    let host = world.first_live("n1", FAMILY).await;
    let ann = Ann::of(&host).await;
    let check = async |deed: Deed, expected: &str| {
        let why = ann.orders(&host, deed).await.unwrap_err();
        assert!(why.contains(expected), "{why}");
    };
    let none = json!({});
    check(
        inject(None, bee("son", &none)),
        "two agents are called `son`",
    )
    .await;
    check(inject(Some("brother"), bee("a", &none)), "no agent brother").await;
    check(inject(None, bee("a", &json!({"wings": 2}))), "SK-0121").await;
    let unknown = json!({"universal_id": "a", "name": "wasp"});
    check(inject(None, unknown), "there is no agent `wasp`").await;
    let agent = name("brother");
    check(Deed::Restart { agent }, "runs no agent brother").await;
    let agent = name("mother");
    let dry = Order {
        deed: Deed::Delete { agent },
        dry_run: true,
        word: ann.word(),
    };
    let done = host.node().steward().order(dry).await.unwrap();
    assert_eq!((done.stopped.len(), done.entry), (2, None));
    runs(&host, &[("probe", 1), ("mother", 1), ("son", 1)]).await;
    assert!(ann.log(&host).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_done_one_after_another_and_a_stop_waits_for_none() {
    let world = World::new("orders");
    let mut host = world.first_live("n1", FAMILY).await;
    let ann = Ann::of(&host).await;
    runs(&host, &[("probe", 1), ("mother", 1), ("son", 1)]).await;
    let restart = |agent: &str| {
        let agent = name(agent);
        ann.orders(&host, Deed::Restart { agent })
    };
    let (first, second) = tokio::join!(restart("mother"), restart("mother"));
    assert_ne!(first.unwrap().entry, second.unwrap().entry);
    runs(&host, &[("probe", 1), ("mother", 3), ("son", 3)]).await;
    // One that never becomes healthy is under way when the node is stopped.
    let sleeps = inject(None, bee("daughter", &json!({"sleeps": true})));
    let order = ann.orders(&host, sleeps);
    let begun = async {
        until("the order", || {
            let n = host
                .node()
                .steward()
                .audit(0, usize::MAX)
                .unwrap()
                .n_entries;
            (n == 5).then_some(())
        })
        .await;
    };
    tokio::select! {
        result = order => panic!("{result:?}"),
        () = begun => {}
    }
    host.down().await;
    host.up().await;
    runs(&host, &[("probe", 1), ("mother", 1), ("son", 1)]).await;
}

/// Family, with another son, without the probe's sister, and with an uncle.
const OTHER_FAMILY: &str = r#"{"children": [
    {"universal_id": "probe", "name": "probe"},
    {"universal_id": "mother", "name": "bee", "children": [
        {"universal_id": "son", "name": "bee", "config": {"mark": 1}}
    ]},
    {"universal_id": "uncle", "name": "bee"}
]}"#;

async fn reloads(host: &mut Host, text: &str) -> Result<Done, String> {
    host.write(text);
    host.node().reload(text.to_owned()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_read_again_changes_what_differs_and_drops_orders() {
    let world = World::new("reload");
    let mut host = world.first_live("n1", FAMILY).await;
    let ann = Ann::of(&host).await;
    runs(&host, &[("probe", 1), ("mother", 1), ("son", 1)]).await;
    let daughter = inject(Some("mother"), bee("daughter", &json!({})));
    ann.orders(&host, daughter).await.unwrap();
    // The file is as it was: what orders made of it goes on.
    assert_eq!(reloads(&mut host, FAMILY).await, Ok(Done::default()));
    runs(
        &host,
        &[("probe", 1), ("mother", 1), ("son", 1), ("daughter", 1)],
    )
    .await;
    let done = reloads(&mut host, OTHER_FAMILY).await.unwrap();
    assert_eq!(done.stopped, [name("daughter"), name("son")]);
    assert_eq!(done.started, [name("son"), name("uncle")]);
    assert_eq!(done.entry, Some(3));
    let family = [("probe", 1), ("mother", 1), ("son", 2), ("uncle", 1)];
    runs(&host, &family).await;
    // An order changes the new text, and the next start finds it so.
    let agent = name("uncle");
    ann.orders(&host, Deed::Delete { agent }).await.unwrap();
    host.down().await;
    host.up().await;
    runs(&host, &[("probe", 1), ("mother", 1), ("son", 1)]).await;
    let story = ann.story(&host);
    assert_eq!(story, ["command", "done", "reloaded", "command", "done"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_good_or_does_not_become_healthy_changes_nothing() {
    let world = World::new("noreload");
    let mut host = world.first_live("n1", FAMILY).await;
    let ann = Ann::of(&host).await;
    let family = [("probe", 1), ("mother", 1), ("son", 1)];
    runs(&host, &family).await;
    let wrong = FAMILY.replace("\"mother\"", "\"mo ther\"");
    let why = reloads(&mut host, &wrong).await.unwrap_err();
    assert!(why.contains("this can not be an agent's name"), "{why}");
    let why = reloads(&mut host, "{").await.unwrap_err();
    assert!(!why.is_empty());
    runs(&host, &family).await;
    let fails = r#"{"universal_id": "son", "name": "bee", "config": {"fails": true},
        "restart": {"intensity": 1}}"#;
    let sick = FAMILY.replace(r#"{"universal_id": "son", "name": "bee"}"#, fails);
    let why = reloads(&mut host, &sick).await.unwrap_err();
    assert!(why.starts_with("son fails again and again: "), "{why}");
    // Two starts of the sick one lie between.
    runs(&host, &[("probe", 1), ("mother", 1), ("son", 4)]).await;
    let story = ann.story(&host);
    assert_eq!(story, ["not reloaded", "not reloaded", "not reloaded"]);
    // The text that runs is still the first one.
    assert_eq!(reloads(&mut host, FAMILY).await, Ok(Done::default()));
}
