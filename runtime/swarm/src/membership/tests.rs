mod world;

use std::time::Duration;

use proptest::prelude::*;
use skep_packet::{BootId, Frame, MemberState, NodeId, NodeVersion, Now, Rumor, Swim};
use uuid::Uuid;

use self::world::World;
use super::{Input, MEMBERS_MAX, Membership, MembershipConfig, Output};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn nodes_that_know_one_address_find_each_other() {
    let mut world = World::new(1, 6);
    // Everybody is enrolled with the first one only.
    world.enrol_star();
    world.run(SECOND * 30);
    world.assert_converged();
    world.assert_versions_known();
}

#[test]
fn a_killed_node_is_declared_dead_and_a_quiet_swarm_stays_alive() {
    let mut world = World::new(2, 5);
    world.enrol_all();
    world.run(SECOND * 20);
    world.assert_converged();
    world.kill(4);
    let took = world.run_until(SECOND * 10, |world| {
        (0..4).all(|idx| world.state(idx, 4) == Some(MemberState::Dead))
    });
    assert!(
        took.is_some_and(|took| took < SECOND * 7),
        "dead was known after {took:?}"
    );
    world.run(SECOND * 60);
    world.assert_converged();
}

#[test]
fn a_node_that_says_goodbye_has_left_at_once() {
    let mut world = World::new(3, 4);
    world.enrol_all();
    world.run(SECOND * 20);
    world.leave(3);
    let took = world.run_until(SECOND * 5, |world| {
        (0..3).all(|idx| world.state(idx, 3) == Some(MemberState::Left))
    });
    assert!(
        took.is_some_and(|took| took < SECOND),
        "goodbye was known after {took:?}"
    );
}

#[test]
fn a_restarted_node_is_alive_again_even_with_its_clock_set_back() {
    for clock_step_ms in [0_i64, -86_400_000] {
        let mut world = World::new(4, 4);
        world.enrol_all();
        world.run(SECOND * 20);
        world.kill(2);
        world.run(SECOND * 20);
        assert_eq!(world.state(0, 2), Some(MemberState::Dead));
        world.restart(2, clock_step_ms);
        let took = world.run_until(SECOND * 30, World::is_converged);
        assert!(
            took.is_some(),
            "not back with a clock step of {clock_step_ms} ms"
        );
        world.assert_versions_known();
    }
}

#[test]
fn a_node_whose_clock_went_back_is_told_which_version_it_must_beat() {
    let now = Now {
        mono_ns: 0,
        unix_ms: 1_000,
    };
    let mut core = Membership::new(
        NodeId::new("n0").unwrap(),
        MembershipConfig::default(),
        1,
        now,
    );
    core.handle(now, Input::OwnVersion(5));
    let seen = |core: &mut Membership, version| {
        let told = NodeVersion {
            node: NodeId::new("n0").unwrap(),
            version,
            incarnation: 1,
            state: MemberState::Alive,
        };
        let (from, versions) = (NodeId::new("n1").unwrap(), vec![told]);
        let answer = false;
        core.handle(
            now,
            Input::Versions {
                from,
                versions,
                answer,
            },
        );
        std::iter::from_fn(|| core.poll_output()).any(|o| o == Output::OwnVersionSeen(version))
    };
    assert!(!seen(&mut core, 5));
    assert!(seen(&mut core, 9));
    // Only once, and never beyond what leaves room to grow.
    assert!(!seen(&mut core, 9));
    assert!(!seen(&mut core, u64::MAX));
}

#[test]
fn a_healed_partition_heals() {
    let mut world = World::new(5, 6);
    world.enrol_all();
    world.run(SECOND * 20);
    world.partition(&[0, 1, 2]);
    world.run(SECOND * 40);
    assert_eq!(world.state(0, 5), Some(MemberState::Dead));
    assert_eq!(world.state(5, 0), Some(MemberState::Dead));
    assert_eq!(world.state(0, 1), Some(MemberState::Alive));
    // A change on one side while they were apart.
    world.bump_version(1);
    world.run(SECOND * 5);
    world.heal();
    let took = world.run_until(SECOND * 60, World::is_converged);
    assert!(took.is_some(), "not healed");
    world.run(SECOND * 15);
    world.assert_versions_known();
}

