use std::os::unix::fs::PermissionsExt;

use skep_identity::Who;
use skep_packet::Level;

use super::*;

const NOW_MS: u64 = 1_800_000_000_000;

fn home(dir: &Path) -> Home {
    Home::open(&dir.join("home")).unwrap()
}

fn listening(home: &Home, address: &str, chosen: bool) {
    let swarm = Some((address.parse().unwrap(), chosen));
    home.set_listening(Some(&Listening {
        swarm,
        dials_only: false,
        people: None,
    }))
    .unwrap();
}

#[test]
fn minting_gives_a_node_an_authority_and_an_admin() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    let card = home.found(Some(NodeId::new("web-1").unwrap())).unwrap();
    let identity = home.mint(NOW_MS).unwrap();
    assert_eq!((identity.swarm(), &identity.node), (card.swarm, &card.node));
    assert_eq!(home.operator().unwrap().unwrap().name, "admin");
    assert_eq!(home.authority().unwrap().unwrap().swarm(), card.swarm);
    let again = home.mint(NOW_MS + 5).unwrap();
    assert_eq!(again.key.id(), identity.key.id());
    for name in ["identity", "authority", "operator"] {
        let mode = std::fs::metadata(home.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_host_joins_once_with_an_invitation() {
    let dir = tempfile::tempdir().unwrap();
    let first = home(&dir.path().join("a"));
    first.mint(NOW_MS).unwrap();
    listening(&first, "127.0.0.1:7400", true);
    let invite = first.invite(60_000, NOW_MS).unwrap();
    let second = home(&dir.path().join("b"));
    second.found(None).unwrap();
    let name = NodeId::new("web-2").unwrap();
    let prepared = second
        .prepare_join(invite.clone(), name.clone(), Vec::new())
        .unwrap();
    let answer = first
        .enrol(&prepared.request, |_, _| false, Vec::new(), NOW_MS)
        .unwrap();
    let (identity, _, outcome) = second.finish_join(prepared, &answer, NOW_MS).unwrap();
    assert_eq!(identity.node, name);
    assert!(matches!(outcome, JoinOutcome::Replaced(_)));
    assert_eq!(second.card().unwrap().unwrap().node, name);
    let elsewhere = home(&dir.path().join("d"));
    elsewhere.mint(NOW_MS).unwrap();
    listening(&elsewhere, "127.0.0.1:7401", true);
    let foreign = elsewhere.invite(60_000, NOW_MS).unwrap();
    assert!(matches!(
        second.prepare_join(foreign, name, Vec::new()),
        Err(HomeError::HasMembers { .. })
    ));
    let third = home(&dir.path().join("c"));
    let name = NodeId::new("web-3").unwrap();
    let prepared = third.prepare_join(invite, name, Vec::new()).unwrap();
    let answer = first
        .enrol(&prepared.request, |_, _| false, Vec::new(), NOW_MS)
        .unwrap();
    let refused = third.finish_join(prepared, &answer, NOW_MS).unwrap_err();
    assert!(matches!(refused, HomeError::Join(_)), "{refused:?}");
    assert!(third.identity().unwrap().is_none());
}

#[test]
fn a_node_whose_papers_ended_joins_again_and_keeps_its_name_key_and_store() {
    let dir = tempfile::tempdir().unwrap();
    let first = home(&dir.path().join("a"));
    first.mint(NOW_MS).unwrap();
    listening(&first, "127.0.0.1:7400", true);
    let second = home(&dir.path().join("b"));
    let join = |name: &str, now_ms: u64| {
        let invite = first.invite(60_000, now_ms).unwrap();
        let name = NodeId::new(name).unwrap();
        let prepared = second.prepare_join(invite, name, Vec::new()).unwrap();
        let request = prepared.request.clone();
        let answer = first.enrol(&request, |_, _| false, Vec::new(), now_ms);
        second
            .finish_join(prepared, &answer.unwrap(), now_ms)
            .unwrap()
    };
    let (before, _, _) = join("web-2", NOW_MS);
    std::fs::write(second.store(), "what it keeps").unwrap();
    let later_ms = NOW_MS + 2 * skep_identity::PASSPORT_LIFE_MS;
    let (after, _, outcome) = join("another-name", later_ms);
    assert_eq!(outcome, JoinOutcome::Again);
    assert_eq!(
        (&after.node, after.key.id()),
        (&before.node, before.key.id())
    );
    assert!(after.passport.not_after_ms > later_ms);
    let kept = std::fs::read_to_string(second.store()).unwrap();
    assert_eq!(kept, "what it keeps");
    let found = second.identity().unwrap().unwrap();
    assert_eq!(found.passport, after.passport);
}

#[test]
fn an_invitation_needs_a_place_to_come_to() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    assert!(matches!(
        home.invite(1, NOW_MS),
        Err(HomeError::NoAuthority { .. })
    ));
    home.mint(NOW_MS).unwrap();
    let nobody = home.invite(1, NOW_MS).unwrap_err().to_string();
    assert!(
        nobody.contains("no node runs") && nobody.contains("--listen"),
        "{nobody}"
    );
    listening(&home, "127.0.0.1:7400", false);
    let loopback = home.invite(1, NOW_MS).unwrap_err().to_string();
    assert!(
        loopback.contains("loopback only") && loopback.contains("--listen"),
        "{loopback}"
    );
}

#[test]
fn a_home_that_others_may_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("home");
    std::fs::create_dir(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let error = Home::open(&path).unwrap_err();
    assert!(matches!(error, HomeError::NotPrivate { .. }), "{error:?}");
}

#[test]
fn damaged_keys_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    std::fs::write(home.path().join("identity"), b"nonsense").unwrap();
    let error = home.identity().unwrap_err();
    assert!(
        error.to_string().contains("identity holds no usable keys"),
        "{error}"
    );
}

