use std::path::Path;

use skep_identity::{Keyring, NodeTerms, Who};
use skep_packet::{NodeId, Refusal};

use super::*;
use crate::home::{JoinOutcome, Listening};

const NOW_MS: u64 = 1_800_000_000_000;
const DAY_MS: u64 = 24 * 3_600_000;
const OVER_MS: u64 = NOW_MS + 2 * DAY_MS;

/// A home with an authority whose node listens.
fn first(dir: &Path) -> Home {
    let home = Home::open(&dir.join("first")).unwrap();
    home.found(Some(NodeId::new("n1").unwrap())).unwrap();
    home.mint(NOW_MS).unwrap();
    home.set_listening(Some(&Listening {
        swarm: Some(("127.0.0.1:7400".parse().unwrap(), true)),
        dials_only: false,
        people: None,
    }))
    .unwrap();
    home
}

/// Lets the home in at `dir/name`.
fn join(first: &Home, dir: &Path, name: &str, now_ms: u64) -> (Home, Identity, JoinOutcome) {
    let invite = first.invite(60_000, now_ms).unwrap();
    let home = Home::open(&dir.join(name)).unwrap();
    let node = NodeId::new(name).unwrap();
    let prepared = home.prepare_join(invite, node, Vec::new()).unwrap();
    let answer = first.enrol(&prepared.request, |_, _| false, Vec::new(), now_ms);
    let joined = home.finish_join(prepared, &answer.unwrap(), now_ms);
    let (identity, _, outcome) = joined.unwrap();
    (home, identity, outcome)
}

fn names(papers: &[Paper]) -> Vec<&str> {
    papers
        .iter()
        .map(|paper| match (&paper.node, &paper.operator) {
            (Some(node), _) => node.as_str(),
            (_, Some((name, _))) => name,
            _ => "nobody",
        })
        .collect()
}

#[test]
fn a_rotation_is_planned_and_then_done_once() {
    let dir = tempfile::tempdir().unwrap();
    let home = first(dir.path());
    let before = home.authority().unwrap().unwrap().key().id();
    join(&home, dir.path(), "n2", NOW_MS);
    let ann = OperatorTerms::any("ann", skep_packet::Level::Viewer);
    home.add_operator(&ann, NOW_MS).unwrap();
    home.invite(60_000, NOW_MS).unwrap();

    for overlap_ms in [0, OVERLAP_MIN_MS - 1, OVERLAP_MAX_MS + 1] {
        let refused = home.rotate(overlap_ms, NOW_MS);
        assert!(matches!(refused, Err(HomeError::Overlap)), "{overlap_ms}");
    }
    let planned = home.plan_rotation(DAY_MS, NOW_MS).unwrap();
    assert_eq!(planned.authority, before);
    assert_eq!(planned.n_invites, 1, "one was used");
    assert_eq!(names(&planned.papers), ["n1", "n2", "ann"]);
    assert_eq!(home.authority().unwrap().unwrap().key().id(), before);

    let old = home.authority().unwrap().unwrap();
    let secret = old.key().to_pkcs8().unwrap().to_vec();
    let done = home.rotate(DAY_MS, NOW_MS).unwrap();
    let after = home.authority().unwrap().unwrap().key().id();
    assert_eq!(done.authority, after);
    assert_ne!(after, before);
    assert_eq!(done.until_ms, NOW_MS + DAY_MS);
    assert_eq!(names(&done.papers), ["n1", "n2", "ann"]);
    assert_eq!(home.with_invites(|invites| invites.n_open()).unwrap(), 0);
    let own = home.identity().unwrap().unwrap().authority;
    assert_eq!(own.id(), before, "its node renews its own papers");
    let kept = std::fs::read(home.path().join("authority")).unwrap();
    let is_in = |bytes: &[u8]| kept.windows(bytes.len()).any(|part| part == bytes);
    assert!(is_in(&before.0), "who was before is known");
    assert!(!is_in(&secret[secret.len() - 64..]), "the old key is gone");

    let again = home.rotate(DAY_MS, NOW_MS + DAY_MS);
    assert!(matches!(again, Err(HomeError::Overlaps { until_ms }) if until_ms > NOW_MS));
    home.rotate(DAY_MS, OVER_MS).unwrap();
}

#[test]
fn the_homes_own_operator_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let home = first(dir.path());
    let before = home.operator().unwrap().unwrap();
    let identity = home.identity().unwrap().unwrap();
    home.rotate(DAY_MS, NOW_MS).unwrap();
    let after = home.operator().unwrap().unwrap();
    assert_eq!(after.key.id(), before.key.id());
    let keyring = Keyring::of(home.lineage(&identity).unwrap());
    let check = |bundle: &OperatorBundle, now_ms, expected: Result<(), Refusal>| {
        let got = keyring.check(&bundle.passport, now_ms).map(|_| ());
        assert_eq!(got, expected, "{now_ms}");
    };
    check(&before, NOW_MS, Ok(()));
    check(&before, OVER_MS, Err(Refusal::ExpiredSigner));
    check(&after, OVER_MS, Ok(()));
}