#[test]
fn one_bad_link_is_bridged_by_helpers() {
    let mut world = World::new(6, 5);
    world.enrol_all();
    world.run(SECOND * 20);
    world.cut(0, 1);
    world.run(SECOND * 60);
    // Never dead: the others answer for it.
    assert_ne!(world.state(0, 1), Some(MemberState::Dead));
    assert_ne!(world.state(1, 0), Some(MemberState::Dead));
    assert_eq!(world.n_deaths, 0);
}

#[test]
fn a_change_is_known_everywhere_soon() {
    let mut world = World::new(7, 30);
    world.enrol_all();
    world.run(SECOND * 60);
    world.assert_converged();
    world.bump_version(17);
    let took = world.run_until(SECOND * 5, World::versions_known);
    assert!(
        took.is_some_and(|took| took < SECOND * 3),
        "known after {took:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let history = |seed| {
        let mut world = World::new(seed, 5);
        world.loss = 0.2;
        world.history = Some(0);
        world.enrol_all();
        world.run(SECOND * 30);
        world.history
    };
    assert_eq!(history(8), history(8));
    assert_ne!(history(8), history(9));
}

#[test]
fn rumors_about_nobody_do_not_fill_the_memory() {
    let now = Now {
        mono_ns: 0,
        unix_ms: 1,
    };
    let mut core = Membership::new(
        NodeId::new("n0").unwrap(),
        MembershipConfig::default(),
        1,
        now,
    );
    let from = NodeId::new("bad").unwrap();
    core.handle(
        now,
        Input::PeerUp {
            node: from.clone(),
            boot: BootId(Uuid::nil()),
        },
    );
    for batch in 0..100_u32 {
        let versions = (0..100_u32)
            .map(|n| NodeVersion {
                node: NodeId::new(&format!("fake-{batch}-{n}")).unwrap(),
                version: u64::MAX,
                incarnation: u64::MAX,
                state: MemberState::Alive,
            })
            .collect();
        core.handle(
            now,
            Input::Versions {
                from: from.clone(),
                versions,
                answer: true,
            },
        );
        while core.poll_output().is_some() {}
    }
    assert!(core.members().count() <= MEMBERS_MAX);
}

#[test]
fn a_made_up_answer_to_a_probe_counts_for_nothing() {
    let now = Now {
        mono_ns: 0,
        unix_ms: 1,
    };
    let n1 = NodeId::new("n1").unwrap();
    let mut core = Membership::new(
        NodeId::new("n0").unwrap(),
        MembershipConfig::default(),
        1,
        now,
    );
    core.handle(
        now,
        Input::PeerUp {
            node: n1.clone(),
            boot: BootId(Uuid::nil()),
        },
    );
    core.handle(now, Input::PeerDown { node: n1.clone() });
    let outputs: Vec<Output> = std::iter::from_fn(|| core.poll_output()).collect();
    let probe = outputs.iter().find_map(|output| match output {
        Output::Send {
            frame: Frame::Swim(Swim::Ping { probe, .. }),
            ..
        } => Some(*probe),
        _ => None,
    });
    let probe = probe.unwrap();
    let ack = |probe, about: &str| Input::Swim {
        from: NodeId::new("n2").unwrap(),
        swim: Swim::Ack {
            probe,
            about: NodeId::new(about).unwrap(),
            rumors: Vec::new(),
        },
    };
    core.handle(now, ack(probe.wrapping_add(1), "n1"));
    core.handle(now, ack(probe, "n2"));
    core.on_timeout(now.plus(SECOND * 2));
    assert_eq!(core.state(&n1), Some(MemberState::Suspect));
}

