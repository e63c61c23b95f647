use uuid::Uuid;

use super::*;

fn node(text: &str) -> NodeId {
    NodeId::new(text).unwrap()
}

fn boot(n: u128) -> BootId {
    BootId(Uuid::from_u128(n))
}

struct World(Ways);

impl World {
    fn listening() -> Self {
        Self(Ways::new(node("me"), false))
    }

    fn dialling() -> Self {
        Self(Ways::new(node("me"), true))
    }

    fn up(&mut self, name: &str) -> Vec<String> {
        let (node, boot, listens) = (node(name), boot(1), true);
        self.input(Input::LinkUp {
            node,
            boot,
            listens,
        })
    }

    fn down(&mut self, name: &str) -> Vec<String> {
        let node = node(name);
        self.input(Input::LinkDown { node })
    }

    /// A descriptor: of a node that dials out through `hub`, or of one that listens.
    fn told(&mut self, name: &str, hub: Option<&str>, n_boot: u128) -> Vec<String> {
        self.input(Input::Told {
            node: node(name),
            boot: boot(n_boot),
            listens: hub.is_none(),
            hub: hub.map(node),
        })
    }

    fn heard(&mut self, name: &str, through: &str) -> Vec<String> {
        self.input(Input::Heard {
            node: node(name),
            boot: boot(1),
            through: node(through),
        })
    }

    /// What the driver is told, a short line each.
    fn input(&mut self, input: Input) -> Vec<String> {
        self.0.handle(input);
        let mut lines = Vec::new();
        while let Some(output) = self.0.poll_output() {
            lines.push(match output {
                Output::Up { node, way, .. } => match way {
                    Way::Direct => format!("{node} direct"),
                    Way::Through(relay) => format!("{node} through {relay}"),
                },
                Output::Down { node } => format!("{node} down"),
                Output::Hub(hub) => format!("my hub {}", hub.as_ref().map_or("-", NodeId::as_str)),
            });
        }
        lines
    }
}

#[test]
fn who_only_dials_out_is_reached_through_the_hub_it_names() {
    let mut me = World::listening();
    assert!(me.told("far", Some("hub"), 1).is_empty());
    assert_eq!(me.0.to_dial(&node("far")), &node("hub"));
    assert_eq!(me.up("hub"), ["hub direct", "far through hub"]);
    // A connection of its own is better, and when it breaks the hub is there.
    assert_eq!(me.up("far"), ["far direct"]);
    assert_eq!(me.down("far"), ["far through hub"]);
    // It was started again, moved to another hub, and is gone.
    assert_eq!(me.told("far", Some("hub"), 2), ["far through hub"]);
    assert_eq!(me.told("far", Some("other"), 2), ["far down"]);
    assert_eq!(me.up("other"), ["other direct", "far through other"]);
    assert_eq!(me.input(Input::Gone { node: node("far") }), ["far down"]);
}

#[test]
fn a_node_that_listens_is_dialled_and_has_no_hub() {
    let mut me = World::listening();
    assert!(me.told("far", None, 1).is_empty());
    assert_eq!(me.0.to_dial(&node("far")), &node("far"));
    assert_eq!(me.up("far"), ["far direct"]);
    assert_eq!(
        (me.down("far"), me.0.hub()),
        (vec!["far down".to_owned()], None)
    );
}

#[test]
fn one_that_only_dials_out_reaches_all_through_its_hub() {
    let mut me = World::dialling();
    assert!(me.told("a", None, 1).is_empty());
    assert_eq!(me.up("hub"), ["hub direct", "my hub hub", "a through hub"]);
    assert_eq!(me.told("b", None, 1), ["b through hub"]);
    // The hub goes; another connected one takes its place at once.
    assert_eq!(me.up("a"), ["a direct"]);
    assert_eq!(me.down("hub"), ["my hub a", "b through a", "hub down"]);
    assert_eq!(me.down("a"), ["my hub -", "a down", "b down"]);
}

#[test]
fn two_that_only_dial_out_meet_at_a_hub_of_either() {
    let mut me = World::dialling();
    me.up("mine");
    assert!(me.told("far", Some("theirs"), 1).is_empty(), "two hops");
    assert_eq!(me.0.to_dial(&node("far")), &node("theirs"));
    assert_eq!(me.up("theirs"), ["theirs direct", "far through theirs"]);
    assert_eq!(me.told("near", Some("mine"), 1), ["near through mine"]);
}

#[test]
fn who_spoke_through_another_one_is_answered_there() {
    let mut me = World::dialling();
    me.up("hub");
    me.up("other");
    assert_eq!(me.heard("a", "other"), ["a through other"]);
    assert!(me.heard("a", "other").is_empty(), "no news");
    // What it says itself is better.
    assert_eq!(me.told("a", None, 1), ["a through hub"]);
    assert_eq!(me.input(Input::Gone { node: node("a") }), ["a down"]);
    me.heard("a", "other");
    assert_eq!(me.down("other"), ["other down", "a down"]);
}

#[test]
fn no_node_that_only_dials_out_is_a_hub() {
    let mut me = World::dialling();
    let link = Input::LinkUp {
        node: node("like-me"),
        boot: boot(1),
        listens: false,
    };
    assert_eq!(me.input(link), ["like-me direct"]);
    assert_eq!(me.0.hub(), None);
    // One that stops listening is none any more.
    me.up("hub");
    assert_eq!(me.told("hub", Some("like-me"), 1), ["my hub -"]);
}

#[test]
fn what_is_heard_is_bounded() {
    let mut me = World::listening();
    me.up("hub");
    for n in 0..HEARD_MAX + 10 {
        me.heard(&format!("n{n}"), "hub");
    }
    assert_eq!(me.0.heard.len(), HEARD_MAX);
    assert_eq!(me.0.way(&node(&format!("n{HEARD_MAX}"))), None);
}