#[test]
fn papers_of_the_old_authority_are_exchanged_for_whom_the_register_knows() {
    let dir = tempfile::tempdir().unwrap();
    let home = first(dir.path());
    let old = home.authority().unwrap().unwrap();
    let (second, identity, _) = join(&home, dir.path(), "n2", NOW_MS);
    let (_, revoked, _) = join(&home, dir.path(), "n3", NOW_MS);
    home.revoke(&Who::Node(revoked.node.clone()), NOW_MS)
        .unwrap();
    home.rotate(DAY_MS, NOW_MS).unwrap();
    let renew = |identity: &Identity| {
        let signer = identity.credentials.passport.signer;
        home.renew(&identity.passport, signer, Vec::new(), NOW_MS + 1)
    };
    // At once, however young they are; from then on as ever.
    let papers = renew(&identity).unwrap().expect("papers of the new one");
    assert_eq!(names(&home.outdated(NOW_MS + 1).unwrap()), ["n1"]);
    let unheard = second.take_renewed(papers.clone());
    assert!(unheard.is_err(), "it has not heard of that authority");
    let mut lineage = second.lineage(&identity).unwrap();
    let told = home.successions().unwrap();
    assert_eq!(lineage.follow(&told[0], NOW_MS), Ok(true));
    second.keep_lineage(&lineage).unwrap();
    let renewed = second.take_renewed(papers).unwrap();
    assert!(renew(&renewed).unwrap().is_none(), "they are young");
    // As a later start finds it.
    let found = second.identity().unwrap().unwrap();
    let lineage = second.lineage(&found).unwrap();
    assert_eq!(lineage.current().id(), found.authority.id());
    assert_eq!(lineage.successions().count(), 1);

    // Whoever found the old key makes papers that count until its end, and no longer.
    let key = PrivateKey::generate(2048).unwrap();
    let terms = NodeTerms::any(NodeId::new("thief").unwrap());
    let thief = Identity::mint(&old, key, &terms, NOW_MS).unwrap();
    for identity in [&thief, &revoked] {
        let refused = renew(identity);
        assert!(
            matches!(refused, Err(HomeError::Nobody { .. })),
            "{}",
            identity.node
        );
    }
}

#[test]
fn a_backup_brings_back_who_was_before() {
    const PASSPHRASE: &str = "bees know the way";
    let dir = tempfile::tempdir().unwrap();
    let home = first(dir.path());
    home.rotate(DAY_MS, NOW_MS).unwrap();
    let text = home.export_authority(PASSPHRASE).unwrap();
    let fresh = Home::open(&dir.path().join("fresh")).unwrap();
    fresh
        .import_authority(&text, PASSPHRASE, None, &[])
        .unwrap();
    let lineage = fresh.authority().unwrap().unwrap().lineage();
    assert_eq!(lineage.successions().count(), 1);
    let old = home.identity().unwrap().unwrap();
    let peer = Keyring::of(lineage).check(&old.credentials.passport, NOW_MS);
    assert!(
        peer.is_ok(),
        "nodes with papers of the old one are believed"
    );
}

#[test]
fn who_missed_the_overlap_joins_again_and_keeps_name_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let home = first(dir.path());
    let (_, before, _) = join(&home, dir.path(), "n2", NOW_MS);
    let done = home.rotate(DAY_MS, NOW_MS).unwrap();
    let (second, after, outcome) = join(&home, dir.path(), "n2", OVER_MS);
    assert_eq!(outcome, JoinOutcome::Again);
    assert_eq!(
        (&after.node, after.key.id()),
        (&before.node, before.key.id())
    );
    assert_eq!(after.authority.id(), done.authority);
    assert_eq!(
        second.lineage(&after).unwrap().current().id(),
        done.authority
    );
}

#[test]
fn a_register_of_before_there_could_be_two_authorities_reads() {
    let dir = tempfile::tempdir().unwrap();
    let home = first(dir.path());
    let key = home.identity().unwrap().unwrap().key.id();
    let until_ms = NOW_MS + DAY_MS;
    let paper = ("n1", None::<u8>, key, NOW_MS, until_ms, None::<u64>);
    std::fs::write(home.path().join("register"), encode(&([paper],))).unwrap();
    let papers = home.papers().unwrap();
    assert_eq!(names(&papers), ["n1"]);
    assert_eq!((&papers[0].only, papers[0].by), (&None, None));
    home.rotate(DAY_MS, NOW_MS).unwrap();
    assert_eq!(names(&home.outdated(NOW_MS).unwrap()), ["n1"]);
}