#[test]
fn a_revoked_node_is_not_talked_into_life() {
    let now = Now {
        mono_ns: 0,
        unix_ms: 1,
    };
    let n1 = NodeId::new("n1").unwrap();
    let mut core = Membership::new(
        NodeId::new("n0").unwrap(),
        MembershipConfig::default(),
        1,
        now,
    );
    core.handle(
        now,
        Input::PeerUp {
            node: n1.clone(),
            boot: BootId(Uuid::nil()),
        },
    );
    core.handle(now, Input::Banned { node: n1.clone() });
    assert_eq!(core.state(&n1), Some(MemberState::Dead));
    let rumor = Rumor {
        node: n1.clone(),
        incarnation: 99,
        state: MemberState::Alive,
        version: 1,
    };
    let swim = Swim::Ping {
        probe: 1,
        rumors: vec![rumor],
    };
    core.handle(
        now,
        Input::Swim {
            from: NodeId::new("n2").unwrap(),
            swim,
        },
    );
    assert_eq!(core.state(&n1), Some(MemberState::Dead));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]
    #[test]
    fn membership_converges_after_loss_partitions_and_crashes(
        seed: u64,
        n in 5..20_usize,
        loss in 0.0..0.3_f64,
        cut in prop::collection::vec(any::<bool>(), 30),
        victims in prop::collection::btree_set(0..30_usize, 0..4),
    ) {
        let mut world = World::new(seed, n);
        world.enrol_all();
        world.loss = loss;
        world.run(SECOND * 15);
        let side: Vec<usize> = (0..n).filter(|idx| cut[*idx]).collect();
        world.partition(&side);
        let victims: Vec<usize> = victims.into_iter().filter(|idx| *idx < n - 1).collect();
        for victim in &victims {
            world.kill(*victim);
        }
        world.bump_version(n - 1);
        world.run(SECOND * 25);
        world.heal();
        world.loss = 0.0;
        for victim in victims.iter().skip(1) {
            world.restart(*victim, 0);
        }
        // Each side dials a missing peer every ten seconds.
        let took = world.run_until(SECOND * 180, |world| {
            world.is_converged() && world.versions_known()
        });
        prop_assert!(took.is_some(), "{}", world.report());
    }
}

// === nodes that only dial out ===

/// n4 accepts no connection and can dial some; all know each other.
fn dialling(reached: &[usize]) -> World {
    let mut world = World::new(5, 5);
    world.only_dials(4, reached);
    world.enrol_star();
    world.only_dials(4, reached);
    world.run(Duration::from_secs(30));
    world.assert_converged();
    world.assert_versions_known();
    world
}

#[test]
fn a_node_that_only_dials_out_is_judged_by_its_hub() {
    let mut world = dialling(&[0]);
    world.run(Duration::from_secs(120));
    world.assert_converged();
    assert_eq!(world.n_deaths, 0);
    world.kill(4);
    world.run(Duration::from_secs(15));
    for judge in 0..4 {
        assert_eq!(world.state(judge, 4), Some(MemberState::Dead), "{judge}");
    }
}

#[test]
fn one_whose_hub_dies_finds_another_and_is_never_dead() {
    let mut world = dialling(&[0, 1]);
    world.kill(0);
    world.run(Duration::from_secs(60));
    world.assert_converged();
    world.assert_versions_known();
    // n0 itself, at each of the four others.
    assert_eq!(world.n_deaths, 4);
}

#[test]
fn one_whose_hub_dies_and_that_finds_no_other_has_half_a_minute() {
    let mut world = dialling(&[0]);
    world.kill(0);
    world.run(Duration::from_secs(25));
    for judge in 1..4 {
        assert_eq!(world.state(judge, 4), Some(MemberState::Suspect), "{judge}");
    }
    world.run(Duration::from_secs(30));
    for judge in 1..4 {
        assert_eq!(world.state(judge, 4), Some(MemberState::Dead), "{judge}");
    }
    // The hub comes back, and with it the node behind it.
    world.restart(0, 0);
    world.run(Duration::from_secs(60));
    world.assert_converged();
}