#[test]
fn operators_get_their_level() {
    let dir = tempfile::tempdir().unwrap();
    let home = home(dir.path());
    home.mint(NOW_MS).unwrap();
    let bundle = home.add_operator(&terms("ann"), NOW_MS).unwrap();
    let keyring = home.identity().unwrap().unwrap().keyring();
    let passport = keyring.check(&bundle.passport, NOW_MS).unwrap();
    let skep_identity::Holder::Operator { name, level, .. } = passport.holder else {
        panic!("a node")
    };
    assert_eq!((name.as_str(), level), ("ann", Level::Viewer));
    assert!(home.add_operator(&terms("not a name"), NOW_MS).is_err());
}

#[test]
fn the_authority_comes_back_from_its_backup() {
    const PASSPHRASE: &str = "bees know the way";
    let dir = tempfile::tempdir().unwrap();
    let first = home(&dir.path().join("a"));
    let lost = first.mint(NOW_MS).unwrap();
    let text = first.export_authority(PASSPHRASE).unwrap();
    assert!(first.export_authority("short").is_err());

    // A fresh home becomes a node of the same swarm, with a key of its own.
    let fresh = home(&dir.path().join("b"));
    let name = NodeId::new("web-9").unwrap();
    let peers = [skep_identity::PeerHint {
        node: lost.node.clone(),
        addresses: vec!["10.0.0.2:7400".parse().unwrap()],
    }];
    let wrong = fresh.import_authority(&text, "bees know no way", None, &[]);
    assert!(matches!(wrong, Err(HomeError::Backup(_))));
    assert!(fresh.card().unwrap().is_none(), "nothing was changed");
    let imported = fresh.import_authority(&text, PASSPHRASE, Some(name.clone()), &peers);
    assert_eq!(imported.unwrap().node, name);
    let identity = fresh.mint(NOW_MS).unwrap();
    assert_eq!(identity.node, name);
    assert_eq!(identity.swarm(), lost.swarm());
    assert_ne!(identity.key.id(), lost.key.id());
    assert_eq!(fresh.first_peers().unwrap(), peers);
    let mut keyring = lost.keyring();
    keyring
        .admit(&identity.credentials.passport, NOW_MS)
        .unwrap();

    // It knows whom the lost one let in, and can shut that out.
    let revoked = fresh.revoke(&Who::Node(lost.node.clone()), NOW_MS).unwrap();
    assert!(keyring.revoke(&revoked[0], NOW_MS).unwrap().is_some());
    assert!(
        fresh
            .import_authority(&text, PASSPHRASE, None, &[])
            .is_err()
    );

    let other = home(&dir.path().join("c"));
    other.mint(NOW_MS).unwrap();
    let foreign = other.import_authority(&text, PASSPHRASE, None, &[]);
    assert!(matches!(foreign, Err(HomeError::OtherSwarm { .. })));
}

fn terms(name: &str) -> skep_identity::OperatorTerms {
    skep_identity::OperatorTerms::any(name, Level::Viewer)
}
